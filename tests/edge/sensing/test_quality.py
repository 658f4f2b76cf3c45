"""Quality of readings: missing is never zero, and nothing stale, frozen or impossible looks good."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.sensing.calibration import Calibration
from edge.sensing.quality import (
    Channel,
    SensingRules,
    Span,
    Watch,
    missed,
    overran,
    received,
    shown,
    watched,
)
from shared.messages import Quality

RULES = SensingRules()
VOLTS = Span(low=500, high=5000, jump=700)


def a_channel(*readings: float | None) -> Channel:
    channel = Channel()
    for at, reading in enumerate(readings):
        if reading is None:
            channel = missed(channel, RULES)
        else:
            channel = received(channel, reading, float(at), VOLTS, RULES)
    return channel


def test_what_was_never_read_is_missing_and_has_no_value():
    channel = a_channel(None, None, None, None, None, None)
    assert channel.value.quality is Quality.MISSING
    assert channel.value.value is None
    assert channel.value.measured_at is None


@pytest.mark.parametrize(
    "misses, quality",
    [(0, Quality.GOOD), (1, Quality.GOOD), (3, Quality.GOOD), (4, Quality.STALE), (50, Quality.STALE)],
)
def test_a_value_is_stale_after_more_than_three_missed_samples(misses, quality):
    channel = a_channel(3700.0, *[None] * misses)
    assert channel.value.quality is quality
    assert channel.value.value == 3700.0
    assert channel.value.measured_at == 0.0


def test_a_stale_value_is_good_again_with_the_next_reading():
    assert a_channel(3700.0, *[None] * 9, 3650.0).value.quality is Quality.GOOD


@pytest.mark.parametrize("reading", [499.9, 5000.1, -3700.0, 65535.0])
def test_a_voltage_that_no_cell_can_have_is_implausible(reading):
    assert a_channel(3700.0, reading).value.quality is Quality.IMPLAUSIBLE


@pytest.mark.parametrize("reading", [math.nan, math.inf, -math.inf])
def test_a_reading_that_is_no_number_counts_as_missed(reading):
    channel = a_channel(3700.0, reading)
    assert channel.value.value == 3700.0
    assert channel.missed == 1


def test_an_impossible_jump_is_implausible_and_believed_only_when_it_stays():
    assert a_channel(3700.0, 2900.0).value.quality is Quality.IMPLAUSIBLE
    assert a_channel(3700.0, 2900.0, 2910.0).value.quality is Quality.IMPLAUSIBLE
    assert a_channel(3700.0, 2900.0, 2910.0, 2905.0).value.quality is Quality.GOOD
    assert a_channel(3700.0, 2900.0, 3702.0).value.quality is Quality.GOOD


def test_two_wild_readings_in_different_places_do_not_confirm_each_other():
    assert a_channel(3700.0, 2000.0, 4900.0, 2000.0, 4900.0).value.quality is Quality.IMPLAUSIBLE


def test_a_converter_at_its_end_stop_is_implausible_at_once():
    assert overran(a_channel(3700.0)).value.quality is Quality.IMPLAUSIBLE
    assert overran(Channel()).value.quality is Quality.MISSING


def watch_of(raws, *, closed=True, has_current=True):
    watch = Watch()
    for raw in raws:
        watch = watched(watch, raw, relay_closed=closed, has_current=has_current, rules=RULES)
    return watch


def test_ten_alike_raw_samples_with_a_relay_closed_are_a_frozen_chip():
    assert not watch_of([(7, 9)] * 9).frozen
    assert watch_of([(7, 9)] * 10).frozen


def test_a_quiet_cell_with_open_relays_is_not_frozen():
    assert not watch_of([(7, 9)] * 500, closed=False).frozen


def test_only_samples_with_the_relay_closed_count():
    watch = watched(Watch(), (7, 9), relay_closed=False, has_current=True, rules=RULES)
    for _ in range(9):
        watch = watched(watch, (7, 9), relay_closed=True, has_current=True, rules=RULES)
    assert not watch.frozen
    assert watched(watch, (7, 9), relay_closed=True, has_current=True, rules=RULES).frozen


def test_one_moving_word_is_enough_to_be_alive():
    assert not watch_of([(7, n) for n in range(50)]).frozen


def test_missed_samples_prove_nothing():
    assert not watch_of([(7, 9)] * 9 + [None] * 20).frozen
    assert watch_of([(7, 9)] * 9 + [None] * 20 + [(7, 9)]).frozen


def test_frozen_lasts_until_the_words_move_even_with_the_relay_open():
    watch = watch_of([(7, 9)] * 10)
    watch = watched(watch, (7, 9), relay_closed=False, has_current=True, rules=RULES)
    assert watch.frozen
    assert not watched(watch, (7, 8), relay_closed=False, has_current=True, rules=RULES).frozen


def test_a_voltage_alone_may_rest_six_times_as_long():
    assert not watch_of([(7,)] * 59, has_current=False).frozen
    assert watch_of([(7,)] * 60, has_current=False).frozen


def test_frozen_is_shown_on_a_good_value_and_hides_nothing_worse():
    assert shown(a_channel(3700.0), frozen=True).quality is Quality.FROZEN
    assert shown(a_channel(3700.0, *[None] * 4), frozen=True).quality is Quality.STALE
    assert shown(Channel(), frozen=True).quality is Quality.MISSING


@pytest.mark.parametrize(
    "calibration, read_ma, true_ma",
    [
        (Calibration(), 250.0, 250.0),
        (Calibration(invert_current=True), 250.0, -250.0),
        (Calibration(invert_current=True, current_gain=1.1, current_offset_ma=5.0), 100.0, -105.0),
        (Calibration(current_gain=0.5, current_offset_ma=-3.0), -200.0, -103.0),
    ],
)
def test_the_sign_is_turned_before_gain_and_offset(calibration, read_ma, true_ma):
    assert calibration.current_ma(read_ma) == pytest.approx(true_ma)


def test_voltage_and_temperature_are_put_right():
    calibration = Calibration(voltage_gain=1.01, voltage_offset_mv=-7.0, temperature_offset_c=1.5)
    assert calibration.voltage_mv(4000.0) == pytest.approx(4033.0)
    assert calibration.temperature_c(-3.0) == -1.5


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), max_size=30))
def test_whatever_comes_a_good_value_is_a_real_one_within_range(readings):
    channel = a_channel(*readings)
    if channel.value.quality is Quality.GOOD:
        assert channel.value.value is not None
        assert VOLTS.low <= channel.value.value <= VOLTS.high
        assert channel.missed <= RULES.stale_after_samples
    assert (channel.value.value is None) == (channel.value.quality is Quality.MISSING)
