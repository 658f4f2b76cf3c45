"""A clock that an application can move forward. It runs on with the real one in between."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from shared.clock import Clock, from_micros
from shared.units import MICROS_PER_SECOND


class MovableClock:
    """A `Clock` ahead of another one. Whoever sleeps on it wakes when it is moved past their time."""

    def __init__(self, real: Clock, *, ahead_us: int = 0) -> None:
        self._real = real
        self._ahead_us = ahead_us
        self._moved_us = 0
        self._held_us: int | None = None
        self._moved = asyncio.Event()

    @property
    def ahead_us(self) -> int:
        """How far it is ahead of the real one, as of now."""
        return self.now_us() - self._real.now_us()

    def now(self) -> datetime:
        return from_micros(self.now_us())

    def now_us(self) -> int:
        return self._real.now_us() + self._ahead_us if self._held_us is None else self._held_us

    def monotonic(self) -> float:
        return self._monotonic_us() / MICROS_PER_SECOND

    async def sleep(self, seconds: float) -> None:
        due_us = self._monotonic_us() + round(seconds * MICROS_PER_SECOND)
        if seconds <= 0:
            await asyncio.sleep(0)
        while (left_us := due_us - self._monotonic_us()) > 0:
            await self._real_time_or_a_move(left_us)

    def pause(self, seconds: float) -> None:
        self._real.pause(seconds)

    def start_ahead(self, ahead_us: int) -> None:
        """Before anybody reads it: as far ahead as it was when it was last used."""
        self._ahead_us = ahead_us

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside it stands still but for `move`; afterwards it runs on from where it stands."""
        self._held_us = self.now_us()
        try:
            yield
        finally:
            self._ahead_us = self._held_us - self._real.now_us()
            self._held_us = None

    def move(self, to_us: int) -> None:
        """Forward, while it is held; epoch microseconds.

        Raises:
            ValueError: backwards, or it is not held.
        """
        if self._held_us is None or to_us < self._held_us:
            raise ValueError(f"the clock is moved forward, while it is held: {self._held_us} to {to_us}")
        self._moved_us += to_us - self._held_us
        self._held_us = to_us
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def _monotonic_us(self) -> int:
        return round(self._real.monotonic() * MICROS_PER_SECOND) + self._moved_us

    async def _real_time_or_a_move(self, left_us: int) -> None:
        waits = {
            asyncio.ensure_future(self._real.sleep(left_us / MICROS_PER_SECOND)),
            asyncio.ensure_future(self._moved.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
