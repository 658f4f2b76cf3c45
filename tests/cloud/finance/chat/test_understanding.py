"""What questions mean: to a query by hand, or to a refusal."""

import sys
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.finance.chat.names import Known, Names
from cloud.finance.chat.query import Group, Intent, Measure, Query, Selection, Talk, Unclear
from cloud.finance.chat.times import Today
from cloud.finance.chat.understanding import understood
from cloud.finance.reading import Channel, Direction
from cloud.finance.transactions.model import Merchant, SourceType

SELLERS = ("Amazon India", "Uber", "Uber Eats", "Big Bazaar", "Domino's Pizza", "7-Eleven", "Total", "Swiggy")
NAMES = Names(
    Known(
        categories=("Groceries", "Food & Dining", "Transport", "Utilities"),
        merchants=tuple(Merchant(id=n, person_id=1, name=name) for n, name in enumerate(SELLERS, 1)),
    )
)
TODAY = Today(date(2025, 11, 22))  # a Saturday


def meant(text: str, previous: Query | None = None, names: Names = NAMES) -> Query | Talk | Unclear:
    return understood(text, names, TODAY, "INR", previous)


def query(text: str, previous: Query | None = None) -> Query:
    found = meant(text, previous)
    assert isinstance(found, Query), found
    return found


def one(text: str) -> Selection:
    found = query(text).selections
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    "words, first, last",
    [
        ("today", "2025-11-22", "2025-11-22"),
        ("yesterday", "2025-11-21", "2025-11-21"),
        ("the day before yesterday", "2025-11-20", "2025-11-20"),
        ("this week", "2025-11-17", "2025-11-23"),
        ("last week", "2025-11-10", "2025-11-16"),
        ("last month", "2025-10-01", "2025-10-31"),
        ("this quarter", "2025-10-01", "2025-12-31"),
        ("last year", "2024-01-01", "2024-12-31"),
        ("the month before last", "2025-09-01", "2025-09-30"),
        ("in the last 7 days", "2025-11-16", "2025-11-22"),
        ("in the past two weeks", "2025-11-09", "2025-11-22"),
        ("over the last three months", "2025-08-23", "2025-11-22"),
        ("3 days ago", "2025-11-19", "2025-11-19"),
        ("two months ago", "2025-09-01", "2025-09-30"),
        ("in March", "2025-03-01", "2025-03-31"),
        ("in December", "2024-12-01", "2024-12-31"),
        ("in November", "2025-11-01", "2025-11-30"),
        ("in March last year", "2024-03-01", "2024-03-31"),
        ("in Feb 2024", "2024-02-01", "2024-02-29"),
        ("on 5 November", "2025-11-05", "2025-11-05"),
        ("on Dec 24th", "2024-12-24", "2024-12-24"),
        ("on 2025-03-01", "2025-03-01", "2025-03-01"),
        ("on 1/3/2025", "2025-03-01", "2025-03-01"),
        ("on the 5th", "2025-11-05", "2025-11-05"),
        ("on the 25th", "2025-10-25", "2025-10-25"),
        ("last Monday", "2025-11-17", "2025-11-17"),
        ("on Saturday", "2025-11-22", "2025-11-22"),
        ("last Saturday", "2025-11-15", "2025-11-15"),
        ("last weekend", "2025-11-15", "2025-11-16"),
        ("since March", "2025-03-01", "2025-11-22"),
        ("between 1 Jan and 15 Feb", "2025-01-01", "2025-02-15"),
        ("from 15 December to 10 January", "2024-12-15", "2025-01-10"),
        ("from March to May", "2025-03-01", "2025-05-31"),
        ("from 1 to 15 March 2024", "2024-03-01", "2024-03-15"),
        ("before April", None, "2025-03-31"),
        ("after 5 May", "2025-05-06", "2025-11-22"),
        ("in 2024", "2024-01-01", "2024-12-31"),
        ("in Q3", "2025-07-01", "2025-09-30"),
        ("in Q4 2024", "2024-10-01", "2024-12-31"),
        ("in the first half of 2024", "2024-01-01", "2024-06-30"),
        ("this year to date", "2025-01-01", "2025-11-22"),
        ("this financial year", "2025-04-01", "2026-03-31"),
        ("last financial year", "2024-04-01", "2025-03-31"),
        ("in FY 2023-24", "2023-04-01", "2024-03-31"),
        ("in FY25", "2024-04-01", "2025-03-31"),
    ],
)
def test_times(words: str, first: str | None, last: str | None) -> None:
    period = one(f"How much did I spend {words}?").period

    assert period is not None
    assert (period.first and period.first.isoformat(), period.last and period.last.isoformat()) == (
        first,
        last,
    )


