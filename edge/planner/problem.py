"""One node's task in plain numbers: kWh per slot and levels of stored energy, and the window of each level.

A start outside the window goes back as fast as the power allows: until then the window of that slot reaches
just so far, so that the task always has a solution.
"""

from collections.abc import Sequence

from msgspec import Struct

from edge.planner.model import PlanNode, PriceSlot
from shared.messages import Action

MINUTES_PER_HOUR = 60


class Problem(Struct, frozen=True, kw_only=True):
    """Lists per slot have T entries, lists of levels T + 1: level t stands before slot t."""

    start_kwh: float
    keep: float
    """Share of the stored energy that is left after a slot of doing nothing."""
    efficiency: float
    buy: Sequence[float]
    sell: Sequence[float]
    charge_kwh_max: Sequence[float]
    """At the meter, as are the next."""
    discharge_kwh_max: Sequence[float]
    low: Sequence[float]
    """Stored energy in kWh, as is the next: what can be reached and is allowed."""
    high: Sequence[float]
    end_value: float
    switch_cost: float
    relay: Action


class Solution(Struct, frozen=True, kw_only=True):
    """A schedule, not yet checked."""

    levels: list[float]
    """Stored kWh, T + 1 of them."""
    actions: list[Action]
    idle_costs: list[float | None]
    """As in PlanSlot."""


class Bounds(Struct, frozen=True, kw_only=True):
    """The window of one node over time, in stored kWh: T + 1 levels."""

    low: list[float]
    high: list[float]
    recovery_kwh: list[tuple[float, float]]
    """At the meter, per slot: what the way back into the window was allotted, to charge and to discharge."""


def slot_energy_kwh(node: PlanNode, slot_minutes: int) -> float:
    """What one slot can move at the meter."""
    return node.power_kw_max * slot_minutes / MINUTES_PER_HOUR


def start_kwh(node: PlanNode) -> float:
    """Stored energy at the start."""
    return min(1.0, max(0.0, node.soc)) * node.capacity_kwh


def kept_share(node: PlanNode, slot_minutes: int) -> float:
    """Share of the stored energy that a slot leaves."""
    loss = node.idle_loss_per_hour
    return (1.0 - loss) ** (slot_minutes / MINUTES_PER_HOUR) if loss > 0.0 else 1.0


def recovery_bounds(
    nodes: Sequence[PlanNode],
    energy_kwh_max: Sequence[Sequence[float]],
    slot_minutes: int,
    limit_kwh: Sequence[float] | None = None,
    *,
    net: bool = False,
) -> list[Bounds]:
    """The window of every node, with the way back into it where the start or idle losses lie outside.

    `energy_kwh_max` has, per node and slot, what it can move at the meter. Under a shared limit the ways back
    share it in proportion to what they need; with `net`, charging and discharging each have all of it.
    """
    slots = len(energy_kwh_max[0]) if nodes else 0
    keeps = [kept_share(node, slot_minutes) for node in nodes]
    all_bounds = []
    for node in nodes:
        start = start_kwh(node)
        low, high = node.soc_min * node.capacity_kwh, node.soc_max * node.capacity_kwh
        all_bounds.append(Bounds(low=[min(low, start)], high=[max(high, start)], recovery_kwh=[]))
    for t in range(slots):
        charges, discharges = [], []
        for node, keep, bounds, most in zip(nodes, keeps, all_bounds, energy_kwh_max, strict=True):
            missing = node.soc_min * node.capacity_kwh - keep * bounds.low[t]
            surplus = keep * bounds.high[t] - node.soc_max * node.capacity_kwh
            charges.append(min(most[t], max(0.0, missing) / node.efficiency))
            discharges.append(min(most[t], max(0.0, surplus) * node.efficiency))
        charge_share, discharge_share = _shares(
            charges, discharges, None if limit_kwh is None else limit_kwh[t], net=net
        )
        for node, keep, bounds, charge, discharge in zip(
            nodes, keeps, all_bounds, charges, discharges, strict=True
        ):
            charge_kwh, discharge_kwh = charge * charge_share, discharge * discharge_share
            low, high = node.soc_min * node.capacity_kwh, node.soc_max * node.capacity_kwh
            bounds.low.append(min(low, keep * bounds.low[t] + charge_kwh * node.efficiency))
            bounds.high.append(max(high, keep * bounds.high[t] - discharge_kwh / node.efficiency))
            bounds.recovery_kwh.append((charge_kwh, discharge_kwh))
    return all_bounds


def _shares(
    charges: Sequence[float], discharges: Sequence[float], limit: float | None, *, net: bool
) -> tuple[float, float]:
    """How much of what each needs the limit allows: of charging, of discharging.

    Nobody counts on another's move to offset its own, for the other may be back before.
    """
    if limit is None:
        return 1.0, 1.0
    if net:
        return _share(sum(charges), limit), _share(sum(discharges), limit)
    both = _share(sum(map(max, charges, discharges)), limit)
    return both, both


def _share(needed: float, limit: float) -> float:
    return 1.0 if needed <= limit else limit / needed


def make_problem(
    node: PlanNode,
    prices: Sequence[PriceSlot],
    slot_minutes: int,
    end_value: float,
    bounds: Bounds,
    charge_kwh_max: Sequence[float],
    discharge_kwh_max: Sequence[float],
) -> Problem:
    """The task of one node, its window narrowed to the levels that can be reached."""
    keep, efficiency, start = kept_share(node, slot_minutes), node.efficiency, start_kwh(node)
    low, high = [start], [start]
    for t in range(len(prices)):
        low.append(max(bounds.low[t + 1], keep * low[t] - discharge_kwh_max[t] / efficiency))
        high.append(min(bounds.high[t + 1], keep * high[t] + charge_kwh_max[t] * efficiency))
        if low[-1] > high[-1]:
            low[-1] = high[-1] = min(max(low[-1], bounds.low[t + 1]), bounds.high[t + 1])
    return Problem(
        start_kwh=start,
        keep=keep,
        efficiency=efficiency,
        buy=[slot.buy for slot in prices],
        sell=[slot.sell for slot in prices],
        charge_kwh_max=charge_kwh_max,
        discharge_kwh_max=discharge_kwh_max,
        low=low,
        high=high,
        end_value=end_value,
        switch_cost=node.switch_cost,
        relay=node.relay,
    )
