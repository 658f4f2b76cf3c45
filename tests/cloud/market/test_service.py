"""Orders in lots and ticks: covered by LT that are really set aside, counted fairly, shown exactly."""

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from cloud.errors import CloudError
from cloud.identity.service import Identity
from cloud.kit.events import EventLog
from cloud.kit.idempotency import NO_KEY
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.errors import InsufficientFunds
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.ledger.service import Ledger
from cloud.market import storage
from cloud.market.model import OrderStatus, Side, Wish, lots_of_mint, show_lots, show_price_ticks
from cloud.market.service import Market
from shared.clock import ManualClock
from tests.cloud.databases import migrated_file, steps_of

LT = 10_000_000


class Moment(Struct, frozen=True):
    at_us: int


class People:
    async def shown_ids(self, _tx, person_ids):
        return {person_id: f"usr_{person_id}" for person_id in person_ids}


@pytest.fixture
def market(store, clock, events, ledger) -> Market:
    return Market(store, clock, events, ledger, People())


@pytest.fixture
def open_account(store, ledger):
    async def open_one(lt: int) -> str:
        async with store.write() as tx:
            account = await ledger.open_account(tx)
            postings = (
                Posting(SystemAccount.MINT_ENERGY, Asset.LT, -lt * LT),
                Posting(account, Asset.LT, lt * LT),
            )
            await ledger.post(tx, Entry(kind=EntryKind.MINT, postings=postings))
        return account

    return open_one


async def deliver(store, market, order_id, account, *, lots, price_ticks=73_800, owner=None):
    async with store.write() as tx:
        await market.deliver(
            tx,
            order_id=order_id,
            account=account,
            owner_person_id=owner,
            lots=lots,
            price_ticks=price_ticks,
        )


async def put_order(store, order_id, account, side, lots, *, status="Created"):
    """An order as a later trade or buyer would leave it."""
    async with store.write() as tx:
        await tx.execute(
            "INSERT INTO orders (id, account, side, cover, lots, lots_open, price_ticks, status,"
            " created_at_us) VALUES (:id, :account, :side, 'covered', :lots, :lots, 1, :status, 0)",
            {"id": order_id, "account": account, "side": side, "lots": lots, "status": status},
        )


async def counts(store, market):
    async with store.read() as tx:
        return await market.open_counts(tx)


async def test_a_listed_order_sets_its_lt_aside(store, market, ledger, open_account):
    account = await open_account(526)

    await deliver(store, market, "auto_sell_1", account, lots=500, owner=7)

    async with store.read() as tx:
        assert await ledger.balance(tx, account, Asset.LT) == 26 * LT
        assert await ledger.balance(tx, f"{account}/orders", Asset.LT) == 500 * LT
    (found,) = await market.open_orders()
    assert (found.id, found.user_id) == ("auto_sell_1", "usr_7")
    assert (found.type, found.status) == (Side.SELL, OrderStatus.CREATED)
    assert (found.kwh_amount, found.token_price) == (Decimal("0.5"), Decimal("7.38"))


async def test_an_order_that_nothing_covers_is_not_listed(store, market, open_account):
    account = await open_account(499)

    with pytest.raises(InsufficientFunds):
        await deliver(store, market, "auto_sell_1", account, lots=500)

    assert await market.open_orders() == []


async def test_one_mint_is_listed_once(store, market, ledger, open_account):
    account = await open_account(1000)
    await deliver(store, market, "auto_sell_1", account, lots=100)

    with pytest.raises(ValueError, match="in the book already"):
        await deliver(store, market, "auto_sell_1", account, lots=100)

    async with store.read() as tx:
        assert await ledger.balance(tx, f"{account}/orders", Asset.LT) == 100 * LT


async def test_an_unclaimed_devices_order_shows_its_account(store, market, open_account):
    account = await open_account(100)
    await deliver(store, market, "auto_sell_1", account, lots=100)

    (found,) = await market.open_orders()

    assert found.user_id == account


async def test_open_orders_come_oldest_first_and_closed_ones_not_at_all(store, market):
    await put_order(store, "b", "acct_1", "sell", 10)
    await put_order(store, "gone", "acct_1", "sell", 10, status="Cancelled")
    await put_order(store, "a", "acct_1", "buy", 10)

    assert [found.id for found in await market.open_orders()] == ["b", "a"]


async def test_an_empty_floor_counts_nothing(store, market):
    assert await counts(store, market) == (0, 0)


async def test_orders_below_a_hundredth_of_a_kwh_do_not_count(store, market):
    await put_order(store, "small", "acct_1", "sell", 9)
    await put_order(store, "enough", "acct_1", "sell", 10)
    await put_order(store, "done", "acct_1", "sell", 10, status="Completed")

    assert await counts(store, market) == (1, 0)


