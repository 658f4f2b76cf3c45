"""What a plan asks of the relays: whole pairs, running ones first, nothing for a wish without a partner."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.control.planned import plan_voice
from edge.planner.forecast import Outlook, Source
from edge.planner.model import Plan, PlanSlot
from edge.planner.site import SitePlan
from shared.messages import Action

CHARGE, DISCHARGE, IDLE = Action.CHARGE, Action.DISCHARGE, Action.IDLE
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def a_plan(uid, action):
    slot = PlanSlot(
        index=0,
        start=NOON,
        buy=1.0,
        sell=1.0,
        action=action,
        energy_kwh={CHARGE: -1.0, DISCHARGE: 1.0, IDLE: 0.0}[action],
        soc=0.5,
        cost=0.0,
        idle_costs=0.0,
        reason=f"{action.value}: because",
    )
    return Plan(uid=uid, slot_minutes=15, power_kw_max=4.0, slots=(slot,), cost=0, idle_cost=0, soc_end=0.5)


def a_site(**wishes):
    return SitePlan(
        made_at=NOON,
        outlook=Outlook(source=Source.CLOUD, age_s=0.0, prices=(), first_slot_share=1.0, reason=""),
        plans={uid: a_plan(uid, action) for uid, action in wishes.items()},
        left_out={"Z": "state of charge unknown"},
        cost=0.0,
        idle_cost=0.0,
        gap=0.0,
    )


def voice(site, *, soc=None, running=None, withdrawn=(), at=NOON):
    return plan_voice(site, at, soc_percent=soc or {}, running=running or {}, withdrawn=withdrawn)


def pairs(said):
    found = {(wish.uid, wish.peer_uid) for wish in said.actions if wish.action is DISCHARGE}
    back = {(wish.peer_uid, wish.uid) for wish in said.actions if wish.action is CHARGE}
    assert found == back
    return found


def test_opposite_wishes_in_a_slot_become_a_pair_with_the_reason():
    said = voice(a_site(A=DISCHARGE, B=CHARGE))
    assert pairs(said) == {("A", "B")}
    assert said.actions[0].reason == "plan: discharge: because; with B"
    assert said.why["A"] == "discharge: because; with B"


@pytest.mark.parametrize(
    "wishes", [{"A": DISCHARGE, "B": DISCHARGE}, {"A": CHARGE}, {"A": IDLE, "B": CHARGE}]
)
def test_a_wish_without_a_partner_says_nothing_and_tells_who_decides(wishes):
    said = voice(a_site(**wishes))
    assert said.actions == ()
    assert all("balance" in said.why[uid] for uid in wishes)
    assert said.why["Z"] == "state of charge unknown"


def test_the_fullest_gives_to_the_emptiest():
    soc = {"A": 60.0, "B": 80.0, "C": 30.0, "D": 20.0}
    said = voice(a_site(A=DISCHARGE, B=DISCHARGE, C=CHARGE, D=CHARGE), soc=soc)
    assert pairs(said) == {("B", "D"), ("A", "C")}


def test_a_pair_that_runs_is_kept():
    soc = {"A": 60.0, "B": 80.0, "C": 30.0, "D": 20.0}
    site = a_site(A=DISCHARGE, B=DISCHARGE, C=CHARGE, D=CHARGE)
    said = voice(site, soc=soc, running={"A": "D", "D": "A"})
    assert pairs(said) == {("A", "D"), ("B", "C")}


def test_a_pair_that_was_refused_is_not_asked_for_again_and_another_is_found():
    soc = {"A": 80.0, "B": 30.0, "C": 40.0}
    site = a_site(A=DISCHARGE, B=CHARGE, C=CHARGE)
    assert pairs(voice(site, soc=soc)) == {("A", "B")}
    assert pairs(voice(site, soc=soc, withdrawn={frozenset("AB")})) == {("A", "C")}
    assert pairs(voice(site, soc=soc, withdrawn={frozenset("AB"), frozenset("AC")})) == set()


def test_outside_its_slots_a_plan_says_nothing():
    site = a_site(A=DISCHARGE, B=CHARGE)
    assert voice(site, at=NOON + timedelta(minutes=15)).actions == ()
    assert voice(None).actions == ()
