"""The SQL of the market."""

from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import asdict

from cloud.kit.store import ReadTx, WriteTx
from cloud.market.model import (
    PRICED_LOTS_MIN,
    PRICED_ORDERS_MAX,
    Level,
    OpenParty,
    Order,
    Settled,
    Side,
    Trade,
)

_ORDER = ", ".join(Order.__struct_fields__)
_ORDER_VALUES = ", ".join(f":{name}" for name in Order.__struct_fields__)
_TRADE = ", ".join(Trade.__struct_fields__)
_TRADE_VALUES = ", ".join(f":{name}" for name in Trade.__struct_fields__)


class SideCount(Struct, frozen=True):
    side: Side
    orders: int


async def token(tx: ReadTx) -> str:
    """Of the newest change of what is open; empty before the first."""
    return str(await tx.fetch_value("SELECT token FROM market_state WHERE id = 1"))


async def set_token(tx: WriteTx, token: str) -> None:
    await tx.execute("UPDATE market_state SET token = :token WHERE id = 1", {"token": token})


async def last_order_seq(tx: ReadTx) -> int:
    """0 before the first."""
    return int(await tx.fetch_value("SELECT COALESCE(MAX(seq), 0) FROM orders"))


async def last_trade_seq(tx: ReadTx) -> int:
    """0 before the first."""
    return int(await tx.fetch_value("SELECT COALESCE(MAX(seq), 0) FROM trades"))


async def insert_orders(tx: WriteTx, orders: Collection[Order]) -> None:
    if orders:
        await tx.execute_many(
            f"INSERT INTO orders ({_ORDER}) VALUES ({_ORDER_VALUES})", [asdict(order) for order in orders]
        )


async def update_orders(tx: WriteTx, orders: Collection[Order]) -> None:
    """What may change of them."""
    if orders:
        await tx.execute_many(
            "UPDATE orders SET lots_open = :lots_open, lots_undelivered = :lots_undelivered,"
            " lots_settled = :lots_settled, status = :status WHERE id = :id",
            [
                {
                    "id": order.id,
                    "lots_open": order.lots_open,
                    "lots_undelivered": order.lots_undelivered,
                    "lots_settled": order.lots_settled,
                    "status": order.status,
                }
                for order in orders
            ],
        )


async def insert_trades(tx: WriteTx, trades: Collection[Trade]) -> None:
    if trades:
        await tx.execute_many(
            f"INSERT INTO trades ({_TRADE}) VALUES ({_TRADE_VALUES})", [asdict(trade) for trade in trades]
        )


async def update_trades(tx: WriteTx, trades: Collection[Trade]) -> None:
    """What may change of them."""
    if trades:
        await tx.execute_many(
            "UPDATE trades SET lots = :lots, deposit = :deposit, status = :status,"
            " completed_at_us = :completed_at_us, burn_entry_id = :burn_entry_id WHERE id = :id",
            [
                {
                    "id": trade.id,
                    "lots": trade.lots,
                    "deposit": trade.deposit,
                    "status": trade.status,
                    "completed_at_us": trade.completed_at_us,
                    "burn_entry_id": trade.burn_entry_id,
                }
                for trade in trades
            ],
        )


async def order(tx: ReadTx, order_id: str) -> Order | None:
    return await tx.fetch_one(Order, f"SELECT {_ORDER} FROM orders WHERE id = :id", {"id": order_id})


async def undelivered(tx: ReadTx, seller: str, *, limit: int) -> list[Trade]:
    """Trades that a seller still has to deliver, oldest first."""
    return await tx.fetch_all(
        Trade,
        f"SELECT {_TRADE} FROM trades WHERE seller = :seller AND status = 'Matched'"
        " ORDER BY seq LIMIT :limit",
        {"seller": seller, "limit": limit},
    )


async def overdue_trades(tx: ReadTx, before_us: int, *, limit: int) -> list[Trade]:
    """Trades matched at or before a moment and not delivered yet, oldest first."""
    return await tx.fetch_all(
        Trade,
        f"SELECT {_TRADE} FROM trades WHERE status = 'Matched' AND created_at_us <= :before_us"
        " ORDER BY created_at_us, seq LIMIT :limit",
        {"before_us": before_us, "limit": limit},
    )


async def overdue_orders(tx: ReadTx, before_us: int, *, limit: int) -> list[Order]:
    """Open orders placed at or before a moment, oldest first."""
    return await tx.fetch_all(
        Order,
        f"SELECT {_ORDER} FROM orders WHERE status = 'Created' AND created_at_us <= :before_us"
        " ORDER BY created_at_us, seq LIMIT :limit",
        {"before_us": before_us, "limit": limit},
    )


