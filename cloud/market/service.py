"""The market: orders are placed, matched, settled, delivered and closed, each in one transaction.

Callers' commands wait in a line (`sequencer.py`) and are matched in memory (`floor.py`); mints and jobs join
with the same calls in transactions of their own.
"""

import logging
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol, TypeAlias

from msgspec.structs import replace

from cloud.errors import CloudError
from cloud.identity.model import Person, Role
from cloud.identity.service import Identity
from cloud.kit.events import EventLog
from cloud.kit.idempotency import Once
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.kit.store.errors import ConstraintViolated
from cloud.ledger.errors import InsufficientFunds
from cloud.ledger.model import Asset, Posting
from cloud.ledger.service import Ledger
from cloud.market import storage
from cloud.market.board import Board
from cloud.market.dealing import Dealing, new_order_id
from cloud.market.entries import ORDERS_HOLD
from cloud.market.errors import NoSuchOrder, NotOpen, NotYourOrder, TooMuchPledged
from cloud.market.floor import FloorKeeper
from cloud.market.model import (
    LOT_MWH,
    PLEDGED_LOTS_MAX,
    Cover,
    Depth,
    OpenParty,
    Order,
    OrderAnswer,
    OrderStatus,
    Settled,
    Side,
    Trade,
    TradePage,
    Wish,
)
from cloud.market.sequencer import Sequencer
from cloud.market.settlement import DELIVERY_S, ORDER_LIFE_S
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

TRADES_SHOWN = 50
CLOSED_AT_ONCE = 50
"""Orders or trades that a job ends in one use case."""


class OpenCounts(NamedTuple):
    """Open orders that count for the price: at least 0.01 kWh, at most 10 an account and side."""

    supply: int
    demand: int


class Placing(NamedTuple):
    """Somebody's order on its way in."""

    person: Person
    wish: Wish
    once: Once


class Cancelling(NamedTuple):
    """Somebody's order on its way out."""

    person: Person
    order_id: str
    once: Once


Command: TypeAlias = Placing | Cancelling


class Producers(Protocol):
    """Someone further up who knows what devices brought forth."""

    async def output_mwh(self, tx: ReadTx, person: Person, *, since_us: int) -> int:
        """Of a person's enrolled devices."""
        ...


