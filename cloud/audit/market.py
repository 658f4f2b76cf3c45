"""The market, run again: every order goes through the same order book, which says what must follow.

The entry of an order is followed by one for each fill it makes, in the order of filling, and each settled
trade by the burn of its LT. So whoever was passed over, was given another price or paid another commission
is seen.
"""

from collections import deque
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeAlias

from msgspec import Struct

from cloud.audit.errors import Lie
from cloud.ledger.double_entry import is_system
from cloud.ledger.model import Entry, Posting
from cloud.market.entries import (
    burn_entry,
    close_entry,
    delivered_entry,
    filled_entry,
    matched_entry,
    refund_entry,
    reserve_entry,
)
from cloud.market.model import (
    LOTS_MAX,
    PLEDGED_LOTS_MAX,
    PRICE_TICKS_MAX,
    Cover,
    Order,
    OrderStatus,
    Side,
    Trade,
    TradeStatus,
    show_lots,
)
from cloud.market.order_book import Fill, Incoming, OrderBook
from cloud.market.settlement import DELIVERY_S, ORDER_LIFE_S, deposit_share
from shared.clock import rfc3339, to_micros
from shared.units import MICROS_PER_SECOND


class MarketFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="reason"):
    """The facts of an entry that the market made."""


class _OrderFacts(MarketFacts, frozen=True, kw_only=True):
    order_id: str
    kwh: Decimal
    price_xlm_per_kwh: Decimal


class BuyOrder(_OrderFacts, frozen=True, kw_only=True, tag="buy_order"):
    pass


class SellOrder(_OrderFacts, frozen=True, kw_only=True, tag="sell_order"):
    pass


class PledgeDeposit(_OrderFacts, frozen=True, kw_only=True, tag="pledge_deposit"):
    pass


class _TradeFacts(MarketFacts, frozen=True, kw_only=True):
    trade_id: str
    buy_order_id: str
    sell_order_id: str
    buyer: str
    seller: str
    kwh: Decimal
    price_xlm_per_kwh: Decimal


class TradeMatched(_TradeFacts, frozen=True, kw_only=True, tag="trade_matched"):
    pass


class TradeFilled(_TradeFacts, frozen=True, kw_only=True, tag="filled"):
    pass


class TradeDelivered(_TradeFacts, frozen=True, kw_only=True, tag="delivered"):
    matched_trade_id: str


class TradeBurned(MarketFacts, frozen=True, kw_only=True, tag="trade_settlement"):
    trade_id: str


class TradeRefunded(MarketFacts, frozen=True, kw_only=True, tag="trade_refunded"):
    trade_id: str


class OrderCancelled(MarketFacts, frozen=True, kw_only=True, tag="order_cancelled"):
    order_id: str


class OrderExpired(MarketFacts, frozen=True, kw_only=True, tag="order_expired"):
    order_id: str


NewOrder: TypeAlias = BuyOrder | SellOrder | PledgeDeposit
Filled: TypeAlias = TradeFilled | TradeMatched
Closed: TypeAlias = OrderCancelled | OrderExpired


class MarketLeaf(Protocol):
    """What is needed of a leaf."""

    @property
    def index(self) -> int: ...
    @property
    def time(self) -> str: ...
    @property
    def postings(self) -> tuple[Posting, ...]: ...


class _Settled(Struct, frozen=True):
    """A trade whose burn must follow."""

    trade: Trade
    reserved: bool


