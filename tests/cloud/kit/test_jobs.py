"""Jobs come round on the service's own clock."""

import asyncio
from datetime import UTC, datetime

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from cloud.errors import Unavailable
from cloud.kit.jobs import Job, Jobs
from shared.clock import ManualClock


class Diary:
    """Notes when it was run; fails as often as told."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.times: list[str] = []
        self.failures: list[Exception] = []

    async def run(self) -> None:
        self.times.append(self._clock.now().isoformat().removesuffix("+00:00"))
        if self.failures:
            raise self.failures.pop()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC))


@pytest.fixture
def diary(clock) -> Diary:
    return Diary(clock)


@pytest.fixture
async def start(clock, diary):
    running = []

    async def start(trigger) -> Jobs:
        jobs = Jobs(clock, [Job("diary", trigger, diary.run)])
        running.append(asyncio.create_task(jobs.run()))
        await settle()
        return jobs

    yield start
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_job_runs_at_once_and_then_at_each_interval(clock, diary, start):
    await start(IntervalTrigger(seconds=10, timezone=UTC))
    for _ in range(20):
        clock.advance(1)
        await settle()

    assert diary.times == ["2026-01-31T23:59:30", "2026-01-31T23:59:40", "2026-01-31T23:59:50"]


async def test_a_cron_job_runs_at_once_and_then_when_the_calendar_says(clock, diary, start):
    await start(CronTrigger(day=1, hour=0, minute=5, timezone=UTC))
    for _ in range(24 * 60):
        clock.advance(60)
        await settle()

    assert diary.times == ["2026-01-31T23:59:30", "2026-02-01T00:05:30"]


async def test_times_that_were_missed_are_made_up_by_one_run(clock, diary, start):
    await start(IntervalTrigger(seconds=1, timezone=UTC))
    clock.advance(10 * 365 * 86_400)
    await settle()
    clock.advance(1)
    await settle()

    assert diary.times == ["2026-01-31T23:59:30", "2036-01-29T23:59:30", "2036-01-29T23:59:31"]


async def test_a_clock_that_is_set_meanwhile_is_noticed(clock, diary, start):
    await start(CronTrigger(day=1, hour=0, minute=5, timezone=UTC))
    clock.step_wall(600)
    clock.advance(60)
    await settle()

    assert diary.times == ["2026-01-31T23:59:30", "2026-02-01T00:10:30"]


async def test_a_job_that_is_refused_is_tried_at_its_next_time(clock, diary, start, caplog):
    diary.failures = [Unavailable("disk full"), Unavailable("disk full")]
    jobs = await start(IntervalTrigger(seconds=10, timezone=UTC))
    assert jobs.failures == {"diary": 1}

    clock.advance(10)
    await settle()
    assert jobs.failures == {"diary": 2}

    clock.advance(10)
    await settle()
    assert jobs.failures == {}
    assert len(diary.times) == 3
    assert [record.levelname for record in caplog.records if "job failed" in record.message] == ["WARNING"]


async def test_a_defect_ends_the_worker(clock, diary):
    diary.failures = [LookupError()]

    with pytest.raises(ExceptionGroup) as raised:
        await Jobs(clock, [Job("diary", IntervalTrigger(seconds=1, timezone=UTC), diary.run)]).run()
    assert raised.group_contains(LookupError)


async def test_first_runs_are_over_when_the_slowest_is(clock, diary):
    goes_on = asyncio.Event()
    every = IntervalTrigger(seconds=10, timezone=UTC)
    diary.failures = [Unavailable("disk full")]
    jobs = Jobs(clock, [Job("diary", every, diary.run), Job("slow", every, goes_on.wait)])
    running = asyncio.create_task(jobs.run())
    await settle()
    assert not jobs.had_first_runs.is_set()

    goes_on.set()
    await settle()
    assert jobs.had_first_runs.is_set()
    running.cancel()
