"""The guard of a device's own requests: signed ones, replayed ones, keyless ones."""

import httpx
import pytest

from cloud.app import Parts
from cloud.devices import storage
from cloud.devices.service import Devices
from shared.clock import ManualClock
from tests.cloud.devices.conftest import Agent, SignedIn

CALLER = "/iot/probe/caller"
ENROL = "/iot/enrol"
BODY = {"device_id": "rpi-4b-prod-01"}


@pytest.fixture
async def enrolled(client: httpx.AsyncClient, agent: Agent) -> Agent:
    assert (await client.post(ENROL, json=agent.enrolment())).status_code == 200
    return agent


async def test_a_signed_request_speaks_for_its_device_from_anywhere(
    far: httpx.AsyncClient, enrolled: Agent
) -> None:
    answer = await far.post(CALLER, **enrolled.request(CALLER, BODY, 1))

    assert answer.status_code == 200
    assert answer.json() == {"device_id": enrolled.device_id, "energy_scale": 1000}


@pytest.mark.parametrize("counter, status", [(4, 401), (5, 401), (6, 200), (2**63 - 1, 200)])
async def test_the_counter_must_rise(
    client: httpx.AsyncClient, enrolled: Agent, counter: int, status: int
) -> None:
    assert (await client.post(CALLER, **enrolled.request(CALLER, BODY, 5))).status_code == 200

    answer = await client.post(CALLER, **enrolled.request(CALLER, BODY, counter))

    assert answer.status_code == status


async def test_the_same_request_twice_is_a_replay(client: httpx.AsyncClient, enrolled: Agent) -> None:
    request = enrolled.request(CALLER, BODY, 1)
    await client.post(CALLER, **request)

    again = await client.post(CALLER, **request)

    assert again.status_code == 401
    assert "X-Device-Counter" in again.json()["error"]


async def test_a_forged_request_does_not_move_the_counter(client: httpx.AsyncClient, enrolled: Agent) -> None:
    forged = Agent(seed=101).request(CALLER, BODY, 1_000_000)
    assert (await client.post(CALLER, **forged)).status_code == 401

    assert (await client.post(CALLER, **enrolled.request(CALLER, BODY, 1))).status_code == 200


async def test_a_signature_over_anything_but_this_request_is_wrong(
    client: httpx.AsyncClient, enrolled: Agent
) -> None:
    others = {
        "key": Agent(seed=101).request(CALLER, BODY, 1),
        "path": enrolled.request("/iot/ping", BODY, 1),
        "method": enrolled.request(CALLER, BODY, 1, method="PUT"),
        "body": enrolled.request(CALLER, {**BODY, "more": 1}, 1),
        "counter": enrolled.request(CALLER, BODY, 2),
    }
    for name, other in others.items():
        request = enrolled.request(CALLER, BODY, 1)
        request["headers"]["X-Device-Signature"] = other["headers"]["X-Device-Signature"]

        assert (await client.post(CALLER, **request)).status_code == 401, name


async def test_a_half_signed_request_is_refused(client: httpx.AsyncClient, enrolled: Agent) -> None:
    for missing in ("X-Device-Id", "X-Device-Counter", "X-Device-Signature"):
        request = enrolled.request(CALLER, BODY, 1)
        del request["headers"][missing]

        assert (await client.post(CALLER, **request)).status_code == 401, missing


async def test_a_counter_is_a_positive_64_bit_number(client: httpx.AsyncClient, enrolled: Agent) -> None:
    for counter in ("0", "-1", "1.5", "one", "", "1e3", "9223372036854775808", "٣"):
        request = enrolled.request(CALLER, BODY, counter)
        request["headers"]["X-Device-Counter"] = counter.encode()

        assert (await client.post(CALLER, **request)).status_code == 400, counter


async def test_a_device_speaks_for_itself_alone(client: httpx.AsyncClient, enrolled: Agent) -> None:
    await client.post(CALLER, json={"device_id": "another"})

    answer = await client.post(CALLER, **enrolled.request(CALLER, {"device_id": "another"}, 1))

    assert answer.status_code == 403


