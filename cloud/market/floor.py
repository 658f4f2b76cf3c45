"""The open orders in memory: a copy of the rows that knows whether it is still right.

Every use case that changes what is open writes a new random token in its transaction. A copy that holds
another one is out of date: its use case was rolled back, or another process traded. It is then made anew from
the rows, in the order of arrival.
"""

import secrets

from msgspec import Struct

from cloud.kit.store import ReadTx, WriteTx
from cloud.market import storage
from cloud.market.model import Order
from cloud.market.order_book import Incoming, OrderBook

TOKEN_BYTES = 16


class Floor(Struct):
    """Whose methods a use case calls in its transaction."""

    token: str
    book: OrderBook
    orders: dict[str, Order]
    """The open ones by id."""
    order_seq: int
    """The last one given; likewise of trades."""
    trade_seq: int


class FloorKeeper:
    """Keeps the floor from one use case to the next."""

    def __init__(self) -> None:
        self._floor: Floor | None = None
        self.rebuilt = 0
        """How often it was made from the rows."""

    async def take(self, tx: ReadTx) -> Floor:
        """As it stands in this transaction. Unless given back, it is made anew next time."""
        floor, self._floor = self._floor, None
        token = await storage.token(tx)
        if floor is None or floor.token != token:
            floor = await rebuilt(tx, token)
            self.rebuilt += 1
        return floor

    async def give_back(self, tx: WriteTx, floor: Floor, *, changed: bool) -> None:
        """After every change of it is written."""
        if changed:
            floor.token = secrets.token_hex(TOKEN_BYTES)
            await storage.set_token(tx, floor.token)
        self._floor = floor


async def rebuilt(tx: ReadTx, token: str) -> Floor:
    """From the rows."""
    orders = await storage.open_orders(tx)
    book = OrderBook()
    for order in orders:
        book.rest(incoming(order))
    return Floor(
        token=token,
        book=book,
        orders={order.id: order for order in orders},
        order_seq=await storage.last_order_seq(tx),
        trade_seq=await storage.last_trade_seq(tx),
    )


def incoming(order: Order) -> Incoming:
    """What is open of an order, as the book takes it."""
    return Incoming(
        id=order.id,
        seq=order.seq,
        owner=order.account,
        side=order.side,
        lots=order.lots_open,
        price_ticks=order.price_ticks,
    )
