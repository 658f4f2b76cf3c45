"""Claiming a device that earned without an owner, and changing its key."""

from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.devices.service import Devices
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.ledger.service import Ledger
from cloud.market.service import Market
from tests.cloud.devices.conftest import Agent, SignedIn

CLAIM = "/api/v1/iot/device/claim"
KEY = "/iot/key"
CALLER = "/iot/probe/caller"
NEW = Agent(seed=101)


@pytest.fixture
async def enrolled(client: httpx.AsyncClient, agent: Agent) -> Agent:
    assert (await client.post("/iot/enrol", json=agent.enrolment())).status_code == 200
    return agent


async def earn(parts: Parts, books: Ledger, account: str, asset: Asset, amount: int) -> None:
    source = {
        Asset.LT: SystemAccount.MINT_ENERGY,
        Asset.XLM: SystemAccount.FAUCET,
        Asset.CARBON: SystemAccount.CARBON_SOURCE,
    }[asset]
    async with parts.store.write() as tx:
        postings = (Posting(source, asset, -amount), Posting(account, asset, amount))
        await books.post(tx, Entry(kind=EntryKind.MINT, postings=postings))


async def test_a_claim_signed_by_the_device_makes_its_owner_and_releases_the_escrow_in_one_entry(
    client: httpx.AsyncClient,
    ana: SignedIn,
    enrolled: Agent,
    devices: Devices,
    books: Ledger,
    parts: Parts,
) -> None:
    device = await devices.find(enrolled.device_id)
    assert device is not None
    async with parts.store.read() as tx:
        assert await devices.payee(tx, device) == device.account
    before = (await books.tree_head()).tree_size
    await earn(parts, books, device.account, Asset.LT, 5_333_300_000)
    await earn(parts, books, device.account, Asset.XLM, 70_000_000)
    await earn(parts, books, device.account, Asset.CARBON, 205_000)

    answer = await client.post(CLAIM, json=enrolled.claim(ana.person.shown_id), headers=ana.headers)

    assert answer.status_code == 200
    assert answer.json()["user_id"] == ana.person.wallet_address
    async with parts.store.read() as tx:
        claimed = await devices.get(tx, enrolled.device_id)
        assert claimed is not None
        assert await devices.payee(tx, claimed) == ana.person.account
        for asset, amount in [
            (Asset.LT, 5_333_300_000),
            (Asset.XLM, 100_000_000_000 + 70_000_000),
            (Asset.CARBON, 205_000),
        ]:
            assert await books.balance(tx, ana.person.account, asset) == amount
            assert await books.balance(tx, device.account, asset) == 0
    assert (await books.tree_head()).tree_size == before + 3 + 1


async def test_open_orders_of_the_escrow_account_become_the_owners_with_what_they_reserve(
    client: httpx.AsyncClient,
    ana: SignedIn,
    enrolled: Agent,
    devices: Devices,
    books: Ledger,
    parts: Parts,
) -> None:
    market = parts.services.market
    assert isinstance(market, Market)
    device = await devices.find(enrolled.device_id)
    assert device is not None
    await earn(parts, books, device.account, Asset.LT, 5_333_300_000)
    async with parts.store.write() as tx:
        await market.deliver(
            tx,
            order_id="auto_sell_1",
            account=device.account,
            owner_person_id=None,
            lots=500,  # 0.5 kWh reserve 500 LT
            price_ticks=90_200,
        )

    await client.post(CLAIM, json=enrolled.claim(ana.person.shown_id), headers=ana.headers)

    async with parts.store.read() as tx:
        assert await books.balance(tx, f"{device.account}/orders", Asset.LT) == 0
        assert await books.balance(tx, f"{ana.person.account}/orders", Asset.LT) == 5_000_000_000
        assert await books.balance(tx, ana.person.account, Asset.LT) == 333_300_000
    (listed,) = await market.open_orders()
    assert listed.user_id == ana.person.wallet_address


async def test_the_owner_claims_again_what_came_later(
    client: httpx.AsyncClient,
    ana: SignedIn,
    enrolled: Agent,
    devices: Devices,
    books: Ledger,
    parts: Parts,
) -> None:
    claim = enrolled.claim(ana.person.shown_id)
    await client.post(CLAIM, json=claim, headers=ana.headers)
    device = await devices.find(enrolled.device_id)
    assert device is not None
    await earn(parts, books, device.account, Asset.LT, 10_000_000)

    for _ in range(2):
        assert (await client.post(CLAIM, json=claim, headers=ana.headers)).status_code == 200

    async with parts.store.read() as tx:
        assert await books.balance(tx, ana.person.account, Asset.LT) == 10_000_000


