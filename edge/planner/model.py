"""What a plan is made of and what it says.

Energy and power are at the node's meter; energy is positive while the node discharges into the busbar.
Stored energy is what the cells hold: charging E at the meter stores efficiency · E, discharging E takes
E / efficiency.
Money is in the unit of the prices; a cost below zero is income.
"""

import math
from collections.abc import Sequence

from msgspec import Struct

from edge.errors import PlanInputWrong
from shared.messages import Action, Utc

SLOT_MINUTES = 15
PRICE_MAX = 1e9
CAPACITY_KWH_MAX = 1e6
SLOTS_MAX = 10_000


class PlanNode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One battery as the planner sees it."""

    capacity_kwh: float
    power_kw_max: float
    """Either way, at the meter."""
    efficiency: float
    """One way, above 0 to 1."""
    soc: float
    """Fraction at the start; outside 0..1 it counts as 0 or 1, outside the window it goes back first."""
    soc_min: float
    """Fraction 0..1."""
    soc_max: float
    """Fraction 0..1."""
    switch_cost: float = 0.0
    """Money for each closing of the charge or of the discharge relay."""
    idle_loss_per_hour: float = 0.0
    """Fraction of the stored energy that an hour takes by itself."""
    relay: Action = Action.IDLE
    """The relay that is closed at the start: it costs nothing to leave it so."""
    uid: str = "node"


class PriceSlot(Struct, frozen=True, kw_only=True):
    """Prices per kWh at the meter over one slot."""

    buy: float
    """What charging costs."""
    sell: float
    """What discharging earns."""
    start: Utc | None = None
    """None where slots are only numbered."""


class PlanSlot(Struct, frozen=True, kw_only=True):
    """What one node does in one slot."""

    index: int
    start: Utc | None
    buy: float
    sell: float
    action: Action
    """The relay that is closed; with an energy of 0 it stays closed at no power."""
    energy_kwh: float
    """At the meter, positive while discharging."""
    soc: float
    """Fraction after the slot."""
    cost: float
    """Of this slot, with the switching it starts."""
    idle_costs: float | None
    """How much more the whole plan would cost if nothing were done in this slot and the rest were planned
    anew; None where doing nothing is not allowed, the node being outside its window."""
    reason: str


class Plan(Struct, frozen=True, kw_only=True):
    """The schedule of one node."""

    uid: str
    slot_minutes: int
    power_kw_max: float
    slots: tuple[PlanSlot, ...]
    cost: float
    """Of all slots, less end_value for what is stored at the end."""
    idle_cost: float
    """The same if the node did nothing at all."""
    soc_end: float
    """Fraction."""
    refused: str | None = None
    """Why the schedule was thrown away: then every slot holds and the plan has no opinion."""


def check_node(node: PlanNode) -> None:
    """Raises PlanInputWrong with the field, its value and what is allowed."""
    for name, low, high in (
        ("capacity_kwh", 0.0, CAPACITY_KWH_MAX),
        ("power_kw_max", 0.0, CAPACITY_KWH_MAX),
        ("soc_min", 0.0, 1.0),
        ("soc_max", 0.0, 1.0),
        ("switch_cost", 0.0, PRICE_MAX),
    ):
        value = getattr(node, name)
        if not low <= value <= high:
            raise PlanInputWrong(f"{name} must be between {low:g} and {high:g}, got {value}")
    if not 1e-3 <= node.efficiency <= 1.0:  # noqa: PLR2004
        raise PlanInputWrong(
            f"efficiency must be between 0.001 and 1 (a fraction, one way), got {node.efficiency}"
        )
    if not math.isfinite(node.soc):
        raise PlanInputWrong(f"soc must be a finite fraction, got {node.soc}")
    if node.soc_min > node.soc_max:
        raise PlanInputWrong(f"soc_min must not be above soc_max, got {node.soc_min} and {node.soc_max}")
    if not 0.0 <= node.idle_loss_per_hour <= 0.5:  # noqa: PLR2004
        raise PlanInputWrong(f"idle_loss_per_hour must be between 0 and 0.5, got {node.idle_loss_per_hour}")


def check_prices(prices: Sequence[PriceSlot]) -> None:
    """Raises PlanInputWrong with the slot and the field."""
    if len(prices) > SLOTS_MAX:
        raise PlanInputWrong(f"prices must have at most {SLOTS_MAX} slots, got {len(prices)}")
    for index, slot in enumerate(prices):
        if not -PRICE_MAX <= slot.buy <= PRICE_MAX:
            raise PlanInputWrong(f"prices[{index}].buy must be a finite number, got {slot.buy}")
        if not -PRICE_MAX <= slot.sell <= PRICE_MAX:
            raise PlanInputWrong(f"prices[{index}].sell must be a finite number, got {slot.sell}")


def check_end_value(end_value: float) -> None:
    """Raises PlanInputWrong."""
    if not -PRICE_MAX <= end_value <= PRICE_MAX:
        raise PlanInputWrong(f"end_value must be a finite number per stored kWh, got {end_value}")
