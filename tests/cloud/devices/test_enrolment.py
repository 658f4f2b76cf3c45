"""How an agent's key comes to speak for a device: with a code, and by first contact."""

import hmac
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.devices.service import Devices
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.ledger.service import Ledger
from shared.signatures import public_key_of
from tests.cloud.devices.conftest import Agent, SignedIn

ENROL = "/iot/enrol"
REGISTER = "/api/v1/iot/device/register"
DEVICES = "/api/v1/iot/devices"
CALLER = "/iot/probe/caller"
SIGNED = {"device_trust": "signed"}


async def registered(client: httpx.AsyncClient, owner: SignedIn) -> tuple[str, str]:
    """(device id, code)."""
    answer = await client.post(
        REGISTER, json={"device_type": "raspi", "location": "Goa"}, headers=owner.headers
    )
    return answer.json()["device_id"], answer.json()["enrolment_code"]


async def earn(parts: Parts, books: Ledger, account: str, amount: int) -> None:
    async with parts.store.write() as tx:
        await books.post(
            tx,
            Entry(
                kind=EntryKind.MINT,
                postings=(
                    Posting(SystemAccount.MINT_ENERGY, Asset.LT, -amount),
                    Posting(account, Asset.LT, amount),
                ),
            ),
        )


async def test_the_code_binds_key_owner_and_device_and_the_device_takes_the_agents_id(
    far: httpx.AsyncClient, client: httpx.AsyncClient, ana: SignedIn, agent: Agent, parts: Parts
) -> None:
    _, code = await registered(client, ana)

    answer = await far.post(ENROL, json=agent.enrolment(code))

    assert answer.status_code == 200
    signing_key: Any = parts.services.signing_key
    assert answer.json() == {
        "device_id": "rpi-4b-prod-01",
        "cloud_public_key": public_key_of(signing_key),
        "mqtt": None,
    }
    (device,) = (await client.get(DEVICES, headers=ana.headers)).json()
    assert device["device_id"] == "rpi-4b-prod-01"
    assert device["status"] == "enrolled"
    assert device["public_key"] == agent.public_key
    assert (device["device_type"], device["location"], device["energy_scale"]) == ("raspi", "Goa", 1)


async def test_an_agent_that_bears_the_registered_id_keeps_it(
    client: httpx.AsyncClient, far: httpx.AsyncClient, ana: SignedIn
) -> None:
    device_id, code = await registered(client, ana)

    answer = await far.post(ENROL, json=Agent(device_id).enrolment(code))

    assert answer.json()["device_id"] == device_id
    assert len((await client.get(DEVICES, headers=ana.headers)).json()) == 1


async def test_a_code_works_once_and_also_not_again_for_the_same_agent(
    client: httpx.AsyncClient, ana: SignedIn, agent: Agent
) -> None:
    _, code = await registered(client, ana)
    await client.post(ENROL, json=agent.enrolment(code))

    same = await client.post(ENROL, json=agent.enrolment(code))
    other = await client.post(ENROL, json=Agent("another", seed=101).enrolment(code))

    assert same.status_code == other.status_code == 409
    assert "used before" in same.json()["error"]


async def test_an_unknown_code_is_not_found(client: httpx.AsyncClient, agent: Agent) -> None:
    assert (await client.post(ENROL, json=agent.enrolment("no-such-code"))).status_code == 404


FORGED = {
    "none": {"signature": ""},
    "noise": {"signature": "A" * 88},
    "other key": {"signature": Agent(seed=101).enrolment("c")["signature"]},
    "other purpose": {
        "signature": Agent().sign("claim", b"\nrpi-4b-prod-01\n" + Agent().public_key.encode())
    },
    "key swapped": {"public_key": Agent(seed=101).public_key},
    "zero key": {"public_key": "0" * 64},
    "id swapped": {"device_id": "another"},
}


@pytest.mark.parametrize("with_code", [True, False], ids=["code", "first contact"])
async def test_a_wrong_signature_enrols_nothing_and_does_not_spend_the_code(
    client: httpx.AsyncClient, ana: SignedIn, agent: Agent, with_code: bool
) -> None:
    _, code = await registered(client, ana)
    body = agent.enrolment(code if with_code else None)

    for name, change in FORGED.items():
        assert (await client.post(ENROL, json=body | change)).status_code == 401, name

    assert (await client.post(ENROL, json=body)).status_code == 200


