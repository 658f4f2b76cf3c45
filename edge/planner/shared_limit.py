"""Several nodes behind one link: a price on the link's limit makes each plan for itself, and the plans fit.

The limit of a slot gets a price (a Lagrange multiplier). For any prices the sum of the nodes' own optima is
a lower bound of the whole; the volume algorithm raises it (Barahona and Anbil, Math. Program. 87 (2000) 385):
a subgradient method whose running mean of the schedules tends to one that keeps the limit. That mean is cut
down to the limit and then improved node by node, each planned exactly in the room that the others leave. The
difference between what comes out and the bound is reported; nothing can be better than by that.
"""

import math
from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Literal

from msgspec import Struct

from edge.errors import PlanInputWrong
from edge.planner.link import LinkTask, excess, meter_energies, used
from edge.planner.link_price import lower_bound, moved_price, slope
from edge.planner.link_repair import Found, cut_down, improve
from edge.planner.model import (
    CAPACITY_KWH_MAX,
    SLOT_MINUTES,
    Plan,
    PlanNode,
    PriceSlot,
    check_end_value,
    check_node,
    check_prices,
)
from edge.planner.problem import (
    MINUTES_PER_HOUR,
    make_problem,
    recovery_bounds,
    slot_energy_kwh,
)
from edge.planner.schedule import Schedule, check_slots, finish, meter_schedule, solve
from edge.planner.simulate import TOLERANCE_KWH, Replay, replay

LimitOf = Literal["gross", "net"]
"""Of the sum of what the nodes move either way, or of what is left when they offset each other."""

ROUNDS = 6
STEPS_PER_ROUND = 40
GAP_WANTED = 1e-4
"""Share of the bound below which the search ends."""
MEAN_WEIGHT = 0.1
STEP_MIN = 1e-3


class SharedPlan(Struct, frozen=True, kw_only=True):
    """The plans of all nodes, which together keep the limit."""

    plans: tuple[Plan, ...]
    cost: float
    bound: float
    """No plans that keep the limit can cost less."""
    gap: float
    """cost - bound, in money."""
    limit_prices: tuple[float, ...]
    """Per slot, what a kWh more of the limit is worth; with a net limit negative where charging is what it
    holds back."""


def make_plans(
    nodes: Sequence[PlanNode],
    prices: Sequence[PriceSlot],
    *,
    limit_kw: float,
    limit_of: LimitOf = "gross",
    end_value: float = 0.0,
    slot_minutes: int = SLOT_MINUTES,
    first_slot_share: float = 1.0,
    zone: tzinfo = UTC,
) -> SharedPlan:
    """Plans whose power together never passes `limit_kw`, at the meters.

    Raises:
        PlanInputWrong: a value that is not finite or out of its range, with its field.
    """
    for node in nodes:
        check_node(node)
    check_prices(prices)
    check_end_value(end_value)
    check_slots(slot_minutes, first_slot_share)
    if not 0.0 <= limit_kw <= CAPACITY_KWH_MAX:
        raise PlanInputWrong(f"limit_kw must be between 0 and {CAPACITY_KWH_MAX:g}, got {limit_kw}")
    if not nodes:
        return SharedPlan(plans=(), cost=0.0, bound=0.0, gap=0.0, limit_prices=(0.0,) * len(prices))
    task = _make_task(nodes, prices, limit_kw, limit_of, end_value, slot_minutes, first_slot_share)
    solutions, bound, limit_prices = _search(task)
    schedules = [meter_schedule(*pair) for pair in solutions]
    replays = [
        replay(
            node,
            prices,
            schedule,
            slot_minutes=slot_minutes,
            end_value=end_value,
            first_slot_share=first_slot_share,
            recovery_kwh=bounds.recovery_kwh,
        )
        for node, schedule, bounds in zip(nodes, schedules, task.bounds, strict=True)
    ]
    replays = _refuse_together(task, schedules, replays)
    plans = tuple(
        finish(
            node,
            prices,
            schedule,
            checked,
            solution.idle_costs,
            end_value=end_value,
            slot_minutes=slot_minutes,
            zone=zone,
        )
        for node, schedule, checked, (_, solution) in zip(nodes, schedules, replays, solutions, strict=True)
    )
    cost = math.fsum(plan.cost for plan in plans)
    bound = min(bound, cost)
    return SharedPlan(plans=plans, cost=cost, bound=bound, gap=cost - bound, limit_prices=tuple(limit_prices))


