"""The lower bound that prices on the limit of a link prove, and how such a price may move."""

import math

from edge.planner import convex
from edge.planner.link import LinkTask, excess, meter_energies


def slope(task: LinkTask, t: int, price: float, load_kwh: float) -> float:
    """A subgradient of the bound along the price of slot t."""
    limit = task.limit_kwh[t]
    if not task.net:
        return max(load_kwh - limit, 0.0) if price <= 0.0 else load_kwh - limit
    if price == 0.0:
        return excess(task, t, load_kwh)
    return load_kwh - limit if price > 0.0 else load_kwh + limit


def moved_price(task: LinkTask, before: float, after: float) -> float:
    """A price never jumps over nothing, and that of a gross limit is not negative."""
    if not task.net:
        return max(0.0, after)
    return 0.0 if before * after < 0.0 else after


def lower_bound(task: LinkTask, limit_prices: list[float]) -> tuple[float, list[list[float]]]:
    """The lower bound at these prices, and the energies (at the meter) that each node then chooses.

    A cost that is not convex is replaced by its convex hull, and switching by nothing: both only lower it.
    """
    total = -math.fsum(abs(price) * limit for price, limit in zip(limit_prices, task.limit_kwh, strict=True))
    energies = []
    charge_sign = -1.0 if task.net else 1.0
    for problem in task.problems:
        efficiency = problem.efficiency
        rates, offset = [], 0.0
        for t, price in enumerate(limit_prices):
            charge_rate = (problem.buy[t] + charge_sign * price) / efficiency
            discharge_rate = (problem.sell[t] - price) * efficiency
            if charge_rate < discharge_rate:
                up = problem.charge_kwh_max[t] * efficiency
                down = problem.discharge_kwh_max[t] / efficiency
                if up + down > 0.0:
                    chord = (charge_rate * up + discharge_rate * down) / (up + down)
                    offset += (charge_rate - chord) * up
                    charge_rate = discharge_rate = chord
                else:
                    discharge_rate = charge_rate
            rates.append((charge_rate, discharge_rate))
        levels = convex.follow(problem, convex.policies(problem, rates))
        total += offset - problem.end_value * levels[-1]
        for t, (charge_rate, discharge_rate) in enumerate(rates):
            change = levels[t + 1] - levels[t] * problem.keep
            total += (charge_rate if change > 0.0 else discharge_rate) * change
        energies.append(meter_energies(problem, levels))
    return total, energies
