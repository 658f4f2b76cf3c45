"""Rows into purchases: complete, without contradiction, in any order."""

import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cloud.finance.duplicates.likeness import likeness
from cloud.finance.duplicates.purchases import around, grouped, pair, reach
from cloud.finance.transactions.model import SourceType, Transaction
from tests.cloud.finance.duplicates.test_likeness import DAY_US, HOUR_US, NOON_US, told

SMS, MAIL, PHOTO = SourceType.SMS, SourceType.GMAIL, SourceType.UPLOAD
FEED, BANK = SourceType.UPI_FEED, SourceType.STATEMENT


@st.composite
def told_purchases(draw: st.DrawFn) -> list[Transaction]:
    """Equal sums within some days, each told by one to three sources, all different."""
    found: list[Transaction] = []
    for number in range(draw(st.integers(1, 4))):
        at_us = NOON_US + draw(st.integers(0, 3 * 24)) * HOUR_US + number * 61_000_000
        for source in draw(st.sets(st.sampled_from([SMS, FEED, PHOTO, MAIL, BANK]), min_size=1, max_size=3)):
            lag = draw(st.integers(0, 10)) * 60_000_000
            found.append(
                told(
                    source,
                    transaction_id=len(found) + 1,
                    at_us=at_us + lag + len(found),  # no two at once: then the order of arrival may decide
                    merchant_name_raw=draw(st.sampled_from([None, "Metro Rail", "METRO RAIL CORP"])),
                )
            )
    return found


def said(groups: list[list[Transaction]]) -> set[tuple[int, ...]]:
    """By their times, which do not depend on the order of arrival."""
    return {tuple(row.at_us for row in group) for group in groups}


@given(told_purchases(), st.randoms())
def test_the_order_of_arrival_does_not_matter(rows: list[Transaction], dice: random.Random) -> None:
    numbers = [row.transaction_id for row in rows]
    dice.shuffle(numbers)
    shuffled = [structs.replace(row, transaction_id=n) for row, n in zip(rows, numbers, strict=True)]
    dice.shuffle(shuffled)

    assert said(grouped(shuffled, ())) == said(grouped(rows, ()))


@given(told_purchases())
def test_every_row_is_in_one_group_and_no_group_has_a_contradiction(rows: list[Transaction]) -> None:
    groups = grouped(rows, ())

    assert sorted(row.transaction_id for group in groups for row in group) == [
        row.transaction_id for row in rows
    ]
    for group in groups:
        assert all(likeness(one, other) > 0 for one, other in combinations(group, 2))
        assert len({row.source_type for row in group}) == len(group)


def test_two_bus_tickets_told_by_two_sources_each_stay_two() -> None:
    rows = [
        told(SMS, transaction_id=1, merchant_name_raw="BMTC", at_us=NOON_US),
        told(SMS, transaction_id=2, merchant_name_raw="BMTC", at_us=NOON_US + 9 * HOUR_US),
        told(FEED, transaction_id=3, merchant_name_raw="bmtc@upi", at_us=NOON_US + 9 * HOUR_US + 1),
        told(FEED, transaction_id=4, merchant_name_raw="bmtc@upi", at_us=NOON_US + 1),
    ]

    groups = {tuple(row.transaction_id for row in group) for group in grouped(rows, ())}

    assert groups == {(4, 1), (3, 2)}


def test_what_tells_most_stands_for_all_but_what_the_person_decided_on_stands_first() -> None:
    message = told(SMS, transaction_id=1)
    receipt = told(PHOTO, transaction_id=2)

    assert grouped([message, receipt], ()) == [[receipt, message]]
    decided = structs.replace(message, confirmed=True)
    assert grouped([decided, receipt], ()) == [[decided, receipt]]


def test_what_the_person_took_apart_stays_apart() -> None:
    rows = [told(SMS, transaction_id=1), told(PHOTO, transaction_id=2), told(MAIL, transaction_id=3)]

    groups = grouped(rows, {pair(2, 1)})

    assert len(groups) == 2
    assert not any({1, 2} <= {row.transaction_id for row in group} for group in groups)


def test_the_likeliest_are_joined_first_and_of_equals_the_nearest_in_time() -> None:
    minute_us = HOUR_US // 60
    named = told(SMS, transaction_id=1, merchant_name_raw="Cafe Luna")
    nameless = told(SMS, transaction_id=2, merchant_name_raw=None, at_us=NOON_US + 3 * minute_us)
    photo = told(PHOTO, transaction_id=3, merchant_name_raw="Cafe Luna", at_us=NOON_US + 4 * minute_us)
    near = structs.replace(named, transaction_id=4, at_us=NOON_US + 5 * minute_us)

    assert grouped([nameless, named, photo], ()) == [[photo, named], [nameless]]
    assert grouped([near, named, photo], ()) == [[named], [photo, near]]


def test_a_group_that_reaches_further_stays_as_it_is() -> None:
    start = told(SMS, transaction_id=1)
    near = told(PHOTO, transaction_id=2, at_us=NOON_US + DAY_US, merged_into=3)
    far = told(MAIL, transaction_id=3, at_us=NOON_US + 2 * DAY_US)

    assert around(start, [start, near, far], DAY_US) == [start]
    assert around(start, [start, near, far], 2 * DAY_US) == [start, near, far]


def test_a_row_reaches_what_hangs_together_through_others() -> None:
    first = told(SMS, transaction_id=1, merchant_name_raw="Metro Rail")
    booked = told(
        BANK, transaction_id=2, merchant_name_raw="METRO RAIL", time_known=False, at_us=NOON_US + 3 * DAY_US
    )
    photo = told(PHOTO, transaction_id=3, merchant_name_raw="Metro Rail", at_us=NOON_US - 60_000_000)
    far = told(PHOTO, transaction_id=4, merchant_name_raw="Metro Rail", at_us=NOON_US + 30 * DAY_US)

    found = reach(photo, [first, booked, photo, far])

    assert found[0] == photo
    assert {row.transaction_id for row in found} == {1, 2, 3}
