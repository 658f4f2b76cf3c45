"""The dispatcher: opens first, closes pairs or nothing, and opens everything in doubt."""

import logging

import pytest
from gpiozero.pins.mock import MockFactory

from edge.control import Dispatcher, decide
from edge.control.manual import ManualState
from edge.snapshot import Decision, NodeDecision
from hardware.errors import RelayStuck
from hardware.relay import RelayPair
from shared.clock import ManualClock
from shared.messages import Action, Quality
from tests.edge.control.builders import Site, a_sample

CHARGE, DISCHARGE, IDLE = Action.CHARGE, Action.DISCHARGE, Action.IDLE


class FakePair:
    """A relay pair that writes down what it is told; `breaks` is raised when it shall close."""

    def __init__(self, uid, log, *, wait_s=0.0, breaks=None, position=IDLE) -> None:
        self.uid = uid
        self.log = log
        self.wait = wait_s
        self.breaks = breaks
        self.position = position

    def set(self, action):
        if action is not self.position:
            self.log.append((self.uid, action))
        if action is not IDLE and self.breaks is not None:
            self.position = IDLE
            raise self.breaks
        self.position = action
        return action

    def wait_s(self, action):
        return 0.0 if action is self.position else self.wait


def a_decision(**nodes):
    """uid=(action, peer)."""
    return Decision(
        nodes=tuple(
            NodeDecision(uid=uid, action=action, by="balance", reason="test", peer_uid=peer)
            for uid, (action, peer) in nodes.items()
        )
    )


A_TO_B = a_decision(A=(DISCHARGE, "B"), B=(CHARGE, "A"))


def a_bank(log, **pairs):
    relays = {uid: FakePair(uid, log, **options) for uid, options in pairs.items()}
    return relays, Dispatcher(relays)


def test_all_openings_come_before_any_closing():
    log = []
    _, dispatcher = a_bank(log, A={}, B={}, C={"position": DISCHARGE}, D={"position": CHARGE})
    result = dispatcher.apply(a_decision(A=(DISCHARGE, "B"), B=(CHARGE, "A"), C=(IDLE, None), D=(IDLE, None)))
    assert set(log[:2]) == {("C", IDLE), ("D", IDLE)}
    assert set(log[2:]) == {("A", DISCHARGE), ("B", CHARGE)}
    assert result.positions == {"A": DISCHARGE, "B": CHARGE, "C": IDLE, "D": IDLE}


def test_a_node_that_changes_direction_opens_first():
    log = []
    _, dispatcher = a_bank(log, A={"position": CHARGE}, B={})
    dispatcher.apply(A_TO_B)
    assert log[0] == ("A", IDLE)


def test_while_one_end_must_wait_both_stay_open():
    log = []
    _, dispatcher = a_bank(log, A={"wait_s": 42.0}, B={})
    result = dispatcher.apply(A_TO_B)
    assert result.positions == {"A": IDLE, "B": IDLE}
    assert result.waiting_s == {"A": 42.0, "B": 42.0}
    assert log == []


def test_a_running_pair_is_left_alone():
    log = []
    _, dispatcher = a_bank(
        log, A={"position": DISCHARGE, "wait_s": 60.0}, B={"position": CHARGE, "wait_s": 60.0}
    )
    assert dispatcher.apply(A_TO_B).positions == {"A": DISCHARGE, "B": CHARGE}
    assert log == []


@pytest.mark.parametrize("broken", ["A", "B"])
def test_when_one_end_does_not_close_the_other_opens(broken):
    log = []
    options = {"A": {}, "B": {}, "C": {"position": DISCHARGE}, "D": {"position": CHARGE}}
    options[broken] = {"breaks": RelayStuck("pin does not follow")}
    _, dispatcher = a_bank(log, **options)
    result = dispatcher.apply(
        a_decision(A=(DISCHARGE, "B"), B=(CHARGE, "A"), C=(DISCHARGE, "D"), D=(CHARGE, "C"))
    )
    assert result.positions == {"A": IDLE, "B": IDLE, "C": DISCHARGE, "D": CHARGE}
    assert result.faults == {broken: "pin does not follow"}


