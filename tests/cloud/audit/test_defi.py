"""The liquidity pool as a stranger sees it: a run with everything in it, and the lies about it."""

import asyncio
import json
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS, build
from cloud.audit.defi import PoolBook
from cloud.audit.errors import Lie
from cloud.audit.verifier import Accepted, Verifier
from cloud.kit.idempotency import NO_KEY
from cloud.ledger.model import Asset, Posting, SystemAccount
from cloud.market.model import Side, Wish
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.audit.conftest import CLOUD_SEED, METER, Site
from tests.cloud.audit.forgery import Forged

LT = 10_000_000
DAY = 86_400


async def _live(folder: Path) -> bytes:
    """Commission with and without stakes, loans repaid and overdue, yield from loans and from a mint."""
    clock = ManualClock()
    parts = build(Settings(data_dir=folder), clock)
    await parts.store.migrate(MIGRATIONS)
    defi, market = parts.services.defi, parts.services.market
    try:
        site = Site(parts, clock)
        ana, ben = await site.wallet(1), await site.wallet(2)
        await site.enrol("pi-1", METER)
        device = await parts.services.devices.find("pi-1")
        async with parts.store.write() as tx:
            await parts.services.devices.escrow.release(tx, device, ana)
            await tx.execute("UPDATE devices SET owner_person_id = :id", {"id": ana.id})
        # 9 kWh at 4.2 V are 9,900 LT, of which 9,000 are listed: 900 stay free.
        clock.advance(3_600)
        big = {"energy_mwh": 9_000, "received_mwh": 9_000, "voltage_mv_mean": 4_200}
        hour = {"started_at": clock.now() - timedelta(seconds=3_540), "duration_ms": 3_600_000}
        await site.signed("NODE_A", "NODE_B", current_ma_mean=2_142, **big, **hour)

        async def trade(lots: int) -> None:
            wish = Wish(side=Side.BUY, lots=lots, price_ticks=200_000)
            await market.place(ben, wish, NO_KEY)

        await trade(100)
        first = await defi.stake(ana, 500 * LT, NO_KEY)
        await trade(100)
        clock.advance(30 * DAY)
        await defi.unstake(ana, first.id, NO_KEY)
        second = await defi.stake(ana, 400 * LT, NO_KEY)
        loan = await defi.borrow(ana, lots=200, collateral=300 * LT, once=NO_KEY)
        clock.advance(299)
        await defi.repay(ana, loan.id, NO_KEY)
        await trade(7)
        third = await defi.stake(ana, 3 * LT + 1, NO_KEY)
        await defi.borrow(ana, lots=100, collateral=150 * LT + 1, once=NO_KEY)
        clock.advance(17)
        await defi.borrow(ana, lots=50, collateral=80 * LT, once=NO_KEY)
        clock.advance(1_000)
        await defi.liquidate_due()
        clock.advance(40 * DAY)
        await trade(3)
        await defi.unstake(ana, third.id, NO_KEY)
        await defi.unstake(ana, second.id, NO_KEY)
        return b"".join([piece async for piece in await parts.services.ledger_export.open()])
    finally:
        await parts.store.close()


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("pool")
    key = folder / "cloud_key"
    key.write_text(CLOUD_SEED.hex())
    key.chmod(0o600)
    return asyncio.run(_live(folder))


@pytest.fixture
def forged(export: bytes) -> Forged:
    return Forged(export, SigningKey(CLOUD_SEED), METER)


def accepted(export: bytes) -> Accepted:
    verifier = Verifier()
    verifier.read(export.splitlines(keepends=True))
    return verifier.finish()


def lie_in(forged: Forged) -> Lie:
    with pytest.raises(Lie) as caught:
        accepted(forged.render())
    return caught.value


def yield_mints(forged: Forged):
    return [leaf for leaf in forged.mints() if leaf["facts"]["source"] == "yield"]


