"""The market as a stranger sees it: a run of every kind of order and trade, and the lies about it."""

import asyncio
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS, build
from cloud.audit.errors import Lie
from cloud.audit.verifier import Accepted, Verifier
from cloud.kit.idempotency import NO_KEY
from cloud.market.model import Side, Wish
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.audit.conftest import CLOUD_SEED, METER, Site
from tests.cloud.audit.forgery import Forged

HOUR = 3_600
DAY = 24 * HOUR


class Traders:
    def __init__(self, parts) -> None:
        self.market = parts.services.market

    async def sell(self, person, kwh: float, price: float) -> str:
        return await self._place(Side.SELL, person, kwh, price)

    async def buy(self, person, kwh: float, price: float) -> str:
        return await self._place(Side.BUY, person, kwh, price)

    async def _place(self, side, person, kwh, price) -> str:
        wish = Wish(side=side, lots=round(kwh * 1000), price_ticks=round(price * 10_000))
        return (await self.market.place(person, wish, NO_KEY)).id


async def _live(folder: Path) -> bytes:
    clock = ManualClock()
    parts = build(Settings(data_dir=folder), clock)
    await parts.store.migrate(MIGRATIONS)
    try:
        site, traders = Site(parts, clock), Traders(parts)
        ana, ben, cem = await site.wallet(1), await site.wallet(2), await site.wallet(3)
        await site.enrol("pi-1", METER)
        device = await parts.services.devices.find("pi-1")
        first = await site.signed("NODE_A", "NODE_B")  # 0.065 kWh to the device's own account
        await traders.buy(ben, 0.001, 20)
        async with parts.store.write() as tx:
            await parts.services.devices.escrow.release(tx, device, ana)
        await traders.buy(ben, 0.01, 20)
        await traders.sell(ana, 0.003, 4.0)
        await traders.sell(cem, 0.02, 3.9999)  # a pledge, as is the next
        await traders.sell(cem, 0.05, 4.2)
        await traders.buy(ben, 0.1, 4.3)  # all that was minted, and pledges
        cancelled = await traders.buy(ben, 0.5, 1.0)
        await parts.services.market.cancel(ben, cancelled, NO_KEY)
        clock.advance(HOUR)
        async with parts.store.write() as tx:
            await tx.execute("UPDATE devices SET owner_person_id = :id", {"id": cem.id})
        await site.signed("NODE_A", "NODE_B", energy_mwh=25, received_mwh=20, current_ma_mean=385)
        await traders.buy(ben, 0.5, 1.0)
        clock.advance(DAY)
        await parts.services.market.refund_due()
        clock.advance(7 * DAY)
        await parts.services.market.expire_due()
        assert first.tokens > 0
        return b"".join([piece async for piece in await parts.services.ledger_export.open()])
    finally:
        await parts.store.close()


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("market")
    key = folder / "cloud_key"
    key.write_text(CLOUD_SEED.hex())
    key.chmod(0o600)
    return asyncio.run(_live(folder))


@pytest.fixture
def forged(export: bytes) -> Forged:
    return Forged(export, SigningKey(CLOUD_SEED), METER)


def verified(export: bytes) -> Accepted:
    verifier = Verifier()
    verifier.read(export.splitlines(keepends=True))
    return verifier.finish()


def lie_in(forged: Forged) -> Lie:
    with pytest.raises(Lie) as caught:
        verified(forged.render())
    return caught.value


def of_reason(forged: Forged, reason: str, number: int = 0):
    """The n-th leaf whose facts have this reason."""
    return [leaf for _, leaf in forged.leaves if leaf["facts"].get("reason") == reason][number]


def test_a_run_of_the_market_is_accepted(export, forged):
    verified(export)

    assert forged.render() == export
    reasons = {leaf["facts"].get("reason") for _, leaf in forged.leaves}
    assert reasons >= {
        "buy_order",
        "sell_order",
        "pledge_deposit",
        "trade_matched",
        "filled",
        "delivered",
        "trade_settlement",
        "trade_refunded",
        "order_cancelled",
        "order_expired",
    }
    delivered = of_reason(forged, "delivered")["facts"]
    assert delivered["trade_id"] != delivered["matched_trade_id"] or of_reason(forged, "delivered", 1)


def taken_out(forged: Forged, leaf) -> None:
    forged.leaves = [[entry, other] for entry, other in forged.leaves if other is not leaf]
    forged.renumber()


def swapped(forged: Forged, one, other) -> None:
    first, second = (
        next(n for n, row in enumerate(forged.leaves) if row[1] is leaf) for leaf in (one, other)
    )
    forged.leaves[first][1], forged.leaves[second][1] = other, one
    forged.renumber()