class Market:
    """Methods that take `tx` join the caller's use case."""

    def __init__(
        self, store: Store, clock: Clock, events: EventLog, ledger: Ledger, identity: Identity
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._ledger = ledger
        self._identity = identity
        self._producers: Producers | None = None
        self._floor = FloorKeeper()
        self._board = Board(store, clock, identity)
        self._sequencer: Sequencer[Command, OrderAnswer] = Sequencer(self._run)

    def limit_pledges(self, producers: Producers) -> None:
        """Let nobody pledge more than their devices brought forth within a day."""
        self._producers = producers

    async def place(self, person: Person, wish: Wish, once: Once) -> OrderAnswer:
        """The order after it was matched, with all its lots.

        A buyer's XLM are reserved. A sale reserves LT, or without enough of them is wholly a pledge.

        Raises:
            InsufficientFunds: too little to reserve.
            TooMuchPledged: the account would owe too much energy.
        """
        return await self._sequencer.submit(Placing(person, wish, once))

    async def cancel(self, person: Person, order_id: str, once: Once) -> OrderAnswer:
        """Take an own order's open part back, with what it reserved; trades it made go on.

        Raises:
            NoSuchOrder, NotYourOrder, NotOpen: there is nothing to cancel.
        """
        return await self._sequencer.submit(Cancelling(person, order_id, once))

    async def deliver(
        self,
        tx: WriteTx,
        *,
        order_id: str,
        account: str,
        owner_person_id: int | None,
        lots: int,
        price_ticks: int,
    ) -> bool:
        """Minted energy, whose LT the account has now, settles what it sold before; the rest is for sale.

        Whether anything was left for an order with that id.
        """
        if not lots:
            return False
        async with self._dealing(tx) as deal:
            rest = await deal.deliver(account, lots)
            if rest:
                order = Order(
                    seq=deal.floor.order_seq + 1,
                    id=order_id,
                    account=account,
                    owner_person_id=owner_person_id,
                    side=Side.SELL,
                    cover=Cover.COVERED,
                    lots=rest,
                    lots_open=rest,
                    price_ticks=price_ticks,
                    created_at_us=self._clock.now_us(),
                )
                await deal.reserve(order)
                await deal.place(order)
        return rest > 0

    async def escrow_claimed(self, tx: WriteTx, escrow: str, owner: Person) -> Sequence[Posting]:
        """Make the open orders of a device's escrow account its owner's, with what they reserve."""
        async with self._dealing(tx) as deal:
            await deal.hand_over(escrow, owner.account, owner.id)
        postings: list[Posting] = []
        for asset in (Asset.LT, Asset.XLM):
            held = await self._ledger.balance(tx, f"{escrow}/{ORDERS_HOLD}", asset)
            if held > 0:
                postings.append(Posting(f"{escrow}/{ORDERS_HOLD}", asset, -held))
                postings.append(Posting(f"{owner.account}/{ORDERS_HOLD}", asset, held))
        return postings

    async def expire_due(self) -> None:
        """Close the orders that have been open for a week; what they reserved goes back."""
        while True:
            async with self._store.write() as tx:
                before_us = self._clock.now_us() - ORDER_LIFE_S * MICROS_PER_SECOND
                due = await storage.overdue_orders(tx, before_us, limit=CLOSED_AT_ONCE)
                if due:
                    async with self._dealing(tx) as deal:
                        for order in due:
                            await deal.close(order, OrderStatus.EXPIRED)
            if not due:
                return
            logger.info("orders expired orders=%d", len(due))

    async def refund_due(self) -> None:
        """Give up what was sold a day ago and not delivered; deposits go to the buyers."""
        while True:
            async with self._store.write() as tx:
                before_us = self._clock.now_us() - DELIVERY_S * MICROS_PER_SECOND
                due = await storage.overdue_trades(tx, before_us, limit=CLOSED_AT_ONCE)
                if due:
                    async with self._dealing(tx) as deal:
                        for trade in due:
                            await deal.refund(trade)
            if not due:
                return
            logger.info("undelivered trades refunded trades=%d", len(due))

    async def open_counts(self, tx: ReadTx) -> OpenCounts:
        """What supply and demand are to the price."""
        orders = {count.side: count.orders for count in await storage.counts(tx)}
        return OpenCounts(supply=orders.get(Side.SELL, 0), demand=orders.get(Side.BUY, 0))

    async def open_parties(self, tx: ReadTx) -> Sequence[OpenParty]:
        """Who stands behind supply and demand; may be empty."""
        return await storage.open_parties(tx)

    async def open_orders(self) -> Sequence[OrderAnswer]:
        """All of them with what is open, oldest first; may be empty."""
        return (await self._board.read()).orders

    async def open_page(self, *, after: str | None, limit: int) -> Sequence[OrderAnswer]:
        """At most so many of those younger than an order, which need not be open; None: from the oldest.

        Raises:
            NoSuchOrder: `after` is none.
        """
        start = 0
        listing = await self._board.read()
        if after is not None:
            async with self._store.read() as tx:
                last = await storage.order(tx, after)
            if last is None:
                raise NoSuchOrder(after)
            start = bisect_right(listing.seqs, last.seq)
        return listing.orders[start : start + limit]

    async def open_orders_json(self) -> bytes:
        """The same as a JSON array, made once for all who ask before anything changes."""
        return (await self._board.read()).json

    async def depth(self, levels: int) -> Depth:
        """What is open at the best prices, at most so many a side; the same object while nothing changes."""
        return await self._board.depth(levels)

    async def completed_trades(self) -> Sequence[Trade]:
        """The last 50, oldest first; may be empty."""
        async with self._store.read() as tx:
            return list(reversed(await storage.last_completed(tx, TRADES_SHOWN)))

    async def settled(self, *, after_entry: int) -> Settled:
        """All trades that were settled after a ledger entry; 0: all there are."""
        async with self._store.read() as tx:
            return await storage.settled(tx, after_entry)

    async def trades_of(self, person: Person, *, page: int, limit: int) -> TradePage:
        """What somebody bought or sold, newest first; no trades past the end."""
        async with self._store.read() as tx:
            trades = await storage.trades_of(tx, person.account, skip=(page - 1) * limit, limit=limit)
            total = await storage.trade_total(tx, person.account)
        return TradePage(trades=tuple(trades), total=total)

    @asynccontextmanager
    async def _dealing(self, tx: WriteTx) -> AsyncIterator[Dealing]:
        floor = await self._floor.take(tx)
        deal = Dealing(tx=tx, floor=floor, ledger=self._ledger, events=self._events, clock=self._clock)
        yield deal
        await deal.flush()
        await self._floor.give_back(tx, floor, changed=deal.changed)
        if deal.changed:
            tx.after_commit(self._board.forget)

    async def _run(self, commands: Sequence[Command]) -> Sequence[OrderAnswer | CloudError]:
        """The sequencer's use case."""
        async with self._store.write() as tx, self._dealing(tx) as deal:
            return [await self._outcome(deal, command) for command in commands]

    async def _outcome(self, deal: Dealing, command: Command) -> OrderAnswer | CloudError:
        """What refuses does so before anything is written; whatever is raised later spoils the use case."""
        try:
            kept = await command.once.kept(deal.tx, OrderAnswer)
            if kept is not None:
                return kept
            if isinstance(command, Placing):
                order = await self._reserved(deal, command)
            else:
                order = await self._cancellable(deal, command)
        except ConstraintViolated:  # the store has ended the use case, for the others of the batch as well
            raise
        except CloudError as refusal:
            if refusal.status >= 500:  # noqa: PLR2004
                raise
            return refusal
        if isinstance(command, Placing):
            order = await self._place(deal, command.person, order)
        else:
            await deal.close(order, OrderStatus.CANCELLED)
            order = order.closed(OrderStatus.CANCELLED)
        answer = order.shown(command.person.shown_id, order.lots)
        await command.once.keep(deal.tx, answer)
        return answer

    async def _reserved(self, deal: Dealing, command: Placing) -> Order:
        person, wish = command.person, command.wish
        order = Order(
            seq=deal.floor.order_seq + 1,
            id=new_order_id(),
            account=person.account,
            owner_person_id=person.id,
            side=wish.side,
            cover=Cover.COVERED,
            lots=wish.lots,
            lots_open=wish.lots,
            price_ticks=wish.price_ticks,
            created_at_us=self._clock.now_us(),
        )
        try:
            await deal.reserve(order)
        except InsufficientFunds:
            if wish.side is Side.BUY:
                raise
            await self._check_pledge(deal, person, wish.lots)
            order = replace(order, cover=Cover.PLEDGE)
            await deal.reserve(order)
        return order

    async def _check_pledge(self, deal: Dealing, person: Person, lots: int) -> None:
        await deal.flush()
        pledged = await storage.pledged_lots(deal.tx, person.account)
        allowed = PLEDGED_LOTS_MAX
        if self._producers is not None:
            since_us = self._clock.now_us() - DELIVERY_S * MICROS_PER_SECOND
            output_mwh = await self._producers.output_mwh(deal.tx, person, since_us=since_us)
            allowed = min(allowed, output_mwh // LOT_MWH)
        if pledged + lots > allowed:
            raise TooMuchPledged(lots, pledged=pledged, allowed=allowed)

    async def _cancellable(self, deal: Dealing, command: Cancelling) -> Order:
        order = await deal.order(command.order_id)
        if order is None:
            raise NoSuchOrder(command.order_id)
        if order.owner_person_id != command.person.id:
            raise NotYourOrder(order.id)
        if order.status is not OrderStatus.CREATED:
            raise NotOpen(order.id, order.status)
        return order

    async def _place(self, deal: Dealing, person: Person, order: Order) -> Order:
        if order.side is Side.SELL and person.role is Role.RECIPIENT:
            await self._identity.become_donor(deal.tx, person.id)
        return await deal.place(order)