def place_of(forged: Forged, leaf) -> int:
    return next(index for index, (_, other) in enumerate(forged.leaves) if other is leaf)


def test_the_run_is_accepted_and_the_pool_ends_empty(export, forged):
    accepted(export)
    _, last = forged.of_kind("unstake", 2)

    assert (last["facts"]["pool"]["staked"], last["facts"]["pool"]["lent"]) == (0, 0)
    assert [forged.of_kind(kind)[1]["kind"] for kind in ("stake", "loan", "repay", "liquidation")]
    assert len(yield_mints(forged)) == 1  # the others were paid by what loans brought


def test_the_index_follows_from_the_times_of_the_entries(forged):
    """30 days of nothing lent: 3 % a year, worked out by hand."""
    facts, _ = forged.of_kind("unstake")

    assert facts["pool"]["index"] == 10**36 * 30 * 30 * DAY // (1000 * 365 * DAY)
    assert facts["yield_earned"] == 500 * LT * 3 * 30 // 100 // 365
    assert facts["seconds"] == 30 * DAY


@pytest.mark.parametrize("kind", ["stake", "unstake", "loan", "repay", "liquidation"])
@pytest.mark.parametrize("field", ["index", "xlm_index", "staked", "lent"])
@pytest.mark.parametrize("by", [1, -1])
def test_a_wrong_figure_of_the_pool_is_named_at_its_entry(forged, kind, field, by):
    facts, leaf = forged.of_kind(kind)
    facts["pool"][field] += by

    lie = lie_in(forged)
    assert lie.where == f"entry {forged.leaves[place_of(forged, leaf)][0]} (leaf {leaf['index']}): pool"


def test_an_index_that_is_wrong_everywhere_alike_is_noticed(forged):
    """A cloud that counts a day too much from the first unstake on, and pays accordingly."""
    step = 10**36 * 3 * DAY // (100 * 365 * DAY)
    for _, leaf in forged.leaves:
        if leaf["facts"].get("pool", {}).get("index", 0):
            leaf["facts"]["pool"]["index"] += step

    lie = lie_in(forged)
    assert lie.where.endswith(": pool")


def test_a_time_that_is_changed_is_noticed(forged):
    _, leaf = forged.of_kind("unstake")
    assert leaf["time"].startswith("2026-01-31T01:")
    leaf["time"] = leaf["time"].replace("T01:", "T02:")

    assert lie_in(forged).where.endswith(": pool")


def test_too_much_yield_is_named(forged):
    facts, _ = forged.of_kind("unstake")
    mint = yield_mints(forged)[0]
    for said in (facts, mint["facts"]):
        said["yield_earned"] += 1
        said["yield_minted"] += 1
    for posting in mint["postings"]:
        posting["amount"] += 1 if posting["amount"] > 0 else -1

    assert lie_in(forged).where.endswith("yield_earned")


def test_a_yield_that_mints_while_loans_have_brought_enough_is_named(forged):
    facts, _ = forged.of_kind("unstake", 1)
    assert facts["yield_minted"] == 0
    facts["yield_minted"] = 1

    assert lie_in(forged).where.endswith("yield_minted")


def test_a_yield_that_is_not_minted_is_named(forged):
    mint = yield_mints(forged)[0]
    del forged.leaves[place_of(forged, mint)]
    forged.renumber()

    assert lie_in(forged).where.endswith("source")


def test_a_log_that_ends_before_the_mint_of_a_yield_is_refused(forged):
    mint = yield_mints(forged)[0]
    del forged.leaves[place_of(forged, mint) :]

    lie = lie_in(forged)
    assert (lie.where, lie.expected) == ("source", "the mint of stake 1's yield")


def test_a_yield_that_is_minted_twice_is_named(forged):
    mint = yield_mints(forged)[0]
    position = place_of(forged, mint)
    forged.leaves.insert(position + 1, [forged.leaves[position][0], deepcopy(mint)])
    for _index in range(position + 1, len(forged.leaves)):
        forged.leaves[_index][0] += 1
    forged.renumber()

    lie = lie_in(forged)
    assert (lie.where.split(": ")[1], lie.found) == ("source", "yield")


