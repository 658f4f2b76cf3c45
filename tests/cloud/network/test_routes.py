"""Network node operators over HTTP."""

from typing import Any

import httpx
import pytest

from cloud.app import Parts
from shared.clock import ManualClock

REGISTER = "/api/v1/network/node/register"
NODES = "/api/v1/network/nodes"
ME = "/api/v1/auth/me"


async def signed_in(client: httpx.AsyncClient, name: str) -> dict[str, str]:
    body = {
        "email": f"{name}@example.com",
        "password": "securepass123",
        "name": name,
        "user_type": "consumer",
    }
    token = (await client.post("/api/v1/auth/register", json=body)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def ana(client: httpx.AsyncClient) -> dict[str, str]:
    return await signed_in(client, "ana")


async def test_registering_makes_an_operator_who_is_at_home_there(
    client: httpx.AsyncClient, ana: dict[str, str]
) -> None:
    answer = await client.post(REGISTER, headers=ana, json={"location": "Bangalore, India"})

    assert answer.status_code == 201
    body = answer.json()
    assert body == {
        "id": body["id"],
        "user_id": "usr_1",
        "location": "Bangalore, India",
        "created_at": "2026-01-01T00:00:00Z",
    }
    assert body["id"].startswith("nn_")
    me = (await client.get(ME, headers=ana)).json()
    assert (me["role"], me["location"]) == ("NetworkNodeOperator", "Bangalore, India")
    assert (await client.get(NODES, headers=ana)).json() == [body]


async def test_registering_again_moves_the_node(
    client: httpx.AsyncClient, ana: dict[str, str], parts: Parts, clock: ManualClock
) -> None:
    first = await client.post(REGISTER, headers=ana, json={"location": "Bangalore, India"})
    clock.advance(60)

    again = await client.post(REGISTER, headers=ana, json={"location": "Mysore, India"})

    assert again.status_code == 200
    assert again.json() == {**first.json(), "location": "Mysore, India"}
    assert await parts.services.network.total() == 1


async def test_everybody_who_is_signed_in_sees_every_node_oldest_first_page_by_page(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    for name in ("ana", "ben", "cleo"):
        clock.advance(1)
        headers = await signed_in(client, name)
        await client.post(REGISTER, headers=headers, json={"location": name})
    visitor = await signed_in(client, "dora")

    nodes = (await client.get(NODES, headers=visitor)).json()
    first = (await client.get(f"{NODES}?limit=2", headers=visitor)).json()
    rest = (await client.get(f"{NODES}?limit=2&after={first[-1]['id']}", headers=visitor)).json()

    assert [node["location"] for node in nodes] == ["ana", "ben", "cleo"]
    assert first + rest == nodes
    assert (await client.get(ME, headers=visitor)).json()["role"] == "Recipient"


async def test_an_operator_has_no_power_over_others(
    client: httpx.AsyncClient, ana: dict[str, str], parts: Parts
) -> None:
    await client.post(REGISTER, headers=ana, json={"location": "here"})

    async with parts.store.read() as tx:
        assert not (await parts.services.identity.person(tx, 1)).is_admin


@pytest.mark.parametrize(
    "body",
    [{}, {"location": ""}, {"location": None}, {"location": 7}, {"location": "x" * 201}, {"place": "here"}],
)
async def test_a_node_needs_a_place(
    client: httpx.AsyncClient, ana: dict[str, str], body: dict[str, Any]
) -> None:
    answer = await client.post(REGISTER, headers=ana, json=body)

    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert (await client.get(ME, headers=ana)).json()["role"] == "Recipient"


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", f"after={'x' * 65}"])
async def test_a_page_that_cannot_be_is_refused(
    client: httpx.AsyncClient, ana: dict[str, str], query: str
) -> None:
    assert (await client.get(f"{NODES}?{query}", headers=ana)).status_code == 400


@pytest.mark.parametrize("method, path", [("GET", NODES), ("POST", REGISTER)])
async def test_a_stranger_is_asked_to_sign_in(
    client: httpx.AsyncClient, ana: dict[str, str], method: str, path: str
) -> None:
    await client.post("/api/v1/auth/logout", headers=ana)
    for headers in ({}, ana, {"Authorization": "Bearer a.b.c"}):
        answer = await client.request(method, path, headers=headers, json={"location": "here"})

        assert answer.status_code == 401
        assert set(answer.json()) == {"error"}


async def test_coordinates_are_the_person_s_own_business(
    client: httpx.AsyncClient, ana: dict[str, str]
) -> None:
    body = {"location": "Mysore, India", "latitude": 12.3, "longitude": 76.64}

    answer = await client.post(REGISTER, headers=ana, json=body)

    assert answer.json().keys() == {"id", "user_id", "location", "created_at"}
    assert (await client.get(NODES, headers=ana)).json() == [answer.json()]
    profile = (await client.get("/api/v1/users/me", headers=ana)).json()
    assert (profile["latitude"], profile["longitude"]) == (12.3, 76.64)
    assert profile["name"] == "ana"

    await client.post(REGISTER, headers=ana, json={"location": "Mysore, India"})
    profile = (await client.get("/api/v1/users/me", headers=ana)).json()
    assert (profile["latitude"], profile["longitude"]) == (12.3, 76.64)


async def test_half_a_place_is_a_bad_request(client: httpx.AsyncClient, ana: dict[str, str]) -> None:
    for place in ({"latitude": 1}, {"longitude": 1}, {"latitude": -91, "longitude": 0}):
        answer = await client.post(REGISTER, headers=ana, json={"location": "x"} | place)
        assert answer.status_code == 400