async def test_at_most_ten_orders_of_an_account_and_side_count(store, market):
    for number in range(12):
        await put_order(store, f"s{number}", "acct_1", "sell", 10)
        await put_order(store, f"b{number}", "acct_1", "buy", 10)
    for number in range(3):
        await put_order(store, f"o{number}", "acct_2", "buy", 10)

    assert await counts(store, market) == (10, 13)


async def test_the_last_50_completed_trades_come_oldest_first(store, market):
    await put_order(store, "s", "acct_1", "sell", 100)
    await put_order(store, "b", "acct_2", "buy", 100)
    async with store.write() as tx:
        for number in range(55):
            await tx.execute(
                "INSERT INTO trades (id, buy_order_id, sell_order_id, buyer, seller, lots, price_ticks,"
                " deposit, status, created_at_us, completed_at_us, burn_entry_id)"
                " VALUES (:id, 'b', 's', 'acct_2', 'acct_1', 1, :ticks, 0, 'Completed', 0, :at_us, 1)",
                {"id": f"t{number:02}", "ticks": number + 1, "at_us": number},
            )
        await tx.execute(
            "INSERT INTO trades (id, buy_order_id, sell_order_id, buyer, seller, lots, price_ticks, deposit,"
            " status, created_at_us) VALUES ('open', 'b', 's', 'acct_2', 'acct_1', 1, 1, 0, 'Matched', 99)"
        )

    assert [trade.price_ticks for trade in await market.completed_trades()] == list(range(6, 56))


@pytest.mark.parametrize(
    "energy_mwh, lt, lots",
    [(500_000, 533, 500), (500_000, 425, 425), (999, 1, 0), (1_000, 1, 1), (1_999, 2, 1), (1_000, 0.99, 0)],
)
def test_what_a_mint_can_sell(energy_mwh, lt, lots):
    assert lots_of_mint(energy_mwh, int(lt * LT)) == lots


@given(lots=st.integers(0, 10**9), ticks=st.integers(0, 10**9))
def test_lots_and_ticks_are_shown_exactly(lots, ticks):
    assert show_lots(lots) * 1000 == lots
    assert show_price_ticks(ticks) * 10_000 == ticks


async def test_an_id_that_a_database_cannot_even_look_up_hurts_nobody_else_in_its_batch(
    store, clock, events, ledger, settings
):
    identity = Identity(store, clock, ledger, bytes(32), settings)
    market = Market(store, clock, events, ledger, identity)
    async with store.write() as tx:
        person = await identity.add(tx, "G" + "A" * 55)
    wish = Wish(side=Side.BUY, lots=100, price_ticks=10_000)

    first, bad, last = await asyncio.gather(
        market.place(person, wish, NO_KEY),
        market.cancel(person, "\0", NO_KEY),
        market.place(person, wish, NO_KEY),
        return_exceptions=True,
    )

    assert isinstance(bad, CloudError)
    assert bad.status in {400, 404}
    assert [order.id for order in await market.open_orders()] == [first.id, last.id]


async def test_the_open_orders_are_found_without_looking_at_all_that_ever_were(tmp_path):
    migrated_file(tmp_path / "m.sqlite")
    store = SqliteStore(tmp_path / "m.sqlite")
    for number in range(1_000):
        await put_order(store, f"closed {number}", "acct_a", "buy", 1, status="Cancelled")
    await put_order(store, "open", "acct_a", "buy", 1)

    lookup = store.lookup()
    await storage.open_orders(lookup)  # the first statement of a connection reads the schema
    steps = steps_of(lookup._connection)
    found = await storage.open_orders(lookup)

    assert [order.id for order in found] == ["open"]
    assert steps[0] < 100
    await store.close()


class Running(ManualClock):
    """Every look at it is a microsecond later than the one before, as real ones are."""

    def now_us(self) -> int:
        self.advance(1e-6)
        return super().now_us()


async def test_a_stranger_counts_an_orders_week_and_a_trades_day_from_the_same_moment_as_the_market(
    store, signing_key, settings
):
    """Else whoever reads the book finds one ended a moment too soon."""
    clock = Running()
    ledger = Ledger(store, clock, signing_key)
    identity = Identity(store, clock, ledger, bytes(32), settings)
    market = Market(store, clock, EventLog(store, clock), ledger, identity)
    async with store.write() as tx:
        ana, ben = [await identity.add(tx, letter * 56) for letter in "AB"]

    await market.place(ana, Wish(side=Side.BUY, lots=100, price_ticks=10_000), NO_KEY)
    await market.place(ben, Wish(side=Side.SELL, lots=100, price_ticks=10_000), NO_KEY)

    async with store.read() as tx:
        moments = [
            [row.at_us for row in await tx.fetch_all(Moment, sql)]
            for sql in (
                "SELECT at_us FROM entries WHERE kind = 'hold' ORDER BY id",
                "SELECT created_at_us AS at_us FROM orders ORDER BY seq",
                "SELECT created_at_us AS at_us FROM trades",
            )
        ]
    entries, orders, trades = moments
    assert len(set(entries)) == 3
    assert entries == [*orders, *trades]
