"""One WebSocket and all of them: who is let in, who is closed, and that a slow client holds nobody up."""

import asyncio
from abc import ABC, abstractmethod
from typing import Any, TypeAlias

from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from cloud.errors import Unavailable
from shared.clock import Clock

SEND_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
REQUEST_BYTES_MAX = 4_096

POLICY_VIOLATION = 1008
MESSAGE_TOO_BIG = 1009
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
"""WebSocket close codes (RFC 6455 and its registry)."""

RESTARTS = "the service restarts"

Socket: TypeAlias = WebSocket[Any, Any, Any]


class Connection(ABC):
    """A client; a subclass says what is talked about."""

    def __init__(self, clock: Clock, socket: Socket) -> None:
        self._clock = clock
        self._socket = socket
        self._sending_since_s: float | None = None
        self._over: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def drop(self, code: int, reason: str) -> None:
        """Close the connection, whatever it does."""
        if not self._over.done():
            self._over.set_result((code, reason))

    def check(self) -> None:
        """Drop a client that takes nothing."""
        since_s = self._sending_since_s
        if since_s is not None and self._clock.monotonic() - since_s > SEND_TIMEOUT_S:
            self.drop(TRY_AGAIN_LATER, "too slow")

    async def run(self) -> None:
        """Talk until dropped or left."""
        talking = asyncio.ensure_future(self._talk())
        try:
            either: set[asyncio.Future[Any]] = {talking, self._over}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._over.done():
                await self._close(*self._over.result())
            else:
                talking.result()
        except (WebSocketDisconnect, OSError):
            return  # it left
        except Unavailable as error:
            await self._close(TRY_AGAIN_LATER, error.message)
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)

    @abstractmethod
    async def _talk(self) -> None:
        """Until the client leaves, or is dropped."""

    async def _close(self, code: int, reason: str) -> None:
        """Say why; a client that takes nothing does not hold us up."""
        saying = asyncio.ensure_future(self._socket.close(code, reason))
        due = asyncio.ensure_future(self._clock.sleep(CLOSE_TIMEOUT_S))
        await asyncio.wait({saying, due}, return_when=asyncio.FIRST_COMPLETED)
        for task in (saying, due):
            task.cancel()
        await asyncio.gather(saying, due, return_exceptions=True)

    async def _send(self, frame: bytes) -> None:
        self._sending_since_s = self._clock.monotonic()
        await self._socket.send_data(frame, mode="text")
        self._sending_since_s = None

    def _said(self, heard: Any) -> bytes | None:
        """A message of the client; None where it is too big, for which it is dropped."""
        said: bytes = heard.get("bytes") or (heard.get("text") or "").encode()
        if len(said) <= REQUEST_BYTES_MAX:
            return said
        self.drop(MESSAGE_TOO_BIG, f"more than {REQUEST_BYTES_MAX} bytes")
        return None

    @property
    def is_over(self) -> bool:
        return self._over.done()


class Connections:
    """All of one kind."""

    def __init__(self, clients_max: int) -> None:
        self._clients_max = clients_max
        self._clients: set[Connection] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._clients)

    def check(self) -> None:
        """Drop those that take nothing."""
        for client in self._clients:
            client.check()

    def close(self) -> None:
        """Close every client now, and whoever comes."""
        self._closed = True
        for client in self._clients:
            client.drop(SERVICE_RESTART, RESTARTS)

    async def serve(self, socket: Socket, client: Connection) -> None:
        """One client, until either side closes."""
        await socket.accept()
        if self._closed:
            await socket.close(SERVICE_RESTART, RESTARTS)
            return
        if len(self._clients) >= self._clients_max:
            await socket.close(TRY_AGAIN_LATER, f"{self._clients_max} clients already")
            return
        self._clients.add(client)
        try:
            await client.run()
        finally:
            self._clients.discard(client)


async def either(hearing: asyncio.Future[Any], news: asyncio.Event) -> None:
    """Wait for whatever comes first."""
    waiting = asyncio.ensure_future(news.wait())
    try:
        await asyncio.wait({hearing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
