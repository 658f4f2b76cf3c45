"""What a plan says at one moment: it speaks for the current slot alone, and only while that slot lasts."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from edge.planner.model import Plan, PlanSlot
from shared.messages import Action

NEGLIGIBLE_KWH = 1e-9


class Opinion(Struct, frozen=True, kw_only=True):
    """What the plan wants of one node now, and why."""

    action: Action
    reason: str


def plan_opinion(plan: Plan | None, now: datetime) -> Opinion | None:
    """None when the plan has no opinion: there is none, it was refused, its slots have no times, or `now`
    lies outside of them.

    A slot that moves less than full power could is run at full power for its share of the time: at its end
    where the next slot goes on the same way, else at its start, so that relays close once.
    """
    found = _slot_at(plan, now)
    if plan is None or found is None:
        return None
    slot, elapsed_share = found
    if slot.action is Action.IDLE or abs(slot.energy_kwh) <= NEGLIGIBLE_KWH:
        return Opinion(action=Action.IDLE, reason=slot.reason)
    full_kwh = plan.power_kw_max * plan.slot_minutes / 60
    share = min(1.0, abs(slot.energy_kwh) / full_kwh) if full_kwh > 0.0 else 1.0
    if share >= 1.0 - NEGLIGIBLE_KWH:
        return Opinion(action=slot.action, reason=slot.reason)
    at = plan.slots.index(slot)
    before = at > 0 and plan.slots[at - 1].action is slot.action
    after = at + 1 < len(plan.slots) and plan.slots[at + 1].action is slot.action
    runs = elapsed_share >= 1.0 - share if after and not before else elapsed_share < share
    if runs:
        return Opinion(action=slot.action, reason=slot.reason)
    return Opinion(
        action=Action.IDLE, reason=f"hold for {1.0 - share:.0%} of this slot, the rest of it: {slot.reason}"
    )


def plan_action(plan: Plan | None, now: datetime) -> Action | None:
    """The relay that the plan wants closed now; None when it has no opinion."""
    opinion = plan_opinion(plan, now)
    return None if opinion is None else opinion.action


def plan_opinions(plans: Mapping[str, Plan], now: datetime) -> dict[str, Opinion]:
    """The opinions by node uid; nodes that no plan speaks for are left out."""
    found = {uid: plan_opinion(plan, now) for uid, plan in plans.items()}
    return {uid: opinion for uid, opinion in found.items() if opinion is not None}


def _slot_at(plan: Plan | None, now: datetime) -> tuple[PlanSlot, float] | None:
    """The slot that holds `now` and the share of it that has passed."""
    if plan is None or plan.refused is not None or not plan.slots:
        return None
    length = timedelta(minutes=plan.slot_minutes)
    first = plan.slots[0].start
    if first is None or now < first:
        return None
    guess = min((now - first) // length, len(plan.slots) - 1)
    slot = plan.slots[guess]
    if slot.start is None or not slot.start <= now < slot.start + length:
        return None
    return slot, (now - slot.start) / length
