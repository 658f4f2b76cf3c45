"""The border to the Stellar network as a stranger sees it: a run that crosses it, and the lies about it."""

import asyncio
from copy import deepcopy
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS, build
from cloud.audit.errors import Lie
from cloud.audit.verifier import Accepted, Verifier
from cloud.kit.idempotency import NO_KEY
from cloud.ledger.model import Asset
from cloud.settings import Settings
from cloud.stellar.horizon import Payment
from cloud.stellar.payments import Received
from shared.clock import ManualClock
from tests.cloud.audit.conftest import CLOUD_SEED, METER, Site
from tests.cloud.audit.forgery import Forged

LT = 10_000_000


def a_payment(number: int) -> Payment:
    return msgspec.convert(
        {
            "id": number,
            "paging_token": str(number),
            "type": "payment",
            "transaction_hash": f"{number:064x}",
            "created_at": "2026-01-01T00:00:00Z",
        },
        Payment,
    )


async def _live(folder: Path) -> bytes:
    """LT go out, one withdrawal is given up, LT and XLM come in."""
    clock = ManualClock()
    parts = build(Settings(data_dir=folder, network="testnet"), clock)
    await parts.store.migrate(MIGRATIONS)
    withdrawals, deposits = parts.services.withdrawals, parts.services.deposits
    try:
        site = Site(parts, clock)
        ana, ben = await site.wallet(1), await site.wallet(2)
        await site.enrol("pi-1", METER)
        device = await parts.services.devices.find("pi-1")
        async with parts.store.write() as tx:
            await parts.services.devices.escrow.release(tx, device, ana)
            await tx.execute("UPDATE devices SET owner_person_id = :id", {"id": ana.id})
        await site.signed("NODE_A", "NODE_B", energy_mwh=66, received_mwh=66, current_ma_mean=1_015)

        async def out(person, asset, units):
            return await withdrawals.withdraw(
                person.account, asset, units, destination=person.wallet_address, once=NO_KEY
            )

        await out(ana, Asset.LT, 3 * LT)
        refused = await out(ben, Asset.XLM, 5 * LT)
        async with parts.store.write() as tx:
            await parts.services.ledger.reverse(tx, refused.entry_id, "withdrawal_refused")
        for number, person, asset, units in ((7, ben, Asset.LT, 2 * LT), (8, ana, Asset.XLM, 9 * LT)):
            memo = (await deposits.address_of(person.account)).memo
            found = Received(sender="G", asset=asset, amount=units, memo=str(memo))
            async with parts.store.write() as tx:
                await deposits.take(tx, a_payment(number), found, units)
        return b"".join([piece async for piece in await parts.services.ledger_export.open()])
    finally:
        await parts.store.close()


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("border")
    key = folder / "cloud_key"
    key.write_text(CLOUD_SEED.hex())
    key.chmod(0o600)
    return asyncio.run(_live(folder))


@pytest.fixture
def forged(export) -> Forged:
    return Forged(export, SigningKey(CLOUD_SEED), METER)


def verified(content: bytes) -> Accepted:
    verifier = Verifier()
    verifier.read(content.splitlines(keepends=True))
    return verifier.finish()


def lie_in(content: bytes) -> Lie:
    with pytest.raises(Lie) as caught:
        verified(content)
    return caught.value


def add(forged: Forged, leaf) -> None:
    forged.leaves.append([forged.leaves[-1][0] + 1, leaf])
    forged.renumber()


def test_what_crossed_the_border_adds_up(export, forged):
    accepted = verified(export)

    assert accepted.in_existence == accepted.minted
    assert [leaf["kind"] for _, leaf in forged.leaves].count("withdrawal") == 2
    assert [leaf["kind"] for _, leaf in forged.leaves].count("deposit") == 2


@pytest.mark.parametrize(
    "kind, number", [("withdrawal", 0), ("withdrawal", 1), ("deposit", 0), ("deposit", 1)]
)
def test_another_amount_than_what_left_or_came_does_not_balance(forged, kind, number):
    _, leaf = forged.of_kind(kind, number)
    leaf["postings"][0]["amount"] -= 1

    assert "double entry" in lie_in(forged.render()).where


def test_a_withdrawal_that_goes_to_somebody_inside_is_a_lie(forged):
    _, leaf = forged.of_kind("withdrawal")
    other = forged.of_kind("deposit")[1]["postings"][1]["account"]
    leaf["postings"][1]["account"] = other

    assert "posting" in lie_in(forged.render()).where


@pytest.mark.parametrize("kind", ["withdrawal", "deposit"])
def test_what_crosses_from_a_hold_is_a_lie(forged, kind):
    _, leaf = forged.of_kind(kind)
    for posting in leaf["postings"]:
        if posting["account"] != "outside":
            posting["account"] += "/orders"

    assert lie_in(forged.render())


def test_a_withdrawal_written_twice_is_a_lie(forged):
    add(forged, deepcopy(forged.of_kind("withdrawal", 1)[1]))

    assert "withdrawal_id" in lie_in(forged.render()).where


def test_one_payment_credited_twice_is_a_lie(forged):
    add(forged, deepcopy(forged.of_kind("deposit", 1)[1]))

    assert "stellar_operation" in lie_in(forged.render()).where


def test_one_payment_credited_to_two_is_a_lie(forged):
    leaf = deepcopy(forged.of_kind("deposit", 1)[1])
    leaf["postings"][1]["account"] = forged.of_kind("deposit", 0)[1]["postings"][1]["account"]
    add(forged, leaf)

    assert "stellar_operation" in lie_in(forged.render()).where


def test_more_lt_from_outside_than_went_there_is_a_lie(forged):
    leaf = deepcopy(forged.of_kind("deposit", 0)[1])
    leaf["facts"]["stellar_operation"] = 99
    add(forged, leaf)  # 3 went out, 2 came back; these are 2 more

    assert lie_in(forged.render()).expected == "no more LT from outside than went there"


def test_a_withdrawal_turned_round_is_a_lie(forged):
    _, leaf = forged.of_kind("withdrawal", 1)
    for posting in leaf["postings"]:
        posting["amount"] *= -1

    assert lie_in(forged.render())


def test_energy_does_not_cross(forged):
    _, leaf = forged.of_kind("deposit", 1)
    for posting in leaf["postings"]:
        posting["asset"] = "kWh"

    assert lie_in(forged.render()).expected == "LT or XLM"


def test_offline_nothing_comes_in(forged):
    forged.header["network"] = "offline"

    assert "no deposit" in lie_in(forged.render()).expected


def test_a_fact_too_many_is_not_passed_over(forged):
    facts, _ = forged.of_kind("withdrawal")
    facts["destination"] = "G"

    with pytest.raises(Exception, match="not known to this version"):
        verified(forged.render())
