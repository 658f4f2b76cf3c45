"""Whose calls are counted, over HTTP. Five calls and three sign-ins a minute, so that tests stay short."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from litestar import Litestar
from nacl.signing import SigningKey

from cloud.app import Parts
from cloud.kit.rate_limit import CountersLost, MemoryCounters
from shared.clock import ManualClock

Caller = Callable[[str], httpx.AsyncClient]

PUBLIC = "/api/v1/tokens/supply"
PING = "/iot/ping"
REGISTER = "/api/v1/auth/register"
ANA = {
    "email": "ana@example.com",
    "password": "securepass123",
    "name": "Ana",
    "user_type": "consumer",
}
KEY = SigningKey(bytes([100]) * 32)


def signature(purpose: str, payload: bytes) -> str:
    return base64.b64encode(
        KEY.sign(b"lumengrid/v1/" + purpose.encode() + b"\n" + payload).signature
    ).decode()


def ping(counter: int, *, forged: bool = False) -> dict[str, Any]:
    """The arguments of a signed heartbeat."""
    content = json.dumps({"device_id": "pi-1", "status": "heartbeat"}).encode()
    signed = f"POST\n{PING}\n{counter}\n".encode() + content + (b"x" if forged else b"")
    return {
        "content": content,
        "headers": {
            "X-Device-Id": "pi-1",
            "X-Device-Counter": str(counter),
            "X-Device-Signature": signature("request", signed),
            "Content-Type": "application/json",
        },
    }


async def enrol(client: httpx.AsyncClient) -> None:
    public_key = bytes(KEY.verify_key).hex()
    body = {
        "device_id": "pi-1",
        "enrolment_code": None,
        "public_key": public_key,
        "signature": signature("enrol", f"\npi-1\n{public_key}".encode()),
    }
    assert (await client.post("/iot/enrol", json=body)).status_code == 200


async def statuses(client: httpx.AsyncClient, path: str, times: int, **more: Any) -> list[int]:
    return [(await client.get(path, **more)).status_code for _ in range(times)]


async def test_the_sixth_call_of_five_is_told_when_to_come_back(caller: Caller, clock: ManualClock) -> None:
    client = caller("192.0.2.1")
    clock.advance(0.25)
    answers = [await client.get(PUBLIC) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"5"}
    # 2026-01-01T00:00:00.25Z and 60 s, in whole seconds: 1767225600 + 61.
    assert answers[-1].headers["X-RateLimit-Reset"] == "1767225661"
    assert answers[-1].headers["Retry-After"] == "60"
    assert answers[-1].json() == {"error": "too many calls: at most 5 in 60 s; try again in 60 s"}
    clock.advance(59.999)
    assert (await client.get(PUBLIC)).status_code == 429
    clock.advance(0.001)
    assert await statuses(client, PUBLIC, 6) == [200] * 5 + [429]


async def test_calls_at_the_same_time_are_counted_one_by_one(caller: Caller) -> None:
    client = caller("192.0.2.1")

    answers = await asyncio.gather(*(client.get(PUBLIC) for _ in range(40)))

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 35


async def test_each_address_has_its_own_calls_and_an_ipv6_network_has_them_together(caller: Caller) -> None:
    assert await statuses(caller("192.0.2.1"), PUBLIC, 6) == [200] * 5 + [429]
    assert await statuses(caller("192.0.2.2"), PUBLIC, 1) == [200]
    assert await statuses(caller("2001:db8::1"), PUBLIC, 5) == [200] * 5
    assert await statuses(caller("2001:db8::2"), PUBLIC, 1) == [429]


@pytest.mark.parametrize("settings", [{"trusted_proxies": ("192.0.2.9",)}], indirect=True)
async def test_a_forwarded_address_counts_from_a_configured_proxy_only(caller: Caller) -> None:
    proxy, stranger = caller("192.0.2.9"), caller("192.0.2.1")
    for number in range(5):
        forwarded = {"X-Forwarded-For": f"198.51.100.{number}"}
        assert (await stranger.get(PUBLIC, headers=forwarded)).status_code == 200
    for number in range(5):
        # What stands left of it the client itself may have written.
        forwarded = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"}
        assert (await proxy.get(PUBLIC, headers=forwarded)).status_code == 200

    assert (await stranger.get(PUBLIC, headers={"X-Forwarded-For": "198.51.100.99"})).status_code == 429
    assert (await proxy.get(PUBLIC, headers={"X-Forwarded-For": "198.51.100.7"})).status_code == 429
    assert (await proxy.get(PUBLIC, headers={"X-Forwarded-For": "198.51.100.8"})).status_code == 200


async def test_who_is_signed_in_is_counted_as_a_person_wherever_they_are(caller: Caller) -> None:
    home, away = caller("192.0.2.1"), caller("192.0.2.2")
    token = (await home.post(REGISTER, json=ANA)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    assert await statuses(home, "/api/v1/users/me", 3, headers=headers) == [200] * 3
    assert await statuses(away, "/api/v1/auth/me", 3, headers=headers) == [200, 200, 429]
    assert await statuses(home, PUBLIC, 5) == [200] * 4 + [429]  # registering was a call of the address
    limited = await home.get("/api/v1/users/me", headers=headers)
    assert limited.json()["error"] == "Too Many Requests"
    assert set(limited.json()) == {"error", "message", "timestamp"}


@pytest.mark.parametrize("settings", [{"uploads_per_hour": 2}], indirect=True)
async def test_what_comes_in_has_a_limit_of_its_own_an_hour(caller: Caller, clock: ManualClock) -> None:
    client = caller("192.0.2.1")
    token = (await client.post(REGISTER, json=ANA)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    async def send(path: str) -> httpx.Response:
        return await client.post(f"/api/v1/ingest/{path}", json={}, headers=headers)

    first, second, third = await send("upload"), await send("statement"), await send("sms")
    shown = [answer.headers["x-ratelimit-remaining"] for answer in (first, second, third)]
    assert (third.status_code, third.json()["error"]) == (429, "Too Many Requests")
    assert third.headers["retry-after"] == "3600"
    assert (first.headers["x-ratelimit-limit"], shown) == ("2", ["1", "0", "0"])
    assert await statuses(client, "/api/v1/users/me", 1, headers=headers) == [200]
    clock.advance(3_600)
    assert (await send("upi")).status_code != 429


async def test_a_token_that_is_none_is_no_way_round_the_address(caller: Caller) -> None:
    client = caller("192.0.2.1")
    for number in range(5):
        headers = {"Authorization": f"Bearer {number}.{number}.{number}"}
        assert (await client.get("/api/v1/auth/me", headers=headers)).status_code == 401

    assert (await client.get(PUBLIC, headers={"Authorization": "Basic YTpi"})).status_code == 429


async def test_a_token_that_was_revoked_uses_up_nobody_s_calls_but_its_address_s(caller: Caller) -> None:
    home, thief = caller("192.0.2.1"), caller("192.0.2.66")
    stolen = {"Authorization": f"Bearer {(await home.post(REGISTER, json=ANA)).json()['access_token']}"}
    await home.post("/api/v1/auth/logout", headers=stolen)
    login = {name: ANA[name] for name in ("email", "password", "user_type")}
    fresh = (await home.post("/api/v1/auth/login", json=login)).json()["access_token"]

    assert await statuses(thief, "/api/v1/users/me", 6, headers=stolen) == [401] * 5 + [429]

    mine = await home.get("/api/v1/users/me", headers={"Authorization": f"Bearer {fresh}"})
    assert (mine.status_code, mine.headers["X-RateLimit-Remaining"]) == (200, "3")  # the logout was one


async def test_a_device_that_signs_is_counted_for_itself(caller: Caller) -> None:
    client = caller("127.0.0.1")
    await enrol(client)

    answers = [await client.post(PING, **ping(counter)) for counter in range(1, 7)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[0].headers["X-RateLimit-Remaining"] == "4"
    assert answers[-1].headers["Retry-After"] == "60"
    assert (await client.get(PUBLIC)).headers["X-RateLimit-Remaining"] == "3"  # after the enrolment


async def test_forged_requests_use_up_the_address_and_not_the_device(caller: Caller) -> None:
    client, far = caller("127.0.0.1"), caller("192.0.2.1")
    await enrol(client)

    for counter in range(1, 9):
        assert (await far.post(PING, **ping(counter, forged=True))).status_code == 401
    assert (await far.get(PUBLIC)).status_code == 429
    assert (await client.post(PING, **ping(1))).headers["X-RateLimit-Remaining"] == "4"


async def test_a_signature_nobody_asked_for_is_no_way_round_the_address(caller: Caller) -> None:
    client = caller("192.0.2.1")

    answers = [(await client.get(PUBLIC, headers=ping(n)["headers"])).status_code for n in range(6)]

    assert answers == [200] * 5 + [429]


async def test_sign_ins_have_a_limit_of_their_own(caller: Caller, clock: ManualClock) -> None:
    client = caller("192.0.2.1")
    wrong = {"wallet_address": "G1", "signature": "AA=="}
    answers = [
        await client.post("/api/v1/auth/login", json=wrong),
        await client.post("/api/v1/auth/signup", json=wrong),
        await client.post("/sep10/auth", json={"transaction": ""}),
        await client.post("/api/v1/auth/login", json=wrong),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
    assert answers[-1].headers["X-RateLimit-Limit"] == "3"
    # Its body was not read: it has what both documents understand.
    assert set(answers[-1].json()) == {"error", "message", "timestamp"}
    assert (await client.get(PUBLIC)).status_code == 200
    assert (await caller("192.0.2.2").post("/api/v1/auth/login", json=wrong)).status_code == 400
    clock.advance(60)
    assert (await client.post("/api/v1/auth/login", json=wrong)).status_code == 400


async def test_health_and_metrics_are_never_counted(caller: Caller) -> None:
    client = caller("192.0.2.1")
    for path in ("/health", "/health/live", "/metrics"):
        for _ in range(10):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "X-RateLimit-Limit" not in answer.headers

    assert (await client.get(PUBLIC)).headers["X-RateLimit-Remaining"] == "4"


async def test_health_answers_those_who_are_over_their_limit(caller: Caller) -> None:
    client = caller("192.0.2.1")
    await statuses(client, PUBLIC, 6)

    assert (await client.get("/health")).status_code == 200


async def test_an_event_stream_counts_once_when_it_is_opened(caller: Caller, app: Litestar) -> None:
    client = caller("192.0.2.1")
    await statuses(client, PUBLIC, 5)

    refused = await client.get("/iot/events")

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"


async def test_a_web_socket_counts_once_and_is_told_to_try_again_later(caller: Caller, app: Litestar) -> None:
    from litestar import websocket
    from litestar.connection import WebSocket

    @websocket("/ws/echo")
    async def echo(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.close()

    app.register(echo)
    seen = []
    for _ in range(6):
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any, sent: list[dict[str, Any]] = sent) -> None:
            sent.append(message)

        scope: Any = {
            "type": "websocket",
            "path": "/ws/echo",
            "raw_path": b"/ws/echo",
            "query_string": b"",
            "headers": [],
            "client": ("192.0.2.1", 1),
            "server": ("127.0.0.1", 8080),
            "subprotocols": [],
            "scheme": "ws",
            "root_path": "",
            "asgi": {"version": "3.0"},
            "extensions": {},
        }
        await app(scope, receive, send)  # type: ignore[arg-type]
        seen.append(sent[0])

    assert [message["type"] for message in seen] == ["websocket.accept"] * 5 + ["websocket.close"]
    assert seen[-1]["code"] == 1013


@pytest.mark.parametrize("settings", [{"rate_limit_per_minute": 0, "sign_ins_per_minute": 0}], indirect=True)
async def test_zero_switches_the_limits_off(caller: Caller) -> None:
    client = caller("192.0.2.1")

    assert await statuses(client, PUBLIC, 150) == [200] * 150
    assert "X-RateLimit-Limit" not in (await client.get(PUBLIC)).headers


async def test_while_the_counters_are_lost_every_call_passes(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(self: MemoryCounters, *_: object) -> None:
        raise CountersLost("connection refused")

    client = caller("192.0.2.1")
    await statuses(client, PUBLIC, 6)
    monkeypatch.setattr(MemoryCounters, "take", lost)
    monkeypatch.setattr(MemoryCounters, "give_back", lost)

    assert await statuses(client, PUBLIC, 20) == [200] * 20
    assert (await client.post(REGISTER, json=ANA)).status_code == 201
    way_in = {name: ANA[name] for name in ("email", "password", "user_type")}
    assert (await client.post("/api/v1/auth/login", json=way_in)).status_code == 200
    assert "X-RateLimit-Limit" not in (await client.get(PUBLIC)).headers


async def test_the_defaults_are_the_documents(parts: Parts) -> None:
    from cloud.settings import Settings

    assert (Settings().rate_limit_per_minute, Settings().sign_ins_per_minute) == (100, 10)