async def pledged_lots(tx: ReadTx, account: str) -> int:
    """What an account offers, or sold, without having it."""
    found = await tx.fetch_value(
        "SELECT SUM(lots_undelivered + CASE WHEN status = 'Created' THEN lots_open ELSE 0 END) FROM orders"
        " WHERE account = :account AND cover = 'pledge' AND (status = 'Created' OR lots_undelivered > 0)",
        {"account": account},
    )
    return int(found or 0)


async def trade_total(tx: ReadTx, account: str) -> int:
    """How many trades an account took part in."""
    return int(
        await tx.fetch_value(
            "SELECT (SELECT COUNT(*) FROM trades WHERE buyer = :account)"
            " + (SELECT COUNT(*) FROM trades WHERE seller = :account)",
            {"account": account},
        )
    )


async def trades_of(tx: ReadTx, account: str, *, skip: int, limit: int) -> list[Trade]:
    """As buyer or seller, newest first."""
    return await tx.fetch_all(
        Trade,
        f"SELECT {_TRADE} FROM trades WHERE buyer = :account OR seller = :account"
        " ORDER BY seq DESC LIMIT :limit OFFSET :skip",
        {"account": account, "limit": limit, "skip": skip},
    )


async def hand_over_open(tx: WriteTx, former: str, *, account: str, person_id: int) -> int:
    """Open orders of the account `former` become another's; closed ones stay as they were. How many."""
    return await tx.execute(
        "UPDATE orders SET account = :account, owner_person_id = :person_id"
        " WHERE account = :former AND status = 'Created'",
        {"former": former, "account": account, "person_id": person_id},
    )


async def counts(tx: ReadTx) -> Sequence[SideCount]:
    """How many open orders of each side count for the price; a side without any is absent."""
    return await tx.fetch_all(
        SideCount,
        "SELECT side, SUM(CASE WHEN orders > :most THEN :most ELSE orders END) AS orders FROM ("
        " SELECT side, account, COUNT(*) AS orders FROM orders"
        " WHERE status = 'Created' AND lots_open >= :lots GROUP BY side, account"
        ") AS by_account GROUP BY side",
        {"most": PRICED_ORDERS_MAX, "lots": PRICED_LOTS_MIN},
    )


async def open_parties(tx: ReadTx) -> Sequence[OpenParty]:
    """Whoever has an open order that counts for the price, once for each side."""
    return await tx.fetch_all(
        OpenParty,
        "SELECT DISTINCT side, account, owner_person_id FROM orders"
        " WHERE status = 'Created' AND lots_open >= :lots ORDER BY side, account",
        {"lots": PRICED_LOTS_MIN},
    )


async def levels(tx: ReadTx, side: Side, *, limit: int) -> list[Level]:
    """The best prices of a side, best first."""
    return await tx.fetch_all(
        Level,
        "SELECT price_ticks, CAST(SUM(lots_open) AS BIGINT) AS lots, COUNT(*) AS orders FROM orders"
        " WHERE status = 'Created' AND side = :side GROUP BY price_ticks"
        f" ORDER BY price_ticks {'DESC' if side is Side.BUY else 'ASC'} LIMIT :limit",
        {"side": side, "limit": limit},
    )


async def open_orders(tx: ReadTx) -> list[Order]:
    """Oldest first."""
    return await tx.fetch_all(Order, f"SELECT {_ORDER} FROM orders WHERE status = 'Created' ORDER BY seq")


async def last_completed(tx: ReadTx, limit: int) -> list[Trade]:
    """Newest first."""
    return await tx.fetch_all(
        Trade,
        f"SELECT {_TRADE} FROM trades WHERE status = 'Completed'"
        " ORDER BY completed_at_us DESC, seq DESC LIMIT :limit",
        {"limit": limit},
    )


async def settled(tx: ReadTx, after_entry: int) -> Settled:
    """What was settled after a ledger entry."""
    found = await tx.fetch_one(
        Settled,
        "SELECT CAST(COALESCE(SUM(lots), 0) AS BIGINT) AS lots,"
        " COALESCE(MAX(burn_entry_id), :after_entry) AS last_entry"
        " FROM trades WHERE burn_entry_id > :after_entry",
        {"after_entry": after_entry},
    )
    assert found is not None  # noqa: S101  an aggregate has one row
    return found
