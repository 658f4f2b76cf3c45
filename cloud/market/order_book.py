"""The order book: a continuous double auction in price-time priority.

An incoming order takes from the best price down to its limit, at each price from whoever came first, at the
resting order's price; what is left of it rests. It passes over its owner's resting orders. So resting orders
of different owners never cross, while one owner's own may stand crossed.

Each side keeps its prices sorted with the best one last, where orders come and go. Each price has its orders
linked in the order of their arrival, so that any of them leaves in constant time. Passing over own orders
costs a step for each price, not for each order. Expiry is a cancel.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator

from msgspec import Struct

from cloud.market.model import Level, Side

_BUY = Side.BUY


class Incoming(Struct, frozen=True, kw_only=True):
    """An order on its way into the book."""

    id: str
    seq: int
    """Rises from order to order: they come to the book in this order, which is what counts for priority."""
    owner: str
    """Whose other orders it passes over."""
    side: Side
    lots: int
    """What is open of it; at least 1."""
    price_ticks: int
    """The worst price it accepts; at least 1."""


class Fill(Struct, frozen=True, gc=False):
    """What one resting order gives an incoming one."""

    resting_id: str
    incoming_id: str
    lots: int
    price_ticks: int
    """The resting order's price."""
    resting_open: int
    """Lots left of the resting order; 0: it has left the book."""


class OrderBook:
    """Whole lots and ticks only. A refused call changes nothing."""

    def __init__(self) -> None:
        self._bids = _Ladder(sign=1)
        self._asks = _Ladder(sign=-1)
        self._links: dict[str, _Link] = {}

    def __len__(self) -> int:
        return len(self._links)

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._links

    def __iter__(self) -> Iterator[Incoming]:
        """The resting orders with their open lots, as they came; the book must not change meanwhile."""
        for link in self._links.values():
            yield Incoming(
                id=link.id,
                seq=link.seq,
                owner=link.owner,
                side=_BUY if link.level.ladder is self._bids else Side.SELL,
                lots=link.lots,
                price_ticks=link.level.price_ticks,
            )

    def open_lots(self, order_id: str) -> int | None:
        """What is open of a resting order; None: it is not in the book."""
        link = self._links.get(order_id)
        return None if link is None else link.lots

    def best(self, side: Side) -> int | None:
        """The highest bid or the lowest ask, in ticks; None: the side is empty."""
        ladder = self._bids if side is _BUY else self._asks
        return ladder.keys[-1] * ladder.sign if ladder.keys else None

    def depth(self, side: Side, levels: int) -> list[Level]:
        """At most so many prices, best first."""
        ladder = self._bids if side is _BUY else self._asks
        found = (ladder.levels[key] for key in ladder.keys[: -levels - 1 : -1])
        return [Level(level.price_ticks, level.lots, level.orders) for level in found]

    def preview(self, order: Incoming) -> list[Fill]:
        """What `place` would fill now, in the order of filling; the book stays as it is.

        Raises:
            ValueError: as `place`.
        """
        self._check(order)
        return (self._asks if order.side is _BUY else self._bids).match(order)

    def place(self, order: Incoming) -> list[Fill]:
        """Fill what can be filled, in the order of filling; the remainder rests.

        Raises:
            ValueError: lots or price below 1, or an id that is in the book.
        """
        fills = self.preview(order)
        lots = order.lots
        for fill in fills:
            lots -= fill.lots
            link = self._links[fill.resting_id]
            if fill.resting_open:
                link.lots = fill.resting_open
                link.level.lots -= fill.lots
            else:
                del self._links[fill.resting_id]
                link.level.remove(link)
        if lots:
            self._links[order.id] = (self._bids if order.side is _BUY else self._asks).append(order, lots)
        return fills

    def rest(self, order: Incoming) -> None:
        """Take in an order that rested already, without matching: so a book is built from stored orders.

        Raises:
            ValueError: as `place`.
        """
        self._check(order)
        ladder = self._bids if order.side is _BUY else self._asks
        self._links[order.id] = ladder.append(order, order.lots)

    def cancel(self, order_id: str) -> int | None:
        """Take an order out: the lots that were open; None: it is not in the book."""
        link = self._links.pop(order_id, None)
        if link is None:
            return None
        link.level.remove(link)
        return link.lots

    def hand_over(self, former_owner: str, new_owner: str) -> None:
        """Make all resting orders of one owner another's; they keep their places. Looks at every order."""
        for link in self._links.values():
            if link.owner == former_owner:
                link.owner = new_owner

    def _check(self, order: Incoming) -> None:
        if order.lots < 1 or order.price_ticks < 1:
            raise ValueError(
                f"order {order.id}: {order.lots} lots at {order.price_ticks} ticks, not 1 or more"
            )
        if order.id in self._links:
            raise ValueError(f"order {order.id} is in the book already")


class _Ladder:
    """One side's prices. Keys are prices times `sign`, rising, so that the best is the last on both sides."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, _Level] = {}

    def append(self, order: Incoming, lots: int) -> "_Link":
        key = order.price_ticks * self.sign
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = _Level(self, order.price_ticks)
            insort(self.keys, key)
        last = level.last
        link = _Link(order.id, order.seq, order.owner, lots, level, last)
        if last is None:
            level.first = link
        else:
            last.after = link
        level.last = link
        level.lots += lots
        level.orders += 1
        return link

    def match(self, order: Incoming) -> list[Fill]:
        """What an order of the other side takes. Notes what it passed over; changes no order."""
        fills: list[Fill] = []
        limit = order.price_ticks * self.sign
        if not self.keys or self.keys[-1] < limit:
            return fills
        wanted, owner, order_id = order.lots, order.owner, order.id
        for key in reversed(self.keys):
            if key < limit:
                break
            level = self.levels[key]
            link = level.after_own(owner)
            while link is not None:
                if link.owner != owner:
                    left = link.lots - wanted
                    if left >= 0:
                        fills.append(Fill(link.id, order_id, wanted, level.price_ticks, left))
                        return fills
                    fills.append(Fill(link.id, order_id, link.lots, level.price_ticks, 0))
                    wanted = -left
                link = link.after
        return fills


class _Level:
    """The orders at one price, never empty once in a ladder."""

    __slots__ = ("first", "ladder", "last", "lots", "orders", "passed", "price_ticks")

    def __init__(self, ladder: _Ladder, price_ticks: int) -> None:
        self.ladder = ladder
        self.price_ticks = price_ticks
        self.lots = 0
        self.orders = 0
        self.first: _Link | None = None
        self.last: _Link | None = None
        # From the first order to this one all have one owner, who need not pass over them one by one again.
        # None: not known.
        self.passed: _Link | None = None

    def after_own(self, owner: str) -> "_Link | None":
        """The first order of somebody else; None: there is none."""
        link = self.first
        if self.passed is not None and self.passed.owner == owner:
            link = self.passed.after
        while link is not None and link.owner == owner:
            self.passed = link
            link = link.after
        return link

    def remove(self, link: "_Link") -> None:
        before, after = link.before, link.after
        if before is None:
            self.first = after
        else:
            before.after = after
        if after is None:
            self.last = before
        else:
            after.before = before
        if self.passed is link:
            self.passed = before
        self.lots -= link.lots
        self.orders -= 1
        if self.first is None:
            ladder = self.ladder
            key = self.price_ticks * ladder.sign
            del ladder.levels[key]
            del ladder.keys[bisect_left(ladder.keys, key)]


class _Link(Struct, eq=False):
    """A resting order in its place."""

    id: str
    seq: int
    owner: str
    lots: int
    level: _Level
    before: "_Link | None"
    after: "_Link | None" = None
