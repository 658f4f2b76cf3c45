"""The SQL of the market."""

from collections.abc import Sequence

from msgspec import Struct

from cloud.kit.store import ReadTx, WriteTx
from cloud.market.model import (
    PRICED_LOTS_MIN,
    PRICED_ORDERS_MAX,
    Cover,
    Order,
    OrderStatus,
    Side,
    Trade,
)

_ORDER = "seq, id, account, owner_person_id, side, cover, lots, lots_open, price_ticks, status, created_at_us"
_TRADE = "id, buy_order_id, sell_order_id, lots, price_ticks, status, created_at_us, completed_at_us"


class NewOrder(Struct, frozen=True, kw_only=True):
    """An order before it has its place in the line."""

    id: str
    account: str
    owner_person_id: int | None
    side: Side
    cover: Cover
    lots: int
    price_ticks: int
    created_at_us: int


class SideCount(Struct, frozen=True):
    side: Side
    orders: int


async def insert_order(tx: WriteTx, order: NewOrder) -> None:
    await tx.execute(
        "INSERT INTO orders"
        " (id, account, owner_person_id, side, cover, lots, lots_open, price_ticks, status, created_at_us)"
        " VALUES (:id, :account, :owner_person_id, :side, :cover, :lots, :lots, :price_ticks, :status,"
        " :created_at_us)",
        {
            "id": order.id,
            "account": order.account,
            "owner_person_id": order.owner_person_id,
            "side": order.side,
            "cover": order.cover,
            "lots": order.lots,
            "price_ticks": order.price_ticks,
            "status": OrderStatus.CREATED,
            "created_at_us": order.created_at_us,
        },
    )


async def hand_over_open(tx: WriteTx, former: str, *, account: str, person_id: int) -> None:
    """Open orders of the account `former` become another's; closed ones stay as they were."""
    await tx.execute(
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


async def open_orders(tx: ReadTx) -> list[Order]:
    """Oldest first."""
    return await tx.fetch_all(Order, f"SELECT {_ORDER} FROM orders WHERE status = 'Created' ORDER BY seq")


async def last_completed(tx: ReadTx, limit: int) -> list[Trade]:
    """Newest first."""
    return await tx.fetch_all(
        Trade,
        f"SELECT {_TRADE} FROM trades WHERE status = 'Completed'"
        " ORDER BY completed_at_us DESC, id DESC LIMIT :limit",
        {"limit": limit},
    )
