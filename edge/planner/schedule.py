"""The plan of one node: solved exactly, gone through again, and explained."""

from collections.abc import Sequence
from datetime import UTC, tzinfo

from edge.errors import PlanInputWrong
from edge.planner import any_price, convex
from edge.planner.model import (
    SLOT_MINUTES,
    Plan,
    PlanNode,
    PlanSlot,
    PriceSlot,
    check_end_value,
    check_node,
    check_prices,
)
from edge.planner.problem import Problem, Solution, make_problem, recovery_bounds, slot_energy_kwh
from edge.planner.reasons import Story, explain
from edge.planner.simulate import Replay, replay
from shared.messages import Action

Schedule = list[tuple[Action, float]]
"""Relay and energy at the meter (kWh, positive while discharging) per slot."""


def make_plan(
    node: PlanNode,
    prices: Sequence[PriceSlot],
    *,
    end_value: float = 0.0,
    slot_minutes: int = SLOT_MINUTES,
    first_slot_share: float = 1.0,
    zone: tzinfo = UTC,
) -> Plan:
    """The cheapest schedule over `prices`.

    `end_value` is what a stored kWh is worth after the last slot, `first_slot_share` (0..1) how much of the
    first slot is still to come, `zone` the one whose clock the reasons use.

    Raises:
        PlanInputWrong: a value that is not finite or out of its range, with its field.
    """
    check_node(node)
    check_prices(prices)
    check_end_value(end_value)
    check_slots(slot_minutes, first_slot_share)
    energy_kwh = slot_energy_kwh(node, slot_minutes)
    most = [energy_kwh] * len(prices)
    if most:
        most[0] *= first_slot_share
    bounds = recovery_bounds([node], [most], slot_minutes)[0]
    problem = make_problem(node, prices, slot_minutes, end_value, bounds, most, most)
    solution = solve(problem)
    schedule = meter_schedule(problem, solution)
    checked = replay(
        node,
        prices,
        schedule,
        slot_minutes=slot_minutes,
        end_value=end_value,
        first_slot_share=first_slot_share,
    )
    return finish(
        node,
        prices,
        schedule,
        checked,
        solution.idle_costs,
        end_value=end_value,
        slot_minutes=slot_minutes,
        zone=zone,
    )


def check_slots(slot_minutes: int, first_slot_share: float) -> None:
    """Raises PlanInputWrong."""
    if not 1 <= slot_minutes <= 1440:  # noqa: PLR2004
        raise PlanInputWrong(f"slot_minutes must be between 1 and 1440, got {slot_minutes}")
    if not 0.0 <= first_slot_share <= 1.0:
        raise PlanInputWrong(f"first_slot_share must be between 0 and 1, got {first_slot_share}")


def solve(problem: Problem) -> Solution:
    """By the quick way where the cost is convex, else by the general one; both are exact."""
    return convex.solve(problem) if convex.is_convex(problem) else any_price.solve(problem)


def meter_schedule(problem: Problem, solution: Solution) -> Schedule:
    """What the levels mean at the meter."""
    efficiency, keep = problem.efficiency, problem.keep
    levels = solution.levels
    schedule: Schedule = []
    for t, action in enumerate(solution.actions):
        change = levels[t + 1] - levels[t] * keep
        if action is Action.CHARGE:
            schedule.append((action, -min(max(0.0, change) / efficiency, problem.charge_kwh_max[t])))
        elif action is Action.DISCHARGE:
            schedule.append((action, min(max(0.0, -change) * efficiency, problem.discharge_kwh_max[t])))
        else:
            schedule.append((action, 0.0))
    return schedule


def finish(
    node: PlanNode,
    prices: Sequence[PriceSlot],
    schedule: Schedule,
    checked: Replay,
    idle_costs: Sequence[float | None],
    *,
    end_value: float,
    slot_minutes: int,
    zone: tzinfo = UTC,
) -> Plan:
    """The plan of a schedule that has been gone through again, or the one that holds if it breaks a limit."""
    nothing = replay(
        node, prices, [(Action.IDLE, 0.0)] * len(prices), slot_minutes=slot_minutes, end_value=end_value
    )
    if checked.broken is not None:
        return _hold(node, prices, nothing, slot_minutes, checked.broken)
    energies = [energy for _, energy in schedule]
    actions = [action for action, _ in schedule]
    start = min(1.0, max(0.0, node.soc))
    reasons = explain(
        Story(
            node=node,
            prices=prices,
            energies=energies,
            actions=actions,
            socs=[start, *checked.socs],
            idle_costs=idle_costs,
            end_value=end_value,
            zone=zone,
        )
    )
    return _plan(node, prices, schedule, checked, idle_costs, reasons, nothing.cost, slot_minutes)


def _plan(
    node: PlanNode,
    prices: Sequence[PriceSlot],
    schedule: Schedule,
    checked: Replay,
    idle_costs: Sequence[float | None],
    reasons: list[str],
    idle_cost: float,
    slot_minutes: int,
    refused: str | None = None,
) -> Plan:
    return Plan(
        uid=node.uid,
        slot_minutes=slot_minutes,
        power_kw_max=node.power_kw_max,
        slots=tuple(
            PlanSlot(
                index=t,
                start=price.start,
                buy=price.buy,
                sell=price.sell,
                action=schedule[t][0],
                energy_kwh=schedule[t][1],
                soc=checked.socs[t],
                cost=checked.costs[t],
                idle_costs=idle_costs[t],
                reason=reasons[t],
            )
            for t, price in enumerate(prices)
        ),
        cost=checked.cost,
        idle_cost=idle_cost,
        soc_end=checked.socs[-1] if checked.socs else min(1.0, max(0.0, node.soc)),
        refused=refused,
    )


def _hold(node: PlanNode, prices: Sequence[PriceSlot], nothing: Replay, slot_minutes: int, why: str) -> Plan:
    count = len(prices)
    return _plan(
        node,
        prices,
        [(Action.IDLE, 0.0)] * count,
        nothing,
        [0.0] * count,
        [f"hold: the plan was refused before use ({why})"] * count,
        nothing.cost,
        slot_minutes,
        refused=why,
    )
