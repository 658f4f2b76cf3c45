"""What orders reserve and trades move, as journal entries.

An open order's XLM, LT or deposit lie in `<account>/orders`. A fill of a covered order is settled at once,
out of both holds. One of a pledge moves the buyer's XLM and the seller's deposit to `<account>/trades` until
it is delivered or refunded. What a buyer had reserved above the price goes back at the fill. Every settled
trade is followed by the burn of its LT. The entries of new orders and of undelivered trades have the times of
those, which their terms run from. The facts name orders, trades, amounts and prices, so that a stranger can
match the orders again and work every entry out.
"""

from typing import Any

from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.market.model import Cover, Order, OrderStatus, Side, Trade, show_lots, show_price_ticks
from cloud.market.settlement import commission, reserved, tokens, value

ORDERS_HOLD = "orders"
"""`<account>/orders` keeps what the account's open orders reserve."""
TRADES_HOLD = "trades"
"""`<account>/trades` keeps what its undelivered trades reserve."""

_RELEASES = {OrderStatus.CANCELLED: "order_cancelled", OrderStatus.EXPIRED: "order_expired"}


def reserve_entry(order: Order) -> Entry:
    """Of a new order."""
    return Entry(
        kind=EntryKind.HOLD,
        postings=_moved(order.account, f"{order.account}/{ORDERS_HOLD}", _asset(order), reserved(order)),
        facts={"reason": _reserve_reason(order), "order_id": order.id}
        | _amounts(order.lots, order.price_ticks),
        at_us=order.created_at_us,
    )


def close_entry(order: Order, status: OrderStatus) -> Entry:
    """What the open part of an order reserved goes back: it is cancelled or expired."""
    return Entry(
        kind=EntryKind.RELEASE,
        postings=_moved(f"{order.account}/{ORDERS_HOLD}", order.account, _asset(order), reserved(order)),
        facts={"reason": _RELEASES[status], "order_id": order.id},
    )


def matched_entry(trade: Trade, *, limit_ticks: int) -> Entry:
    """A fill of a pledge; `limit_ticks`: by which the buyer had reserved."""
    buyer, seller = trade.buyer, trade.seller
    price, limit = value(trade.lots, trade.price_ticks), value(trade.lots, limit_ticks)
    postings = [
        Posting(f"{buyer}/{ORDERS_HOLD}", Asset.XLM, -limit),
        Posting(f"{buyer}/{TRADES_HOLD}", Asset.XLM, price),
        Posting(buyer, Asset.XLM, limit - price),
        Posting(f"{seller}/{ORDERS_HOLD}", Asset.XLM, -trade.deposit),
        Posting(f"{seller}/{TRADES_HOLD}", Asset.XLM, trade.deposit),
    ]
    return Entry(
        kind=EntryKind.HOLD,
        postings=_without_zeros(postings),
        facts={"reason": "trade_matched"} | _trade_facts(trade),
        at_us=trade.created_at_us,
    )


def filled_entry(trade: Trade, *, limit_ticks: int) -> Entry:
    """A fill of a covered order: the buyer pays out of what the order had reserved by its limit."""
    limit = value(trade.lots, limit_ticks)
    back = limit - value(trade.lots, trade.price_ticks)
    postings = [
        Posting(f"{trade.buyer}/{ORDERS_HOLD}", Asset.XLM, -limit),
        *_paid(trade),
        Posting(trade.buyer, Asset.XLM, back),
    ]
    return Entry(
        kind=EntryKind.TRADE,
        postings=_without_zeros(postings),
        facts={"reason": "filled"} | _trade_facts(trade),
    )


def delivered_entry(trade: Trade, *, matched_trade_id: str) -> Entry:
    """A trade whose energy was minted now, or the part of one; its deposit goes back."""
    postings = [
        Posting(f"{trade.buyer}/{TRADES_HOLD}", Asset.XLM, -value(trade.lots, trade.price_ticks)),
        *_paid(trade),
        Posting(f"{trade.seller}/{TRADES_HOLD}", Asset.XLM, -trade.deposit),
        Posting(trade.seller, Asset.XLM, trade.deposit),
    ]
    return Entry(
        kind=EntryKind.TRADE,
        postings=_without_zeros(postings),
        facts={"reason": "delivered", "matched_trade_id": matched_trade_id} | _trade_facts(trade),
    )


def burn_entry(trade: Trade, *, reserved: bool) -> Entry:
    """The LT of a settled trade; `reserved`: they lie in the order's hold, else they were minted just now."""
    source = f"{trade.seller}/{ORDERS_HOLD}" if reserved else trade.seller
    return Entry(
        kind=EntryKind.BURN,
        postings=_moved(source, SystemAccount.BURNED, Asset.LT, tokens(trade.lots)),
        facts={"reason": "trade_settlement", "trade_id": trade.id},
    )


def refund_entry(trade: Trade) -> Entry:
    """A trade that was not delivered in time: the buyer gets the price back, and the deposit."""
    postings = [
        Posting(f"{trade.buyer}/{TRADES_HOLD}", Asset.XLM, -value(trade.lots, trade.price_ticks)),
        Posting(trade.buyer, Asset.XLM, value(trade.lots, trade.price_ticks)),
        Posting(f"{trade.seller}/{TRADES_HOLD}", Asset.XLM, -trade.deposit),
        Posting(trade.buyer, Asset.XLM, trade.deposit),
    ]
    return Entry(
        kind=EntryKind.RELEASE,
        postings=_without_zeros(postings),
        facts={"reason": "trade_refunded", "trade_id": trade.id},
    )


def _asset(order: Order) -> Asset:
    return Asset.LT if order.side is Side.SELL and order.cover is Cover.COVERED else Asset.XLM


def _reserve_reason(order: Order) -> str:
    if order.side is Side.BUY:
        return "buy_order"
    return "sell_order" if order.cover is Cover.COVERED else "pledge_deposit"


def _paid(trade: Trade) -> tuple[Posting, ...]:
    fee = commission(trade)
    return (
        Posting(trade.seller, Asset.XLM, value(trade.lots, trade.price_ticks) - fee),
        Posting(SystemAccount.POOL, Asset.XLM, fee),
    )


def _trade_facts(trade: Trade) -> dict[str, Any]:
    return {
        "trade_id": trade.id,
        "buy_order_id": trade.buy_order_id,
        "sell_order_id": trade.sell_order_id,
        "buyer": trade.buyer,
        "seller": trade.seller,
    } | _amounts(trade.lots, trade.price_ticks)


def _amounts(lots: int, price_ticks: int) -> dict[str, Any]:
    return {"kwh": show_lots(lots), "price_xlm_per_kwh": show_price_ticks(price_ticks)}


def _moved(source: str, target: str, asset: Asset, amount: int) -> tuple[Posting, ...]:
    return (Posting(source, asset, -amount), Posting(target, asset, amount))


def _without_zeros(postings: list[Posting]) -> tuple[Posting, ...]:
    return tuple(posting for posting in postings if posting.amount)
