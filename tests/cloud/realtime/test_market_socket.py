"""The market socket at a real server: welcome, ticks, resuming, bounds, and its end."""

import asyncio
import base64
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from nacl.signing import SigningKey
from stellar_sdk import StrKey
from websockets import ClientConnection, ConnectionClosed, InvalidStatus, connect

from cloud.app import Parts
from cloud.realtime import connection, market_socket
from cloud.server import MESSAGE_BYTES_MAX
from cloud.settings import Settings
from lumengrid.processes import free_port
from shared.clock import ManualClock
from tests.cloud.applications import application


class Served:
    """A running service, and what its clients need."""

    def __init__(self, parts: Parts, clock: ManualClock, server: uvicorn.Server) -> None:
        self.parts = parts
        self.clock = clock
        self.server = server
        self.address = f"127.0.0.1:{server.config.port}"

    def connect(self, query: str = "", **options: Any) -> connect:
        # With a bounded queue a client that leaves messages unread waits ten seconds for its own close.
        return connect(f"ws://{self.address}/ws/market{query}", **{"max_queue": None} | options)

    async def announce(self, count: int, *, first: int = 0, padding: str = "") -> None:
        """Trades that only the log knows of."""
        async with self.parts.store.write() as tx:
            for number in range(first, first + count):
                payload = {"trade_id": f"t{number}", "padding": padding}
                await self.parts.events.announce(tx, "trade", payload)

    async def look(self) -> None:
        """Let the depth be read once."""
        self.clock.advance(market_socket.LOOK_EVERY_S)
        await self.parts.services.market_socket.look()

    async def sign_in(self, seed: int) -> dict[str, str]:
        """The headers of a person with 10,000 XLM."""
        key = SigningKey(bytes([seed]) * 32)
        digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
        proof = {
            "wallet_address": StrKey.encode_ed25519_public_key(bytes(key.verify_key)),
            "signature": base64.b64encode(key.sign(digest).signature).decode(),
        }
        async with httpx.AsyncClient(base_url=f"http://{self.address}") as client:
            await client.post("/api/v1/auth/signup", json=proof)
            tokens = (await client.post("/api/v1/auth/login", json=proof)).json()
        return {"Authorization": f"Bearer {tokens['access_token']}"}

    async def order(self, person: dict[str, str], side: str, kwh: float, price: float) -> str:
        wish = {"type": side, "kwh_amount": kwh, "token_price": price}
        async with httpx.AsyncClient(base_url=f"http://{self.address}", headers=person) as client:
            answer = await client.post("/api/v1/market/order/create", json=wish)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]


@asynccontextmanager
async def serving(settings: Settings, clock: ManualClock) -> AsyncIterator[Served]:
    async with application(settings, clock) as app:
        config = uvicorn.Config(
            app,
            port=free_port(),
            log_config=None,
            ws_max_size=MESSAGE_BYTES_MAX,
            timeout_graceful_shutdown=3,
        )
        server = uvicorn.Server(config)
        life = asyncio.create_task(server.serve())
        async for _ in turns():
            if server.started or life.done():
                break
        parts: Parts = app.state.parts
        async for _ in turns():
            if parts.services.market_socket.tail.is_reading and await parts.events.last_id():
                break
        try:
            yield Served(parts, clock, server)
        finally:
            server.should_exit = True
            await life


@pytest.fixture
async def served(settings: Settings, clock: ManualClock) -> AsyncIterator[Served]:
    async with serving(settings, clock) as found:
        yield found


async def turns() -> AsyncIterator[None]:
    """For looking again and again, until the test's own time limit."""
    while True:
        yield
        await asyncio.sleep(0.01)


async def hear(client: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(client.recv(), 40))
    return message


async def hear_closing(client: ClientConnection) -> tuple[int, str]:
    """Code and reason, whatever is said before."""
    try:
        while True:
            await hear(client)
    except ConnectionClosed:
        return client.close_code or 0, client.close_reason or ""


