"""A plan gone through again by plain arithmetic, before anybody acts on it.

It shares no number with the planner but the node, the prices and the schedule, and knows nothing of how the
schedule was found.
"""

import math
from collections.abc import Sequence

from msgspec import Struct

from edge.planner.model import PlanNode, PriceSlot
from shared.messages import Action

TOLERANCE_KWH = 1e-9
"""By so much, times the capacity where that is above 1 kWh, a limit may be passed."""
MINUTES_PER_HOUR = 60


class Replay(Struct, frozen=True, kw_only=True):
    """What a schedule really does."""

    socs: list[float]
    """Fraction after each slot."""
    costs: list[float]
    """Of each slot."""
    cost: float
    """Of all slots, less end_value for what is stored at the end."""
    broken: str | None
    """The first limit that the schedule would break, in one sentence."""


def replay(
    node: PlanNode,
    prices: Sequence[PriceSlot],
    schedule: Sequence[tuple[Action, float]],
    *,
    slot_minutes: int,
    end_value: float = 0.0,
    first_slot_share: float = 1.0,
    recovery_kwh: Sequence[tuple[float, float]] | None = None,
) -> Replay:
    """Go through (relay, energy at the meter, positive while discharging) slot by slot.

    Outside the window the node must go back with all its power, or where it shares a limit with at least
    `recovery_kwh` per slot, (charging, discharging).
    """
    capacity = node.capacity_kwh
    tolerance = TOLERANCE_KWH * max(1.0, capacity)
    hours = slot_minutes / MINUTES_PER_HOUR
    kept = (1.0 - node.idle_loss_per_hour) ** hours
    stored = capacity * sorted((0.0, node.soc, 1.0))[1]
    floor, ceiling = min(stored, node.soc_min * capacity), max(stored, node.soc_max * capacity)
    relay = node.relay
    socs, costs, broken = [], [], None
    if len(schedule) != len(prices):
        broken = f"the schedule has {len(schedule)} slots for {len(prices)} prices"
    for index, (price, (action, energy_kwh)) in enumerate(zip(prices, schedule, strict=False)):
        most_kwh = node.power_kw_max * hours * (first_slot_share if index == 0 else 1.0)
        up_kwh, down_kwh = (most_kwh, most_kwh) if recovery_kwh is None else recovery_kwh[index]
        charged, discharged = max(0.0, -energy_kwh), max(0.0, energy_kwh)
        stored = stored * kept + charged * node.efficiency - discharged / node.efficiency
        floor = min(node.soc_min * capacity, floor * kept + up_kwh * node.efficiency)
        ceiling = max(node.soc_max * capacity, ceiling * kept - down_kwh / node.efficiency)
        switched = action is not Action.IDLE and action is not relay
        relay = action
        cost = charged * price.buy - discharged * price.sell + (node.switch_cost if switched else 0.0)
        costs.append(cost)
        socs.append(stored / capacity if capacity else 0.0)
        wrong = _wrong(energy_kwh, action, stored, (floor, ceiling), most_kwh, tolerance)
        if broken is None and (wrong or not math.isfinite(cost)):
            broken = f"slot {index}: {wrong or 'the cost is not a number'}"
    return Replay(socs=socs, costs=costs, cost=math.fsum(costs) - end_value * stored, broken=broken)


def _wrong(
    energy_kwh: float,
    action: Action,
    stored: float,
    window: tuple[float, float],
    most_kwh: float,
    tolerance: float,
) -> str | None:
    if not math.isfinite(energy_kwh):
        return f"an energy of {energy_kwh} kWh"
    if abs(energy_kwh) > most_kwh + tolerance:
        return f"{abs(energy_kwh):g} kWh is above the power limit of {most_kwh:g} kWh a slot"
    moves = (Action.IDLE,) if not energy_kwh else (Action.DISCHARGE if energy_kwh > 0 else Action.CHARGE,)
    if energy_kwh and action not in moves:
        return f"{energy_kwh:g} kWh with the relay at {action}"
    if not window[0] - tolerance <= stored <= window[1] + tolerance:
        return f"{stored:g} kWh stored is outside {window[0]:g} to {window[1]:g} kWh"
    return None