def test_commission_that_is_kept_from_a_staker_is_named(forged):
    facts, leaf = forged.of_kind("unstake")
    assert facts["xlm_income"] > 0
    facts["xlm_income"] -= 1
    for posting in leaf["postings"]:
        if posting["asset"] == "XLM":
            posting["amount"] += 1 if posting["amount"] < 0 else -1

    assert lie_in(forged).where.endswith("xlm_income")


def test_commission_that_the_reserve_takes_from_stakers_is_named(forged):
    """Only what came while nothing was staked is the reserve's."""
    facts, leaf = forged.of_kind("stake", 2)
    assert facts["commission"] > 0
    leaf["postings"] += [
        {"account": "pool", "asset": "XLM", "amount": -facts["commission"]},
        {"account": "reserve", "asset": "XLM", "amount": facts["commission"]},
    ]

    assert lie_in(forged).where.endswith("postings")


def test_commission_of_times_without_stakes_went_to_the_reserve(forged):
    facts, leaf = forged.of_kind("stake")
    moved = {(posting["account"], posting["asset"]): posting["amount"] for posting in leaf["postings"]}

    assert facts["commission"] == moved["reserve", "XLM"] == -moved["pool", "XLM"] > 0


def test_a_stake_of_less_than_nothing_is_named(forged):
    facts, leaf = forged.of_kind("stake", 2)
    facts["amount"] *= -1
    for posting in leaf["postings"]:
        posting["amount"] *= -1

    assert lie_in(forged).where.endswith("amount")


@pytest.mark.parametrize("kind, field", [("stake", "stake_id"), ("loan", "loan_id")])
def test_an_id_that_is_left_out_is_named(forged, kind, field):
    facts, _ = forged.of_kind(kind)
    facts[field] = 2

    lie = lie_in(forged)
    assert (lie.where.split(": ")[1], lie.expected) == (field, "1")


@pytest.mark.parametrize(
    "kind, field", [("unstake", "stake_id"), ("repay", "loan_id"), ("liquidation", "loan_id")]
)
def test_what_is_not_there_cannot_end(forged, kind, field):
    facts, _ = forged.of_kind(kind)
    facts[field] = 99

    assert lie_in(forged).where.endswith(field)


@pytest.mark.parametrize(
    "kind, field",
    [
        ("loan", "fee"),
        ("loan", "due_at"),
        ("repay", "fee"),
        ("repay", "seconds"),
        ("liquidation", "fee"),
        ("liquidation", "to_pool"),
        ("liquidation", "to_reserve"),
        ("liquidation", "due_at"),
        ("unstake", "seconds"),
        ("unstake", "index_at_stake"),
        ("unstake", "xlm_index_at_stake"),
        ("unstake", "commission"),
        ("unstake", "amount"),
        ("stake", "commission"),
    ],
)
def test_every_figure_is_worked_out_again(forged, kind, field):
    facts, _ = forged.of_kind(kind)
    facts[field] = "2026-01-31T00:00:00Z" if field == "due_at" else facts[field] + 1

    assert lie_in(forged).where.endswith(field)


@pytest.mark.parametrize(
    "field", ["stake_id", "unstake_entry", "amount", "seconds", "index_at_stake", "index", "yield_earned"]
)
def test_every_figure_of_a_mint_is_worked_out_again(forged, field):
    yield_mints(forged)[0]["facts"][field] += 1

    assert lie_in(forged).where.endswith(field)


def test_a_loan_against_the_terms_is_named(forged):
    facts, leaf = forged.of_kind("loan")
    facts["collateral"] -= 1
    for posting in leaf["postings"][:2]:
        posting["amount"] += 1 if posting["amount"] < 0 else -1

    lie = lie_in(forged)
    assert (lie.where.split(": ")[1], "150 %" in lie.found) == ("loan", True)


