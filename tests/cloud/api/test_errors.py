"""Which document's error body an answer has."""

import httpx
import pytest

from cloud.identity.service import Identity
from cloud.kit.store.errors import ConstraintViolated

LUMEN = {"error", "message", "timestamp"}


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/api/v1/nothing"),
        ("POST", "/api/v1/auth/nothing"),
        ("GET", "/api/v1/"),
        ("DELETE", "/api/v1/users/me"),
        ("PUT", "/api/v1/auth/register"),
    ],
)
async def test_an_unknown_path_or_method_has_the_body_that_serves_both(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path)

    assert answer.status_code in {404, 405}
    assert set(answer.json()) == LUMEN
    assert answer.json()["error"] in {"Not Found", "Method Not Allowed"}
    assert answer.json()["timestamp"] == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("path", ["/iot/nothing", "/nothing", "/api/v2/nothing"])
async def test_elsewhere_an_unknown_path_has_the_short_body(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize("path", ["/api/v1/market/orders", "/api/v1/auth/me", "/api/v1/network/nodes"])
async def test_the_energy_network_keeps_its_own_body(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}


async def test_an_error_nobody_foresaw_tells_nothing_in_either_body(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: Identity, token: str) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(Identity, "person_of_token", broken)
    headers = {"Authorization": "Bearer x"}
    short = await client.get("/api/v1/auth/me", headers=headers)
    long = await client.get("/api/v1/users/me", headers=headers)

    assert short.status_code == long.status_code == 500
    assert short.json() == {"error": "internal error"}
    assert long.json()["error"] == "Internal Server Error"
    assert "42" not in short.text + long.text


async def test_a_body_too_large_is_refused_in_its_document_s_words(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/api/v1/auth/register",
        content=b'{"name": "' + b"x" * 2_000_000 + b'"}',
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 413
    assert set(answer.json()) == LUMEN


@pytest.mark.parametrize("path", ["/api/v1/users/me", "/api/v1/auth/me"])
async def test_what_the_database_refuses_is_a_conflict_without_its_words(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    async def refuses(*_: object) -> None:
        raise ConstraintViolated("UNIQUE constraint failed: people.wallet_address")

    monkeypatch.setattr(Identity, "person_of_token", refuses)

    answer = await client.get(path, headers={"Authorization": "Bearer x"})

    assert answer.status_code == 409
    assert "contradicts what is stored" in answer.text
    for word in ("UNIQUE", "constraint", "people", "wallet_address"):
        assert word not in answer.text
    assert "people.wallet_address" in caplog.text
