"""The calls that only a sandbox has, and what they refuse."""

from typing import Any

import httpx
from msgspec import structs

from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.sandbox.conftest import Developer, key_of, signed_up
from tests.cloud.sandbox.test_life import served


async def test_the_clock_goes_to_a_moment_or_on_by_days_or_seconds(ana: Developer) -> None:
    assert (await ana.move(to="2026-02-01T12:00:00+01:00"))["now"] == "2026-02-01T11:00:00Z"
    assert (await ana.move(advance_days=2))["now"] == "2026-02-03T11:00:00Z"
    assert (await ana.move(advance_seconds=61))["now"] == "2026-02-03T11:01:01Z"
    assert (await ana.move(advance_days=0))["now"] == "2026-02-03T11:01:01Z"
    assert (await ana.get("/clock"))["data"] == {"now": "2026-02-03T11:01:01Z", "reached": True}
    assert (await ana.get("/sandbox"))["data"]["now"] == "2026-02-03T11:01:01Z"


BAD_MOVES: list[tuple[dict[str, Any], int, str | None]] = [
    ({}, 422, "to"),
    ({"to": "2027-01-01T00:00:00Z", "advance_days": 1}, 422, "to"),
    ({"to": "2027-01-01T00:00:00"}, 422, "to"),
    ({"to": "tomorrow"}, 422, "to"),
    ({"to": 5}, 422, "to"),
    ({"to": "x" * 41}, 422, "to"),
    ({"advance_days": -1}, 422, "advance_days"),
    ({"advance_days": 1.5}, 422, "advance_days"),
    ({"advance_days": 10**9}, 422, "advance_days"),
    ({"advance_seconds": "1"}, 422, "advance_seconds"),
    ({"back": 1}, 422, "back"),
    ({"to": "2025-12-31T23:59:59Z"}, 400, None),
    ({"to": "2126-12-31T23:59:59Z"}, 400, None),
]


async def test_a_bad_move_is_refused_and_moves_nothing(ana: Developer) -> None:
    for wish, status, field in BAD_MOVES:
        refused = await ana.call("POST", "/clock", json=wish)

        assert refused.status_code == status, (wish, refused.text)
        assert field is None or field in refused.json()["error"]["details"], wish
        assert (await ana.get("/clock"))["data"]["now"] == "2026-01-01T00:00:00Z"


async def test_calls_in_a_sandbox_have_no_limit_and_say_so(ana: Developer) -> None:
    answer = await ana.call("GET", "/projects")

    assert answer.headers["x-ratelimit-limit"] == answer.headers["x-ratelimit-remaining"] == "2147483647"
    assert "x-ratelimit-reset" in answer.headers
    assert answer.headers["cache-control"] == "private, no-cache"
    again = await ana.call("GET", "/projects", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_strangers_are_counted_as_anonymous_by_address(settings: Settings, clock: ManualClock) -> None:
    limited = structs.replace(settings, rate_limit_per_minute=100)
    async with served(limited, clock) as (parts, client):
        person = await signed_up(parts)
        ana = Developer(client, person, await key_of(parts, person))
        for number in range(19):
            assert (await client.get("/sandbox/v1/projects")).status_code == 401, number
        bad_client = {"client_id": "client_x", "client_secret": "y", "grant_type": "client_credentials"}
        refused = await client.post("/sandbox/v1/oauth/token", data=bad_client)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")

        over = await client.get("/sandbox/v1/projects")  # Free has 20 in a second

        assert over.status_code == 429
        assert over.json()["error"]["code"] == "RATE_LIMIT_EXCEEDED"
        for _ in range(30):
            await ana.get("/clock")
        assert (await client.get("/v1/projects", headers={"X-API-Key": "tl_live_x"})).status_code == 429


async def test_an_idempotency_key_counts_in_the_sandbox_and_is_forgotten_after_a_day(ana: Developer) -> None:
    await ana.verify()
    wish = {"project_id": "prj_sunrise_solar", "amount": 100, "payment_method": "stripe"}
    key = {"Idempotency-Key": "one"}
    ids = {
        (await ana.call("POST", "/investments", json=wish, headers=key)).json()["data"]["id"] for _ in "12"
    }
    assert len(ids) == 1
    await ana.move(advance_days=1)
    later = await ana.call("POST", "/investments", json=wish, headers=key)
    assert later.json()["data"]["id"] not in ids


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient, ana: Developer) -> None:
    answer = await ana.call("POST", "/clock", content=b"x" * 1_048_577)
    assert answer.status_code == 413
