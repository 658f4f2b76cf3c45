"""The event log: written with its cause, followed from anywhere, resumed after anything."""

import asyncio

import pytest
from msgspec import Struct

from cloud.kit.events import EventLog, latest


class Price(Struct, frozen=True):
    xlm: float


async def announce(store, events, type_, payload):
    async with store.write() as tx:
        await events.announce(tx, type_, payload)


async def test_events_come_in_the_order_of_commits_with_their_time(store, events, clock):
    await announce(store, events, "price", {"xlm": 1})
    clock.advance(1)
    await announce(store, events, "trade", {"kwh": 2})

    found = await events.after(0)

    assert [(event.id, event.type, event.payload) for event in found] == [
        (1, "price", '{"xlm":1}'),
        (2, "trade", '{"kwh":2}'),
    ]
    assert found[1].at_us - found[0].at_us == 1_000_000
    assert await events.last_id() == 2


async def test_an_event_of_a_use_case_that_failed_never_was(store, events):
    async def fails():
        async with store.write() as tx:
            await events.announce(tx, "price", {})
            raise LookupError

    await asyncio.gather(fails(), return_exceptions=True)

    assert await events.after(0) == []
    assert await events.last_id() == 0


async def test_a_follower_gets_what_is_there_then_each_new_one(store, events):
    await announce(store, events, "price", {"n": 1})
    followed = events.follow(0)

    first = await anext(followed)
    coming = asyncio.ensure_future(anext(followed))
    await asyncio.sleep(0)
    await announce(store, events, "price", {"n": 2})
    second = await asyncio.wait_for(coming, 40)
    await followed.aclose()

    assert [event.id for event in first] == [1]
    assert [event.id for event in second] == [2]


async def test_a_follower_does_not_read_for_events_of_other_types(store, clock):
    nothing_left = asyncio.Event()

    class Counting(EventLog):
        reads = 0

        async def after(self, *args, **kwargs):
            self.reads += 1
            found = await super().after(*args, **kwargs)
            if not found:
                nothing_left.set()
            return found

    events = Counting(store, clock)
    await announce(store, events, "price", {"n": 1})
    followed = events.follow(0, types=("price", "heartbeat"))
    await anext(followed)
    coming = asyncio.ensure_future(anext(followed))
    await asyncio.wait_for(nothing_left.wait(), 40)
    await announce(store, events, "trade", {"n": 2})
    await announce(store, events, "trade", {"n": 3})
    before = events.reads
    await announce(store, events, "price", {"n": 4})
    found = await asyncio.wait_for(coming, 40)
    await followed.aclose()

    assert [event.payload for event in found] == ['{"n":4}']
    assert (before, events.reads) == (2, 3)
    assert not events._waiters


async def test_a_follower_that_comes_back_misses_nothing_and_gets_nothing_twice(store, events, clock):
    for number in range(1, 6):
        await announce(store, events, "price", {"n": number})
    followed = events.follow(2)
    batch = await anext(followed)
    await followed.aclose()

    assert [event.id for event in batch] == [3, 4, 5]
    restarted = EventLog(store, clock).follow(batch[1].id)
    assert [event.id for event in await anext(restarted)] == [5]
    await restarted.aclose()


async def test_an_event_between_two_looks_is_not_slept_through(store, events):
    followed = events.follow(0)
    for number in range(1, 30):
        coming = asyncio.ensure_future(anext(followed))
        await announce(store, events, "price", {"n": number})
        assert [event.id for event in await asyncio.wait_for(coming, 40)] == [number]
    await followed.aclose()


async def test_a_follower_of_some_types_sleeps_through_the_others(store, events):
    followed = events.follow(0, types=["trade"])
    coming = asyncio.ensure_future(anext(followed))
    await announce(store, events, "price", {})
    await announce(store, events, "trade", {})

    batch = await asyncio.wait_for(coming, 40)
    await followed.aclose()

    assert [event.type for event in batch] == ["trade"]


async def test_a_durable_reader_finds_its_place_again(store, events, clock):
    assert await events.cursor("publisher") == 0
    async with store.write() as tx:
        await events.move_cursor(tx, "publisher", 7)
    async with store.write() as tx:
        await events.move_cursor(tx, "publisher", 9)

    assert await EventLog(store, clock).cursor("publisher") == 9
    assert await events.cursor("another") == 0


async def test_old_events_of_a_type_can_go(store, events, clock):
    await announce(store, events, "heartbeat", {})
    await announce(store, events, "trade", {})
    clock.advance(10)
    await announce(store, events, "heartbeat", {})

    async with store.write() as tx:
        gone = await events.trim(tx, before_us=clock.now_us(), types=["heartbeat"])

    assert gone == 1
    assert [event.id for event in await events.after(0)] == [2, 3]


async def test_a_payload_comes_back_as_what_it_was(store, events):
    await announce(store, events, "price", Price(xlm=7.38))

    async with store.read() as tx:
        newest = await latest(tx, "price")
        nothing = await latest(tx, "trade")

    assert bytes(newest.raw) == b'{"xlm":7.38}'
    assert nothing is None


async def test_a_type_that_is_no_word_is_refused(events):
    with pytest.raises(ValueError, match="event types"):
        await events.after(0, types=["x' OR 1=1 --"])
