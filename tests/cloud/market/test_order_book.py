import random
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.market.model import Side
from cloud.market.order_book import Fill, Incoming, Level, OrderBook
from tests.cloud.market.slow_book import SlowBook

ALL = 1_000


def buy(order_id: str, lots: int, price_ticks: int, owner: str = "bob") -> Incoming:
    return _order(order_id, Side.BUY, lots, price_ticks, owner)


def sell(order_id: str, lots: int, price_ticks: int, owner: str = "sue") -> Incoming:
    return _order(order_id, Side.SELL, lots, price_ticks, owner)


def _order(order_id: str, side: Side, lots: int, price_ticks: int, owner: str) -> Incoming:
    return Incoming(id=order_id, seq=1, owner=owner, side=side, lots=lots, price_ticks=price_ticks)


def book_of(*orders: Incoming) -> OrderBook:
    book = OrderBook()
    for order in orders:
        book.rest(order)
    return book


def lots_of(book: OrderBook) -> dict[str, int]:
    return {order.id: order.lots for order in book}


def test_a_trade_is_made_at_the_resting_orders_price() -> None:
    book = book_of(sell("s", 10, 480))
    assert book.place(buy("b", 10, 500)) == [Fill("s", "b", 10, 480, 0)]
    book = book_of(buy("b", 10, 500))
    assert book.place(sell("s", 10, 480)) == [Fill("b", "s", 10, 500, 0)]
    assert len(book) == 0


def test_orders_at_the_same_price_meet_and_those_a_tick_apart_do_not() -> None:
    assert book_of(sell("s", 1, 500)).place(buy("b", 1, 499)) == []
    assert book_of(sell("s", 1, 500)).place(buy("b", 1, 500)) == [Fill("s", "b", 1, 500, 0)]
    assert book_of(buy("b", 1, 500)).place(sell("s", 1, 501)) == []
    assert book_of(buy("b", 1, 500)).place(sell("s", 1, 500)) == [Fill("b", "s", 1, 500, 0)]


def test_the_better_price_is_served_first_and_at_one_price_the_earlier_order() -> None:
    book = book_of(sell("dear", 5, 510), sell("early", 5, 500), sell("late", 5, 500), sell("cheap", 5, 490))
    assert book.place(buy("b", 18, 510)) == [
        Fill("cheap", "b", 5, 490, 0),
        Fill("early", "b", 5, 500, 0),
        Fill("late", "b", 5, 500, 0),
        Fill("dear", "b", 3, 510, 2),
    ]


def test_a_resting_order_keeps_its_place_when_it_is_filled_in_part() -> None:
    book = book_of(sell("early", 5, 500), sell("late", 5, 500))
    assert book.place(buy("b1", 2, 500)) == [Fill("early", "b1", 2, 500, 3)]
    assert book.open_lots("early") == 3
    assert book.place(buy("b2", 4, 500)) == [Fill("early", "b2", 3, 500, 0), Fill("late", "b2", 1, 500, 4)]


def test_what_is_left_of_an_order_rests_at_its_own_price() -> None:
    book = book_of(sell("s", 4, 480))
    book.place(buy("b", 10, 500))
    assert book.open_lots("b") == 6
    assert book.best(Side.BUY) == 500
    assert book.best(Side.SELL) is None
    assert book.place(sell("s2", 6, 470)) == [Fill("b", "s2", 6, 500, 0)]


def test_an_order_passes_over_its_owners_orders_and_may_then_stand_crossed_with_them() -> None:
    book = book_of(sell("own", 5, 480, owner="bob"), sell("s", 5, 490))
    assert book.place(buy("b", 8, 500)) == [Fill("s", "b", 5, 490, 0)]
    assert lots_of(book) == {"own": 5, "b": 3}
    assert book.best(Side.BUY) == 500
    assert book.best(Side.SELL) == 480
    assert book.place(buy("c", 1, 500, owner="carl")) == [Fill("own", "c", 1, 480, 4)]


def test_own_orders_between_others_are_passed_over_again_and_again() -> None:
    book = book_of(*(sell(f"s{n}", 1, 500, owner=("bob", "sue")[n % 2]) for n in range(6)))
    assert [book.place(buy(f"b{n}", 1, 500))[0].resting_id for n in range(3)] == ["s1", "s3", "s5"]
    assert book.place(buy("b", 1, 500)) == []
    # The next to come behind them is found too, and the ones passed over are still there for others.
    book.rest(sell("new", 1, 500))
    assert book.place(buy("b9", 1, 500)) == [Fill("new", "b9", 1, 500, 0)]
    assert [fill.resting_id for fill in book.place(buy("c", 3, 500, owner="carl"))] == ["s0", "s2", "s4"]