def test_a_month_comes_first_where_people_write_so_and_other_countries_have_no_indian_year() -> None:
    american = Today(date(2025, 11, 22), is_indian=False, is_month_first=True)

    found = understood("spent on 1/3/2025", NAMES, american, "USD", None)
    refused = understood("spent last financial year", NAMES, american, "USD", None)

    assert isinstance(found, Query)
    assert found.selections[0].period is not None
    assert found.selections[0].period.first == date(2025, 1, 3)
    assert isinstance(refused, Unclear)


@pytest.mark.parametrize(
    "words, low, low_is_in, high, high_is_in, currency",
    [
        ("over ₹500", 500, False, None, True, "INR"),
        ("more than 2000", 2000, False, None, True, None),
        ("of at least Rs. 1,500", 1500, True, None, True, "INR"),
        ("under $20", None, True, 20, False, "USD"),
        ("up to €9.99", None, True, Decimal("9.99"), True, "EUR"),
        ("between 500 and 1000 rupees", 500, True, 1000, True, "INR"),
        ("between 2 and 5k", 2000, True, 5000, True, None),
        ("above 1.5 lakh", 150_000, False, None, True, None),
        ("over five thousand rupees", 5000, False, None, True, "INR"),
        ("of exactly £12.50", Decimal("12.50"), True, Decimal("12.50"), True, "GBP"),
        ("₹500 or less", None, True, 500, True, "INR"),
        ("around 200", 180, True, 220, True, None),
    ],
)
def test_amounts(
    words: str, low: object, low_is_in: bool, high: object, high_is_in: bool, currency: str | None
) -> None:
    found = one(f"List my payments {words} in 2024")

    assert (found.low, found.low_is_in, found.high, found.high_is_in) == (low, low_is_in, high, high_is_in)
    assert found.currency == currency
    assert found.period is not None
    assert found.period.first == date(2024, 1, 1)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("spent on groceries", {"categories": ("Groceries",)}),
        ("spent on food and dining", {"categories": ("Food & Dining",)}),
        ("spent eating out", {"categories": ("Food & Dining",)}),
        ("spent on bills", {"categories": ("Utilities",)}),
        ("spent except groceries and transport", {"without_categories": ("Groceries", "Transport")}),
        ("spent by card", {"channel": Channel.CARD}),
        ("spent in cash", {"channel": Channel.CASH}),
        ("spent from my wallet", {"channel": Channel.WALLET}),
        ("paid by bank transfer", {"channel": Channel.BANK_TRANSFER}),
        ("spent by sms", {"source": SourceType.SMS}),
        ("spent in dollars", {"currency": "USD"}),
        ("earned", {"direction": Direction.CREDIT}),
        ("spent on weekends", {"weekdays": (5, 6)}),
        ("spent on Mondays", {"weekdays": (0,)}),
    ],
)
def test_conditions(text: str, wanted: dict[str, Any]) -> None:
    found = one(f"How much have I {text}?")

    expected = {"direction": Direction.DEBIT} | wanted
    told = {name: getattr(found, name) for name in Selection.__struct_fields__}
    assert {name: value for name, value in told.items() if name in expected} == expected
    others = {name: value for name, value in told.items() if name not in expected}
    assert not any(value for name, value in others.items() if not name.endswith("is_in"))


