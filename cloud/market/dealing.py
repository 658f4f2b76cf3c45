"""What one use case does on the floor: orders placed, closed, delivered to, refunded.

Events are written at once; entries and rows of orders and trades are collected and written by `flush`, many
with one statement.
"""

from uuid import uuid4

from cloud.kit.events import EventLog
from cloud.kit.store import WriteTx
from cloud.ledger.service import Ledger
from cloud.market import storage
from cloud.market.entries import (
    burn_entry,
    close_entry,
    delivered_entry,
    filled_entry,
    matched_entry,
    refund_entry,
    reserve_entry,
)
from cloud.market.floor import Floor, incoming
from cloud.market.model import (
    Cover,
    Order,
    OrderStatus,
    Side,
    Trade,
    TradeNews,
    TradeStatus,
    show_lots,
    show_price_ticks,
)
from cloud.market.order_book import Fill
from cloud.market.settlement import deposit_share
from shared.clock import Clock, rfc3339
from shared.ids import new_id

TRADE_EVENT = "trade"
DELIVERED_AT_ONCE = 500
"""Trades read at a time."""


class Dealing:
    """Open for one use case; `Market` flushes it at its end."""

    def __init__(self, *, tx: WriteTx, floor: Floor, ledger: Ledger, events: EventLog, clock: Clock) -> None:
        self.tx = tx
        self.floor = floor
        self.changed = False
        """Whether anything was placed, filled or closed."""
        self._entries = ledger.batch(tx)
        self._events = events
        self._clock = clock
        self._new_orders: dict[str, Order] = {}
        self._changed_orders: dict[str, Order] = {}
        self._new_trades: dict[str, Trade] = {}
        self._changed_trades: dict[str, Trade] = {}

    async def order(self, order_id: str) -> Order | None:
        """As it stands now, open or not; None where there is none."""
        for known in (self.floor.orders, self._new_orders, self._changed_orders):
            found = known.get(order_id)
            if found is not None:
                return found
        return await storage.order(self.tx, order_id)

    async def reserve(self, order: Order) -> None:
        """Set aside what a new order needs.

        Raises:
            InsufficientFunds: it is not there; nothing was written.
        """
        await self._entries.post(reserve_entry(order))

    async def place(self, order: Order) -> Order:
        """Match an order whose reserve is set aside; the order after that, of which a rest is in the book."""
        self.changed = True
        self.floor.order_seq = order.seq
        for fill in self.floor.book.place(incoming(order)):
            order = await self._fill(order, fill)
        self._new_orders[order.id] = order
        if order.status is OrderStatus.CREATED:
            self.floor.orders[order.id] = order
        return order

    async def close(self, order: Order, status: OrderStatus) -> None:
        """Take the rest of an open order out of the book and give back what it reserved."""
        await self._entries.post(close_entry(order, status))
        self.floor.book.cancel(order.id)
        self._put(order.closed(status))

    async def deliver(self, account: str, lots: int) -> int:
        """Settle what the account sold without having it, oldest first; how many lots are left over."""
        while lots:
            await self.flush()
            owed = await storage.undelivered(self.tx, account, limit=DELIVERED_AT_ONCE)
            if not owed:
                break
            for trade in owed:
                if lots:
                    part = min(lots, trade.lots)
                    await self._deliver(trade, part)
                    lots -= part
        return lots

    async def refund(self, trade: Trade) -> None:
        """Give up an undelivered trade, and with it the rest of the order that sold it."""
        await self._entries.post(refund_entry(trade))
        buy, sell = await self._sides(trade)
        if sell.status is OrderStatus.CREATED:
            await self.close(sell, OrderStatus.CANCELLED)
        self._put(buy.refunded(trade.lots))
        self._put(sell.refunded(trade.lots))
        await self._end(trade.refunded())

    async def hand_over(self, former: str, account: str, person_id: int) -> None:
        """Open orders of the account `former` become another's."""
        await self.flush()
        if await storage.hand_over_open(self.tx, former, account=account, person_id=person_id):
            self.changed = True
            self.floor.book.hand_over(former, account)
            self.floor.orders = {order.id: order for order in await storage.open_orders(self.tx)}

    async def flush(self) -> None:
        """Write down what was collected."""
        await self._entries.flush()
        await storage.insert_orders(self.tx, self._new_orders.values())
        await storage.update_orders(self.tx, self._changed_orders.values())
        await storage.insert_trades(self.tx, self._new_trades.values())
        await storage.update_trades(self.tx, self._changed_trades.values())
        for collected in (
            self._new_orders,
            self._changed_orders,
            self._new_trades,
            self._changed_trades,
        ):
            collected.clear()

    async def _fill(self, order: Order, fill: Fill) -> Order:
        resting = self.floor.orders[fill.resting_id]
        buy, sell = (order, resting) if order.side is Side.BUY else (resting, order)
        covered = sell.cover is Cover.COVERED
        trade = Trade(
            seq=self._next_trade_seq(),
            id=self._new_trade_id(),
            buy_order_id=buy.id,
            sell_order_id=sell.id,
            buyer=buy.account,
            seller=sell.account,
            lots=fill.lots,
            price_ticks=fill.price_ticks,
            deposit=0 if covered else deposit_share(sell, fill.lots),
            status=TradeStatus.MATCHED,
            created_at_us=self._clock.now_us(),
        )
        if covered:
            await self._entries.post(filled_entry(trade, limit_ticks=buy.price_ticks))
            trade = await self._burnt(trade, reserved=True)
        else:
            await self._entries.post(matched_entry(trade, limit_ticks=buy.price_ticks))
        self._new_trades[trade.id] = trade
        await self._announce(trade)
        self._put(resting.filled(fill.lots, settled=covered))
        return order.filled(fill.lots, settled=covered)

    async def _deliver(self, trade: Trade, lots: int) -> None:
        """Settle so many of the trade's lots; a part becomes a trade of its own."""
        matched_trade_id, part = trade.id, trade
        if lots < trade.lots:
            part, rest = trade.split(lots, part_id=self._new_trade_id(), part_seq=self._next_trade_seq())
            self._changed_trades[rest.id] = rest
        await self._entries.post(delivered_entry(part, matched_trade_id=matched_trade_id))
        part = await self._burnt(part, reserved=False)
        for side in await self._sides(trade):
            self._put(side.delivered(lots))
        if part.id == trade.id:
            await self._end(part)
        else:
            self._new_trades[part.id] = part
            await self._announce(part)

    async def _sides(self, trade: Trade) -> tuple[Order, Order]:
        buy, sell = await self.order(trade.buy_order_id), await self.order(trade.sell_order_id)
        assert buy is not None  # noqa: S101  the rows of trades refer to them
        assert sell is not None  # noqa: S101
        return buy, sell

    async def _burnt(self, trade: Trade, *, reserved: bool) -> Trade:
        posted = await self._entries.post(burn_entry(trade, reserved=reserved))
        return trade.completed(at_us=self._clock.now_us(), burn_entry_id=posted.id)

    async def _end(self, trade: Trade) -> None:
        self._changed_trades[trade.id] = trade
        await self._announce(trade)

    async def _announce(self, trade: Trade) -> None:
        await self._events.announce(self.tx, TRADE_EVENT, trade_news(trade, self._clock.now_us()))

    def _put(self, order: Order) -> None:
        """Keep an order that changed."""
        self.changed = True
        if order.status is OrderStatus.CREATED:
            self.floor.orders[order.id] = order
        else:
            self.floor.orders.pop(order.id, None)
        collected = self._new_orders if order.id in self._new_orders else self._changed_orders
        collected[order.id] = order

    def _next_trade_seq(self) -> int:
        self.floor.trade_seq += 1
        return self.floor.trade_seq

    def _new_trade_id(self) -> str:
        return new_id("trade", self._clock)


def new_order_id() -> str:
    """A UUID, as the document shows them."""
    return str(uuid4())


def trade_news(trade: Trade, now_us: int) -> TradeNews:
    """The event of what became of a trade now."""
    return TradeNews(
        trade_id=trade.id,
        buy_order_id=trade.buy_order_id,
        sell_order_id=trade.sell_order_id,
        kwh_amount=show_lots(trade.lots),
        token_price=show_price_ticks(trade.price_ticks),
        status=trade.status,
        timestamp=rfc3339(now_us),
    )
