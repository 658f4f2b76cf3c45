"""Whatever happens on the market, in whatever order: the books hold, and memory is what the rows are."""

import asyncio
import tempfile
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from types import SimpleNamespace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from nacl.signing import SigningKey

from cloud.audit.kinds import read_leaf
from cloud.audit.market import MarketFacts, Replay
from cloud.errors import BadRequest, CloudError, Forbidden
from cloud.identity.model import Person, Role
from cloud.kit.events import EventLog
from cloud.kit.idempotency import NO_KEY
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.ledger.service import Ledger
from cloud.market.floor import rebuilt
from cloud.market.model import Cover, Order, OrderStatus, Side, Trade, Wish
from cloud.market.service import Market
from shared.clock import ManualClock
from tests.cloud.databases import migrated_file

LOT_LT = 10_000_000
XLM_AT_FIRST = 300_000
"""Units: 0.03 XLM, so that money runs out at these prices."""
LT_AT_FIRST = 20 * LOT_LT


class Placed(Struct, frozen=True, tag=True):
    person: int
    side: Side
    lots: int
    price_ticks: int


class Cancelled(Struct, frozen=True, tag=True):
    person: int
    order: int
    """Of those ever placed, counted round and round."""


class Minted(Struct, frozen=True, tag=True):
    person: int
    lots: int
    price_ticks: int
    rolled_back: bool


class Together(Struct, frozen=True, tag=True):
    """Several at the same moment; `poison`: one of them fails in a way that nobody foresaw."""

    orders: tuple[Placed, ...]
    poison: int | None


class Waited(Struct, frozen=True, tag=True):
    hours: int


class Restarted(Struct, frozen=True, tag=True):
    pass


class ElsewherePlaced(Struct, frozen=True, tag=True):
    """By another process on the same database."""

    order: Placed


people = st.integers(0, 2)
placed = st.builds(
    Placed,
    person=people,
    side=st.sampled_from(Side),
    lots=st.integers(1, 30),
    price_ticks=st.sampled_from([1, 3, 7, 801, 999, 1_000]),
)
steps = st.lists(
    st.one_of(
        placed,
        placed,
        placed,
        st.builds(Cancelled, person=people, order=st.integers(0, 30)),
        st.builds(
            Minted,
            person=people,
            lots=st.integers(1, 40),
            price_ticks=st.sampled_from([1, 7, 801, 1_000]),
            rolled_back=st.sampled_from([False, False, True]),
        ),
        st.builds(
            Together,
            orders=st.lists(placed, min_size=2, max_size=5).map(tuple),
            poison=st.none() | st.integers(0, 4),
        ),
        st.builds(Waited, hours=st.sampled_from([1, 12, 24, 7 * 24])),
        st.builds(Restarted),
        st.builds(ElsewherePlaced, order=placed),
    ),
    min_size=4,
    max_size=24,
)


class Poison:
    """An idempotency store that breaks when the order was matched already."""

    async def kept(self, _tx, _into):
        return None

    async def keep(self, _tx, _result):
        raise RuntimeError("poison")