@pytest.mark.parametrize(
    "reason", ["filled", "trade_settlement", "trade_matched", "order_cancelled"], ids=str
)
def test_an_entry_that_had_to_follow_is_missed(forged, reason):
    number = 1 if reason == "order_cancelled" else 0  # the first was asked for by its owner
    taken_out(forged, of_reason(forged, reason, number))

    assert lie_in(forged).where.startswith("entry ")


@pytest.mark.parametrize("field", ["kwh", "price_xlm_per_kwh", "buyer", "seller", "sell_order_id"])
@pytest.mark.parametrize("reason", ["filled", "trade_matched", "delivered"])
def test_each_fact_of_a_trade_follows_from_the_orders(forged, reason, field):
    facts = of_reason(forged, reason)["facts"]
    facts[field] = 0.002 if field in {"kwh", "price_xlm_per_kwh"} else "acct_x"

    assert lie_in(forged).where.startswith("entry ")


@pytest.mark.parametrize("reason", ["filled", "delivered"])
def test_another_commission_is_named(forged, reason):
    leaf = of_reason(forged, reason)
    seller = leaf["facts"]["seller"]
    pool = next(row for row in leaf["postings"] if row["account"] == "pool")
    paid = next(row for row in leaf["postings"] if row["account"] == seller)
    pool["amount"] += 1
    paid["amount"] -= 1

    assert lie_in(forged).where.endswith(": posting")


@pytest.mark.parametrize(
    "reason",
    ["buy_order", "sell_order", "pledge_deposit", "order_expired", "trade_refunded", "trade_matched"],
)
def test_a_unit_more_or_less_is_named(forged, reason):
    leaf = of_reason(forged, reason)
    for row in leaf["postings"][:2]:
        row["amount"] += 1 if row["amount"] > 0 else -1

    assert lie_in(forged).where.startswith(f"entry {forged.leaves[leaf['index']][0]} ")


def test_a_burn_of_another_trade_or_amount_is_named(forged):
    burn = of_reason(forged, "trade_settlement")
    burn["facts"]["trade_id"] = of_reason(forged, "filled", 1)["facts"]["trade_id"]
    assert lie_in(forged).where.endswith(": trade_id")


def test_who_came_first_at_a_price_cannot_be_passed_over(forged):
    """Two fills of one order change places."""
    swapped(forged, of_reason(forged, "trade_matched"), of_reason(forged, "trade_matched", 1))

    assert lie_in(forged).where.startswith("entry ")


def test_a_trade_is_settled_once(forged):
    delivered, burned = of_reason(forged, "delivered"), of_reason(forged, "trade_settlement", -2)
    assert burned["facts"]["trade_id"] == delivered["facts"]["trade_id"]
    last = forged.leaves[-1][0]
    forged.leaves += [[last + 1, dict(delivered)], [last + 2, dict(burned)]]
    forged.renumber()

    assert lie_in(forged).where.startswith(f"entry {last + 1} ")


def test_an_order_is_placed_once(forged):
    order = of_reason(forged, "buy_order")
    last = forged.leaves[-1][0]
    forged.leaves.append([last + 1, dict(order)])
    forged.renumber()

    lie = lie_in(forged)
    assert lie.where == f"entry {last + 1} (leaf {len(forged.leaves) - 1}): order_id"


@pytest.mark.parametrize(
    "reason,field,life_s",
    [("order_expired", "order_id", 7 * DAY), ("trade_refunded", "trade_id", DAY)],
)
def test_what_ends_too_early_is_named(forged, reason, field, life_s):
    leaf = of_reason(forged, reason)
    leaf["time"] = "2026-01-01T01:02:00Z"

    lie = lie_in(forged)
    assert lie.where.endswith(f": {field}")
    assert lie.expected.startswith("not before")


def test_another_orders_money_is_not_given_back(forged):
    leaf = of_reason(forged, "order_cancelled")
    leaf["facts"]["order_id"] = of_reason(forged, "pledge_deposit")["facts"]["order_id"]

    assert lie_in(forged).where.startswith("entry ")


@pytest.mark.parametrize("kwh", [0, 0.0005, -1, 1_000_000.001, 10.001])
def test_a_size_that_cannot_be_is_named(forged, kwh):
    of_reason(forged, "pledge_deposit")["facts"]["kwh"] = kwh

    assert lie_in(forged).where.endswith(": kwh")


def test_what_the_market_did_is_not_taken_back(forged):
    hold = of_reason(forged, "order_cancelled")
    entry = next(entry for entry, leaf in forged.leaves if leaf is hold)
    last = forged.leaves[-1][0]
    postings = [row | {"amount": -row["amount"]} for row in hold["postings"]]
    facts = {"reason": "no", "reverses_entry": entry, "reverses_index": hold["index"]}
    taken_back = hold | {"kind": "reversal", "postings": postings, "facts": facts}
    forged.leaves.append([last + 1, taken_back])
    forged.renumber()

    assert "of the market" in lie_in(forged).found