async def test_a_signature_over_another_code_is_wrong(
    client: httpx.AsyncClient, ana: SignedIn, agent: Agent
) -> None:
    _, code = await registered(client, ana)

    answer = await client.post(ENROL, json=agent.enrolment(None) | {"enrolment_code": code})

    assert answer.status_code == 401


async def test_a_malformed_enrolment_is_a_bad_request(client: httpx.AsyncClient, agent: Agent) -> None:
    malformed: list[dict[str, Any]] = [
        {"device_id": "a/b"},
        {"device_id": ""},
        {"device_id": "x" * 65},
        {"device_id": "rpi\n"},
        {"public_key": "AB" * 32},
        {"public_key": "ab"},
        {"enrolment_code": ""},
        {"enrolment_code": 1},
        {"extra": 1},
        {"signature": "A" * 200},
    ]
    for change in malformed:
        answer = await client.post(ENROL, json=agent.enrolment() | change)

        assert answer.status_code == 400, change
        assert next(iter(change)) in answer.json()["error"]


async def test_a_device_cannot_bear_the_name_of_a_user_of_the_broker(client: httpx.AsyncClient) -> None:
    for name in ("cloud", "reader", "home"):
        assert (await client.post(ENROL, json=Agent(name).enrolment())).status_code == 400
        assert (await client.post(CALLER, json={"device_id": name})).status_code == 400


async def test_first_contact_from_nearby_enrols_with_the_scale_of_a_bench(
    client: httpx.AsyncClient, agent: Agent, devices: Devices, parts: Parts
) -> None:
    assert (await client.post(ENROL, json=agent.enrolment())).status_code == 200

    async with parts.store.read() as tx:
        device = await devices.get(tx, agent.device_id)
    assert device is not None
    assert (device.public_key, device.energy_scale) == (agent.public_key, 1000)
    assert device.owner_person_id is None


@pytest.mark.parametrize("settings", [{"open_energy_scale": 7}], indirect=True)
async def test_the_scale_of_first_contact_is_a_setting(
    client: httpx.AsyncClient, agent: Agent, devices: Devices, parts: Parts
) -> None:
    await client.post(ENROL, json=agent.enrolment())
    await client.post(CALLER, json={"device_id": "keyless"})

    async with parts.store.read() as tx:
        for name in (agent.device_id, "keyless"):
            device = await devices.get(tx, name)
            assert device is not None
            assert device.energy_scale == 7


async def test_first_contact_may_be_repeated_by_the_same_key_only(
    client: httpx.AsyncClient, agent: Agent
) -> None:
    first = await client.post(ENROL, json=agent.enrolment())

    again = await client.post(ENROL, json=agent.enrolment())
    other = await client.post(ENROL, json=Agent(seed=101).enrolment())

    assert (again.status_code, again.json()) == (200, first.json())
    assert other.status_code == 409


async def test_one_key_speaks_for_one_device(client: httpx.AsyncClient, ana: SignedIn, agent: Agent) -> None:
    await client.post(ENROL, json=agent.enrolment())
    _, code = await registered(client, ana)

    for body in (Agent("another").enrolment(), Agent("another").enrolment(code)):
        answer = await client.post(ENROL, json=body)

        assert answer.status_code == 409
        assert answer.json()["error"].startswith("public_key: belongs to another device")


async def test_a_keyless_device_takes_a_key_by_first_contact(client: httpx.AsyncClient, agent: Agent) -> None:
    await client.post(CALLER, json={"device_id": agent.device_id})

    assert (await client.post(ENROL, json=agent.enrolment())).status_code == 200
    assert (await client.post(CALLER, json={"device_id": agent.device_id})).status_code == 401


async def test_first_contact_from_afar_is_refused(far: httpx.AsyncClient, agent: Agent) -> None:
    assert (await far.post(ENROL, json=agent.enrolment())).status_code == 403


@pytest.mark.parametrize("settings", [SIGNED], indirect=True)
async def test_first_contact_without_open_trust_is_refused_also_for_a_key_that_is_known(
    client: httpx.AsyncClient, ana: SignedIn, agent: Agent
) -> None:
    assert (await client.post(ENROL, json=agent.enrolment())).status_code == 403
    _, code = await registered(client, ana)
    await client.post(ENROL, json=agent.enrolment(code))

    assert (await client.post(ENROL, json=agent.enrolment())).status_code == 403


