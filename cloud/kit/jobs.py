"""Jobs that come round: APScheduler's triggers say when, the service's own clock waits.

A job acts on what its tables say is due and may be run at any time, any number of times, so there is no
state of jobs to keep: after a restart each runs at once, then by its trigger. A run that is late is not
repeated for each time that was missed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from apscheduler.triggers.base import BaseTrigger

from cloud.errors import CloudError
from shared.clock import Clock

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 60.0
"""While a job waits for its time: the wall clock may be set meanwhile."""


class Job(NamedTuple):
    """Something to do over and over."""

    name: str
    trigger: BaseTrigger
    """In UTC: in a zone with summer time a cron trigger fires twice or never."""
    run: Callable[[], Awaitable[object]]


class Jobs:
    """A worker that runs each job beside the others, never one beside itself."""

    def __init__(self, clock: Clock, jobs: Sequence[Job]) -> None:
        self._clock = clock
        self._jobs = tuple(jobs)
        self.failures: dict[str, int] = {}
        """Failed runs of each job since its last good one."""
        self.had_first_runs = asyncio.Event()
        """Set once every job has come to the end of its first run, good or failed."""
        self._first_runs = {job.name for job in jobs}

    async def run(self) -> None:
        """Until cancelled. A job that the store or a rule refuses is tried again at its next time.

        Raises:
            Exception: whatever else a job raises, for it is a defect.
        """
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                group.create_task(self._repeat(job), name=f"job-{job.name}")

    async def _repeat(self, job: Job) -> None:
        while True:
            await self._run(job)
            self._first_runs.discard(job.name)
            if not self._first_runs:
                self.had_first_runs.set()
            now = self._clock.now()
            due = job.trigger.get_next_fire_time(now, now)
            if due is None:
                return
            while now < due:
                await self._clock.sleep(min((due - now).total_seconds(), LOOK_AGAIN_S))
                now = self._clock.now()

    async def _run(self, job: Job) -> None:
        try:
            await job.run()
        except CloudError as error:
            if job.name not in self.failures:
                logger.warning("job failed name=%s error=%s", job.name, error)
            self.failures[job.name] = self.failures.get(job.name, 0) + 1
            return
        failed = self.failures.pop(job.name, 0)
        if failed:
            logger.info("job runs again name=%s failures=%d", job.name, failed)
