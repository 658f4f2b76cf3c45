"""The prices of the next 24 hours, in slots of 15 minutes, for the agents' planners.

Each slot goes through the same formula with its own hour, and with the mean SoC and order counts that the
trailing week had in that slot of the day (UTC); until there is a week of history, or where it has a gap,
the latest values stand in. Distance and quality stay as they are now.
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from cloud.pricing.formula import Coefficients, Inputs, factors, price, show_price
from shared.clock import from_micros
from shared.messages import ForecastSlot, GridForecast

SLOT_US = 15 * 60 * 1_000_000
SLOTS = 96
WEEK_US = 7 * SLOTS * SLOT_US


class SlotMean(Struct, frozen=True, kw_only=True):
    """What the trailing week had in one slot of the day."""

    slot: int
    """0..95 from midnight UTC."""
    soc_mean: float | None
    """0..1; None: no node was seen in that slot all week."""
    supply: float
    demand: float


def hour_in(zone: ZoneInfo, at_us: int) -> int:
    """0..23 on the zone's clocks, with its summer time."""
    return from_micros(at_us).astimezone(zone).hour


def slot_of(at_us: int) -> int:
    """0..95."""
    return at_us // SLOT_US % SLOTS


def forecast(
    *,
    now_us: int,
    latest: Inputs,
    week: Mapping[int, SlotMean],
    zone: ZoneInfo,
    coefficients: Coefficients,
) -> GridForecast:
    """96 slots, ascending without gaps; the first is the one that holds `now_us`. `week` may be empty."""
    first_us = now_us - now_us % SLOT_US
    slots = []
    for start_us in range(first_us, first_us + SLOTS * SLOT_US, SLOT_US):
        inputs = structs.replace(latest, hour=hour_in(zone, start_us))
        mean = week.get(slot_of(start_us))
        if mean is not None:
            inputs = structs.replace(
                inputs,
                supply=mean.supply,
                demand=mean.demand,
                soc_mean=latest.soc_mean if mean.soc_mean is None else mean.soc_mean,
            )
        unrounded = price(factors(inputs, coefficients), coefficients.base_xlm_per_kwh)
        slots.append(
            ForecastSlot(start=from_micros(start_us), price_xlm_per_kwh=float(show_price(unrounded)))
        )
    return GridForecast(made_at=from_micros(now_us), slots=tuple(slots))
