"""What a neighbour does: a little, near the price, within its pocket money."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumengrid.neighbour_rule import Buy, MarketOrder, Pocket, TakeBack, decide

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ME = "GME"
RICH = Pocket(at=NOW)
MONEY = st.integers(1, 2_000).map(lambda cents: Decimal(cents) / 100)
ORDERS = st.lists(
    st.builds(
        MarketOrder,
        id=st.uuids().map(str),
        user_id=st.sampled_from([ME, "GANA", "GBEN"]),
        type=st.sampled_from(["buy", "sell"]),
        kwh_amount=MONEY,
        token_price=MONEY,
        created_at=st.integers(0, 600).map(lambda age_s: NOW - timedelta(seconds=age_s)),
    ),
    max_size=8,
)


def order(
    type_: str = "sell",
    kwh: str = "1",
    price: str = "5",
    owner: str = "GANA",
    age_s: float = 0,
    id_: str = "o",
) -> MarketOrder:
    return MarketOrder(
        id=id_,
        user_id=owner,
        type=type_,
        kwh_amount=Decimal(kwh),
        token_price=Decimal(price),
        created_at=NOW - timedelta(seconds=age_s),
    )


def deeds(orders: list[MarketOrder], *, price: str = "5", pocket: Pocket = RICH, me: str = ME) -> list:
    """What it does in a hundred moods."""
    return [
        decide(Random(seed), me=me, price=Decimal(price), orders=orders, now=NOW, pocket=pocket)
        for seed in range(100)
    ]


def test_a_fair_offer_is_taken_in_most_moods_at_its_price_and_otherwise_a_bid_is_made_below() -> None:
    found = deeds([order(price="5.20")])
    taken = [deed for deed in found if deed.token_price == Decimal("5.20")]
    bids = [deed for deed in found if deed.token_price != Decimal("5.20")]
    assert 55 <= len(taken) <= 85
    assert all(Decimal("0.02") <= deed.kwh_amount <= Decimal("0.15") for deed in found)
    assert all(Decimal("4.25") <= deed.token_price <= Decimal("4.85") for deed in bids)


def test_the_cheapest_offer_comes_first_and_no_more_is_bought_than_it_has() -> None:
    offers = [order(price="5.10", id_="dear"), order(price="4.90", kwh="0.01", id_="cheap")]
    taken = [deed for deed in deeds(offers) if deed.kwh_amount == Decimal("0.01")]
    assert len(taken) > 50
    assert {deed.token_price for deed in taken} == {Decimal("4.90")}


@pytest.mark.parametrize(
    "offer, liked",
    [
        (order(price="5.50"), True),
        (order(price="5.51"), False),
        (order(price="5", type_="buy"), False),
        (order(price="5", owner=ME), False),
    ],
)
def test_what_is_too_dear_its_own_or_a_bid_is_not_taken(offer: MarketOrder, liked: bool) -> None:
    assert any(deed.token_price == offer.token_price for deed in deeds([offer])) == liked


def test_it_keeps_two_bids_at_most() -> None:
    bids = [order("buy", owner=ME, price="4.5", id_=f"b{n}") for n in range(2)]
    assert set(deeds(bids)) == {None}
    assert None not in deeds(bids[:1])


def test_a_bid_older_than_ten_minutes_is_taken_back_the_oldest_first() -> None:
    young, old = order("buy", owner=ME, age_s=600, id_="young"), order("buy", owner=ME, age_s=601, id_="old")
    oldest = order("buy", owner=ME, age_s=700, id_="oldest")
    others = order("buy", age_s=9_000, id_="others")
    assert deeds([young, old, oldest, others]) == [TakeBack(oldest)] * 100
    assert not any(isinstance(deed, TakeBack) for deed in deeds([young, others]))


def test_pocket_money_limits_what_is_bought() -> None:
    poor = Pocket(xlm=Decimal("0.3"), at=NOW)
    found = [deed for deed in deeds([order()], pocket=poor) if deed is not None]
    assert found
    assert max(deed.value_xlm for deed in found) <= Decimal("0.3")
    assert set(deeds([order()], pocket=Pocket(xlm=Decimal(0), at=NOW))) == {None}


def test_pocket_money_comes_in_by_the_hour_up_to_a_limit() -> None:
    pocket = Pocket(xlm=Decimal(10), at=NOW)
    assert pocket.later(NOW + timedelta(minutes=30)).xlm == 12
    assert pocket.later(NOW + timedelta(days=1)).xlm == 25
    assert pocket.later(NOW - timedelta(hours=1)).xlm == 10
    assert pocket.less(Decimal("2.5")).xlm == Decimal("7.5")
    assert pocket.less(Decimal(-100)).xlm == 25


@given(ORDERS, MONEY, st.integers())
def test_in_any_market_it_buys_within_its_means_and_does_the_same_again(orders, price, seed) -> None:
    pocket = Pocket(xlm=Decimal(1), at=NOW)
    found, again = (
        decide(Random(seed), me=ME, price=price, orders=orders, now=NOW, pocket=pocket) for _ in range(2)
    )
    assert found == again
    if isinstance(found, Buy):
        assert 0 < found.value_xlm <= 1
        assert 0 < found.token_price <= max(price * Decimal("1.10"), Decimal("0.01"))
        assert found.kwh_amount % Decimal("0.01") == 0
        assert found.token_price % Decimal("0.01") == 0
