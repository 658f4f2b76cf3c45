"""Who may command a device: its owner, an admin, and under open trust anyone nearby."""

import httpx
import pytest

from cloud.identity.service import Identity
from shared.clock import ManualClock
from tests.cloud.devices.conftest import Agent, SignedIn

CONTROLLED = "/iot/probe/controlled"


@pytest.fixture
async def anas_device(client: httpx.AsyncClient, ana: SignedIn, agent: Agent) -> dict[str, str]:
    answer = await client.post(
        "/api/v1/iot/device/register",
        json={"device_type": "raspi", "location": "Goa"},
        headers=ana.headers,
    )
    enrolment = agent.enrolment(answer.json()["enrolment_code"])
    assert (await client.post("/iot/enrol", json=enrolment)).status_code == 200
    return {"device_id": agent.device_id}


async def test_the_owner_commands_from_anywhere(
    far: httpx.AsyncClient, ana: SignedIn, anas_device: dict[str, str]
) -> None:
    answer = await far.post(CONTROLLED, json=anas_device, headers=ana.headers)

    assert (answer.status_code, answer.json()) == (200, anas_device)


async def test_an_admin_commands_from_anywhere(
    far: httpx.AsyncClient, ben: SignedIn, identity: Identity, anas_device: dict[str, str]
) -> None:
    assert ben.person.wallet_address is not None
    await identity.grant(ben.person.wallet_address, "admin")

    assert (await far.post(CONTROLLED, json=anas_device, headers=ben.headers)).status_code == 200


@pytest.mark.parametrize("role", ["Recipient", "Donor", "NetworkNodeOperator"])
async def test_to_everyone_else_the_device_does_not_exist(
    far: httpx.AsyncClient, ben: SignedIn, identity: Identity, anas_device: dict[str, str], role: str
) -> None:
    assert ben.person.wallet_address is not None
    await identity.grant(ben.person.wallet_address, role)

    answer = await far.post(CONTROLLED, json=anas_device, headers=ben.headers)
    unknown = await far.post(CONTROLLED, json={"device_id": "nobody"}, headers=ben.headers)

    assert answer.status_code == unknown.status_code == 404
    assert answer.json()["error"].replace(anas_device["device_id"], "nobody") == unknown.json()["error"]


async def test_nobody_unknown_commands_from_afar(far: httpx.AsyncClient, anas_device: dict[str, str]) -> None:
    assert (await far.post(CONTROLLED, json=anas_device)).status_code == 401
    assert (await far.post(CONTROLLED, json={"device_id": "nobody"})).status_code == 401


async def test_under_open_trust_anyone_nearby_commands(
    client: httpx.AsyncClient, ben: SignedIn, anas_device: dict[str, str]
) -> None:
    assert (await client.post(CONTROLLED, json=anas_device)).status_code == 200
    assert (await client.post(CONTROLLED, json=anas_device, headers=ben.headers)).status_code == 200


async def test_a_page_of_another_site_commands_nothing(
    client: httpx.AsyncClient, anas_device: dict[str, str]
) -> None:
    answer = await client.post(CONTROLLED, json=anas_device, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 401


@pytest.mark.parametrize("settings", [{"device_trust": "signed"}], indirect=True)
async def test_without_open_trust_nearness_gives_nothing(
    client: httpx.AsyncClient, ana: SignedIn, ben: SignedIn, anas_device: dict[str, str]
) -> None:
    assert (await client.post(CONTROLLED, json=anas_device)).status_code == 401
    assert (await client.post(CONTROLLED, json=anas_device, headers=ben.headers)).status_code == 404
    assert (await client.post(CONTROLLED, json=anas_device, headers=ana.headers)).status_code == 200


async def test_a_command_makes_no_device(client: httpx.AsyncClient) -> None:
    assert (await client.post(CONTROLLED, json={"device_id": "nobody"})).status_code == 404


async def test_a_refused_token_is_not_passed_over_for_nearness(
    client: httpx.AsyncClient, ana: SignedIn, anas_device: dict[str, str], clock: ManualClock
) -> None:
    clock.advance(900)

    assert (await client.post(CONTROLLED, json=anas_device, headers=ana.headers)).status_code == 401
