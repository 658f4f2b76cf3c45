"""Exact schedule for any prices and with a switching cost, by a dynamic programme that need not be convex.

A node moves one way per slot, so where buying costs less than selling earns, after losses (negative prices
above all), the cost of a slot has a dent at nothing, and with a switching cost it depends on which relay was
closed before. The value function stays piecewise linear: a slot is an envelope of at most three
convolutions of it with a straight line (`piecewise.moved`). Breakpoints that lost fall away; a day keeps some
tens of them.
"""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from edge.planner.piecewise import Pwl, clipped, lower, moved, raised, stretched, thinned, value_at
from edge.planner.problem import Problem, Solution
from shared.messages import Action


class Values(NamedTuple):
    """Cost of the rest of the day over the stored energy, by the relay that was closed before."""

    idle: Pwl
    charge: Pwl
    discharge: Pwl

    def after(self, relay: Action) -> Pwl:
        if relay is Action.CHARGE:
            return self.charge
        return self.discharge if relay is Action.DISCHARGE else self.idle


def solve(problem: Problem) -> Solution:
    """The cheapest schedule."""
    values = _values(problem)
    levels, actions, idle_costs = [problem.start_kwh], [], []
    relay = problem.relay if problem.switch_cost > 0.0 else Action.IDLE
    for t, value in enumerate(values):
        level, relay, idle_costs_more = _step(problem, value, t, levels[-1] * problem.keep, relay)
        levels.append(level)
        actions.append(relay)
        idle_costs.append(idle_costs_more)
    return Solution(levels=levels, actions=actions, idle_costs=idle_costs)


def _values(problem: Problem) -> list[Values]:
    """The value functions after each slot."""
    slots = len(problem.buy)
    low, high, switch_cost = problem.low, problem.high, problem.switch_cost
    ends = [low[slots]] if high[slots] <= low[slots] else [low[slots], high[slots]]
    last: Pwl = (ends, [-problem.end_value * x for x in ends])
    value = Values(last, last, last)
    found = [value]
    for t in range(slots - 1, 0, -1):
        charge_rate = problem.buy[t] / problem.efficiency
        discharge_rate = problem.sell[t] * problem.efficiency
        up = problem.charge_kwh_max[t] * problem.efficiency
        down = problem.discharge_kwh_max[t] / problem.efficiency
        if switch_cost <= 0.0:
            if charge_rate >= discharge_rate:
                whole = moved(moved(value.idle, charge_rate, 0.0, up), discharge_rate, down, 0.0)
            else:
                charged = moved(value.idle, charge_rate, 0.0, up)
                whole = lower(charged, moved(value.idle, discharge_rate, down, 0.0))
            whole = _earlier(whole, problem, t)
            value = Values(whole, whole, whole)
        else:
            charged = moved(value.charge, charge_rate, 0.0, up)
            discharged = moved(value.discharge, discharge_rate, down, 0.0)
            charge_begun, discharge_begun = raised(charged, switch_cost), raised(discharged, switch_cost)
            not_charged = lower(value.idle, discharge_begun)
            not_discharged = lower(value.idle, charge_begun)
            value = Values(
                _earlier(lower(not_charged, charge_begun), problem, t),
                _earlier(lower(not_charged, charged), problem, t),
                _earlier(lower(not_discharged, discharged), problem, t),
            )
        found.append(value)
    found.reverse()
    return found[:slots]


def _earlier(value: Pwl, problem: Problem, t: int) -> Pwl:
    """Over the level before slot t, the loss of doing nothing undone."""
    if problem.keep != 1.0:
        value = stretched(value, problem.keep)
    return thinned(clipped(value, problem.low[t], problem.high[t]))


def _step(
    problem: Problem, value: Values, t: int, rest: float, relay: Action
) -> tuple[float, Action, float | None]:
    """The best level after slot t from `rest`, the relay for it, and what doing nothing would cost more."""
    low, high = problem.low[t + 1], problem.high[t + 1]
    tiny = 1e-12 * (1.0 + high)
    may_idle = low - tiny <= rest <= high + tiny
    idle = value_at(value.idle, rest) if may_idle else float("inf")
    best, best_level, best_action = idle, rest, Action.IDLE
    slack = 1e-12 * (1.0 + abs(idle)) if may_idle else 0.0
    up = problem.charge_kwh_max[t] * problem.efficiency
    down = problem.discharge_kwh_max[t] / problem.efficiency
    for action, rate, first, last in (
        (Action.CHARGE, problem.buy[t] / problem.efficiency, rest, rest + up),
        (Action.DISCHARGE, problem.sell[t] * problem.efficiency, rest - down, rest),
    ):
        first, last = max(first, low), min(last, high)  # noqa: PLW2901
        if first > last:
            if first > last + tiny:
                continue
            first = last = min(max(first, low), high)  # noqa: PLW2901
        if last - first <= tiny and may_idle and (relay is not action or problem.switch_cost <= 0.0):
            continue
        begun = problem.switch_cost if relay is not action else 0.0
        after = value.after(action)
        xs, ys = after
        i, j = bisect_right(xs, first), bisect_left(xs, last)
        candidates = [
            (value_at(after, first) + rate * first, first),
            (value_at(after, last) + rate * last, last),
            *((y + rate * x, x) for x, y in zip(xs[i:j], ys[i:j], strict=True)),
        ]
        cost, level = min(candidates)
        cost += begun - rate * rest
        if cost < best - slack:
            best, best_level, best_action = cost, level, action
    if best_action is Action.IDLE:
        return rest if may_idle else min(max(rest, low), high), Action.IDLE, 0.0 if may_idle else None
    return best_level, best_action, max(0.0, idle - best) if may_idle else None
