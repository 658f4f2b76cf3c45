"""Time as a parameter."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clock import Clock, ManualClock, ScaledClock, SystemClock, from_micros, rfc3339, to_micros

moments = st.datetimes(timezones=st.just(UTC)).filter(lambda moment: moment.year > 1)


@given(moments)
def test_microseconds_keep_a_moment_exactly(moment):
    assert from_micros(to_micros(moment)) == moment


@given(moments)
def test_the_zone_a_moment_is_written_in_does_not_matter(moment):
    kolkata = timezone(timedelta(hours=5, minutes=30))

    assert to_micros(moment.astimezone(kolkata)) == to_micros(moment)


@pytest.mark.parametrize(
    "micros, text",
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_771_840_608_000_000, "2026-02-23T09:56:48Z"),
        (1_771_840_608_250_000, "2026-02-23T09:56:48.250000Z"),
    ],
)
def test_a_moment_is_shown_as_rfc_3339_with_z(micros, text):
    assert rfc3339(micros) == text


def test_the_system_clock_is_aware_and_its_monotonic_time_never_steps_back():
    clock = SystemClock()
    first, wall = clock.monotonic(), clock.now_us()

    clock.pause(0.001)

    assert clock.now().tzinfo is UTC
    assert clock.monotonic() - first >= 0.001
    assert abs(to_micros(clock.now()) - wall) < 60_000_000


def test_scaled_clocks_of_one_anchor_agree():
    anchor_us = SystemClock().now_us() - 1_000_000
    one, other = (ScaledClock(speed=100, anchor_us=anchor_us, start_us=0) for _ in range(2))

    first, second, third = one.now_us(), other.now_us(), one.now_us()

    assert 100_000_000 <= first <= second <= third
    assert one.now() >= from_micros(third)


def test_a_scaled_clock_runs_at_its_speed():
    system, clock = SystemClock(), ScaledClock(speed=50, anchor_us=SystemClock().now_us())
    before, scaled_began, began = system.monotonic(), clock.monotonic(), system.monotonic()

    clock.pause(0.5)  # 10 ms

    ended, scaled_ended, after = system.monotonic(), clock.monotonic(), system.monotonic()
    assert ended - began >= 0.01
    # Each moment of one lies between two of the other, whatever came in between.
    assert 50 * (ended - began) - 1e-6 <= scaled_ended - scaled_began <= 50 * (after - before) + 1e-6


async def test_a_scaled_sleep_is_shorter_by_the_speed():
    clock = ScaledClock(speed=100_000, anchor_us=SystemClock().now_us())
    system = SystemClock()
    began = system.monotonic()

    await asyncio.wait_for(clock.sleep(1_000), 100)

    assert system.monotonic() - began >= 0.01


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_must_be_above_zero(speed):
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(speed=speed, anchor_us=0)


def test_a_manual_clock_moves_only_when_told():
    clock = ManualClock(datetime(2026, 2, 23, tzinfo=UTC))

    clock.advance(1.5)
    clock.pause(0.5)

    assert clock.now() == datetime(2026, 2, 23, 0, 0, 2, tzinfo=UTC)
    assert clock.monotonic() == 2.0


def test_a_wall_step_leaves_monotonic_time_alone():
    clock = ManualClock()
    clock.advance(10)

    clock.step_wall(-3600)

    assert clock.monotonic() == 10.0
    assert clock.now() == datetime(2025, 12, 31, 23, 0, 10, tzinfo=UTC)


async def test_sleepers_wake_in_due_order_and_only_when_due():
    clock, woken = ManualClock(), []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (3, 1, 2, 0, 10)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert woken == [0]

    clock.advance(2.999)
    await asyncio.sleep(0)
    assert woken == [0, 1, 2]

    clock.advance(0.001)
    await asyncio.sleep(0)
    assert woken == [0, 1, 2, 3]
    tasks[-1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    clock.advance(100)  # the cancelled sleeper is no obstacle


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(), ScaledClock(speed=1, anchor_us=0)])
def test_every_clock_is_a_clock(clock: Clock):
    assert abs(to_micros(clock.now()) - clock.now_us()) < 10_000_000