def test_an_unexpected_error_opens_everything_and_does_not_come_out(caplog):
    relays, dispatcher = a_bank(
        [],
        A={},
        B={"breaks": RuntimeError("gpio library fell over")},
        C={"position": DISCHARGE},
        D={"position": CHARGE},
    )
    with caplog.at_level(logging.CRITICAL):
        result = dispatcher.apply(
            a_decision(A=(DISCHARGE, "B"), B=(CHARGE, "A"), C=(DISCHARGE, "D"), D=(CHARGE, "C"))
        )
    assert {relay.position for relay in relays.values()} == {IDLE}
    assert set(result.positions.values()) == {IDLE}
    assert result.faults == {"*": "dispatch failed"}
    assert dispatcher.failures == 1


def test_opening_everything_goes_on_past_a_relay_that_fails(caplog):
    class Dead(FakePair):
        def set(self, action):
            raise RuntimeError("dead")

    relays = {"A": Dead("A", []), "B": FakePair("B", [], position=CHARGE)}
    with caplog.at_level(logging.CRITICAL):
        Dispatcher(relays).open_all()
    assert relays["B"].position is IDLE


def test_a_node_that_the_decision_forgets_opens():
    relays, dispatcher = a_bank([], A={"position": DISCHARGE}, B={"position": CHARGE})
    dispatcher.apply(a_decision(B=(CHARGE, "A")))
    assert {relay.position for relay in relays.values()} == {IDLE}


@pytest.mark.parametrize(
    "decision",
    [
        a_decision(A=(DISCHARGE, None), B=(IDLE, None)),
        a_decision(A=(DISCHARGE, "X"), B=(IDLE, None)),
        a_decision(A=(CHARGE, "B"), B=(IDLE, None)),
        a_decision(A=(DISCHARGE, "B"), B=(DISCHARGE, "A")),
    ],
)
def test_one_end_alone_is_never_closed(decision):
    relays, dispatcher = a_bank([], A={}, B={})
    dispatcher.apply(decision)
    assert {relay.position for relay in relays.values()} == {IDLE}


def test_with_real_relay_pairs_dwell_delays_closing_and_never_opening():
    clock = ManualClock()
    factory = MockFactory()
    relays = {
        uid: RelayPair(charge_pin=pin, discharge_pin=pin + 1, clock=clock, pin_factory=factory, dwell_s=60.0)
        for uid, pin in (("A", 5), ("B", 12))
    }
    dispatcher = Dispatcher(relays)
    off = a_decision(A=(IDLE, None), B=(IDLE, None))
    assert dispatcher.apply(A_TO_B).positions == {"A": DISCHARGE, "B": CHARGE}
    clock.advance(1.0)
    assert dispatcher.apply(off).positions == {"A": IDLE, "B": IDLE}
    clock.advance(59.0)
    assert dispatcher.apply(A_TO_B).positions == {"A": IDLE, "B": IDLE}
    clock.advance(1.0)
    assert dispatcher.apply(A_TO_B).positions == {"A": DISCHARGE, "B": CHARGE}
    for relay in relays.values():
        relay.close()


@pytest.mark.parametrize(
    "bad",
    [
        {"voltage_v": 4.2},
        {"temperature_c": 46.0},
        {"current_ma": -2500.0},
        {"voltage": Quality.STALE},
        {"voltage": Quality.FROZEN, "current": Quality.FROZEN},
        {"voltage": Quality.IMPLAUSIBLE},
        {"voltage_v": None},
    ],
)
def test_from_detection_to_open_relays_it_takes_one_cycle(bad):
    site = Site("A", "B")
    relays, dispatcher = a_bank([], A={}, B={})
    soc = {"A": 80.0, "B": 30.0}

    def cycle(**b):
        site.see(
            a_sample("A"), a_sample("B", **b), soc=soc, relays={uid: r.position for uid, r in relays.items()}
        )
        dispatcher.apply(decide(site.snapshot, ManualState(), None, site.safety))

    cycle()
    assert relays["B"].position is CHARGE
    cycle(**bad)
    assert {relay.position for relay in relays.values()} == {IDLE}
