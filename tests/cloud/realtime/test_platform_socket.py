"""`/v1/ws` at a real server, and the list for those who missed some."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from websockets import ClientConnection, ConnectionClosed, connect

from cloud.realtime import platform_socket
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.realtime.test_market_socket import Served, serving


class Member:
    def __init__(self, user_id: str, token: str) -> None:
        self.user_id = user_id
        self.token = token
        self.headers = {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def served(settings: Settings, clock: ManualClock) -> AsyncIterator[Served]:
    async with serving(settings, clock) as found:
        yield found


async def register(served: Served, name: str) -> Member:
    wish = {
        "email": f"{name}@example.com",
        "password": "securepass123",
        "name": name,
        "user_type": "consumer",
    }
    async with httpx.AsyncClient(base_url=f"http://{served.address}") as client:
        token = (await client.post("/api/v1/auth/register", json=wish)).json()["access_token"]
        me = await client.get("/v1/user/me", headers={"Authorization": f"Bearer {token}"})
    return Member(me.json()["data"]["id"], token)


@pytest.fixture
async def ana(served: Served) -> Member:
    return await register(served, "ana")


def live(served: Served) -> connect:
    return connect(f"ws://{served.address}/v1/ws", max_queue=None)


async def say(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def hear(client: ClientConnection) -> dict[str, Any]:
    return json.loads(await client.recv())


async def closing(client: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


async def announce(served: Served, type_: str, payload: object) -> int:
    async with served.parts.store.write() as tx:
        await served.parts.events.announce(tx, type_, payload)
    return await served.parts.events.last_id()


async def invested(served: Served, who: Member) -> int:
    payload = {"investment_id": "inv_1", "project_id": "prj_x", "amount": 5, "user_id": who.user_id}
    return await announce(served, "investment.completed", payload)


async def has_project(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_project(project_id: str) -> bool:
        return project_id.startswith("prj_")

    monkeypatch.setattr(served.parts.services.platform_socket, "is_project", is_project)


async def authenticated(client: ClientConnection, who: Member) -> None:
    await say(client, type="auth", token=who.token)
    found = await hear(client)
    assert (found["type"], found["data"]["user_id"]) == ("authenticated", who.user_id)
    assert "seq" not in found


async def test_own_investments_update_the_portfolio_and_nobody_elses(served, ana) -> None:
    ben = await register(served, "ben")
    async with live(served) as client:
        await authenticated(client, ana)
        await say(client, type="subscribe", channel="portfolio")
        assert (await hear(client))["type"] == "subscribed"
        await invested(served, ben)
        own = await invested(served, ana)
        assert await hear(client) == {
            "type": "portfolio_update",
            "seq": own,
            "timestamp": "2026-01-01T00:00:00Z",
            "data": {"total_value": 0, "total_return": 0, "return_percentage": 0},
        }


async def test_a_projects_updates_are_as_documented(served, ana, monkeypatch) -> None:
    await has_project(served, monkeypatch)
    async with live(served) as client:
        await authenticated(client, ana)
        await say(client, type="subscribe", channel="project", project_id="prj_sunrise_solar")
        await hear(client)
        told = {
            "project_id": "prj_sunrise_solar",
            "update_type": "funding_milestone",
            "funding_percentage": 75,
        }
        await announce(served, "project.update", told | {"project_id": "prj_other"})
        await announce(served, "project.update", told)
        assert (await hear(client))["data"] == told
        await announce(served, "project.funded", {"project_id": "prj_sunrise_solar", "currency": "USD"})
        assert (await hear(client))["data"] == {
            "project_id": "prj_sunrise_solar",
            "update_type": "funded",
            "funding_percentage": 100,
        }


async def test_what_was_missed_is_told_after_a_reconnect_in_order_and_once(served, ana, monkeypatch) -> None:
    await has_project(served, monkeypatch)
    ids = [await announce(served, "project.update", {"project_id": "prj_x", "n": n}) for n in range(5)]
    for way in ("subscribe", "resume"):
        async with live(served) as client:
            await authenticated(client, ana)
            after = {"after": ids[1]} if way == "subscribe" else {}
            await say(client, type="subscribe", channel="project", project_id="prj_x", **after)
            if way == "resume":
                await say(client, type="resume", after=ids[1])
            await hear(client)
            assert [(await hear(client))["seq"] for _ in ids[2:]] == ids[2:]
            ids.append(await announce(served, "project.update", {"project_id": "prj_x"}))
            assert (await hear(client))["seq"] == ids[-1]


async def test_what_happens_during_a_replay_is_told_once(served, ana, monkeypatch) -> None:
    await has_project(served, monkeypatch)
    ids = [await announce(served, "project.update", {"project_id": "prj_x", "n": n}) for n in range(3)]
    events = served.parts.services.platform_socket.events
    read = events.after

    async def after(event_id: int, *, limit: int = 0, **how: Any) -> Any:
        if limit > platform_socket.RESUMED_EVENTS_MAX:
            ids.append(await announce(served, "project.update", {"project_id": "prj_x"}))
        return await read(event_id, **how, **({"limit": limit} if limit else {}))

    monkeypatch.setattr(events, "after", after)
    async with live(served) as client:
        await authenticated(client, ana)
        await say(client, type="subscribe", channel="project", project_id="prj_x", after=ids[0])
        assert (await hear(client))["type"] == "subscribed"
        heard = [(await hear(client))["seq"] for _ in range(3)]
        ids.append(await announce(served, "project.update", {"project_id": "prj_x"}))
        heard.append((await hear(client))["seq"])
    assert heard == ids[1:]


async def test_who_asks_again_and_again_for_what_was_missed_is_closed(served, ana) -> None:
    async with live(served) as client:
        await authenticated(client, ana)
        for _ in range(2):
            for _ in range(platform_socket.REPLAYS_MAX):
                await say(client, type="resume", after=0)
            await say(client, type="ping")
            assert (await hear(client))["type"] == "pong"
            served.clock.advance(platform_socket.REPLAYS_WITHIN_S)
        for _ in range(platform_socket.REPLAYS_MAX):
            await say(client, type="resume", after=0)
        served.clock.advance(platform_socket.REPLAYS_WITHIN_S - 1)
        await say(client, type="resume", after=0)
        assert await closing(client) == 1008


async def test_all_channels_that_a_connection_may_have_catch_up_at_once(served, ana, monkeypatch) -> None:
    await has_project(served, monkeypatch)
    last = await announce(served, "project.update", {"project_id": "prj_0"})
    async with live(served) as client:
        await authenticated(client, ana)
        for n in range(platform_socket.CHANNELS_MAX):
            await say(client, type="subscribe", channel="project", project_id=f"prj_{n}", after=last - 1)
        await say(client, type="resume", after=last - 1)
        await say(client, type="ping")
        heard = [(await hear(client))["type"] for _ in range(platform_socket.CHANNELS_MAX + 3)]
    assert (heard.count("subscribed"), heard.count("project_update"), heard[-1]) == (100, 2, "pong")


async def test_an_unknown_project_is_an_error_and_the_connection_stays(served, ana) -> None:
    async with live(served) as client:
        await authenticated(client, ana)
        await say(client, type="subscribe", channel="project", project_id="prj_nothing")
        assert (await hear(client))["code"] == "RESOURCE_NOT_FOUND"
        await say(client, type="ping")
        assert (await hear(client))["type"] == "pong"


async def test_without_a_token_within_ten_seconds_it_is_closed(served) -> None:
    async with live(served) as client:
        pong = await client.ping()
        await pong
        served.clock.advance(platform_socket.AUTH_WITHIN_S)
        assert await closing(client) == 4401


@pytest.mark.parametrize(
    "message, code",
    [
        ({"type": "auth", "token": "nonsense"}, 4401),
        ({"type": "subscribe", "channel": "portfolio"}, 4401),
        ({"type": "auth"}, 4400),
        ({"type": "sing"}, 4400),
        ("{", 4400),
        ("[" * 5_000, 1009),
        ("[" * 4_000, 4400),
    ],
)
async def test_who_does_not_say_who_they_are_is_closed(served, message, code) -> None:
    async with live(served) as client:
        await client.send(message if isinstance(message, str) else json.dumps(message))
        assert await closing(client) == code


@pytest.mark.parametrize(
    "message",
    [
        {"type": "subscribe", "channel": "nothing"},
        {"type": "subscribe", "channel": "project"},
        {"type": "subscribe", "channel": "portfolio", "project_id": "prj_x"},
        {"type": "subscribe", "channel": "portfolio", "after": -1},
        {"type": "subscribe", "channel": "project", "project_id": "prj_\x00"},
        {"type": "auth", "token": "again"},
    ],
)
async def test_a_message_that_makes_no_sense_closes(served, ana, message) -> None:
    async with live(served) as client:
        await authenticated(client, ana)
        await say(client, **message)
        assert await closing(client) == 4400


async def test_the_connection_ends_with_its_token(served, ana) -> None:
    async with live(served) as client:
        await authenticated(client, ana)
        await say(client, type="ping")
        await hear(client)
        served.clock.advance(29 * 60)
        await say(client, type="ping")
        assert (await hear(client))["type"] == "pong"
        served.clock.advance(60)
        assert await closing(client) == 4401


async def test_a_lacking_scope_closes(served, ana, monkeypatch) -> None:
    from cloud.identity.access import Access
    from cloud.identity.scopes import Scope

    by_token = Access.by_token

    async def narrow(self: Access, token: str) -> Any:
        import msgspec

        found = await by_token(self, token)
        return msgspec.structs.replace(found, scopes=frozenset({Scope.READ_PROJECTS}))

    monkeypatch.setattr(Access, "by_token", narrow)
    async with live(served) as client:
        await authenticated(client, ana)
        await say(client, type="subscribe", channel="portfolio")
        assert await closing(client) == 4403


async def test_who_missed_some_reads_them_page_by_page(served, ana) -> None:
    ben = await register(served, "ben")
    wanted = []
    for n in range(5):
        wanted.append(await invested(served, ana))
        await invested(served, ben)
        wanted.append(await announce(served, "project.update", {"project_id": "prj_x", "n": n}))
    seen, after = [], "0"
    async with httpx.AsyncClient(base_url=f"http://{served.address}", headers=ana.headers) as client:
        for _ in range(10):
            answer = (await client.get("/v1/events", params={"after": after, "limit": 3})).json()
            seen += [event["id"] for event in answer["data"]]
            after = answer["pagination"]["next_after"]
            if not answer["pagination"]["has_more"]:
                break
        assert seen == [f"evt_{id_}" for id_ in wanted]
        assert set(answer["data"][0]) == {"id", "type", "created_at", "data"}
        assert (await client.get("/v1/events", params={"after": "nonsense"})).status_code == 400
    async with httpx.AsyncClient(base_url=f"http://{served.address}") as client:
        assert (await client.get("/v1/events")).status_code == 401