def _make_task(
    nodes: Sequence[PlanNode],
    prices: Sequence[PriceSlot],
    limit_kw: float,
    limit_of: LimitOf,
    end_value: float,
    slot_minutes: int,
    first_slot_share: float,
) -> LinkTask:
    net = limit_of == "net"
    limit_kwh = [limit_kw * slot_minutes / MINUTES_PER_HOUR] * len(prices)
    shares = [1.0] * len(prices)
    if prices:
        shares[0] = first_slot_share
        limit_kwh[0] *= first_slot_share
    most = []
    for node in nodes:
        energy_kwh = slot_energy_kwh(node, slot_minutes)
        own = [energy_kwh * share for share in shares]
        most.append(own if net else [min(pair) for pair in zip(own, limit_kwh, strict=True)])
    bounds = recovery_bounds(nodes, most, slot_minutes, limit_kwh, net=net)
    problems = [
        make_problem(node, prices, slot_minutes, end_value, bound, own, own)
        for node, bound, own in zip(nodes, bounds, most, strict=True)
    ]
    return LinkTask(
        nodes=nodes,
        prices=prices,
        problems=problems,
        bounds=bounds,
        limit_kwh=limit_kwh,
        net=net,
        end_value=end_value,
        slot_minutes=slot_minutes,
    )


def _refuse_together(task: LinkTask, schedules: list[Schedule], replays: list[Replay]) -> list[Replay]:
    """One plan that breaks a limit takes the others with it: they were made to fit each other."""
    broken = next((checked.broken for checked in replays if checked.broken is not None), None)
    for t, limit in enumerate(task.limit_kwh):
        energies = [schedule[t][1] for schedule in schedules]
        used = abs(math.fsum(energies)) if task.net else math.fsum(map(abs, energies))
        if broken is None and not used <= limit + TOLERANCE_KWH * max(1.0, limit):
            broken = f"slot {t}: {used:g} kWh on a link that carries {limit:g} kWh a slot"
    if broken is None:
        return replays
    return [
        Replay(socs=checked.socs, costs=checked.costs, cost=checked.cost, broken=broken)
        for checked in replays
    ]


def _search(task: LinkTask) -> tuple[Found, float, list[float]]:
    """The best schedules found, the lower bound, and the prices of the limit at it."""
    slots = len(task.prices)
    free: Found = [(problem, solve(problem)) for problem in task.problems]
    energies = [meter_energies(problem, solution.levels) for problem, solution in free]
    if all(excess(task, t, used(task, energies, t)) == 0.0 for t in range(slots)):
        return free, math.inf, [0.0] * slots
    best, best_cost = improve(task, cut_down(task, [[0.0] * slots for _ in task.nodes]))
    limit_prices = [0.0] * slots
    bound, mean = lower_bound(task, limit_prices)
    best_prices, step = limit_prices, 1.0
    for _ in range(ROUNDS):
        better, cost = improve(task, cut_down(task, mean))
        if cost < best_cost:
            best, best_cost = better, cost
        if best_cost - bound <= GAP_WANTED * abs(bound) or step < STEP_MIN:
            break
        for _ in range(STEPS_PER_ROUND):
            direction = [slope(task, t, best_prices[t], used(task, mean, t)) for t in range(slots)]
            length = math.fsum(x * x for x in direction)
            if length <= 0.0:
                break
            size = step * max(best_cost - bound, GAP_WANTED * abs(bound)) / length
            trial = [
                moved_price(task, price, price + size * x)
                for price, x in zip(best_prices, direction, strict=True)
            ]
            value, now = lower_bound(task, trial)
            mean = [
                [MEAN_WEIGHT * a + (1.0 - MEAN_WEIGHT) * b for a, b in zip(*pair, strict=True)]
                for pair in zip(now, mean, strict=True)
            ]
            if value > bound:
                bound, best_prices = value, trial
                step = min(2.0, step * 1.1)
            else:
                step *= 0.93
    return best, bound, best_prices