async def test_a_keyed_device_always_signs_also_from_nearby(
    client: httpx.AsyncClient, far: httpx.AsyncClient, enrolled: Agent
) -> None:
    for caller in (client, far):
        assert (await caller.post(CALLER, json={"device_id": enrolled.device_id})).status_code == 401


async def test_a_signature_of_a_device_nobody_enrolled_is_not_found(
    client: httpx.AsyncClient, agent: Agent
) -> None:
    assert (await client.post(CALLER, **agent.request(CALLER, BODY, 1))).status_code == 404


async def test_a_keyless_device_cannot_have_signed(client: httpx.AsyncClient, agent: Agent) -> None:
    await client.post(CALLER, json=BODY)

    assert (await client.post(CALLER, **agent.request(CALLER, BODY, 1))).status_code == 401


async def test_a_keyless_device_is_believed_from_nearby_and_made_on_first_contact(
    client: httpx.AsyncClient, devices: Devices, clock: ManualClock
) -> None:
    answer = await client.post(CALLER, json=BODY)

    assert answer.status_code == 200
    device = await devices.find(BODY["device_id"])
    assert device is not None
    assert (device.public_key, device.owner_person_id, device.energy_scale) == (None, None, 1000)
    assert device.seen_at_us == clock.now_us()
    assert (await client.post(CALLER, json=BODY)).status_code == 200


async def test_an_unknown_device_from_afar_is_not_found_and_leaves_nothing(
    far: httpx.AsyncClient, devices: Devices
) -> None:
    assert (await far.post(CALLER, json=BODY)).status_code == 404
    assert await devices.find(BODY["device_id"]) is None


async def test_a_keyless_device_from_afar_is_not_believed(
    client: httpx.AsyncClient, far: httpx.AsyncClient
) -> None:
    await client.post(CALLER, json=BODY)

    assert (await far.post(CALLER, json=BODY)).status_code == 401


@pytest.mark.parametrize("settings", [{"device_trust": "signed"}], indirect=True)
async def test_without_open_trust_no_keyless_device_is_believed(
    client: httpx.AsyncClient, ana: SignedIn
) -> None:
    registration = {"device_type": "raspi", "location": "Goa"}
    registered = (
        await client.post("/api/v1/iot/device/register", json=registration, headers=ana.headers)
    ).json()

    assert (await client.post(CALLER, json=BODY)).status_code == 404
    assert (await client.post(CALLER, json={"device_id": registered["id"]})).status_code == 401


async def test_a_registered_device_reports_keyless_from_nearby_for_its_owner(
    client: httpx.AsyncClient, ana: SignedIn, devices: Devices, parts: Parts
) -> None:
    registration = {"device_type": "raspi", "location": "Goa"}
    registered = (
        await client.post("/api/v1/iot/device/register", json=registration, headers=ana.headers)
    ).json()

    answer = await client.post(CALLER, json={"device_id": registered["id"]})

    assert answer.json() == {"device_id": registered["id"], "energy_scale": 1}
    device = await devices.find(registered["id"])
    assert device is not None
    async with parts.store.read() as tx:
        assert await devices.payee(tx, device) == ana.person.account


async def test_a_name_that_breaks_topics_makes_no_device(client: httpx.AsyncClient) -> None:
    for name in ("a/b", "+", "#", "", ".hidden", "x" * 65, "Ä"):
        assert (await client.post(CALLER, json={"device_id": name})).status_code == 400, name


async def test_a_body_without_a_device_id_is_a_bad_request(client: httpx.AsyncClient) -> None:
    for body in (b"", b"{", b"[]", b"{}", b'{"device_id": 7}', b'{"device_id": null}'):
        answer = await client.post(CALLER, content=body, headers={"Content-Type": "application/json"})

        assert answer.status_code == 400, body


async def test_a_counter_is_spent_only_under_the_key_that_signed(parts: Parts, enrolled: Agent) -> None:
    async with parts.store.write() as tx:
        assert not await storage.raise_counter(tx, enrolled.device_id, "0" * 64, 1)
        assert await storage.raise_counter(tx, enrolled.device_id, enrolled.public_key, 1)
