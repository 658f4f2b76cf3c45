"""The newest public events as frames, read from the log once for all who stream them.

Every stream keeps its own position and takes what lies above it from here; only one that is further behind
reads the log itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence
from itertools import takewhile
from typing import Generic, TypeVar

from cloud.kit.events import Event, EventLog

T = TypeVar("T")

FRAMES_KEPT = 2_000


class Tail(Generic[T]):
    """Follows the log while `run` does."""

    def __init__(
        self,
        events: EventLog,
        *,
        types: Collection[str],
        frame: Callable[[Event], T],
        frames_kept: int = FRAMES_KEPT,
    ) -> None:
        self._events = events
        self._types = types
        self._frame = frame
        self._frames: deque[tuple[int, T]] = deque(maxlen=frames_kept)
        self._kept_after: int | None = None
        """Every event of the types above this id is in `_frames`; None: not reading yet."""
        self.news = asyncio.Event()
        """Set when there is more or `wake` was called, and replaced by a new one."""

    async def run(self) -> None:
        """Read until cancelled."""
        start = await self._events.last_id()
        self._kept_after = start
        async for batch in self._events.follow(start, types=self._types):
            self._keep(batch)

    @property
    def is_reading(self) -> bool:
        return self._kept_after is not None

    async def next(self, position: int) -> tuple[Sequence[T], int]:
        """Frames above the position that can be had at once, oldest first, and the new position."""
        kept_after = self._kept_after
        if kept_after is not None and position >= kept_after:
            newest_first = takewhile(lambda kept: kept[0] > position, reversed(self._frames))
            newer = [frame for _, frame in newest_first][::-1]
            return newer, self._frames[-1][0] if newer else position
        batch = await self._events.after(position, types=self._types)
        if batch:
            return [self._frame(event) for event in batch], batch[-1].id
        # None lies between: the frames kept here go on.
        return [], position if kept_after is None else max(position, kept_after)

    def wake(self) -> None:
        """Wake everyone who waits now, and let the next wait for the next."""
        woken, self.news = self.news, asyncio.Event()
        woken.set()

    def _keep(self, batch: Sequence[Event]) -> None:
        for event in batch:
            if len(self._frames) == self._frames.maxlen:
                self._kept_after = self._frames[0][0]
            self._frames.append((event.id, self._frame(event)))
        self.wake()
