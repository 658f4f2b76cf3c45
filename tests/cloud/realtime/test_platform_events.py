"""The platform's events: to whom they go, and that no public stream carries one."""

import asyncio
from contextlib import aclosing

import msgspec
import pytest

from cloud.errors import BadParameter
from cloud.grid import publisher
from cloud.kit.events import Event
from cloud.realtime import market_socket, sse
from cloud.realtime.platform_events import TYPES, EventType, event_number, shown, told
from cloud.realtime.sse import EventStream


def event(type_: str, payload: str, id_: int = 7) -> Event:
    return Event(id=id_, at_us=1_763_217_000_000_000, type=type_, payload=payload)


def test_no_public_stream_lists_a_type_of_the_platform() -> None:
    for public in (sse.TYPES, market_socket.TYPES, publisher.FOLLOWED):
        assert not {str(type_) for type_ in TYPES} & {str(type_) for type_ in public}


@pytest.mark.parametrize("type_", TYPES)
async def test_the_public_stream_passes_over_it_resumed_or_live(store, events, clock, type_) -> None:
    stream = EventStream(events=events, clock=clock)
    worker = asyncio.create_task(stream.run())
    async with store.write() as tx:
        await events.announce(tx, type_, {"user_id": "usr_1", "secret": 1})
    seen = b""
    async with aclosing(await stream.open(0)) as frames:
        assert (await anext(frames)).startswith(b":")
        async with store.write() as tx:
            await events.announce(tx, type_, {"user_id": "usr_1", "secret": 2})
            await events.announce(tx, "price", {"public": True})
        while b"public" not in seen:
            seen += await asyncio.wait_for(anext(frames), 40)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    assert b"secret" not in seen


def test_an_investment_is_its_investors() -> None:
    found = told(
        event("investment.created", '{"investment_id":"inv_a","project_id":"prj_x","user_id":"usr_12"}')
    )
    assert (found.person_id, found.about) == (12, "inv_a")


def test_a_distribution_is_an_object_for_each_person() -> None:
    one = told(
        event("distribution.available", '{"distribution_id":"dist_q","user_id":"usr_1","project_id":"p"}')
    )
    two = told(
        event("distribution.claimed", '{"distribution_id":"dist_q","user_id":"usr_2","project_id":"p"}')
    )
    assert one.about != two.about
    assert (one.person_id, two.person_id) == (1, 2)


@pytest.mark.parametrize("type_", ["project.funded", "project.update"])
def test_what_a_project_does_is_public(type_) -> None:
    found = told(event(type_, '{"project_id":"prj_x"}'))
    assert (found.person_id, found.about) == (None, "prj_x")


@pytest.mark.parametrize("user", ["", ',"user_id":"usr_"', ',"user_id":"12"', ',"user_id":"usr_-1"'])
def test_a_private_event_without_its_person_is_told_to_nobody(user) -> None:
    with pytest.raises(msgspec.ValidationError):
        told(event("investment.created", '{"investment_id":"inv_a"' + user + "}"))


def test_it_is_shown_as_documented() -> None:
    found = shown(event("investment.completed", '{"amount":500.00}'))
    assert msgspec.json.encode(found) == (
        b'{"id":"evt_7","type":"investment.completed","created_at":"2025-11-15T14:30:00Z","data":{"amount":500.00}}'
    )


@pytest.mark.parametrize("name, number", [("evt_12", 12), ("12", 12), ("0", 0)])
def test_an_event_is_named_by_its_id_or_its_number(name, number) -> None:
    assert event_number(name, "after") == number


@pytest.mark.parametrize("name", ["", "evt_", "evt_x", "-1", "1.5", "evt_" + "9" * 19, "\u0662"])
def test_another_name_is_no_event(name) -> None:
    with pytest.raises(BadParameter):
        event_number(name, "after")


@pytest.mark.parametrize("type_", TYPES)
def test_each_type_needs_a_scope(type_: EventType) -> None:
    assert type_.scope.startswith("read_")