def test_a_cancel_gives_back_what_was_open_and_the_rest_of_the_line_moves_up() -> None:
    book = book_of(sell("a", 1, 500), sell("b", 2, 500), sell("c", 3, 500))
    assert book.cancel("b") == 2
    assert book.cancel("b") is None
    assert book.cancel("unheard of") is None
    assert book.depth(Side.SELL, ALL) == [Level(500, 4, 2)]
    assert [fill.resting_id for fill in book.place(buy("x", 4, 500))] == ["a", "c"]
    assert book.depth(Side.SELL, ALL) == []


@pytest.mark.parametrize("gone", ["own1", "own2", "own3"])
def test_a_cancel_among_orders_passed_over_loses_nobody(gone: str) -> None:
    book = book_of(*(sell(f"own{n}", 1, 500, owner="bob") for n in (1, 2, 3)))
    book.place(buy("b", 1, 500))
    book.cancel(gone)
    book.rest(sell("s", 1, 500))
    assert book.place(buy("b2", 1, 500)) == [Fill("s", "b2", 1, 500, 0)]


def test_a_preview_says_what_a_placing_would_do_and_changes_nothing() -> None:
    book = book_of(sell("a", 3, 490), sell("own", 3, 490, owner="bob"), sell("b", 3, 500))
    before = list(book)
    seen = book.preview(buy("x", 5, 500))
    assert seen == [Fill("a", "x", 3, 490, 0), Fill("b", "x", 2, 500, 1)]
    assert list(book) == before
    assert book.place(buy("x", 5, 500)) == seen


def test_after_a_hand_over_the_orders_are_the_new_owners() -> None:
    book = book_of(sell("s1", 1, 500, owner="escrow"), sell("s2", 1, 500, owner="sue"))
    book.place(buy("none", 1, 499, owner="escrow"))
    book.hand_over("escrow", "bob")
    assert [(order.id, order.owner) for order in book] == [("s1", "bob"), ("s2", "sue"), ("none", "bob")]
    assert book.place(buy("b", 1, 500)) == [Fill("s2", "b", 1, 500, 0)]
    assert book.place(buy("e", 1, 500, owner="escrow")) == [Fill("s1", "e", 1, 500, 0)]


def test_depth_shows_the_best_prices_first_with_lots_and_orders() -> None:
    book = book_of(buy("a", 1, 480), buy("b", 2, 490), buy("c", 3, 490), sell("d", 4, 500), sell("e", 5, 510))
    assert book.depth(Side.BUY, ALL) == [Level(490, 5, 2), Level(480, 1, 1)]
    assert book.depth(Side.SELL, 1) == [Level(500, 4, 1)]
    assert book.depth(Side.SELL, 0) == []


def test_resting_orders_come_as_they_arrived_and_make_the_same_book_again() -> None:
    first, second, third = (
        msgspec.structs.replace(order, seq=seq)
        for order, seq in ((buy("z", 1, 480), 7), (sell("a", 4, 500), 8), (buy("m", 2, 480), 12))
    )
    book = book_of(first, second, third)
    book.place(buy("x", 1, 500, owner="carl"))
    assert list(book) == [first, msgspec.structs.replace(second, lots=3), third]
    again = book_of(*book)
    assert list(again) == list(book)
    for side in Side:
        assert again.depth(side, ALL) == book.depth(side, ALL)


@pytest.mark.parametrize("bad", [buy("x", 0, 500), buy("x", -1, 500), buy("x", 1, 0), buy("a", 1, 1)])
def test_an_order_that_cannot_be_is_refused_and_changes_nothing(bad: Incoming) -> None:
    book = book_of(sell("a", 1, 500))
    for method in (book.place, book.rest, book.preview):
        with pytest.raises(ValueError, match=f"order {bad.id}"):
            method(bad)
    assert lots_of(book) == {"a": 1}


def test_an_id_may_return_once_its_order_has_left() -> None:
    book = book_of(sell("a", 1, 500))
    book.place(buy("b", 1, 500))
    assert "a" not in book
    book.rest(sell("a", 2, 500))
    assert "a" in book
    assert book.open_lots("a") == 2
    assert book.open_lots("b") is None


