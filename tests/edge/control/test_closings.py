"""The count of closings: one for each closing, by UTC day, which no step of the clock makes longer."""

from datetime import UTC, datetime

import pytest

from edge.control.closings import Closings, counted, reason, spent
from shared.clock import to_micros
from shared.messages import Action

CHARGE, DISCHARGE, IDLE = Action.CHARGE, Action.DISCHARGE, Action.IDLE
NOON_US = to_micros(datetime(2026, 6, 1, 12, tzinfo=UTC))
HOUR_US = 3_600_000_000


def switch(state, before, after, *, utc_us=NOON_US, synced=True, monotonic=100.0):
    return counted(state, {"A": before}, {"A": after}, utc_us=utc_us, synced=synced, monotonic=monotonic)


def cycles(state, count, **when):
    for _ in range(count):
        state = switch(state, IDLE, CHARGE, **when)
        state = switch(state, CHARGE, IDLE, **when)
    return state


def test_a_closing_counts_and_an_opening_or_staying_closed_does_not():
    state = cycles(Closings(), 3)
    state = switch(state, CHARGE, CHARGE)
    state = switch(state, IDLE, DISCHARGE)
    assert (state.count("A", CHARGE), state.count("A", DISCHARGE)) == (3, 1)
    assert (state.left("A", 5), state.left("B", 5)) == (2, 5)


def test_the_relay_that_reaches_its_number_is_spent_and_the_other_is_not():
    state = cycles(Closings(), 5)
    assert spent(state, 6) == {}
    assert spent(state, 5) == {"A": frozenset({CHARGE})}
    assert "charge relay" in reason(spent(state, 5)["A"])


def test_midnight_utc_begins_a_new_day():
    state = cycles(Closings(), 5)
    assert switch(state, IDLE, IDLE, utc_us=NOON_US + 12 * HOUR_US - 1).count("A", CHARGE) == 5
    assert switch(state, IDLE, IDLE, utc_us=NOON_US + 12 * HOUR_US).count("A", CHARGE) == 0


@pytest.mark.parametrize("step_us", [-24 * HOUR_US, -365 * 24 * HOUR_US])
def test_setting_the_clock_back_gives_no_new_number(step_us):
    state = cycles(Closings(), 5)
    state = cycles(state, 1, utc_us=NOON_US + step_us)
    assert state.count("A", CHARGE) == 6
    assert switch(state, IDLE, IDLE, utc_us=NOON_US + step_us + 24 * HOUR_US).count("A", CHARGE) == 0


def test_without_a_known_time_a_day_is_24_hours_of_running():
    state = cycles(Closings(day=7), 5, synced=False, monotonic=100.0, utc_us=NOON_US)
    assert switch(state, IDLE, IDLE, synced=False, monotonic=100.0 + 86_399).count("A", CHARGE) == 5
    assert switch(state, IDLE, IDLE, synced=False, monotonic=100.0 + 86_400).count("A", CHARGE) == 0


def test_a_count_from_an_earlier_boot_goes_on():
    before = Closings(day=NOON_US // (24 * HOUR_US), counts={"A/charge": 4})
    assert cycles(before, 1).count("A", CHARGE) == 5
