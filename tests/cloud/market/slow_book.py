"""The order book as the rule is spoken: look at every order, sort, take from the first."""

from collections import Counter
from dataclasses import dataclass

from cloud.market.model import Side
from cloud.market.order_book import Fill, Incoming, Level


@dataclass
class Waiting:
    order: Incoming
    owner: str
    lots: int


class SlowBook:
    def __init__(self) -> None:
        self.waiting: list[Waiting] = []

    def place(self, order: Incoming) -> list[Fill]:
        fills, wanted = [], order.lots
        for other in self.side(Side.SELL if order.side == Side.BUY else Side.BUY):
            dear = other.order.price_ticks > order.price_ticks
            cheap = other.order.price_ticks < order.price_ticks
            if other.owner == order.owner or (dear if order.side == Side.BUY else cheap) or wanted == 0:
                continue
            lots = min(wanted, other.lots)
            wanted -= lots
            other.lots -= lots
            fills.append(Fill(other.order.id, order.id, lots, other.order.price_ticks, other.lots))
        self.waiting = [other for other in self.waiting if other.lots > 0]
        if wanted > 0:
            self.waiting.append(Waiting(order, order.owner, wanted))
        return fills

    def cancel(self, order_id: str) -> int | None:
        found = [other.lots for other in self.waiting if other.order.id == order_id]
        self.waiting = [other for other in self.waiting if other.order.id != order_id]
        return found[0] if found else None

    def hand_over(self, former_owner: str, new_owner: str) -> None:
        for other in self.waiting:
            other.owner = new_owner if other.owner == former_owner else other.owner

    def side(self, side: Side) -> list[Waiting]:
        """Best price first; whoever came first at a price before the others."""
        found = [other for other in self.waiting if other.order.side == side]
        best_first = -1 if side == Side.BUY else 1
        return sorted(found, key=lambda other: (best_first * other.order.price_ticks, other.order.seq))

    def depth(self, side: Side) -> list[Level]:
        """All prices, best first."""
        found = self.side(side)
        lots: Counter[int] = Counter()
        for other in found:
            lots[other.order.price_ticks] += other.lots
        orders = Counter(other.order.price_ticks for other in found)
        return [Level(price, lots[price], orders[price]) for price in lots]
