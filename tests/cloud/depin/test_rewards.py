"""The rules of rewards, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.depin.rewards import (
    energy_of_claim_mwh,
    energy_units,
    signed_days_needed,
    uptime_of_beat_us,
    uptime_units,
)

S = 1_000_000
LT = 10_000_000


@pytest.mark.parametrize(
    "elapsed_s, uptime_s",
    [
        (0, 0),
        (0.999999, 0),
        (1, 1),
        (59.5, 59.5),
        (600, 600),
        (600.000001, 600),
        (86_400, 600),
        (-1, 0),
        (-9e9, 0),
    ],
)
def test_a_heartbeat_counts_the_time_since_the_last_up_to_ten_minutes(elapsed_s, uptime_s):
    assert uptime_of_beat_us(round(elapsed_s * S)) == round(uptime_s * S)


@pytest.mark.parametrize(
    "before_s, after_s, lt",
    [
        (0, 86_400, 10),  # a day
        (0, 86.4, 0.01),
        (0, 86.399999, 0),
        (86.399999, 86.4, 0.01),
        (100, 172.799999, 0),
        (100, 172.8, 0.01),
        (0, 600, 0.06),
    ],
)
def test_a_day_of_uptime_earns_ten_in_steps_of_a_hundredth(before_s, after_s, lt):
    assert uptime_units(round(before_s * S), round(after_s * S)) == round(lt * LT)


@pytest.mark.parametrize(
    "before_kwh, after_kwh, lt",
    [(0, 1, 1), (0, 0.01, 0.01), (0, 0.009999, 0), (0.009999, 0.01, 0.01), (2.5, 12.5, 10), (0, 0.065, 0.06)],
)
def test_a_kilowatt_hour_earns_one_in_steps_of_a_hundredth(before_kwh, after_kwh, lt):
    assert energy_units(round(before_kwh * S), round(after_kwh * S)) == round(lt * LT)


@pytest.mark.parametrize(
    "claimed, plausible, credited, energy",
    [
        (500, 500, 0, 500),
        (500, 300, 0, 300),
        (200, 500, 0, 200),
        (500, 500, 500, 0),
        (500, 600, 500, 100),
        (0, 9, 0, 0),
    ],
)
def test_of_a_claim_what_was_minted_and_not_credited_counts(claimed, plausible, credited, energy):
    assert energy_of_claim_mwh(claimed_mwh=claimed, plausible_mwh=plausible, credited_mwh=credited) == energy


def test_only_the_public_network_waits_for_seven_signed_days():
    assert [signed_days_needed(name) for name in ("offline", "testnet", "public")] == [0, 0, 7]


@given(parts=st.lists(st.integers(0, 10**12), max_size=20))
def test_in_however_many_parts_it_is_counted_nothing_is_lost_and_nothing_is_paid_twice(parts):
    paid_uptime = paid_energy = counted = 0
    for part in parts:
        paid_uptime += uptime_units(counted, counted + part)
        paid_energy += energy_units(counted, counted + part)
        counted += part

    assert paid_uptime == counted // (864 * S // 10) * LT // 100
    assert paid_energy == counted // 10_000 * LT // 100