class Replay:
    """The market as the log tells it so far."""

    def __init__(self) -> None:
        self._book = OrderBook()
        self._orders: dict[str, Order] = {}
        """Those that are open, and one whose fills are being read."""
        self._matched: dict[str, Trade] = {}
        """Not delivered yet, in the order of matching."""
        self._pledged: dict[str, int] = {}
        """Lots that an account offers or owes."""
        self._order_ids: set[str] = set()
        self._trade_ids: set[str] = set()
        self._fills: deque[Fill] = deque()
        self._unburned: _Settled | None = None
        self._indices: set[int] = set()
        self._to_close: str | None = None
        """An order that sold what was not delivered."""

    def check_follows(self, facts: object) -> None:
        """Raise Lie where the market owes another entry first."""
        expected: type | tuple[type, ...]
        if self._unburned is not None:
            expected, name = TradeBurned, f"the burn of trade {self._unburned.trade.id}"
        elif self._fills:
            expected, name = (TradeFilled, TradeMatched), f"a fill of order {self._fills[0].resting_id}"
        elif self._to_close is not None:
            expected, name = OrderCancelled, f"order {self._to_close}, cancelled"
        else:
            return
        if not isinstance(facts, expected):
            raise Lie("reason", name, type(facts).__name__)

    def check_stands(self, index: int) -> None:
        """Raise Lie where an entry of the market is taken back: what it says goes on to count here."""
        if index in self._indices:
            raise Lie("reverses_index", "an entry that can be taken back", f"{index}, of the market")

    def check_end(self) -> None:
        """Raise Lie where an entry is missing at the end of the log."""
        self.check_follows(None)

    def entry(self, leaf: MarketLeaf, facts: MarketFacts) -> Entry:
        """The entry that this leaf must be; the market moves on.

        Raises:
            Lie: the market could not come to this.
        """
        self._indices.add(leaf.index)
        match facts:
            case BuyOrder() | SellOrder() | PledgeDeposit():
                return self._order(leaf, facts)
            case TradeFilled() | TradeMatched():
                return self._fill(leaf, facts)
            case TradeDelivered():
                return self._deliver(facts)
            case TradeBurned():
                return self._burn(facts)
            case TradeRefunded():
                return self._refund(leaf, facts)
            case OrderCancelled():
                return self._close(facts.order_id, OrderStatus.CANCELLED)
            case OrderExpired():
                self._check_age("order_id", leaf, self._open(facts.order_id).created_at_us, ORDER_LIFE_S)
                return self._close(facts.order_id, OrderStatus.EXPIRED)
            case _:
                raise TypeError(type(facts))

    def hand_over(self, former: str, account: str) -> None:
        """A device's account was claimed: its open orders are its owner's."""
        self._book.hand_over(former, account)
        for order in list(self._orders.values()):
            if order.account == former:
                self._orders[order.id] = order.of(account)

    def _order(self, leaf: MarketLeaf, facts: NewOrder) -> Entry:
        account = leaf.postings[0].account if leaf.postings else ""
        if is_system(account) or "/" in account or not account:
            raise Lie("postings", "from someone's own account", account or "nothing")
        if facts.order_id in self._order_ids:
            raise Lie("order_id", "an order never placed before", facts.order_id)
        self._order_ids.add(facts.order_id)
        order = Order(
            seq=leaf.index + 1,
            id=facts.order_id,
            account=account,
            owner_person_id=None,
            side=Side.BUY if isinstance(facts, BuyOrder) else Side.SELL,
            cover=Cover.PLEDGE if isinstance(facts, PledgeDeposit) else Cover.COVERED,
            lots=_steps("kwh", facts.kwh, decimals=3, most=LOTS_MAX),
            lots_open=_steps("kwh", facts.kwh, decimals=3, most=LOTS_MAX),
            price_ticks=_steps(
                "price_xlm_per_kwh", facts.price_xlm_per_kwh, decimals=4, most=PRICE_TICKS_MAX
            ),
            created_at_us=_micros(leaf),
        )
        if order.cover is Cover.PLEDGE:
            pledged = self._pledge(account, order.lots)
            if pledged > PLEDGED_LOTS_MAX:
                raise Lie("kwh", f"at most {show_lots(PLEDGED_LOTS_MAX)} pledged", str(show_lots(pledged)))
        self._orders[order.id] = order
        self._fills.extend(self._book.place(_incoming(order)))
        return reserve_entry(order)

    def _fill(self, leaf: MarketLeaf, facts: Filled) -> Entry:
        if not self._fills:
            raise Lie("trade_id", "an order that is filled now", facts.trade_id)
        fill = self._fills.popleft()
        resting, order = self._orders[fill.resting_id], self._orders[fill.incoming_id]
        buy, sell = (order, resting) if order.side is Side.BUY else (resting, order)
        covered = sell.cover is Cover.COVERED
        trade = Trade(
            seq=leaf.index,
            id=self._new_trade(facts.trade_id),
            buy_order_id=buy.id,
            sell_order_id=sell.id,
            buyer=buy.account,
            seller=sell.account,
            lots=fill.lots,
            price_ticks=fill.price_ticks,
            deposit=0 if covered else deposit_share(sell, fill.lots),
            status=TradeStatus.MATCHED,
            created_at_us=_micros(leaf),
        )
        for side in (buy, sell):
            self._put(side.filled(fill.lots, settled=covered))
        if not covered:
            self._matched[trade.id] = trade
            return matched_entry(trade, limit_ticks=buy.price_ticks)
        self._unburned = _Settled(trade, reserved=True)
        return filled_entry(trade, limit_ticks=buy.price_ticks)

    def _deliver(self, facts: TradeDelivered) -> Entry:
        trade = self._owed("matched_trade_id", facts.matched_trade_id)
        first = next(owed for owed in self._matched.values() if owed.seller == trade.seller)
        if trade is not first:
            raise Lie("matched_trade_id", f"{first.id}, which the seller sold first", trade.id)
        lots = _steps("kwh", facts.kwh, decimals=3, most=trade.lots)
        if lots < trade.lots:
            part, rest = trade.split(lots, part_id=self._new_trade(facts.trade_id), part_seq=0)
            self._matched[rest.id] = rest
        else:
            part = self._matched.pop(trade.id)
        self._pledge(trade.seller, -lots)
        self._unburned = _Settled(part, reserved=False)
        return delivered_entry(part, matched_trade_id=trade.id)

    def _burn(self, facts: TradeBurned) -> Entry:
        settled, self._unburned = self._unburned, None
        if settled is None:
            raise Lie("trade_id", "a trade that is settled now", facts.trade_id)
        return burn_entry(settled.trade, reserved=settled.reserved)

    def _refund(self, leaf: MarketLeaf, facts: TradeRefunded) -> Entry:
        trade = self._owed("trade_id", facts.trade_id)
        self._check_age("trade_id", leaf, trade.created_at_us, DELIVERY_S)
        del self._matched[trade.id]
        self._pledge(trade.seller, -trade.lots)
        if trade.sell_order_id in self._orders:
            self._to_close = trade.sell_order_id
        return refund_entry(trade)

    def _close(self, order_id: str, status: OrderStatus) -> Entry:
        order = self._open(order_id)
        if self._to_close not in {None, order_id}:
            raise Lie("order_id", str(self._to_close), order_id)
        self._to_close = None
        self._book.cancel(order_id)
        del self._orders[order_id]
        if order.cover is Cover.PLEDGE:
            self._pledge(order.account, -order.lots_open)
        return close_entry(order, status)

    def _open(self, order_id: str) -> Order:
        order = self._orders.get(order_id)
        if order is None:
            raise Lie("order_id", "an order that is open", order_id)
        return order

    def _owed(self, field: str, trade_id: str) -> Trade:
        trade = self._matched.get(trade_id)
        if trade is None:
            raise Lie(field, "a trade that is matched and not delivered", trade_id)
        return trade

    def _new_trade(self, trade_id: str) -> str:
        if trade_id in self._trade_ids:
            raise Lie("trade_id", "a trade never made before", trade_id)
        self._trade_ids.add(trade_id)
        return trade_id

    def _put(self, order: Order) -> None:
        if order.status is OrderStatus.CREATED:
            self._orders[order.id] = order
        else:
            del self._orders[order.id]

    def _pledge(self, account: str, lots: int) -> int:
        pledged = self._pledged.get(account, 0) + lots
        self._pledged[account] = pledged
        if not pledged:
            del self._pledged[account]
        return pledged

    @staticmethod
    def _check_age(field: str, leaf: MarketLeaf, since_us: int, life_s: int) -> None:
        due_us = since_us + life_s * MICROS_PER_SECOND
        if _micros(leaf) < due_us:
            raise Lie(field, f"not before {rfc3339(due_us)}", leaf.time)


def _incoming(order: Order) -> Incoming:
    return Incoming(
        id=order.id,
        seq=order.seq,
        owner=order.account,
        side=order.side,
        lots=order.lots_open,
        price_ticks=order.price_ticks,
    )


def _steps(field: str, value: Decimal, *, decimals: int, most: int) -> int:
    """In steps of 10^-decimals, 1 to `most`."""
    highest = Decimal(most).scaleb(-decimals)
    if value.is_finite() and 0 < value <= highest:
        steps = value.scaleb(decimals)
        if steps == int(steps):
            return int(steps)
    raise Lie(field, f"whole steps up to {highest}", str(value)[:40])


def _micros(leaf: MarketLeaf) -> int:
    return to_micros(datetime.fromisoformat(leaf.time))
