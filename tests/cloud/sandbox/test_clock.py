import asyncio

import pytest

from cloud.sandbox.clock import MovableClock
from shared.clock import ManualClock

YEAR_S = 365 * 24 * 3_600


@pytest.fixture
def movable(clock: ManualClock) -> MovableClock:
    return MovableClock(clock)


def moved(movable: MovableClock, seconds: int) -> None:
    with movable.held():
        movable.move(movable.now_us() + seconds * 1_000_000)


def test_it_runs_with_the_real_one_and_stays_as_far_ahead_as_it_was_moved(
    clock: ManualClock, movable: MovableClock
) -> None:
    began_us = clock.now_us()
    clock.advance(5)
    moved(movable, YEAR_S)
    clock.advance(7)

    assert movable.now_us() == began_us + (12 + YEAR_S) * 1_000_000
    assert movable.ahead_us == YEAR_S * 1_000_000
    assert movable.monotonic() == 12 + YEAR_S
    assert movable.now().isoformat() == "2027-01-01T00:00:12+00:00"


def test_while_it_is_held_it_stands_and_then_runs_on_from_there(
    clock: ManualClock, movable: MovableClock
) -> None:
    with movable.held():
        held_us = movable.now_us()
        clock.advance(60)
        assert movable.now_us() == held_us
    assert movable.now_us() == held_us
    clock.advance(1)
    assert movable.now_us() == held_us + 1_000_000


def test_it_never_goes_back(movable: MovableClock) -> None:
    with movable.held(), pytest.raises(ValueError, match="forward"):
        movable.move(movable.now_us() - 1)
    with pytest.raises(ValueError, match="held"):
        movable.move(movable.now_us() + 1)


async def test_whoever_sleeps_wakes_by_real_time_or_by_a_move(
    clock: ManualClock, movable: MovableClock
) -> None:
    short, long = (asyncio.ensure_future(movable.sleep(seconds)) for seconds in (10, YEAR_S))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance(10)
    await short
    moved(movable, YEAR_S - 11)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not long.done()
    moved(movable, 1)
    await long


async def test_a_wait_of_nothing_only_yields(movable: MovableClock) -> None:
    await movable.sleep(0)
    await movable.sleep(-1)


async def test_a_sleeper_that_is_cancelled_leaves_nothing_behind(movable: MovableClock) -> None:
    sleeper = asyncio.ensure_future(movable.sleep(10))
    await asyncio.sleep(0)
    sleeper.cancel()
    await asyncio.gather(sleeper, return_exceptions=True)
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == {asyncio.current_task()}
