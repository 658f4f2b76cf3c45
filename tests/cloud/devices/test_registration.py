"""A person's devices: registering and listing them."""

from typing import Any

import httpx
import pytest

from cloud.app import Parts
from shared.clock import ManualClock
from tests.cloud.devices.conftest import SignedIn

REGISTER = "/api/v1/iot/device/register"
DEVICES = "/api/v1/iot/devices"
DOCUMENTED = {"device_type": "raspi", "location": "Bangalore, India"}


async def test_registering_gives_a_device_and_a_code_that_is_shown_once(
    client: httpx.AsyncClient, ana: SignedIn
) -> None:
    answer = await client.post(REGISTER, json=DOCUMENTED, headers=ana.headers)

    assert answer.status_code == 201
    body = answer.json()
    assert len(body.pop("enrolment_code")) == 32
    assert body["device_id"].startswith("dev_")
    assert body == {
        "id": body["device_id"],
        "device_id": body["device_id"],
        "user_id": ana.person.wallet_address,
        "device_type": "raspi",
        "location": "Bangalore, India",
        "latitude": None,
        "longitude": None,
        "status": "registered",
        "public_key": None,
        "energy_scale": 1,
        "power_w_max": 10_000.0,
        "last_seen": None,
        "created_at": "2026-01-01T00:00:00Z",
    }
    assert (await client.get(DEVICES, headers=ana.headers)).json() == [body]


async def test_each_person_sees_their_own_devices_oldest_first(
    client: httpx.AsyncClient, ana: SignedIn, ben: SignedIn, clock: ManualClock
) -> None:
    anas = []
    for _ in range(3):
        anas.append((await client.post(REGISTER, json=DOCUMENTED, headers=ana.headers)).json()["id"])
        clock.advance(1)
    await client.post(REGISTER, json=DOCUMENTED, headers=ben.headers)

    listed = (await client.get(DEVICES, headers=ana.headers)).json()

    assert [device["id"] for device in listed] == anas


async def test_the_code_is_stored_hashed(client: httpx.AsyncClient, ana: SignedIn, parts: Parts) -> None:
    code = (await client.post(REGISTER, json=DOCUMENTED, headers=ana.headers)).json()["enrolment_code"]

    for path in parts.settings.data_dir.iterdir():
        assert code.encode() not in path.read_bytes()


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer a.b.c"}], ids=["anonymous", "forged"])
async def test_nobody_registers_or_lists_without_signing_in(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await client.post(REGISTER, json=DOCUMENTED, headers=headers)).status_code == 401
    assert (await client.get(DEVICES, headers=headers)).status_code == 401


async def test_an_expired_token_registers_nothing(
    client: httpx.AsyncClient, ana: SignedIn, clock: ManualClock
) -> None:
    clock.advance(900)

    assert (await client.post(REGISTER, json=DOCUMENTED, headers=ana.headers)).status_code == 401


async def test_a_registration_with_bad_fields_is_refused_by_name(
    client: httpx.AsyncClient, ana: SignedIn
) -> None:
    bad: list[dict[str, Any]] = [
        {"device_type": ""},
        {"device_type": 4},
        {"device_type": "x" * 201},
        {"location": None},
        {"owner": "ben"},
        {"energy_scale": 1000},
    ]
    for change in bad:
        answer = await client.post(REGISTER, json={**DOCUMENTED, **change}, headers=ana.headers)

        assert answer.status_code == 400, change
        assert next(iter(change)) in answer.json()["error"]


async def test_a_device_may_have_a_site_which_its_owner_sees(
    client: httpx.AsyncClient, ana: SignedIn
) -> None:
    body = DOCUMENTED | {"latitude": -33.86, "longitude": 151.21}

    answer = await client.post(REGISTER, json=body, headers=ana.headers)

    assert answer.status_code == 201
    (listed,) = (await client.get(DEVICES, headers=ana.headers)).json()
    assert (listed["latitude"], listed["longitude"]) == (-33.86, 151.21)


@pytest.mark.parametrize(
    "place",
    [
        {"latitude": 1},
        {"longitude": 1},
        {"latitude": 1, "longitude": None},
        {"latitude": 90.1, "longitude": 0},
        {"latitude": 0, "longitude": -180.1},
        {"latitude": "1", "longitude": "1"},
    ],
)
async def test_half_a_site_or_one_beyond_the_earth_is_a_bad_request(
    client: httpx.AsyncClient, ana: SignedIn, place: dict[str, Any]
) -> None:
    assert (await client.post(REGISTER, json=DOCUMENTED | place, headers=ana.headers)).status_code == 400
    assert (await client.get(DEVICES, headers=ana.headers)).json() == []
