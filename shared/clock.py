"""Time as a parameter: facts are stamped with `now`, durations are measured with `monotonic`.

Everything that needs time is given a `Clock`; `datetime.now` and `time.time` appear nowhere else.
"""

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol, runtime_checkable

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """Epoch microseconds of an aware moment, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """The aware UTC moment of epoch microseconds, exactly."""
    return EPOCH + timedelta(microseconds=micros)


def rfc3339(micros: int) -> str:
    """`2026-02-23T09:56:48Z`; the fraction appears only where there is one."""
    seconds, fraction = divmod(micros, 1_000_000)
    return f"{_whole_second(seconds)}.{fraction:06}Z" if fraction else f"{_whole_second(seconds)}Z"


@lru_cache(maxsize=64)
def _whole_second(seconds: int) -> str:
    """Mostly it is now: what happens together has the second in common."""
    return (EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")


@runtime_checkable
class Clock(Protocol):
    """What a part of the program may know about time."""

    def now(self) -> datetime:
        """Wall time, aware UTC. May step; never use it for durations."""
        ...

    def now_us(self) -> int:
        """Wall time in epoch microseconds."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never steps back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the event loop."""
        ...

    def pause(self, seconds: float) -> None:
        """Block the calling thread: for drivers that wait on a chip."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def now_us(self) -> int:
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)


class ScaledClock:
    """A clock that runs `speed` times as fast from a shared anchor.

    Processes given the same anchor agree on the time without talking to each other.
    `anchor_us` is the wall time (epoch microseconds) at which simulated and real time were `start_us`
    and `anchor_us` respectively.
    """

    def __init__(self, *, speed: float, anchor_us: int, start_us: int | None = None) -> None:
        if not speed > 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self.speed = speed
        self._anchor_us = anchor_us
        self._start_us = anchor_us if start_us is None else start_us

    def now(self) -> datetime:
        return from_micros(self.now_us())

    def now_us(self) -> int:
        elapsed_us = time.time_ns() // 1_000 - self._anchor_us
        return self._start_us + int(elapsed_us * self.speed)

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)


class ManualClock:
    """A clock that moves only when told, for tests; it ships with the product so that users can test too."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now_us = to_micros(start)
        self._monotonic_us = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return from_micros(self._now_us)

    def now_us(self) -> int:
        return self._now_us

    def monotonic(self) -> float:
        return self._monotonic_us / 1e6

    async def sleep(self, seconds: float) -> None:
        """Return once `advance` has moved past the due time; a wait of 0 only yields."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic_us + round(seconds * 1e6), next(self._order), waiter))
        await waiter

    def pause(self, seconds: float) -> None:
        """Advance by the pause itself: the caller is the only one waiting."""
        self._move(round(seconds * 1e6))

    def advance(self, seconds: float) -> None:
        """Move wall and monotonic time together and wake every sleeper that is due, in due order."""
        self._move(round(seconds * 1e6))

    def step_wall(self, seconds: float) -> None:
        """Step wall time alone (either way), as NTP or a person does; monotonic time is untouched."""
        self._now_us += round(seconds * 1e6)

    def _move(self, micros: int) -> None:
        self._now_us += micros
        self._monotonic_us += micros
        while self._sleepers and self._sleepers[0][0] <= self._monotonic_us:
            _, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                waiter.set_result(None)
