"""The relay pair on gpiozero's mock pins: order, dwell, read-back, and off on every exit."""

import subprocess
import sys
from itertools import pairwise

import pytest
from gpiozero.pins.mock import MockFactory, MockPin
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.errors import BadBoard, RelayStuck
from hardware.relay import RelayPair, next_move
from shared.clock import ManualClock
from shared.messages import Action

CHARGE, DISCHARGE = 5, 6
IDLE = Action.IDLE


def _pair(clock, factory, **options) -> RelayPair:
    return RelayPair(charge_pin=CHARGE, discharge_pin=DISCHARGE, clock=clock, pin_factory=factory, **options)


def _levels(factory) -> tuple[bool, bool]:
    return bool(factory.pin(CHARGE).state), bool(factory.pin(DISCHARGE).state)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def factory():
    made = MockFactory()
    yield made
    made.reset()


@pytest.mark.parametrize(
    "position,wanted,since_switch_s,do,wait_s",
    [
        pytest.param(IDLE, IDLE, None, "stay", 0, id="nothing to do"),
        pytest.param(Action.CHARGE, Action.CHARGE, 0.0, "stay", 0, id="already there"),
        pytest.param(Action.CHARGE, IDLE, 0.0, "open", 0, id="opening is never delayed"),
        pytest.param(Action.CHARGE, Action.DISCHARGE, 900, "open", 60, id="a reversal opens first"),
        pytest.param(IDLE, Action.CHARGE, None, "close", 0, id="the very first closing"),
        pytest.param(IDLE, Action.CHARGE, 59.0, "stay", 1.0, id="dwell not over"),
        pytest.param(IDLE, Action.CHARGE, 60.0, "close", 0, id="dwell just over"),
        pytest.param(IDLE, Action.DISCHARGE, -5.0, "stay", 65.0, id="a last switch in the future waits"),
    ],
)
def test_the_next_move(position, wanted, since_switch_s, do, wait_s):
    move = next_move(
        position=position, wanted=wanted, since_switch_s=since_switch_s, dwell_s=60.0, break_s=0.5
    )

    assert (move.do, move.wait_s) == (do, wait_s)


def test_without_dwell_the_break_time_still_holds():
    move = next_move(position=IDLE, wanted=Action.CHARGE, since_switch_s=0.3, dwell_s=0.0, break_s=0.5)

    assert move.do == "stay"
    assert move.wait_s == pytest.approx(0.2)


def test_both_contacts_are_open_from_the_first_moment(clock, factory):
    with _pair(clock, factory) as relays:
        assert relays.position is IDLE
        assert _levels(factory) == (False, False)
        assert relays.switches == 0


def test_charge_and_discharge_drive_their_own_pin(clock, factory):
    with _pair(clock, factory, dwell_s=0, break_s=0) as relays:
        assert relays.set(Action.CHARGE) is Action.CHARGE
        assert _levels(factory) == (True, False)
        relays.set(IDLE)
        assert relays.set(Action.DISCHARGE) is Action.DISCHARGE
        assert _levels(factory) == (False, True)


def test_the_relay_opens_before_its_partner_closes(clock, factory):
    with _pair(clock, factory, dwell_s=0, break_s=0.5) as relays:
        relays.set(Action.CHARGE)

        assert relays.set(Action.DISCHARGE) is IDLE
        assert _levels(factory) == (False, False)
        clock.advance(0.4)
        assert relays.set(Action.DISCHARGE) is IDLE
        clock.advance(0.2)
        assert relays.set(Action.DISCHARGE) is Action.DISCHARGE


def test_the_dwell_delays_closing_and_never_opening(clock, factory):
    with _pair(clock, factory) as relays:
        relays.set(Action.CHARGE)
        clock.advance(1)
        assert relays.set(IDLE) is IDLE

        clock.advance(59)
        assert relays.set(Action.CHARGE) is IDLE
        assert relays.wait_s(Action.CHARGE) == pytest.approx(1.0)
        clock.advance(1)
        assert relays.set(Action.CHARGE) is Action.CHARGE
        assert relays.switches == 3


def test_a_restart_does_not_forget_the_dwell(clock, factory):
    clock.advance(1000)
    with _pair(clock, factory, switched_at=990.0) as relays:
        assert relays.set(Action.CHARGE) is IDLE
        clock.advance(50)
        assert relays.set(Action.CHARGE) is Action.CHARGE


def test_an_active_low_board_is_open_at_high_level(clock, factory):
    with _pair(clock, factory, active_high=False) as relays:
        assert _levels(factory) == (True, True)
        relays.set(Action.DISCHARGE)
        assert _levels(factory) == (True, False)
        assert relays.position is Action.DISCHARGE