@pytest.mark.parametrize(
    "written, name, is_sure",
    [
        ("Uber", "Uber", True),
        ("uber eats", "Uber Eats", True),
        ("Amazon", "Amazon India", True),
        ("dominos", "Domino's Pizza", True),
        ("BigBazaar", "Big Bazaar", True),
        ("7-Eleven", "7-Eleven", True),
        ("7 eleven", "7-Eleven", True),
        ("swigy", "Swiggy", False),
    ],
)
def test_sellers_by_their_name_a_part_of_it_or_misspelt(written: str, name: str, is_sure: bool) -> None:
    (seller,) = one(f"How much did I spend at {written} last month?").sellers

    assert seller.name == name
    assert (seller.likeness == 1) is is_sure


@pytest.mark.parametrize(
    "text, intent, measure, more",
    [
        ("How many times did I use Uber?", Intent.SUMMARY, Measure.COUNT, {}),
        ("average spend per month this year", Intent.SUMMARY, Measure.AVERAGE, {"per": Group.MONTH}),
        ("What is my average purchase?", Intent.SUMMARY, Measure.AVERAGE, {"per": None}),
        ("my biggest expense in May", Intent.SUMMARY, Measure.LARGEST, {"count_max": 1}),
        ("the 3 cheapest Uber rides", Intent.SUMMARY, Measure.SMALLEST, {"count_max": 3}),
        (
            "Top five merchants this year",
            Intent.SUMMARY,
            Measure.TOTAL,
            {"group": Group.MERCHANT, "count_max": 5},
        ),
        (
            "category I spend the least on",
            Intent.SUMMARY,
            Measure.TOTAL,
            {"group": Group.CATEGORY, "least": True},
        ),
        (
            "spending by payment method",
            Intent.SUMMARY,
            Measure.TOTAL,
            {"group": Group.CHANNEL, "is_trend": False},
        ),
        ("spending by month", Intent.TREND, Measure.TOTAL, {"group": Group.MONTH, "is_trend": True}),
        ("how has my Uber spending changed", Intent.TREND, Measure.TOTAL, {"group": Group.MONTH}),
        ("weekly payments in May", Intent.TREND, Measure.TOTAL, {"group": Group.WEEK}),
        ("how much did I save last month", Intent.COMPARISON, Measure.NET, {}),
        ("what percentage went to groceries", Intent.SUMMARY, Measure.SHARE, {}),
        ("When did I last pay Uber?", Intent.EXACT_LOOKUP, Measure.LATEST, {}),
        ("when was my first Uber ride", Intent.EXACT_LOOKUP, Measure.FIRST, {}),
        ("show my last 5 transactions", Intent.EXACT_LOOKUP, Measure.LIST, {"count_max": 5}),
        ("Did I pay Uber in May?", Intent.EXACT_LOOKUP, Measure.EXISTS, {}),
        ("which payments were flagged?", Intent.EXACT_LOOKUP, Measure.LIST, {}),
        ("Why was transaction 12 flagged?", Intent.EXACT_LOOKUP, Measure.WHY, {}),
    ],
)
def test_measures(text: str, intent: Intent, measure: Measure, more: dict[str, Any]) -> None:
    found = query(text)

    assert (found.intent, found.measure) == (intent, measure)
    assert {name: getattr(found, name) for name in more} == more


def test_comparisons_hold_times_names_or_ways_to_pay_against_each_other() -> None:
    months = query("Compare groceries this month with last month").selections
    names = query("Did I spend more on Uber or Swiggy last year?").selections
    ways = query("card vs cash in May").selections
    pairs = query("groceries in May vs transport in June").selections
    alone = query("Did I spend more on groceries than last month?").selections

    assert [one.period and one.period.label for one in months] == ["this month", "last month"]
    assert {one.categories for one in months} == {("Groceries",)}
    assert [one.sellers[0].name for one in names] == ["Uber", "Swiggy"]
    assert [one.channel for one in ways] == [Channel.CARD, Channel.CASH]
    assert [(one.categories[0], one.period and one.period.label) for one in pairs] == [
        ("Groceries", "in May 2025"),
        ("Transport", "in June 2025"),
    ]
    assert [one.period and one.period.label for one in alone] == ["this month", "last month"]