async def test_the_welcome_tells_price_depth_and_last_trades(served: Served) -> None:
    ana, ben = await served.sign_in(1), await served.sign_in(2)
    await served.order(ben, "buy", 1.0, 4.0)
    await served.order(ben, "buy", 0.5, 3.9)
    await served.order(ana, "sell", 0.25, 4.0)  # a pledge: matched, not completed
    await served.order(ana, "sell", 2.0, 5.0)
    async with served.connect() as client:
        welcome = await hear(client)
    assert welcome["type"] == "welcome"
    assert welcome["seq"] == await served.parts.events.last_id()
    assert welcome["timestamp"] == "2026-01-01T00:00:00Z"
    state = welcome["payload"]
    assert state["price"]["price"] == state["price"]["breakdown"]["final_price"]
    assert (state["best_bid"], state["best_ask"]) == (4.0, 5.0)
    assert state["depth"] == {
        "bids": [
            {"token_price": 4.0, "kwh_amount": 0.75, "orders": 1},
            {"token_price": 3.9, "kwh_amount": 0.5, "orders": 1},
        ],
        "asks": [{"token_price": 5.0, "kwh_amount": 2.0, "orders": 1}],
    }
    assert state["trades"] == []


async def test_an_empty_market_is_told_as_such(served: Served) -> None:
    async with served.connect() as client:
        state = (await hear(client))["payload"]
    assert (state["best_bid"], state["best_ask"]) == (None, None)
    assert state["depth"] == {"bids": [], "asks": []}