def test_position_is_what_the_pin_says_not_what_was_wished(clock, factory):
    with _pair(clock, factory) as relays:
        relays.set(Action.CHARGE)
        factory.pin(CHARGE)._state = False

        assert relays.position is IDLE


class StuckPin(MockPin):
    """An output whose level no write changes."""

    stuck = False

    def _change_state(self, value):
        return False if self.stuck else super()._change_state(value)


def test_a_pin_that_does_not_follow_is_told_and_both_are_opened(clock):
    factory = MockFactory(pin_class=StuckPin)
    with _pair(clock, factory) as relays:
        factory.pin(CHARGE).stuck = True

        with pytest.raises(RelayStuck, match="reads idle after charge"):
            relays.set(Action.CHARGE)


def test_a_contact_that_does_not_open_is_told(clock):
    factory = MockFactory(pin_class=StuckPin)
    with _pair(clock, factory) as relays:
        relays.set(Action.CHARGE)
        factory.pin(CHARGE).stuck = True

        with pytest.raises(RelayStuck, match="reads charge after idle"):
            relays.set(IDLE)


def test_both_reading_closed_is_told_and_both_are_opened(clock, factory):
    with _pair(clock, factory) as relays:
        factory.pin(CHARGE)._state = factory.pin(DISCHARGE)._state = True

        with pytest.raises(RelayStuck, match="together"):
            _ = relays.position

        assert _levels(factory) == (False, False)


def test_leaving_the_block_by_an_error_opens_the_contact(clock, factory):
    def work():
        with _pair(clock, factory) as relays:
            relays.set(Action.CHARGE)
            assert _levels(factory) == (True, False)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()

    assert _levels(factory) == (False, False)


def test_closing_twice_is_harmless_and_a_closed_pair_stays_open(clock, factory):
    relays = _pair(clock, factory)
    relays.set(Action.CHARGE)

    relays.close()
    relays.close()

    assert relays.set(Action.CHARGE) is IDLE
    assert relays.position is IDLE
    assert _levels(factory) == (False, False)


def test_a_constructor_that_fails_half_way_gives_its_first_pin_back(clock, factory):
    with pytest.raises(BadBoard, match="5 and 99") as failed:
        RelayPair(charge_pin=CHARGE, discharge_pin=99, clock=clock, pin_factory=factory)

    # The error keeps the half-built pair alive, so only a real close frees the pin.
    assert failed.tb is not None
    with _pair(clock, factory) as relays:
        assert relays.position is IDLE


def test_one_pin_for_both_contacts_is_refused(clock, factory):
    with pytest.raises(BadBoard, match="must differ"):
        RelayPair(charge_pin=5, discharge_pin=5, clock=clock, pin_factory=factory)


def test_a_process_that_ends_without_closing_leaves_the_contact_open():
    program = (
        "import atexit\n"
        "from gpiozero.pins.mock import MockFactory\n"
        "from hardware.relay import RelayPair\n"
        "from shared.clock import ManualClock\n"
        "from shared.messages import Action\n"
        "factory = MockFactory()\n"
        "atexit.register(lambda: print('level', int(factory.pin(5).state)))\n"
        "relays = RelayPair(charge_pin=5, discharge_pin=6, clock=ManualClock(), pin_factory=factory)\n"
        "relays.set(Action.CHARGE)\n"
        "print('level', int(factory.pin(5).state))\n"
        "raise SystemExit(3)\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == 3
    assert ended.stdout.split("\n")[:2] == ["level 1", "level 0"]


STEPS = st.lists(st.tuples(st.sampled_from(list(Action)), st.floats(0, 90)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, dwell_s=st.sampled_from([0.0, 5.0, 60.0]))
def test_whatever_is_asked_the_contacts_are_never_both_closed_and_rest_long_enough(steps, dwell_s):
    changes: list[tuple[float, tuple[bool, bool]]] = []

    class WatchedPin(MockPin):
        def _change_state(self, value):
            changed = super()._change_state(value)
            if changed:
                changes.append((clock.monotonic(), _levels(factory)))
            return changed

    clock = ManualClock()
    factory = MockFactory(pin_class=WatchedPin)
    for number in (CHARGE, DISCHARGE):
        factory.pin(number)
    with _pair(clock, factory, dwell_s=dwell_s, break_s=0.5) as relays:
        for action, pause_s in steps:
            reached = relays.set(action)
            assert reached in (action, IDLE)
            clock.advance(pause_s)

    for (before_at, _), (after_at, levels) in pairwise(changes):
        assert levels != (True, True)
        if any(levels):
            assert after_at - before_at >= max(dwell_s, 0.5) - 1e-6