async def test_a_device_that_enrolled_before_joins_the_owner_of_the_code_with_what_it_earned(
    client: httpx.AsyncClient,
    far: httpx.AsyncClient,
    ana: SignedIn,
    agent: Agent,
    devices: Devices,
    books: Ledger,
    parts: Parts,
) -> None:
    await client.post(ENROL, json=agent.enrolment())
    async with parts.store.read() as tx:
        before = await devices.get(tx, agent.device_id)
    assert before is not None
    await earn(parts, books, before.account, 5_333_300_000)
    _, code = await registered(client, ana)

    answer = await far.post(ENROL, json=agent.enrolment(code))

    assert answer.status_code == 200
    async with parts.store.read() as tx:
        after = await devices.get(tx, agent.device_id)
        assert after is not None
        assert (after.owner_person_id, after.location) == (ana.person.id, "Goa")
        assert await books.balance(tx, before.account, Asset.LT) == 0
        assert await books.balance(tx, ana.person.account, Asset.LT) == 5_333_300_000
        assert await devices.payee(tx, after) == ana.person.account
    assert len((await client.get(DEVICES, headers=ana.headers)).json()) == 1


async def test_a_code_from_afar_takes_no_keyless_device_of_nobody(
    client: httpx.AsyncClient, far: httpx.AsyncClient, ana: SignedIn, agent: Agent
) -> None:
    await client.post(CALLER, json={"device_id": agent.device_id})
    _, code = await registered(client, ana)

    assert (await far.post(ENROL, json=agent.enrolment(code))).status_code == 409
    assert (await client.post(ENROL, json=agent.enrolment(code))).status_code == 200


async def test_a_new_code_of_the_same_owner_enrols_the_same_key_again(
    client: httpx.AsyncClient, far: httpx.AsyncClient, ana: SignedIn, agent: Agent
) -> None:
    for _ in range(2):
        _, code = await registered(client, ana)
        assert (await far.post(ENROL, json=agent.enrolment(code))).status_code == 200

    assert len((await client.get(DEVICES, headers=ana.headers)).json()) == 1


async def test_a_code_never_takes_a_device_from_its_owner(
    client: httpx.AsyncClient, ana: SignedIn, ben: SignedIn, agent: Agent
) -> None:
    _, code = await registered(client, ana)
    await client.post(ENROL, json=agent.enrolment(code))
    _, bens_code = await registered(client, ben)

    same_key = await client.post(ENROL, json=agent.enrolment(bens_code))
    other_key = await client.post(ENROL, json=Agent(seed=101).enrolment(bens_code))

    assert same_key.status_code == other_key.status_code == 409
    assert [d["id"] for d in (await client.get(DEVICES, headers=ana.headers)).json()] == [agent.device_id]


async def test_a_code_never_replaces_a_key(client: httpx.AsyncClient, ana: SignedIn, agent: Agent) -> None:
    _, code = await registered(client, ana)
    await client.post(ENROL, json=agent.enrolment(code))
    _, new_code = await registered(client, ana)

    assert (await client.post(ENROL, json=Agent(seed=101).enrolment(new_code))).status_code == 409


async def test_a_registered_device_that_reported_keeps_its_id(
    client: httpx.AsyncClient, ana: SignedIn, agent: Agent
) -> None:
    device_id, code = await registered(client, ana)
    assert (await client.post(CALLER, json={"device_id": device_id})).status_code == 200

    renamed = await client.post(ENROL, json=agent.enrolment(code))
    kept = await client.post(ENROL, json=Agent(device_id).enrolment(code))

    assert renamed.status_code == 409
    assert device_id in renamed.json()["error"]
    assert kept.status_code == 200


@pytest.mark.parametrize("settings", [{"mqtt_url": "mqtt://cloud:s3cret@10.0.0.5:1883"}], indirect=True)
async def test_without_a_device_secret_no_broker_access_is_handed_out(
    client: httpx.AsyncClient, agent: Agent
) -> None:
    assert (await client.post(ENROL, json=agent.enrolment())).json()["mqtt"] is None


