"""The accelerated time of `lumengrid up --speed`: agreed between its processes, never stepping back."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from lumengrid.processes import CLOCK_VARIABLE
from shared.clock import ScaledClock

SAVE_PERIOD_S = 2.0


class _Reached(Struct, frozen=True, kw_only=True):
    reached_us: int
    """A moment no earlier run has passed."""


class SimulatedTime:
    """One anchor for all processes, remembered in a file so that the next run goes on behind it."""

    def __init__(self, path: Path, speed: float) -> None:
        self._path = path
        self._speed = speed
        self._anchor_us = time.time_ns() // 1_000
        self._start_us = max(self._anchor_us, self._remembered())
        self._clock = ScaledClock(speed=speed, anchor_us=self._anchor_us, start_us=self._start_us)

    def environ(self) -> dict[str, str]:
        """What the processes need; empty at normal speed in the present, where the system's clock serves."""
        if self._speed == 1 and self._start_us == self._anchor_us:
            return {}
        return {CLOCK_VARIABLE: f"{self._speed},{self._anchor_us},{self._start_us}"}

    async def keep(self) -> None:
        """Remember, every two seconds and until cancelled, how far time has come, with a margin."""
        while self.environ():
            self.save(margin_s=2 * SAVE_PERIOD_S)
            await asyncio.sleep(SAVE_PERIOD_S)

    def save(self, *, margin_s: float = 0.0) -> None:
        """Remember the present moment; `margin_s` in real seconds."""
        if self.environ():
            reached_us = self._clock.now_us() + int(margin_s * self._speed * 1e6)
            self._path.write_bytes(msgspec.json.encode(_Reached(reached_us=reached_us)))

    def _remembered(self) -> int:
        with suppress(FileNotFoundError, msgspec.DecodeError):
            return msgspec.json.decode(self._path.read_bytes(), type=_Reached).reached_us
        return 0
