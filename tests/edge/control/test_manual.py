"""Manual leases: local beats cloud, time is monotonic, each command id works once."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from edge.control.manual import SEEN_KEPT, SEEN_MAX, ManualState, command, expired, hold, restored, transfer
from shared.clock import to_micros
from shared.messages import Action, Command, Hold

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
KNOWN = {"A", "B", "C"}


def an_order(**changes):
    fields = {
        "id": "c1",
        "device_id": "dev",
        "node_uid": "A",
        "action": Action.DISCHARGE,
        "issued_at": NOON,
        "expires_at": NOON + timedelta(minutes=60),
    }
    return Command(**(fields | changes))


def give(state, order, *, at_s=0.0, synced=True):
    return command(
        state,
        order,
        device_id="dev",
        known=KNOWN,
        utc_us=to_micros(NOON) + round(at_s * 1e6),
        synced=synced,
        monotonic=at_s,
    )


def a_hold(state, uid="A", action=Action.IDLE, minutes=30, at_s=0.0):
    return hold(state, Hold(node_uid=uid, action=action, minutes=minutes), known=KNOWN, monotonic=at_s)[0]


def test_a_command_is_a_lease_of_thirty_minutes():
    state, answer = give(ManualState(), an_order())
    assert answer.accepted
    assert state.lease("A").action is Action.DISCHARGE
    assert expired(state, monotonic=1799.9).lease("A") is not None
    assert expired(state, monotonic=1800.0).lease("A") is None


def test_a_lease_does_not_outlive_the_command():
    state, _ = give(ManualState(), an_order(expires_at=NOON + timedelta(minutes=5)))
    assert expired(state, monotonic=299.0).lease("A") is not None
    assert expired(state, monotonic=300.0).lease("A") is None


def test_a_stop_keeps_the_node_still_for_a_minute_and_then_hands_it_back():
    moving, _ = give(ManualState(), an_order())
    state, answer = give(moving, an_order(id="c2", action=Action.IDLE), at_s=10.0)

    assert answer.accepted
    assert answer.reason == "stopped; automatic control resumes in 60 s"
    assert expired(state, monotonic=69.9).lease("A").action is Action.IDLE
    assert expired(state, monotonic=70.0).lease("A") is None


def test_a_stop_that_comes_late_still_ends_the_lease():
    moving, _ = give(ManualState(), an_order())
    state, _ = give(moving, an_order(id="c2", action=Action.IDLE), at_s=1500.0)
    assert expired(state, monotonic=1500.0).lease("A").action is Action.IDLE
    assert expired(state, monotonic=1560.0).lease("A") is None


def test_a_stop_leaves_a_local_hold_alone():
    held = a_hold(ManualState(), action=Action.CHARGE, minutes=5)
    state, _ = give(held, an_order(action=Action.IDLE))
    assert expired(state, monotonic=60.0).lease("A").action is Action.CHARGE


def test_a_command_with_a_peer_leases_both_ends():
    state, _ = give(ManualState(), an_order(peer_uid="B"))
    assert (state.lease("A").action, state.lease("A").peer_uid) == (Action.DISCHARGE, "B")
    assert (state.lease("B").action, state.lease("B").peer_uid) == (Action.CHARGE, "A")


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"device_id": "other"}, "meant for device other"),
        ({"node_uid": "X"}, "no node X"),
        ({"peer_uid": "Y"}, "no node Y"),
        ({"peer_uid": "A"}, "own peer"),
        ({"expires_at": NOON}, "expired"),
        ({"expires_at": NOON - timedelta(days=1)}, "expired"),
        ({"expires_at": NOON + timedelta(hours=25)}, "at most 24 h"),
    ],
)
def test_what_is_refused_leaves_no_lease(changes, reason):
    state, answer = give(ManualState(), an_order(**changes))
    assert not answer.accepted
    assert reason in answer.reason
    assert state.leases == ()


def test_without_a_right_clock_the_expiry_cannot_be_checked():
    state, answer = give(ManualState(), an_order(), synced=False)
    assert not answer.accepted
    assert state.leases == ()


def test_the_same_command_id_works_once_and_is_answered_alike():
    state, first = give(ManualState(), an_order())
    state = a_hold(state, "A")
    cleared = expired(state, monotonic=1e6)
    again, second = give(cleared, an_order(action=Action.CHARGE), at_s=1900.0)
    assert second == first
    assert again is cleared, "a repeat is no news: nothing is written and nothing told"


def test_a_command_id_is_remembered_across_a_restart_but_its_lease_is_not():
    state, first = give(ManualState(), an_order())
    saved = msgspec.json.decode(msgspec.json.encode(state), type=ManualState)
    after = restored(saved)
    assert after.leases == ()
    after, second = give(after, an_order(), at_s=60.0)
    assert second == first
    assert after.leases == ()


def test_an_id_is_forgotten_only_after_its_expiry_and_a_hundred_later_ones():
    state, _ = give(ManualState(), an_order())
    later = {"issued_at": NOON, "expires_at": NOON + timedelta(hours=3)}
    for number in range(SEEN_KEPT):
        state, _ = give(state, an_order(id=f"later{number}", **later), at_s=3601.0)
    state, answer = give(state, an_order(), at_s=3602.0)
    assert (answer.accepted, answer.reason) == (False, "expired")


def test_a_clock_that_was_a_year_ahead_for_a_while_gives_no_command_a_second_life():
    year_s = 365 * 86_400.0
    state, first = give(ManualState(), an_order())
    state, _ = give(state, an_order(id="c2"), at_s=year_s)
    cleared = expired(state, monotonic=1e9)
    again, second = give(cleared, an_order(), at_s=60.0)
    assert second == first
    assert again.leases == ()


def test_a_later_command_replaces_the_earlier_one():
    state, _ = give(ManualState(), an_order())
    state, _ = give(state, an_order(id="c2", action=Action.IDLE), at_s=10.0)
    assert state.lease("A").action is Action.IDLE
    assert len(state.leases) == 1


def test_a_local_hold_beats_the_cloud_before_and_after():
    state, _ = give(a_hold(ManualState(), "A", Action.IDLE), an_order())
    assert state.lease("A").local
    state = a_hold(give(ManualState(), an_order())[0], "A", Action.IDLE)
    assert state.lease("A").action is Action.IDLE


def test_the_cloud_comes_back_when_the_hold_is_released_or_ends():
    state, answer = give(a_hold(ManualState(), "A", Action.IDLE, minutes=5), an_order())
    assert "a local hold of A comes first" in answer.reason
    ended = expired(state, monotonic=300.0)
    assert ended.lease("A").source == "c1"
    released, accepted, _ = hold(state, Hold(node_uid="A", action="release"), known=KNOWN, monotonic=1.0)
    assert accepted
    assert released.lease("A").source == "c1"


def test_a_hold_of_an_unknown_node_is_refused():
    state, accepted, reason = hold(
        ManualState(), Hold(node_uid="X", action=Action.IDLE), known=KNOWN, monotonic=0.0
    )
    assert (state, accepted, reason) == (ManualState(), False, "no node X on this device")


def test_a_flood_of_commands_is_bounded():
    state = ManualState()
    for number in range(SEEN_MAX):
        state, answer = give(state, an_order(id=f"c{number}"))
        assert answer.accepted
    state, answer = give(state, an_order(id="one-more"))
    assert not answer.accepted
    assert len(state.seen) == SEEN_MAX
    assert len(state.leases) == 1


def a_transfer(state, sender, receiver, minutes=30, at_s=0.0):
    return transfer(state, sender=sender, receiver=receiver, minutes=minutes, known=KNOWN, monotonic=at_s)


def ends(state):
    return {(lease.uid, lease.action, lease.peer_uid) for lease in state.leases}


def test_a_local_transfer_leases_both_ends_for_its_minutes():
    state, accepted, reason = a_transfer(ManualState(), "A", "B", minutes=2)
    assert (accepted, reason) == (True, "A sends to B for 2 min")
    assert ends(state) == {("A", Action.DISCHARGE, "B"), ("B", Action.CHARGE, "A")}
    assert len(expired(state, monotonic=119.9).leases) == 2
    assert expired(state, monotonic=120.0).leases == ()


def test_a_new_transfer_takes_its_ends_out_of_older_ones_and_leaves_no_half():
    state, _, _ = a_transfer(ManualState(), "A", "B")
    state, _, _ = a_transfer(state, "C", "B")
    assert ends(state) == {("C", Action.DISCHARGE, "B"), ("B", Action.CHARGE, "C")}


def test_a_hold_or_a_release_of_one_end_frees_the_other():
    state, _, _ = a_transfer(ManualState(), "A", "B")
    assert ends(a_hold(state, "A")) == {("A", Action.IDLE, None)}
    assert ends(a_hold(state, "B", action="release")) == set()


def test_a_local_transfer_leaves_the_leases_of_the_cloud():
    state, _ = give(ManualState(), an_order(node_uid="A"))
    state, _, _ = a_transfer(state, "A", "B")
    assert state.lease("A").source == "transfer"
    assert a_hold(state, "A", action="release").lease("A").source == "c1"


@pytest.mark.parametrize(
    "sender,receiver,reason",
    [
        ("A", "A", "a node cannot send to itself"),
        ("X", "A", "no node X on this device"),
        ("A", "X", "no node X on this device"),
    ],
)
def test_a_transfer_that_cannot_be_changes_nothing(sender, receiver, reason):
    before = a_hold(ManualState(), "A")
    assert a_transfer(before, sender, receiver) == (before, False, reason)
