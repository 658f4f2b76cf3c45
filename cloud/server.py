"""How the application is served: uvicorn with what a service that lives long and answers shortly gains by."""

import asyncio
import gc

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MESSAGE_BYTES_MAX = 65_536
"""Of a WebSocket client; more is refused unread."""

HELD_BYTES_MAX = 65_536
"""What waits to be written; above this the network's own buffer, which slows its writers, has it at once."""

GC_THRESHOLDS = (20_000, 20, 50)
"""Requests leave few cycles behind: Python's own 700 has the collector run for every other order."""


def serve(app: Litestar, *, host: str, port: int) -> None:
    """Until SIGTERM or SIGINT."""
    settle_down()
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=OneWrite,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # messages are small; packing each for every client doubles its cost
        proxy_headers=False,
        server_header=False,
    )


def settle_down() -> None:
    """Take what stays as long as the process does out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


class OneWrite(HttpToolsProtocol):
    """An answer leaves with one system call and in one packet, where uvicorn writes head and body apart."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._bare = transport
        self.transport = _Joining(transport, self.loop)

    def handle_websocket_upgrade(self) -> None:
        self.transport = self._bare
        super().handle_websocket_upgrade()


class _Joining(asyncio.Transport):
    """What uvicorn uses of a transport; what it writes in one go is written together."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes | bytearray | memoryview] = []
        self._held_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > HELD_BYTES_MAX:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._held:
            self._transport.writelines(self._held)
            self._held, self._held_bytes = [], 0
