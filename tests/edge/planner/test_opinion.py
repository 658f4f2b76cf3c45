from datetime import UTC, datetime, timedelta

import msgspec

from edge.planner.model import Plan, PlanSlot
from edge.planner.opinion import Opinion, plan_action, plan_opinion, plan_opinions
from shared.messages import Action

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def slot(index, action, energy_kwh, start=NOON):
    return PlanSlot(
        index=index,
        start=start + timedelta(minutes=15 * index),
        buy=0.1,
        sell=0.1,
        action=action,
        energy_kwh=energy_kwh,
        soc=0.5,
        cost=0.0,
        idle_costs=0.0,
        reason=f"reason {index}",
    )


PLAN = Plan(
    uid="a",
    slot_minutes=15,
    power_kw_max=4.0,
    slots=(
        slot(0, Action.IDLE, 0.0),
        slot(1, Action.CHARGE, -0.25),
        slot(2, Action.CHARGE, -1.0),
        slot(3, Action.CHARGE, 0.0),
        slot(4, Action.DISCHARGE, 0.5),
    ),
    cost=0.0,
    idle_cost=0.0,
    soc_end=0.5,
)


def at(minutes):
    return plan_action(PLAN, NOON + timedelta(minutes=minutes))


def test_it_speaks_for_the_slot_of_now_alone():
    assert at(-1) is None
    assert at(0) is Action.IDLE
    assert at(14.99) is Action.IDLE
    assert at(30) is Action.CHARGE
    assert at(75) is None


def test_a_part_of_a_slot_joins_the_full_slot_after_it():
    assert [at(15), at(26.2), at(26.3), at(29.9)] == [Action.IDLE, Action.IDLE, Action.CHARGE, Action.CHARGE]


def test_a_part_of_a_slot_on_its_own_runs_first():
    assert [at(60), at(67.4), at(67.6)] == [Action.DISCHARGE, Action.DISCHARGE, Action.IDLE]


def test_a_closed_relay_at_no_power_is_asked_to_idle():
    assert at(50) is Action.IDLE


def test_the_reason_travels_with_the_action():
    assert plan_opinion(PLAN, NOON) == Opinion(action=Action.IDLE, reason="reason 0")
    waiting = plan_opinion(PLAN, NOON + timedelta(minutes=16))
    assert waiting is not None
    assert waiting.reason == "hold for 75% of this slot, the rest of it: reason 1"


def test_there_is_no_opinion_without_a_plan_that_may_be_used():
    assert plan_action(None, NOON) is None
    assert plan_action(msgspec.structs.replace(PLAN, refused="slot 0: too much"), NOON) is None
    assert plan_action(msgspec.structs.replace(PLAN, slots=()), NOON) is None
    numbered = tuple(msgspec.structs.replace(slot, start=None) for slot in PLAN.slots)
    assert plan_action(msgspec.structs.replace(PLAN, slots=numbered), NOON) is None


def test_only_nodes_with_an_opinion_are_listed():
    old = msgspec.structs.replace(PLAN, slots=(slot(0, Action.IDLE, 0.0, start=NOON - timedelta(days=1)),))
    assert list(plan_opinions({"a": PLAN, "b": old}, NOON)) == ["a"]