def test_passing_over_own_orders_at_one_price_takes_one_step() -> None:
    """A thousand own orders in front: each further order looks at none of them."""
    looked = 0

    class Owner(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal looked
            looked += 1
            return str.__eq__(self, other)

    book = book_of(*(sell(f"own{n}", 1, 500, owner=Owner("bob")) for n in range(1_000)))
    book.place(buy("first", 1, 500))
    looked = 0
    for n in range(100):
        book.rest(sell(f"s{n}", 1, 500))
        assert len(book.place(buy(f"b{n}", 1, 500))) == 1
    assert looked <= 300


@dataclass(frozen=True)
class Place:
    side: Side
    owner: str
    lots: int
    price_ticks: int


@dataclass(frozen=True)
class Cancel:
    which: int


@dataclass(frozen=True)
class HandOver:
    former: str
    new: str


Command = Place | Cancel | HandOver
OWNERS = ["ann", "bob", "carl"]
PLACES = st.builds(
    Place, st.sampled_from(Side), st.sampled_from(OWNERS), st.integers(1, 6), st.integers(1, 5)
)
COMMANDS = st.one_of(
    PLACES,
    PLACES,
    st.builds(Cancel, st.integers(0, 50)),
    st.builds(HandOver, st.sampled_from(OWNERS), st.sampled_from(OWNERS)),
)


class Twins:
    """The book and the slow book under the same commands; everything either shows is compared."""

    def __init__(self) -> None:
        self.book, self.slow = OrderBook(), SlowBook()
        self.seq = self.lots_in = self.lots_filled = self.lots_cancelled = 0

    def run(self, command: Command) -> None:
        match command:
            case Place():
                self.place(command)
            case Cancel(which):
                self.cancel(f"o{self.seq - which}")
            case HandOver(former, new):
                self.book.hand_over(former, new)
                self.slow.hand_over(former, new)
        self.compare()

    def place(self, command: Place) -> None:
        self.seq += 1
        order = Incoming(
            id=f"o{self.seq}",
            seq=self.seq,
            owner=command.owner,
            side=command.side,
            lots=command.lots,
            price_ticks=command.price_ticks,
        )
        seen = self.book.preview(order)
        fills = self.book.place(order)
        assert fills == seen == self.slow.place(order)
        self.lots_in += order.lots
        self.lots_filled += 2 * sum(fill.lots for fill in fills)

    def cancel(self, order_id: str) -> None:
        cancelled = self.book.cancel(order_id)
        assert cancelled == self.slow.cancel(order_id)
        self.lots_cancelled += cancelled or 0

    def expire(self, keep: int) -> None:
        """The oldest orders leave until so many are left."""
        for order in list(self.book)[: max(0, len(self.book) - keep)]:
            self.cancel(order.id)

    def compare(self) -> None:
        waiting = self.slow.waiting
        assert [(order.id, order.owner, order.lots) for order in self.book] == [
            (other.order.id, other.owner, other.lots) for other in waiting
        ]
        for side in Side:
            depth = self.slow.depth(side)
            assert self.book.depth(side, ALL) == depth
            assert self.book.best(side) == (depth[0].price_ticks if depth else None)
        assert len(self.book) == len(waiting)
        assert self.lots_in == self.lots_filled + self.lots_cancelled + sum(other.lots for other in waiting)
        assert not crossed(self.book)


def crossed(book: OrderBook) -> bool:
    """Whether two resting orders of different owners could trade."""
    orders = list(book)
    highest, lowest = {}, {}
    for order in orders:
        if order.side is Side.BUY:
            highest[order.owner] = max(order.price_ticks, highest.get(order.owner, 0))
        else:
            lowest[order.owner] = min(order.price_ticks, lowest.get(order.owner, 10**9))
    return any(
        bid >= ask and buyer != seller for buyer, bid in highest.items() for seller, ask in lowest.items()
    )


@given(st.lists(COMMANDS, max_size=60))
def test_the_book_does_what_the_slow_book_does(commands: list[Command]) -> None:
    twins = Twins()
    for command in commands:
        twins.run(command)


def random_commands(count: int, seed: int) -> Iterator[Command]:
    """Three in five place, the rest cancel mostly young orders; a hand-over now and then."""
    draw = random.Random(seed)
    for _ in range(count):
        chance = draw.random()
        if chance < 0.60:
            side = draw.choice(list(Side))
            price_ticks = draw.randint(1, 6) + (0 if side is Side.BUY else 3)
            yield Place(side, draw.choice(OWNERS), draw.randint(1, 9), price_ticks)
        elif chance < 0.999:
            yield Cancel(draw.randrange(60))
        else:
            yield HandOver(draw.choice(OWNERS), draw.choice(OWNERS))


def test_a_hundred_thousand_commands_end_as_in_the_slow_book() -> None:
    twins = Twins()
    for command in random_commands(100_000, seed=20260222):
        twins.run(command)
        twins.expire(keep=16)
    assert twins.seq > 50_000
    assert twins.lots_filled > 100_000