@pytest.mark.parametrize(
    "settings, url",
    [
        (
            {"mqtt_url": "mqtt://cloud:s3cret@10.0.0.5:1883", "mqtt_device_secret": "d"},
            "mqtt://10.0.0.5:1883",
        ),
        (
            {
                "mqtt_url": "mqtt://cloud@127.0.0.1:1883",
                "mqtt_device_url": "mqtts://grid.example:8883",
                "mqtt_device_secret": "d",
            },
            "mqtts://grid.example:8883",
        ),
    ],
    indirect=["settings"],
)
async def test_an_enrolled_agent_learns_its_own_broker_password_and_not_the_services(
    devices: Devices, agent: Agent, url: str
) -> None:
    access = devices.broker_access(agent.device_id)

    assert access is not None
    assert access.url == url
    assert access.username == "rpi-4b-prod-01"
    assert access.password == hmac.digest(b"d", b"device:rpi-4b-prod-01", "sha256").hex()
    assert access.password not in repr(access)


@pytest.mark.parametrize("settings", [{"trusted_proxies": ("127.0.0.1",)}], indirect=True)
async def test_behind_a_configured_proxy_its_callers_own_address_counts(
    client: httpx.AsyncClient, agent: Agent
) -> None:
    from_afar = await client.post(
        ENROL, json=agent.enrolment(), headers={"X-Forwarded-For": "10.0.0.7, 203.0.113.9"}
    )
    from_nearby = await client.post(
        ENROL, json=agent.enrolment(), headers={"X-Forwarded-For": "203.0.113.9, 10.0.0.7"}
    )

    assert (from_afar.status_code, from_nearby.status_code) == (403, 200)


async def test_what_only_looks_nearby_is_not_trusted(client: httpx.AsyncClient, agent: Agent) -> None:
    unknown_proxies = ({"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"})
    pages_elsewhere = ({"Origin": "https://elsewhere.example"}, {"Origin": "null"})
    for headers in (*unknown_proxies, *pages_elsewhere):
        answer = await client.post(ENROL, json=agent.enrolment(), headers=headers)

        assert answer.status_code == 403, headers


async def test_the_services_own_pages_are_nearby(
    calling_from: Callable[[str], httpx.AsyncClient], agent: Agent
) -> None:
    answer = await calling_from("192.168.1.5").post(
        ENROL, json=agent.enrolment(), headers={"Origin": "http://127.0.0.1:8080"}
    )

    assert answer.status_code == 200


async def site_of(client: httpx.AsyncClient, owner: SignedIn) -> tuple[float | None, float | None]:
    (device,) = (await client.get("/api/v1/iot/devices", headers=owner.headers)).json()
    return device["latitude"], device["longitude"]


async def test_an_agent_brings_its_site_and_without_one_the_registered_stays(
    client: httpx.AsyncClient, ana: SignedIn, agent: Agent
) -> None:
    wish = {"device_type": "raspi", "location": "Goa", "latitude": 15.5, "longitude": 73.8}
    code = (await client.post(REGISTER, json=wish, headers=ana.headers)).json()["enrolment_code"]

    assert (await client.post(ENROL, json=agent.enrolment(code))).status_code == 200
    assert await site_of(client, ana) == (15.5, 73.8)

    moved = agent.enrolment(None, latitude=15.25, longitude=73.98)
    assert (await client.post(ENROL, json=moved)).status_code == 200
    assert await site_of(client, ana) == (15.25, 73.98)


async def test_a_device_that_reported_before_gets_the_registered_site(
    client: httpx.AsyncClient, ana: SignedIn, agent: Agent
) -> None:
    await client.post(ENROL, json=agent.enrolment())
    wish = {"device_type": "raspi", "location": "Goa", "latitude": 15.5, "longitude": 73.8}
    code = (await client.post(REGISTER, json=wish, headers=ana.headers)).json()["enrolment_code"]

    assert (await client.post(ENROL, json=agent.enrolment(code))).status_code == 200

    assert await site_of(client, ana) == (15.5, 73.8)


async def test_half_a_site_enrols_nothing(client: httpx.AsyncClient, agent: Agent) -> None:
    assert (await client.post(ENROL, json=agent.enrolment(latitude=15.5))).status_code == 400
    assert (await client.post(ENROL, json=agent.enrolment(latitude=91, longitude=0))).status_code == 400