async def test_a_device_of_someone_else_is_not_found_and_stays_theirs(
    client: httpx.AsyncClient, ana: SignedIn, ben: SignedIn, enrolled: Agent, devices: Devices
) -> None:
    await client.post(CLAIM, json=enrolled.claim(ana.person.shown_id), headers=ana.headers)

    answer = await client.post(CLAIM, json=enrolled.claim(ben.person.shown_id), headers=ben.headers)

    assert answer.status_code == 404
    device = await devices.find(enrolled.device_id)
    assert device is not None
    assert device.owner_person_id == ana.person.id


async def test_a_claim_made_for_one_person_serves_no_other(
    client: httpx.AsyncClient, ana: SignedIn, ben: SignedIn, enrolled: Agent
) -> None:
    answer = await client.post(CLAIM, json=enrolled.claim(ana.person.shown_id), headers=ben.headers)

    assert answer.status_code == 401


async def test_only_the_devices_own_key_claims_it(
    client: httpx.AsyncClient, ana: SignedIn, enrolled: Agent
) -> None:
    forged = Agent(enrolled.device_id, seed=101).claim(ana.person.shown_id)

    assert (await client.post(CLAIM, json=forged, headers=ana.headers)).status_code == 401


async def test_an_unknown_device_is_not_found(client: httpx.AsyncClient, ana: SignedIn, agent: Agent) -> None:
    claim = agent.claim(ana.person.shown_id)

    assert (await client.post(CLAIM, json=claim, headers=ana.headers)).status_code == 404


async def test_a_keyless_device_cannot_be_claimed(
    client: httpx.AsyncClient, ana: SignedIn, agent: Agent
) -> None:
    await client.post(CALLER, json={"device_id": agent.device_id})

    answer = await client.post(CLAIM, json=agent.claim(ana.person.shown_id), headers=ana.headers)

    assert answer.status_code == 409


async def test_nobody_claims_without_signing_in(
    client: httpx.AsyncClient, ana: SignedIn, enrolled: Agent
) -> None:
    assert (await client.post(CLAIM, json=enrolled.claim(ana.person.shown_id))).status_code == 401


@pytest.mark.parametrize("change", [{"device_id": "a b"}, {"signature": 1}, {"wallet": "G"}])
async def test_a_malformed_claim_is_a_bad_request(
    client: httpx.AsyncClient, ana: SignedIn, enrolled: Agent, change: dict[str, Any]
) -> None:
    answer = await client.post(CLAIM, json=enrolled.claim(ana.person.shown_id) | change, headers=ana.headers)

    assert answer.status_code == 400


def key_change(new: Agent = NEW) -> dict[str, Any]:
    shown = new.enrolment()
    return {name: shown[name] for name in ("device_id", "public_key", "signature")}


async def test_the_old_key_hands_over_to_the_new_and_speaks_no_more(
    far: httpx.AsyncClient, enrolled: Agent
) -> None:
    answer = await far.post(KEY, **enrolled.request(KEY, key_change(), 1))

    assert (answer.status_code, answer.json()) == (
        200,
        {"device_id": enrolled.device_id, "public_key": NEW.public_key},
    )
    body = {"device_id": enrolled.device_id}
    assert (await far.post(CALLER, **enrolled.request(CALLER, body, 2))).status_code == 401
    assert (await far.post(CALLER, **NEW.request(CALLER, body, 1))).status_code == 401  # counters go on
    assert (await far.post(CALLER, **NEW.request(CALLER, body, 2))).status_code == 200


async def test_a_key_change_that_the_old_key_did_not_sign_is_refused(
    client: httpx.AsyncClient, enrolled: Agent
) -> None:
    assert (await client.post(KEY, json=key_change())).status_code == 401
    assert (await client.post(KEY, **NEW.request(KEY, key_change(), 1))).status_code == 401


async def test_a_key_change_that_the_new_key_did_not_sign_is_refused(
    client: httpx.AsyncClient, enrolled: Agent
) -> None:
    body = key_change() | {"signature": enrolled.enrolment()["signature"]}

    assert (await client.post(KEY, **enrolled.request(KEY, body, 1))).status_code == 401


async def test_a_key_change_to_another_devices_key_is_a_conflict(
    client: httpx.AsyncClient, enrolled: Agent
) -> None:
    other = Agent("another", seed=101)
    await client.post("/iot/enrol", json=other.enrolment())

    assert (await client.post(KEY, **enrolled.request(KEY, key_change(), 1))).status_code == 409


async def test_a_keyless_device_enrols_instead_of_changing_its_key(client: httpx.AsyncClient) -> None:
    assert (await client.post(KEY, json=key_change())).status_code == 401