def test_a_follow_up_changes_what_it_tells_and_keeps_the_rest() -> None:
    first = query("How much did I spend on groceries last month?")
    month = query("and in May?", first)
    seller = query("what about Uber?", first)
    card = query("only by card", first)
    count = query("how many?", first)

    assert first.selections[0].categories == month.selections[0].categories
    assert month.selections[0].period != first.selections[0].period
    assert (seller.selections[0].categories, seller.selections[0].sellers[0].name) == ((), "Uber")
    assert seller.selections[0].period == first.selections[0].period
    assert (card.selections[0].channel, card.selections[0].categories) == (Channel.CARD, ("Groceries",))
    assert (count.measure, count.selections) == (Measure.COUNT, first.selections)


def test_a_whole_question_forgets_the_one_before() -> None:
    first = query("How much did I spend on groceries last month?")

    assert query("How much did I spend at Uber in May?", first) == query(
        "How much did I spend at Uber in May?"
    )


@pytest.mark.parametrize(
    "text",
    [
        "How much did I spend on shoes last month?",
        "How much did I not spend on groceries?",
        "How much will I spend next month?",
        "What is my balance?",
        "how much money do I have",
        "How much did my wife spend?",
        "how much did I spend in the last week of October",
        "groceries in October minus groceries in September",
        "average of my top 5 purchases",
        "how has my average grocery purchase changed",
        "how much did I spend on the 1st of every month",
        "How much on groceries and Uber?",
        "Did I spend over 10000 last month?",
        "Did I spend more this month?",
        "How much did I spend on 31 February?",
        "How much did I pay with my credit card?",
        "spent after 10 pm",
        "What is 2 + 2?",
        "؟",
        "",
    ],
)
def test_what_is_not_understood_whole_is_refused(text: str) -> None:
    assert isinstance(meant(text), Unclear)


@pytest.mark.parametrize(
    "text, kind, name",
    [
        ("Hello", "greeting", None),
        ("Hello, my name is Siddharth", "name_told", "Siddharth"),
        ("call me Sid!", "name_told", "Sid"),
        ("Thanks a lot", "thanks", None),
        ("what can you do?", "help", None),
        ("What's my name?", "name_asked", None),
    ],
)
def test_talk(text: str, kind: str, name: str | None) -> None:
    assert meant(text) == Talk(kind=kind, name=name)


_WORDS = st.sampled_from(
    """
    how much did i spend on groceries uber last 5 months top and or vs than by card over ₹500 between 1 jan 15
    feb 2024 not except average since which most flagged why of the week 31/02/2024 fy25 q9 hundred lakh
    """.split()  # noqa: SIM905
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=400), st.lists(_WORDS, max_size=40).map(" ".join)))
def test_any_text_is_understood_or_refused(text: str) -> None:
    first = meant(text)
    again = meant(text, first if isinstance(first, Query) else None)

    assert isinstance(first, Query | Talk | Unclear)
    assert isinstance(again, Query | Talk | Unclear)


@pytest.mark.parametrize(
    "text", ["a " * 5_000, "one hundred " * 800, "1 jan to " * 1_000, "₹1" * 5_000, "\x00" * 10_000]
)
def test_a_long_text_costs_little(text: str) -> None:
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        long, short = meant(text), meant(text[:400])
    finally:
        sys.setprofile(None)

    assert isinstance(long, Unclear)
    assert isinstance(short, Query | Talk | Unclear)
    assert calls < 500_000  # some 0.1 s