class World:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        migrated_file(folder / "store.sqlite")
        self.store = SqliteStore(folder / "store.sqlite")
        self.events = EventLog(self.store, self.clock)
        self.ledger = Ledger(self.store, self.clock, SigningKey(bytes(32)))
        self.market = self.service()
        self.people: list[Person] = []
        self.placed: list[str] = []
        self.mints = 0

    def service(self) -> Market:
        async def become_donor(_tx, _person):
            return None

        identity = SimpleNamespace(become_donor=become_donor)
        return Market(self.store, self.clock, self.events, self.ledger, identity)

    async def play(self, sequence) -> None:
        async with self.store.write() as tx:
            for number in range(3):
                account = await self.ledger.open_account(tx)
                self.people.append(person_of(number, account))
                await self._give(tx, account, SystemAccount.FAUCET, Asset.XLM, XLM_AT_FIRST)
                await self._give(tx, account, SystemAccount.MINT_ENERGY, Asset.LT, LT_AT_FIRST)
        try:
            for step in sequence:
                before = await self.balances()
                if not await self._take(step):
                    assert await self.balances() == before, f"{step} was refused and left a trace"
                await self.check()
            await self.check_replay()
        finally:
            await self.store.close()

    async def _give(self, tx, account, source, asset, amount) -> None:
        postings = (Posting(source, asset, -amount), Posting(account, asset, amount))
        kind = EntryKind.FAUCET if asset is Asset.XLM else EntryKind.MINT
        await self.ledger.post(tx, Entry(kind=kind, postings=postings))

    async def _take(self, step) -> bool:
        """Whether it may change balances."""
        match step:
            case Placed():
                return await self._place(self.market, step)
            case ElsewherePlaced():
                return await self._place(self.service(), step.order)
            case Cancelled():
                return await self._cancel(step)
            case Minted():
                return await self._mint(step)
            case Together():
                await self._together(step)
            case Waited():
                self.clock.advance(step.hours * 3_600)
                await self.market.expire_due()
                await self.market.refund_due()
                await self._check_nothing_is_late()
            case Restarted():
                self.market = self.service()
        return True

    async def _place(self, market: Market, step: Placed) -> bool:
        wish = Wish(side=step.side, lots=step.lots, price_ticks=step.price_ticks)
        try:
            answer = await market.place(self.people[step.person], wish, NO_KEY)
        except BadRequest:
            return False
        self.placed.append(answer.id)
        return True

    async def _cancel(self, step: Cancelled) -> bool:
        if not self.placed:
            return False
        order_id = self.placed[step.order % len(self.placed)]
        try:
            await self.market.cancel(self.people[step.person], order_id, NO_KEY)
        except (BadRequest, Forbidden):
            return False
        return True

    async def _mint(self, step: Minted) -> bool:
        person = self.people[step.person]
        self.mints += 1
        try:
            async with self.store.write() as tx:
                await self._give(tx, person.account, SystemAccount.MINT_ENERGY, Asset.LT, step.lots * LOT_LT)
                await self.market.deliver(
                    tx,
                    order_id=f"auto_sell_{self.mints}",
                    account=person.account,
                    owner_person_id=person.id,
                    lots=step.lots,
                    price_ticks=step.price_ticks,
                )
                if step.rolled_back:
                    raise RuntimeError("nobody foresaw this")  # noqa: TRY301
        except RuntimeError:
            return False
        return True

    async def _together(self, step: Together) -> None:
        async def one(number: int, order: Placed):
            wish = Wish(side=order.side, lots=order.lots, price_ticks=order.price_ticks)
            once = Poison() if number == step.poison else NO_KEY
            return await self.market.place(self.people[order.person], wish, once)

        answers = await asyncio.gather(
            *(one(number, order) for number, order in enumerate(step.orders)), return_exceptions=True
        )
        for number, answer in enumerate(answers):
            if isinstance(answer, BaseException):
                assert isinstance(answer, CloudError) or number == step.poison, answer
            else:
                assert number != step.poison
                self.placed.append(answer.id)

    # What must hold at any moment

    async def balances(self):
        return await self._rows(
            Balance, "SELECT account, asset, amount FROM balances ORDER BY account, asset"
        )

    async def _rows(self, into, sql):
        async with self.store.read() as tx:
            return await tx.fetch_all(into, sql)

    async def check(self) -> None:
        balances = {(row.account, row.asset): row.amount for row in await self.balances()}
        for asset in ("LT", "XLM"):
            assert sum(amount for (_, held), amount in balances.items() if held == asset) == 0
        assert all(
            amount >= 0
            for (account, _), amount in balances.items()
            if account not in {"faucet", "mint/energy"}
        )
        derived = await self._rows(
            Balance,
            "SELECT account, asset, SUM(amount) AS amount FROM postings GROUP BY account, asset",
        )
        assert {(row.account, row.asset): row.amount for row in derived} == {
            holding: amount for holding, amount in balances.items() if amount or holding in keys(derived)
        }
        existing = sum(
            amount for (account, asset), amount in balances.items() if asset == "LT" and "acct" in account
        )
        assert existing == -balances["mint/energy", "LT"] - balances.get(("burned", "LT"), 0)
        orders = await self._rows(Order, "SELECT * FROM orders ORDER BY seq")
        trades = await self._rows(Trade, "SELECT * FROM trades ORDER BY seq")
        self._check_orders(orders, trades)
        self._check_holds(balances, orders, trades)
        await self._check_memory()

    def _check_orders(self, orders: list[Order], trades: list[Trade]) -> None:
        burned = {"buy": 0, "sell": 0}
        for order in orders:
            own = [trade for trade in trades if order.id in {trade.buy_order_id, trade.sell_order_id}]
            lots = {
                status: sum(trade.lots for trade in own if trade.status == status)
                for status in ("Matched", "Completed", "Refunded")
            }
            assert order.lots - order.lots_open == sum(lots.values())
            assert (order.lots_undelivered, order.lots_settled) == (lots["Matched"], lots["Completed"])
            burned[order.side] += lots["Completed"]
            if order.status is OrderStatus.CREATED:
                assert order.lots_open > 0
            elif order.status is OrderStatus.MATCHED:
                assert order.lots_open == 0
                assert lots["Matched"] > 0
            elif order.status is OrderStatus.COMPLETED:
                assert (order.lots_open, lots["Matched"]) == (0, 0)
                assert lots["Completed"] > 0
            if order.side is Side.SELL and lots["Refunded"]:
                assert order.status in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}
        assert burned["buy"] == burned["sell"]

    def _check_holds(self, balances, orders: list[Order], trades: list[Trade]) -> None:
        for person in self.people:
            own = [order for order in orders if order.account == person.account]
            opened = [order for order in own if order.status is OrderStatus.CREATED]
            xlm = sum(order.lots_open * order.price_ticks for order in opened if order.side is Side.BUY)
            xlm += sum(deposit_left(order) for order in opened if order.cover is Cover.PLEDGE)
            lt = sum(
                order.lots_open * LOT_LT
                for order in opened
                if order.side is Side.SELL and order.cover is Cover.COVERED
            )
            assert balances.get((f"{person.account}/orders", "XLM"), 0) == xlm
            assert balances.get((f"{person.account}/orders", "LT"), 0) == lt
            owed = [trade for trade in trades if trade.status == "Matched"]
            held = sum(trade.lots * trade.price_ticks for trade in owed if trade.buyer == person.account)
            held += sum(trade.deposit for trade in owed if trade.seller == person.account)
            assert balances.get((f"{person.account}/trades", "XLM"), 0) == held
            pledged = [order for order in own if order.cover is Cover.PLEDGE]
            owing = sum(order.lots_undelivered for order in pledged)
            assert owing + sum(order.lots_open for order in pledged if order in opened) <= 10_000

    async def _check_memory(self) -> None:
        floor = self.market._floor._floor
        async with self.store.read() as tx:
            token = await tx.fetch_value("SELECT token FROM market_state")
            fresh = await rebuilt(tx, token)
        assert not crossed(fresh.orders.values())
        if floor is None or floor.token != token:
            return
        assert list(floor.book) == list(fresh.book)
        assert floor.orders == fresh.orders
        assert (floor.order_seq, floor.trade_seq) == (fresh.order_seq, fresh.trade_seq)
        for side in Side:
            assert floor.book.depth(side, 100) == fresh.book.depth(side, 100)

    async def _check_nothing_is_late(self) -> None:
        now_us = self.clock.now_us()
        for order in await self._rows(Order, "SELECT * FROM orders WHERE status = 'Created'"):
            assert now_us - order.created_at_us < 7 * 86_400_000_000
        for trade in await self._rows(Trade, "SELECT * FROM trades WHERE status = 'Matched'"):
            assert now_us - trade.created_at_us < 86_400_000_000

    async def check_replay(self) -> None:
        """A stranger who has only the public entries comes to the same."""
        replay = Replay()
        for row in await self._rows(Document, "SELECT document FROM entries ORDER BY leaf_index"):
            if b'"reason"' not in row.document.encode():
                continue
            leaf = read_leaf(row.document.encode())
            assert isinstance(leaf.facts, MarketFacts)
            replay.check_follows(leaf.facts)
            expected = replay.entry(leaf, leaf.facts)
            assert expected.postings == leaf.postings
            assert expected.kind is leaf.kind
            assert expected.facts == msgspec.to_builtins(leaf.facts, builtin_types=(Decimal,))
        replay.check_end()