async def test_a_fill_is_told_as_a_trade_and_as_a_change_of_the_depth(served: Served) -> None:
    ana, ben = await served.sign_in(1), await served.sign_in(2)
    bid = await served.order(ben, "buy", 1.0, 4.0)
    async with served.connect() as client:
        await hear(client)
        ask = await served.order(ana, "sell", 0.25, 4.0)
        trade = await hear(client)
        await served.look()
        depth = await hear(client)
    assert trade["type"] == "trade"
    assert trade["seq"] == depth["seq"] == await served.parts.events.last_id()
    assert trade["payload"] == {
        "trade_id": trade["payload"]["trade_id"],
        "buy_order_id": bid,
        "sell_order_id": ask,
        "kwh_amount": 0.25,
        "token_price": 4.0,
        "status": "Matched",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    assert depth["type"] == "depth"
    assert depth["payload"] == {
        "bids": [{"token_price": 4.0, "kwh_amount": 0.75, "orders": 1}],
        "asks": [],
    }


async def test_many_changes_of_the_depth_are_told_as_one_and_a_price_that_is_gone_with_nothing(
    served: Served,
) -> None:
    ana = await served.sign_in(1)
    async with served.connect() as client:
        await hear(client)
        for kwh, price in ((0.1, 4.0), (0.2, 4.0), (0.3, 3.5)):
            await served.order(ana, "buy", kwh, price)
        await served.look()
        first = await hear(client)
        async with httpx.AsyncClient(base_url=f"http://{served.address}", headers=ana) as http:
            for order in (await http.get("/api/v1/market/orders")).json()[:2]:
                await http.post("/api/v1/market/order/cancel", json={"order_id": order["id"]})
        await served.look()
        second = await hear(client)
    assert first["payload"]["bids"] == [
        {"token_price": 4.0, "kwh_amount": 0.3, "orders": 2},
        {"token_price": 3.5, "kwh_amount": 0.3, "orders": 1},
    ]
    assert second["payload"]["bids"] == [{"token_price": 4.0, "kwh_amount": 0, "orders": 0}]


async def test_a_new_price_is_told(served: Served) -> None:
    async with served.connect() as client:
        seq = (await hear(client))["seq"]
        served.clock.advance(61)
        price = await hear(client)
    assert (price["type"], price["seq"]) == ("price", seq + 1)
    assert price["payload"]["timestamp"] == "2026-01-01T00:01:01Z"


async def test_a_thousand_events_are_resumed_without_loss_or_repetition_over_a_restart(
    settings: Settings, clock: ManualClock
) -> None:
    heard: list[int] = []
    trades: list[str] = []

    async def take(client: ClientConnection, count: int) -> None:
        while count:
            message = await hear(client)
            if message["type"] in {"price", "trade"}:
                heard.append(message["seq"])
                if message["type"] == "trade":
                    trades.append(message["payload"]["trade_id"])
                    count -= 1

    async with serving(settings, clock) as served:
        async with served.connect() as client:
            heard.append((await hear(client))["seq"])
            await served.announce(300)
            await take(client, 150)
        await served.announce(300, first=300)
        async with served.connect(f"?after={heard[-1]}") as client:
            assert (await hear(client))["type"] == "welcome"
            assert (await hear(client))["type"] == "resumed"
            await take(client, 250)
    async with serving(settings, clock) as served:
        await served.announce(300, first=600)
        async with served.connect(f"?after={heard[-1]}") as client:
            await take(client, 250)
        async with served.connect() as client:
            await hear(client)
            await client.send(json.dumps({"type": "resume", "after": heard[-1]}))
            await served.announce(100, first=900)
            async for message in client:
                if json.loads(message)["type"] == "resumed":
                    break
            await take(client, 350)
            last_id = await served.parts.events.last_id()
    assert trades == [f"t{number}" for number in range(1_000)]
    assert heard == sorted(set(heard))
    assert heard[-1] == last_id


async def test_a_resume_begins_with_the_state_as_of_now(served: Served) -> None:
    ana = await served.sign_in(1)
    async with served.connect() as client:
        await hear(client)
        await client.send('{"type": "resume", "after": 0}')
        resumed = await hear(client)
        assert (resumed["type"], resumed["seq"]) == ("resumed", 0)
        await served.order(ana, "buy", 1.0, 4.0)
        await client.send('{"type": "resume", "after": 0}')
        while (again := await hear(client))["type"] != "resumed":
            pass
    assert resumed["payload"]["depth"]["bids"] == []
    assert again["payload"]["depth"]["bids"] == [{"token_price": 4.0, "kwh_amount": 1.0, "orders": 1}]


async def test_who_missed_too_much_or_comes_from_elsewhere_gets_a_snapshot(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_socket, "RESUMED_EVENTS_MAX", 10)
    await served.announce(11)
    last_id = await served.parts.events.last_id()
    for after, told in ((last_id - 11, "snapshot"), (last_id + 1, "snapshot"), (last_id - 10, "resumed")):
        async with served.connect(f"?after={after}") as client:
            assert (await hear(client))["type"] == "welcome"
            answer = await hear(client)
            assert answer["type"] == told
            assert answer["seq"] == (last_id if told == "snapshot" else after)
            assert answer["payload"].keys() == {"price", "best_bid", "best_ask", "depth", "trades"}
            await client.send('{"type": "ping"}')
            types = []
            while (message := await hear(client))["type"] != "pong":
                types.append(message["type"])
            assert types == ([] if told == "snapshot" else ["trade"] * 10)
            assert message["seq"] == last_id


@pytest.mark.parametrize("said", ["hello", b"\x00\xff", '{"type": "buy"}', '{"type": "resume", "after": -1}'])
async def test_a_message_that_is_none_is_answered_and_nothing_else_happens(
    served: Served, said: str | bytes
) -> None:
    async with served.connect() as client:
        await hear(client)
        await client.send(said)
        answer = await hear(client)
        assert answer["type"] == "error"
        assert "known are" in answer["message"]
        await client.send('{"type": "ping"}')
        assert (await hear(client))["type"] == "pong"


async def test_a_bad_after_is_answered_and_the_ticks_come_nevertheless(served: Served) -> None:
    async with served.connect("?after=yesterday") as client:
        assert (await hear(client))["type"] == "welcome"
        assert await hear(client) == {"type": "error", "message": "after: must be the seq of an event"}
        await served.announce(1)
        assert (await hear(client))["type"] == "trade"


@pytest.mark.parametrize("bytes_", [connection.REQUEST_BYTES_MAX + 1, MESSAGE_BYTES_MAX + 1])
async def test_a_message_that_is_too_long_ends_the_connection(served: Served, bytes_: int) -> None:
    async with served.connect() as client:
        await client.send('"' + "x" * (bytes_ - 2) + '"')
        assert (await hear_closing(client))[0] == 1009


async def test_the_longest_message_is_still_read(served: Served) -> None:
    async with served.connect() as client:
        await hear(client)
        await client.send('{"type": "ping"}'.ljust(connection.REQUEST_BYTES_MAX))
        assert (await hear(client))["type"] == "pong"


async def test_a_hundred_clients_hear_the_same(served: Served) -> None:
    clients = await asyncio.gather(*(served.connect() for _ in range(100)))
    for client in clients:
        await hear(client)
    await served.announce(20)

    async def twenty(client: ClientConnection) -> list[int]:
        return [(await hear(client))["seq"] for _ in range(20)]

    heard = await asyncio.gather(*(twenty(client) for client in clients))
    last_id = await served.parts.events.last_id()
    assert heard == [list(range(last_id - 19, last_id + 1))] * 100
    await asyncio.gather(*(client.close() for client in clients))
    async for _ in turns():
        if served.parts.services.market_socket.clients == 0:
            break


async def test_there_is_room_for_so_many_clients_and_a_place_is_given_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = served.parts.services.market_socket
    monkeypatch.setattr(sockets.connections, "_clients_max", 2)
    async with served.connect() as first, served.connect() as second:
        await hear(first)
        await hear(second)
        async with served.connect() as third:
            assert await hear_closing(third) == (1013, "2 clients already")
        await first.close()
        async for _ in turns():
            if sockets.clients == 1:
                break
        async with served.connect() as fourth:
            assert (await hear(fourth))["type"] == "welcome"


async def test_a_client_that_takes_nothing_is_closed_and_nobody_else_waits(served: Served) -> None:
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    host, port = served.address.split(":")
    narrow.connect((host, int(port)))
    sockets = served.parts.services.market_socket
    async with served.connect() as quick, served.connect(sock=narrow, max_queue=1, compression=None) as slow:
        await hear(quick)
        noise = "".join(hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(1_000))
        await served.announce(200, padding=noise)  # 12 MB: more than the buffers between hold
        for _ in range(200):
            assert (await hear(quick))["type"] == "trade"
        [stuck] = [client for client in sockets.connections._clients if client._sending_since_s is not None]
        served.clock.advance(connection.SEND_TIMEOUT_S + 1)
        async for _ in turns():
            served.clock.advance(1)
            if sockets.clients == 1:
                break
        assert stuck._over.result() == (1013, "too slow")
        await served.announce(1)
        while (await hear(quick))["type"] != "trade":
            pass
        slow.transport.abort()


async def test_a_slow_reader_that_comes_back_in_time_is_told_why(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served.connect() as client:
        await hear(client)
        [one] = served.parts.services.market_socket.connections._clients
        one._sending_since_s = served.clock.monotonic()
        served.clock.advance(connection.SEND_TIMEOUT_S - 1)
        one.check()
        await client.send('{"type": "ping"}')
        assert (await hear(client))["type"] == "pong"
        one._sending_since_s = served.clock.monotonic()
        served.clock.advance(connection.SEND_TIMEOUT_S + 1)
        one.check()
        assert await hear_closing(client) == (1013, "too slow")


async def test_when_the_service_stops_clients_are_told_to_come_again(
    settings: Settings, clock: ManualClock
) -> None:
    async with serving(settings, clock) as served:
        client = await served.connect()
        await hear(client)
        closing = asyncio.create_task(hear_closing(client))
        served.parts.services.market_socket.connections.close()
        assert await closing == (1012, "the service restarts")
        async with served.connect() as late:
            assert await hear_closing(late) == (1012, "the service restarts")


async def test_a_server_that_ends_does_not_wait_for_its_clients(
    settings: Settings, clock: ManualClock
) -> None:
    async with serving(settings, clock) as served:
        client = await served.connect()
        await hear(client)
    assert (await hear_closing(client))[0] == 1012


async def test_connects_count_against_the_rate_limit(settings: Settings, clock: ManualClock) -> None:
    async with serving(msgspec.structs.replace(settings, rate_limit_per_minute=2), clock) as served:
        for _ in range(2):
            async with served.connect() as client:
                await hear(client)
        with pytest.raises(InvalidStatus) as refused:
            await served.connect()
        assert refused.value.response.status_code == 403
