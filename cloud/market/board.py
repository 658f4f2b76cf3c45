"""What everybody sees of the open orders, read anew only when it may have changed."""

import asyncio
from collections.abc import Mapping, Sequence

from msgspec import Struct

from cloud.identity.service import Identity
from cloud.kit.http import encode_json
from cloud.kit.store import Store
from cloud.market import storage
from cloud.market.model import Depth, Order, OrderAnswer, Side
from shared.clock import Clock

CHECK_EVERY_S = 1.0
"""How soon it shows what another process did."""


class Listing(Struct, frozen=True):
    """The open orders at one moment."""

    token: str
    orders: Sequence[OrderAnswer]
    """Oldest first."""
    seqs: Sequence[int]
    """Of each, rising."""
    json: bytes
    """The same as a JSON array."""


class Board:
    """Every change here is seen at once, one of another process within a second."""

    def __init__(self, store: Store, clock: Clock, identity: Identity) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._listing: Listing | None = None
        self._depth: dict[int, tuple[str, Depth]] = {}
        """By its number of levels, with the token it was read under."""
        self._checked_at_s = 0.0
        self._one_at_a_time = asyncio.Lock()
        self._changes = 0

    def forget(self) -> None:
        """Something was committed that may change the list."""
        self._changes += 1
        self._checked_at_s = float("-inf")

    async def read(self) -> Listing:
        """As of now."""
        known = self._fresh()
        if known is not None:
            return known
        async with self._one_at_a_time:
            return self._fresh() or await self._read()

    def _fresh(self) -> Listing | None:
        age_s = self._clock.monotonic() - self._checked_at_s
        return self._listing if age_s < CHECK_EVERY_S else None

    async def _read(self) -> Listing:
        changes, now_s, known = self._changes, self._clock.monotonic(), self._listing
        async with self._store.read() as tx:
            token = await storage.token(tx)
            if known is None or known.token != token:
                orders = await storage.open_orders(tx)
                owners = {order.owner_person_id for order in orders if order.owner_person_id is not None}
                names = await self._identity.shown_ids(tx, owners)
                known = _listing(token, orders, names)
        if changes == self._changes:  # nothing was committed since the snapshot was taken
            self._listing, self._checked_at_s = known, now_s
        return known

    async def depth(self, levels: int) -> Depth:
        """The best prices, at most so many a side; the same object as long as nothing changed."""
        async with self._store.read() as tx:
            token = await storage.token(tx)
            known = self._depth.get(levels)
            if known is not None and known[0] == token:
                return known[1]
            depth = Depth(
                bids=await storage.levels(tx, Side.BUY, limit=levels),
                asks=await storage.levels(tx, Side.SELL, limit=levels),
            )
        self._depth[levels] = token, depth
        return depth


def _listing(token: str, orders: Sequence[Order], names: Mapping[int, str]) -> Listing:
    shown = [
        order.shown(
            order.account if order.owner_person_id is None else names[order.owner_person_id],
            order.lots_open,
        )
        for order in orders
    ]
    return Listing(token, shown, [order.seq for order in orders], encode_json(shown))
