"""Each of the ten events, made by the public routes, reaches a client that knows only the standard."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import httpx
import pytest
import requests_sse
import uvicorn
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from cloud.realtime.sse import TYPES
from cloud.settings import Settings
from lumengrid.processes import free_port
from shared.clock import SystemClock
from tests.cloud.applications import application

PRIVATE = ("ip", "person", "person_id", "email", "owner_person_id")
"""Names of fields that are nobody else's business."""


@pytest.fixture
async def url(settings: Settings) -> AsyncIterator[str]:
    """The service at a port of its own, in real time."""
    port = free_port()
    async with application(settings, SystemClock()) as app:
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=3))
        life = asyncio.create_task(server.serve())
        while not (server.started or life.done()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        await life


class Listener:
    """A stock client (requests-sse, which comes with stellar-sdk), in a thread, for it blocks."""

    def __init__(self, url: str, last_event_id: str | None = None) -> None:
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        self._source = requests_sse.EventSource(f"{url}/iot/events", headers=headers, timeout=60)

    async def events(self) -> AsyncIterator[requests_sse.MessageEvent]:
        """One after the other; the first is awaited only when it is asked for."""
        await asyncio.to_thread(self._source.connect)
        try:
            while True:
                yield await asyncio.to_thread(next, self._source)
        finally:
            await asyncio.to_thread(self._source.close)


async def signed_in(client: httpx.AsyncClient, seed: int) -> dict[str, str]:
    """The header of somebody new with 10,000 XLM, and the wallet as `wallet`."""
    key = SigningKey(bytes([seed]) * 32)
    digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
    proof = {
        "wallet_address": StrKey.encode_ed25519_public_key(bytes(key.verify_key)),
        "signature": base64.b64encode(key.sign(digest).signature).decode(),
    }
    await client.post("/api/v1/auth/signup", json=proof)
    tokens = (await client.post("/api/v1/auth/login", json=proof)).json()
    return {"Authorization": f"Bearer {tokens['access_token']}", "wallet": proof["wallet_address"]}


class Life:
    """What people and a device do, by the documented routes alone."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def post(self, path: str, body: dict[str, Any], who: dict[str, str] | None = None) -> Any:
        answer = await self.client.post(path, json=body, headers=who or {})
        assert answer.status_code in {200, 201}, f"{path}: {answer.text}"
        return answer.json()

    async def happen(self) -> None:
        ana, ben = await signed_in(self.client, 1), await signed_in(self.client, 2)
        registered = await self.post(
            "/api/v1/iot/device/register", {"device_type": "raspi", "location": "Bangalore, India"}, ana
        )
        await self._device(registered["device_id"])
        mint = await self.post(
            "/iot/energy/report",
            {
                "device_id": registered["device_id"],
                "sender_uid": "NODE_A",
                "receiver_uid": "NODE_B",
                "kwh_transferred": 0.5,
                "duration_seconds": 1_800,
                "avg_voltage": 48.0,
                "avg_current": 20.8,
            },
        )
        buy = {"type": "buy", "kwh_amount": 0.1, "token_price": mint["dynamic_price"]}
        await self.post("/api/v1/market/order/create", buy, ben)
        await self.post("/api/v1/market/order/cancel", {"order_id": mint["sell_order_id"]}, ana)
        await self.post("/api/v1/defi/pool/stake", {"user_id": ana["wallet"], "amount": 100}, ana)
        loan = {"borrower_id": ana["wallet"], "kwh_borrowed": 0.01, "token_collateral": 15}
        await self.post("/api/v1/defi/flash-loan", loan, ana)
        node = {
            "device_id": registered["device_id"],
            "operator_wallet": ana["wallet"],
            "hardware_type": "rpi4b",
            "firmware_version": "1.2.0",
        }
        await self.post("/api/v1/depin/register", node, ana)
        await self.client.get("/api/v1/market/price", headers=ana)

    async def _device(self, device_id: str) -> None:
        await self.post("/iot/ping", {"device_id": device_id, "status": "heartbeat"})
        nodes = [
            {"uid": "NODE_A", "ip": "192.168.1.101", "voltage": 3.921, "soc": 72.4, "state": "IDLE"},
            {"uid": "NODE_B", "ip": "192.168.1.102", "voltage": 3.610, "soc": 28.1, "state": "IDLE"},
        ]
        await self.post(
            "/iot/ping",
            {
                "device_id": device_id,
                "voltage": 3.921,
                "battery_level": 72.4,
                "state": "IDLE",
                "source": "rpi_energy_grid",
                "connected_nodes_count": 2,
                "connected_nodes": [{"uid": node["uid"], "voltage": node["voltage"]} for node in nodes],
                "nodes_detail": nodes,
            },
        )
        bare = [{name: node[name] for name in ("uid", "voltage", "soc", "state")} for node in nodes]
        await self.post("/iot/cmd", {"device_id": device_id, "nodes": bare})
        pair = {"device_id": device_id, "sender_node_uid": "NODE_A", "receiver_node_uid": "NODE_B"}
        await self.post("/iot/transfer", pair)


def names(payload: Any) -> Iterator[str]:
    """Every field's name, however deep."""
    if isinstance(payload, dict):
        yield from payload
        for value in payload.values():
            yield from names(value)
    elif isinstance(payload, list):
        for value in payload:
            yield from names(value)


async def test_all_ten_types_reach_a_stock_client_which_resumes_where_it_was(url: str) -> None:
    found: list[requests_sse.MessageEvent] = []
    async with (
        httpx.AsyncClient(base_url=url, timeout=60) as client,
        aclosing(Listener(url, "0").events()) as events,
    ):
        life = asyncio.create_task(Life(client).happen())
        while set(TYPES) - {json.loads(event.data)["type"] for event in found}:
            assert not life.done() or life.exception() is None, life.exception()
            found.append(await asyncio.wait_for(anext(events), 60))
        await life

    ids = [int(event.last_event_id) for event in found]
    assert ids == sorted(set(ids))
    assert [event.type for event in found] == ["message"] * len(found)  # what a page's onmessage hears
    for event in found:
        document = json.loads(event.data)
        assert set(document) == {"timestamp", "type", "payload"}
        assert not set(names(document["payload"])) & set(PRIVATE), document
        assert "192.168." not in event.data
        assert "usr_" not in event.data

    middle = len(found) // 2
    async with aclosing(Listener(url, found[middle].last_event_id).events()) as events:
        resumed = [await asyncio.wait_for(anext(events), 60) for _ in found[middle + 1 :]]
    assert [(event.last_event_id, event.data) for event in resumed] == [
        (event.last_event_id, event.data) for event in found[middle + 1 :]
    ]
