"""The event stream: its frames, resuming, keep-alive, bounds, and its end."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

import pytest

from cloud.errors import Unavailable
from cloud.kit.events import EventLog
from cloud.realtime import sse
from cloud.realtime.sse import EventStream
from cloud.realtime.tail import Tail


@pytest.fixture
async def stream(events: EventLog, clock) -> AsyncIterator[EventStream]:
    found = EventStream(events=events, clock=clock, clients_max=3)
    worker = asyncio.create_task(found.run())
    await _reading(found)
    yield found
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def _reading(stream: EventStream) -> None:
    while not stream._tail.is_reading:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def announce(store, events: EventLog, type_: str, payload: object) -> int:
    async with store.write() as tx:
        await events.announce(tx, type_, payload)
    return await events.last_id()


async def take(frames: AsyncIterator[bytes], count: int) -> list[tuple[int, dict[str, object]]]:
    """The next events of a stream; comments are passed over."""
    found: list[tuple[int, dict[str, object]]] = []
    while len(found) < count:
        chunk = await asyncio.wait_for(anext(frames), 40)
        for frame in chunk.decode().split("\n\n"):
            if frame and not frame.startswith(":"):
                id_, data = frame.split("\n")
                assert id_.startswith("id: ")
                assert data.startswith("data: ")
                found.append((int(id_[4:]), json.loads(data[6:])))
    return found


async def test_a_frame_is_as_documented(stream, store, events) -> None:
    async with aclosing(await stream.open(None)) as frames:
        assert (await anext(frames)).startswith(b":")
        payload = {"device_id": "rpi-4b-prod-01", "status": "heartbeat"}
        id_ = await announce(store, events, "heartbeat", payload)
        chunk = await asyncio.wait_for(anext(frames), 40)
    assert (
        chunk
        == (
            f'id: {id_}\ndata: {{"timestamp":"2026-01-01T00:00:00Z","type":"heartbeat",'
            '"payload":{"device_id":"rpi-4b-prod-01","status":"heartbeat"}}\n\n'
        ).encode()
    )


async def test_without_an_id_the_stream_begins_with_what_comes_next(stream, store, events) -> None:
    await announce(store, events, "price", {"number": 1})
    async with aclosing(await stream.open(None)) as frames:
        await announce(store, events, "price", {"number": 2})
        [(_, event)] = await take(frames, 1)
    assert event["payload"] == {"number": 2}


async def test_last_event_id_resumes_without_loss_or_repetition(stream, store, events) -> None:
    ids = [await announce(store, events, "price", {"number": number}) for number in range(5)]
    async with aclosing(await stream.open(ids[1])) as frames:
        ids.append(await announce(store, events, "price", {"number": 5}))
        found = await take(frames, 4)
    assert [id_ for id_, _ in found] == ids[2:]


async def test_events_from_before_this_start_of_the_service_can_be_resumed(store, events, clock) -> None:
    ids = [await announce(store, events, "price", {"number": number}) for number in range(3)]
    stream = EventStream(events=events, clock=clock)
    worker = asyncio.create_task(stream.run())
    async with aclosing(await stream.open(0)) as frames:
        found = await take(frames, 3)
        ids.append(await announce(store, events, "price", {"number": 3}))
        found += await take(frames, 1)
    assert [id_ for id_, _ in found] == ids
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def test_a_client_that_falls_behind_what_is_kept_reads_the_log(
    store, events, clock, monkeypatch
) -> None:
    monkeypatch.setattr(sse, "Tail", partial(Tail, frames_kept=3))
    stream = EventStream(events=events, clock=clock)
    worker = asyncio.create_task(stream.run())
    await _reading(stream)
    async with aclosing(await stream.open(None)) as frames:
        await anext(frames)
        ids = [await announce(store, events, "trade", {"number": number}) for number in range(10)]
        found = await take(frames, 10)
    assert [id_ for id_, _ in found] == ids
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def test_internal_events_stay_inside(stream, store, events) -> None:
    async with aclosing(await stream.open(None)) as frames:
        await announce(store, events, "command", {"device_id": "pi-1"})
        await announce(store, events, "trade", {"number": 1})
        [(_, event)] = await take(frames, 1)
    assert event["type"] == "trade"


async def test_a_quiet_stream_is_kept_alive_every_fifteen_seconds(stream, clock) -> None:
    async with aclosing(await stream.open(None)) as frames:
        await anext(frames)
        waiting = asyncio.ensure_future(anext(frames))
        while not clock._sleepers:  # noqa: ASYNC110
            await asyncio.sleep(0)
        clock.advance(14.9)
        await asyncio.sleep(0)
        assert not waiting.done()
        clock.advance(0.2)
        assert await asyncio.wait_for(waiting, 40) == b": keep-alive\n\n"


async def test_there_is_room_for_so_many_clients_and_a_place_is_given_back(stream) -> None:
    open_streams = [await stream.open(None) for _ in range(3)]
    for frames in open_streams:
        await anext(frames)
    with pytest.raises(Unavailable, match="3 clients"):
        await stream.open(None)
    await open_streams.pop().aclose()
    await (await stream.open(None)).aclose()
    for frames in open_streams:
        await frames.aclose()
    assert stream.clients == 0


async def test_closing_ends_every_stream_at_once(stream) -> None:
    frames = await stream.open(None)
    await anext(frames)
    waiting = asyncio.ensure_future(anext(frames, None))
    await asyncio.sleep(0)
    stream.close()
    assert await asyncio.wait_for(waiting, 40) is None
    with pytest.raises(Unavailable):
        await stream.open(None)


async def test_streams_end_at_sigterm_before_the_server_waits_for_them(events, clock) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    try:
        stream = EventStream(events=events, clock=clock)
        worker = asyncio.create_task(stream.run())
        await _reading(stream)
        frames = await stream.open(None)
        await anext(frames)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(anext(frames, None), 40) is None
        assert heard == [signal.SIGTERM], "the server hears it too"
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    finally:
        signal.signal(signal.SIGTERM, before)