def test_more_than_80_percent_lent_is_named(forged):
    facts, leaf = forged.of_kind("loan")
    for posting in leaf["postings"]:
        posting["amount"] += 130 * LT if posting["amount"] > 0 else -130 * LT
    facts["principal"] += 130 * LT
    facts["collateral"] += 130 * LT

    assert lie_in(forged).where.split(": ")[1] == "loan"


def test_a_loan_repaid_too_late_is_named(forged):
    _, repay = forged.of_kind("repay")
    facts, _ = forged.of_kind("loan")
    repay["time"] = facts["due_at"]

    lie = lie_in(forged)
    assert lie.expected.startswith("the liquidation of loan 1")


def test_a_liquidation_before_its_time_is_named(forged):
    facts, leaf = forged.of_kind("liquidation")
    leaf["time"] = facts["due_at"].replace(":59Z", ":58Z").replace("04:59", "04:58")
    assert leaf["time"] < facts["due_at"]

    lie = lie_in(forged)
    assert (lie.where.split(": ")[1], lie.found) == ("time", leaf["time"])


def test_loans_end_in_the_order_in_which_they_are_due(forged):
    _, first = forged.of_kind("liquidation", 0)
    _, second = forged.of_kind("liquidation", 1)
    one, two = place_of(forged, first), place_of(forged, second)
    forged.leaves[one][1], forged.leaves[two][1] = second, first
    forged.renumber()

    assert lie_in(forged).where.endswith("loan_id")


def test_an_overdue_loan_that_is_not_ended_is_named(forged):
    """Both liquidations left out: the next thing that happens to the pool is refused."""
    forged.leaves = [row for row in forged.leaves if row[1]["kind"] != "liquidation"]
    forged.renumber()

    lie = lie_in(forged)
    assert lie.expected.startswith("the liquidation of loan 2")


@pytest.mark.parametrize("amount", [1, -1])
def test_lt_that_come_or_go_past_the_pools_ways_are_named(amount):
    """The stakers' LT must be there to the unit, whatever kind of entry moves them."""
    with pytest.raises(Lie, match="what is staked less what is lent"):
        PoolBook().moved([Posting(SystemAccount.POOL, Asset.LT, amount)])


@pytest.mark.parametrize("kind", ["stake", "loan"])
def test_lt_of_a_hold_are_not_staked_and_secure_nothing(forged, kind):
    _, leaf = forged.of_kind(kind)
    owner = leaf["postings"][0]["account"]
    for posting in leaf["postings"]:
        if posting["account"] == owner:
            posting["account"] = f"{owner}/orders"

    lie = lie_in(forged)
    assert (lie.where.split(": ")[1], lie.expected) == ("postings", "someone's own account first")


def test_an_entry_of_the_pool_is_never_taken_back(forged):
    mint = yield_mints(forged)[0]
    position = place_of(forged, mint)
    reversal = {
        "index": len(forged.leaves),
        "time": forged.leaves[-1][1]["time"],
        "kind": "reversal",
        "postings": [posting | {"amount": -posting["amount"]} for posting in mint["postings"]],
        "facts": {
            "reason": "no",
            "reverses_entry": forged.leaves[position][0],
            "reverses_index": position,
        },
    }
    forged.leaves.append([forged.leaves[-1][0] + 1, reversal])

    lie = lie_in(forged)
    assert (lie.where.split(": ")[1], lie.found) == ("reverses_index", f"{position}, of the pool")


def test_the_facts_name_nobody(export):
    for line in export.splitlines():
        leaf = json.loads(line).get("leaf", {})
        if leaf.get("kind") in {"stake", "unstake", "loan", "repay", "liquidation"}:
            assert "usr_" not in line.decode()
            assert {p["account"].split("/")[0][:5] for p in leaf["postings"]} <= {"acct_", "pool", "reser"}
