"""Days to plan: random ones, and ones of the shape that day-ahead markets record."""

import math
import random

from edge.planner.model import PlanNode, PriceSlot


def random_prices(
    draw: random.Random, *, slots: int = 96, low: float = 0.0, sell: float = 0.9
) -> list[PriceSlot]:
    """Independent uniform prices; sell is that share of a positive buy, and lower still of a negative one."""
    prices = []
    for _ in range(slots):
        buy = draw.uniform(low, 0.4)
        prices.append(PriceSlot(buy=buy, sell=buy * sell if buy > 0 else buy / sell))
    return prices


def day_ahead_prices(draw: random.Random, *, slots: int = 96, sun: float = 0.2) -> list[PriceSlot]:
    """Night valley, morning peak at 08:00, solar dip at 13:30, evening peak at 19:00, and some noise.

    `sun` is the depth of the dip: 0.1 leaves it positive, 0.35 takes it well below zero, as on a sunny Sunday
    in the German or Dutch day-ahead auction. Hourly steps, as these were before October 2025.
    """
    prices = []
    hourly = 0.0
    for slot in range(slots):
        hour = slot / 4 % 24
        if slot % 4 == 0:
            hourly = draw.gauss(0.0, 0.01)
        middle = math.floor(hour) + 0.5
        price = (
            0.17
            - 0.07 * math.exp(-(((middle - 3.5) / 2.5) ** 2))
            + 0.10 * math.exp(-(((middle - 8.0) / 1.5) ** 2))
            - sun * math.exp(-(((middle - 13.5) / 2.5) ** 2))
            + 0.18 * math.exp(-(((middle - 19.0) / 1.8) ** 2))
            + hourly
        )
        prices.append(PriceSlot(buy=price + 0.01, sell=price - 0.01))
    return prices


def random_node(draw: random.Random, **fixed: float) -> PlanNode:
    """Anything from a bench cell to a container, started inside its window."""
    capacity = draw.choice((0.01, 1.0, 10.0, 100.0))
    soc_min = draw.choice((0.0, 0.1, 0.2))
    soc_max = draw.choice((0.8, 0.95, 1.0))
    values: dict[str, float] = {
        "capacity_kwh": capacity,
        "power_kw_max": capacity * draw.uniform(0.05, 2.0),
        "efficiency": draw.choice((1.0, 0.97, 0.93, 0.8)),
        "soc": draw.uniform(soc_min, soc_max),
        "soc_min": soc_min,
        "soc_max": soc_max,
        **fixed,
    }
    return PlanNode(**values)
