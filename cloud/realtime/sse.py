"""The event log as Server-Sent Events (WHATWG HTML, section 9.2), resumable by `Last-Event-ID`.

Every client takes its frames from one tail of the log. A slow client costs nobody else anything.
"""

import asyncio
from collections.abc import AsyncIterator

from cloud.errors import Unavailable
from cloud.kit.events import Event, EventLog
from cloud.realtime.stopping import told_before_the_server
from cloud.realtime.tail import Tail
from shared.clock import Clock, rfc3339
from shared.units import MICROS_PER_SECOND

TYPES = (
    "heartbeat",
    "node_data",
    "schedule",
    "energy_mint",
    "transfer",
    "price",
    "trade",
    "defi_stake",
    "flash_loan",
    "depin_register",
)
"""What the public stream carries; other events of the log are internal."""

CLIENTS_MAX = 500
KEEP_ALIVE_S = 15.0
KEEP_ALIVE = b": keep-alive\n\n"


class EventStream:
    """A worker, and the streams that it feeds."""

    def __init__(self, *, events: EventLog, clock: Clock, clients_max: int = CLIENTS_MAX) -> None:
        self._events = events
        self._clock = clock
        self._clients_max = clients_max
        self._tail = Tail(events, types=TYPES, frame=_frame)
        self._closed = False
        self.clients = 0

    async def run(self) -> None:
        """Read until cancelled; every stream ends then, or as soon as the process is told to stop."""
        with told_before_the_server(self.close):
            try:
                await self._tail.run()
            finally:
                self.close()

    def close(self) -> None:
        """End every stream now and refuse new ones."""
        self._closed = True
        self._tail.wake()

    async def open(self, after: int | None) -> AsyncIterator[bytes]:
        """Frames of the events above `after`; None: of those to come.

        Raises:
            Unavailable: too many clients, or the service is stopping.
        """
        if self._closed:
            raise Unavailable("the service is stopping")
        if self.clients >= self._clients_max:
            raise Unavailable(f"the event stream serves {self._clients_max} clients already; try again later")
        last_id = await self._events.last_id()
        return self._stream(last_id if after is None else min(after, last_id))

    async def _stream(self, position: int) -> AsyncIterator[bytes]:
        if self.clients >= self._clients_max:
            return
        self.clients += 1
        try:
            yield b": connected\n\n"
            while not self._closed:
                news = self._tail.news
                frames, position = await self._tail.next(position)
                if frames:
                    yield b"".join(frames)
                elif not await self._wait(news):
                    yield KEEP_ALIVE
        finally:
            self.clients -= 1

    async def _wait(self, news: asyncio.Event) -> bool:
        """Whether there is news before a keep-alive is due."""
        waiting = asyncio.ensure_future(news.wait())
        due = asyncio.ensure_future(self._clock.sleep(KEEP_ALIVE_S))
        try:
            await asyncio.wait({waiting, due}, return_when=asyncio.FIRST_COMPLETED)
            return waiting.done()
        finally:
            waiting.cancel()
            due.cancel()


def _frame(event: Event) -> bytes:
    timestamp = rfc3339(event.at_us // MICROS_PER_SECOND * MICROS_PER_SECOND)
    data = f'{{"timestamp":"{timestamp}","type":"{event.type}","payload":{event.payload}}}'
    return f"id: {event.id}\ndata: {data}\n\n".encode()
