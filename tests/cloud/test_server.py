"""What leaves the service leaves whole, in order and without waiting for more."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
import uvicorn
import websockets
from uvicorn.server import ServerState

from cloud.server import GC_THRESHOLDS, HELD_BYTES_MAX, OneWrite, settle_down
from lumengrid.processes import free_port

ASK = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class _Wire(asyncio.Transport):
    """Keeps apart what came apart; each is one system call on a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed
        self.calls.append(bytes(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def _app(*bodies: bytes, between: Callable[[], Any] | None = None) -> Callable[..., Any]:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        length = str(sum(map(len, bodies))).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        for number, body in enumerate(bodies, 1):
            await send({"type": "http.response.body", "body": body, "more_body": number < len(bodies)})
            if between is not None:
                await between()

    return app


async def _calls(app: Callable[..., Any], asked: bytes = ASK) -> _Wire:
    """The wire after everything is answered."""
    state = ServerState()
    config = uvicorn.Config(app, log_config=None, access_log=False)
    config.load()
    protocol = OneWrite(config, state, {}, asyncio.get_running_loop())
    wire = _Wire()
    protocol.connection_made(wire)
    protocol.data_received(asked)
    while state.tasks:
        await asyncio.gather(*state.tasks)
    await asyncio.sleep(0)
    if protocol.timeout_keep_alive_task is not None:
        protocol.timeout_keep_alive_task.cancel()
    return wire


async def test_head_and_body_leave_with_one_call() -> None:
    (call,) = (await _calls(_app(b"whole"))).calls
    head, body = call.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"whole"


async def test_pieces_of_a_stream_leave_as_they_are_made() -> None:
    wire = await _calls(_app(b"one,", b"two", between=lambda: asyncio.sleep(0)))
    assert [call.rpartition(b"\r\n\r\n")[2] for call in wire.calls] == [b"one,", b"two"]


async def test_nothing_is_held_beyond_its_bound() -> None:
    piece = b"x" * (HELD_BYTES_MAX // 2)
    wire = await _calls(_app(piece, piece, piece, piece))
    assert len(wire.calls) == 2
    assert b"".join(wire.calls).endswith(b"\r\n\r\n" + 4 * piece)


async def test_a_last_answer_is_sent_before_the_line_is_cut() -> None:
    wire = await _calls(_app(b"bye"), ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert wire.closed
    assert b"".join(wire.calls).endswith(b"bye")


async def test_answers_to_requests_that_came_together_keep_their_order() -> None:
    bodies = iter([b"first", b"second", b"third"])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _app(next(bodies))(scope, receive, send)

    sent = b"".join((await _calls(app, 3 * ASK)).calls)
    assert [part.partition(b"HTTP")[0] for part in sent.split(b"\r\n\r\n")[1:]] == [
        b"first",
        b"second",
        b"third",
    ]


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})
        await send({"type": "websocket.close"})

    port = free_port()
    config = uvicorn.Config(app, port=port, http=OneWrite, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    life = asyncio.create_task(server.serve())
    while not (server.started or life.done()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield f"ws://127.0.0.1:{port}"
    server.should_exit = True
    await life


async def test_a_websocket_is_upgraded_to(echo: str) -> None:
    async with websockets.connect(echo) as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"


def test_what_is_there_at_the_start_is_not_searched_for_garbage() -> None:
    before = gc.get_threshold()
    try:
        settle_down()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == GC_THRESHOLDS
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