class Balance(Struct, frozen=True):
    account: str
    asset: str
    amount: int


class Document(Struct, frozen=True):
    document: str


def keys(rows: list[Balance]) -> set[tuple[str, str]]:
    return {(row.account, row.asset) for row in rows}


def person_of(number: int, account: str) -> Person:
    return Person(
        id=number + 1,
        wallet_address=None,
        role=Role.RECIPIENT,
        is_admin=False,
        kyc_status="pending",
        location="",
        account=account,
        created_at_us=0,
    )


def deposit_left(order: Order) -> int:
    """A tenth of the value, half-even, at least a unit, less what went with fills, rounded down each time."""
    tenth = Decimal(order.lots * order.price_ticks) / 10
    whole = max(1, int(tenth.quantize(Decimal(1), rounding=ROUND_HALF_EVEN)))
    filled = order.lots - order.lots_open
    return whole - whole * filled // order.lots


def crossed(orders) -> bool:
    """Whether two open orders of different owners would trade."""
    return any(
        buy.price_ticks >= sell.price_ticks and buy.account != sell.account
        for buy in orders
        if buy.side is Side.BUY
        for sell in orders
        if sell.side is Side.SELL
    )


@given(sequence=steps)
@settings(max_examples=40, deadline=None)
def test_the_books_hold_after_every_step(sequence):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_play(Path(folder), sequence))


async def _play(folder: Path, sequence) -> None:
    await World(folder).play(sequence)
