"""What the market does for others: list what was minted, count what is open, show both."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from cloud.identity.model import Person
from cloud.identity.service import Identity
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.ledger.service import Ledger
from cloud.market import storage
from cloud.market.model import LT_UNITS_PER_LOT, Cover, Order, Side, Trade
from shared.clock import Clock

TRADES_SHOWN = 50
ORDERS_HOLD = "orders"
"""`<account>/orders` keeps what the account's open orders reserve."""


class OpenCounts(NamedTuple):
    """Open orders that count for the price: at least 0.01 kWh, at most 10 an account and side."""

    supply: int
    demand: int


class OpenOrder(Struct, frozen=True, kw_only=True):
    """An order as others may see it."""

    order: Order
    user_id: str
    """Whose it is: a wallet address, `usr_…`, or the account of a device that nobody claimed yet."""


class Market:
    """Methods that take `tx` join the caller's use case."""

    def __init__(self, store: Store, clock: Clock, ledger: Ledger, identity: Identity) -> None:
        self._store = store
        self._clock = clock
        self._ledger = ledger
        self._identity = identity

    async def list_minted(
        self,
        tx: WriteTx,
        *,
        order_id: str,
        account: str,
        owner_person_id: int | None,
        lots: int,
        price_ticks: int,
    ) -> None:
        """Offer minted energy as a covered sell order: its LT move from the account to its orders' hold.

        Raises:
            InsufficientFunds: the account holds less LT than the order needs.
        """
        units = lots * LT_UNITS_PER_LOT
        await self._ledger.post(
            tx,
            Entry(
                kind=EntryKind.HOLD,
                postings=(
                    Posting(account, Asset.LT, -units),
                    Posting(f"{account}/{ORDERS_HOLD}", Asset.LT, units),
                ),
                facts={"reason": "sell_order", "order_id": order_id},
            ),
        )
        await storage.insert_order(
            tx,
            storage.NewOrder(
                id=order_id,
                account=account,
                owner_person_id=owner_person_id,
                side=Side.SELL,
                cover=Cover.COVERED,
                lots=lots,
                price_ticks=price_ticks,
                created_at_us=self._clock.now_us(),
            ),
        )

    async def escrow_claimed(self, tx: WriteTx, escrow: str, owner: Person) -> Sequence[Posting]:
        """Make the open orders of a device's escrow account its owner's, with what they reserve."""
        await storage.hand_over_open(tx, escrow, account=owner.account, person_id=owner.id)
        postings: list[Posting] = []
        for asset in (Asset.LT, Asset.XLM):
            held = await self._ledger.balance(tx, f"{escrow}/{ORDERS_HOLD}", asset)
            if held > 0:
                postings.append(Posting(f"{escrow}/{ORDERS_HOLD}", asset, -held))
                postings.append(Posting(f"{owner.account}/{ORDERS_HOLD}", asset, held))
        return postings

    async def open_counts(self, tx: ReadTx) -> OpenCounts:
        """What supply and demand are to the price."""
        orders = {count.side: count.orders for count in await storage.counts(tx)}
        return OpenCounts(supply=orders.get(Side.SELL, 0), demand=orders.get(Side.BUY, 0))

    async def open_orders(self) -> Sequence[OpenOrder]:
        """All of them, oldest first; may be empty."""
        async with self._store.read() as tx:
            orders = await storage.open_orders(tx)
            owners = {order.owner_person_id for order in orders if order.owner_person_id is not None}
            names = {owner: (await self._identity.person(tx, owner)).shown_id for owner in owners}
        return [
            OpenOrder(
                order=order,
                user_id=order.account if order.owner_person_id is None else names[order.owner_person_id],
            )
            for order in orders
        ]

    async def completed_trades(self) -> Sequence[Trade]:
        """The last 50, oldest first; may be empty."""
        async with self._store.read() as tx:
            return list(reversed(await storage.last_completed(tx, TRADES_SHOWN)))
