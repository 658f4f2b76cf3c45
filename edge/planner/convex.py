"""Exact schedule where the cost is convex, by a dynamic programme on sorted slopes.

The cost of the rest of the day as a function of the stored energy is convex and piecewise linear, so it is
a list of slopes, ascending, with their lengths. One slot earlier the function is the infimal convolution with
the cost of that slot, which merely inserts two segments: charging, slope -buy / efficiency, and discharging,
slope -sell · efficiency (Rockafellar, Convex Analysis, section 5). The places of insertion are the policy of
the slot: charge up to the one level, discharge down to the other.

The cost is convex where buy / efficiency >= sell · efficiency in every slot, whatever the signs, and
switching is free. Elsewhere `any_price` is needed.
"""

from bisect import bisect_left, bisect_right

from msgspec import Struct

from edge.planner.problem import Problem, Solution
from shared.messages import Action

TINY = 1e-12
"""A move smaller than this share of the node's energy is rounding, not a wish."""


class Policy(Struct, kw_only=True, gc=False):
    """What the optimum does in one slot: below `up_to` charge, above `down_to` discharge; stored kWh."""

    up_to: float
    down_to: float
    slopes: list[float]
    """The value function after the slot, from its lowest level: cost per stored kWh, ascending."""
    lengths: list[float]


def is_convex(problem: Problem) -> bool:
    """Whether one direction per slot and switching are no matter."""
    square = problem.efficiency**2
    return problem.switch_cost <= 0.0 and all(
        buy >= sell * square for buy, sell in zip(problem.buy, problem.sell, strict=True)
    )


def policies(problem: Problem, rates: list[tuple[float, float]]) -> list[Policy]:
    """The optimum's policy per slot.

    `rates` are per slot the cost of storing one kWh and the income from one stored kWh, the first not below
    the second.
    """
    low, high, keep = problem.low, problem.high, problem.keep
    efficiency = problem.efficiency
    slots = len(rates)
    slopes, lengths = [-problem.end_value], [high[slots] - low[slots]]
    found: list[Policy] = []
    for t in range(slots - 1, -1, -1):
        charge_rate, discharge_rate = rates[t]
        i = bisect_left(slopes, -charge_rate)
        j = bisect_right(slopes, -discharge_rate)
        base, top = low[t + 1], high[t + 1]
        found.append(
            Policy(
                up_to=base + sum(lengths[:i]), down_to=base + sum(lengths[:j]), slopes=slopes, lengths=lengths
            )
        )
        charge = problem.charge_kwh_max[t] * efficiency
        discharge = problem.discharge_kwh_max[t] / efficiency
        slopes = [*slopes[:i], -charge_rate, *slopes[i:j], -discharge_rate, *slopes[j:]]
        lengths = [*lengths[:i], charge, *lengths[i:j], discharge, *lengths[j:]]
        base, top = base - charge, top + discharge
        if keep != 1.0:
            slopes = [slope * keep for slope in slopes]
            lengths = [length / keep for length in lengths]
            base, top = base / keep, top / keep
        _trim(slopes, lengths, low[t] - base, top - high[t])
    found.reverse()
    return found


def _trim(slopes: list[float], lengths: list[float], below: float, above: float) -> None:
    """Take `below` kWh off the low end and `above` off the high end, in place."""
    if below > 0.0:
        gone = 0
        while gone < len(lengths) and lengths[gone] <= below:
            below -= lengths[gone]
            gone += 1
        del slopes[:gone], lengths[:gone]
        if lengths:
            lengths[0] -= below
    if above > 0.0:
        while lengths and lengths[-1] <= above:
            above -= lengths.pop()
            slopes.pop()
        if lengths:
            lengths[-1] -= above


def follow(problem: Problem, found: list[Policy]) -> list[float]:
    """The levels that the policies lead to from the start."""
    levels = [problem.start_kwh]
    level, keep, efficiency = problem.start_kwh, problem.keep, problem.efficiency
    tiny = TINY * (1.0 + problem.high[0])
    for t, policy in enumerate(found):
        rest = level * keep
        if rest < policy.up_to - tiny:
            level = min(policy.up_to, rest + problem.charge_kwh_max[t] * efficiency)
        elif rest > policy.down_to + tiny:
            level = max(policy.down_to, rest - problem.discharge_kwh_max[t] / efficiency)
        else:
            level = rest
        levels.append(level)
    return levels


def exact_rates(problem: Problem) -> list[tuple[float, float]]:
    """Cost and income per stored kWh in each slot."""
    efficiency = problem.efficiency
    return [(b / efficiency, s * efficiency) for b, s in zip(problem.buy, problem.sell, strict=True)]


def solve(problem: Problem) -> Solution:
    """The cheapest schedule; `is_convex` must hold."""
    rates = exact_rates(problem)
    found = policies(problem, rates)
    levels = follow(problem, found)
    actions: list[Action] = []
    idle_costs: list[float | None] = []
    tiny = TINY * (1.0 + problem.high[0])
    for t, policy in enumerate(found):
        rest, after = levels[t] * problem.keep, levels[t + 1]
        if after > rest:
            actions.append(Action.CHARGE)
            spent = rates[t][0] * (after - rest)
        elif after < rest:
            actions.append(Action.DISCHARGE)
            spent = rates[t][1] * (after - rest)
        else:
            actions.append(Action.IDLE)
            idle_costs.append(0.0)
            continue
        low, high = problem.low[t + 1], problem.high[t + 1]
        if low - tiny <= rest <= high + tiny:
            gain = -_value_between(policy, low, rest, after) - spent
            idle_costs.append(max(0.0, gain))
        else:
            idle_costs.append(None)
    return Solution(levels=levels, actions=actions, idle_costs=idle_costs)


def _value_between(policy: Policy, base: float, start: float, end: float) -> float:
    """The value function at `end` less that at `start`."""
    sign, first, last = (1.0, start, end) if end >= start else (-1.0, end, start)
    total, x = 0.0, base
    for slope, length in zip(policy.slopes, policy.lengths, strict=True):
        segment_end = x + length
        if segment_end > first:
            total += slope * (min(segment_end, last) - max(x, first))
            if segment_end >= last:
                break
        x = segment_end
    return sign * total
