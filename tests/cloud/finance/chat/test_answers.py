"""What is said of what was found: figures worked out by hand."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from cloud.finance.anomalies.explanation import Manner
from cloud.finance.chat.answers import say
from cloud.finance.chat.findings import Findings, Side, Tally
from cloud.finance.chat.query import Group, Measure, Period, Query, Selection, Seller
from cloud.finance.chat.spans import Bucket
from cloud.finance.reading import Direction

MANNER = Manner("en-IN", "INR", ZoneInfo("Asia/Kolkata"))
TODAY = date(2025, 11, 22)
YEAR = Period(first=date(2025, 1, 1), last=date(2025, 12, 31), label="this year", unit=Group.YEAR)


def tally(minor: int, count: int = 1, currency: str = "INR", bucket: int = 0, name: str = "") -> Tally:
    return Tally(
        bucket=bucket,
        name=name,
        currency=currency,
        direction=Direction.DEBIT,
        transactions=count,
        amount_minor=minor,
    )


def said(
    query: Query,
    *sides: Sequence[Tally],
    groups: Sequence[Tally] = (),
    buckets: Sequence[Bucket] = (),
    sealed: int = 0,
) -> str:
    return say(
        Findings(
            query=query,
            sides=[
                Side(selection=one, tallies=tallies, sealed=sealed)
                for one, tallies in zip(query.selections, sides, strict=True)
            ],
            today=TODAY,
            first_day=date(2023, 11, 23),
            groups=groups,
            buckets=buckets,
        ),
        MANNER,
    )


def of(name: str, label: str = "this month") -> Selection:
    period = Period(first=date(2025, 11, 1), last=date(2025, 11, 30), label=label, unit=Group.MONTH)
    return Selection(period=period, categories=(name,), direction=Direction.DEBIT)


def test_an_average_by_month_counts_the_months_that_have_begun() -> None:
    wanted = Selection(period=YEAR, direction=Direction.DEBIT)

    text = said(
        Query(measure=Measure.AVERAGE, per=Group.MONTH, selections=(wanted,)),
        [tally(1_100_000, 40), tally(2_200, 2, "USD")],
    )

    assert text == (
        "You spent on average ₹1,000 a month (₹11,000 over 11 months) and $2 a month ($22 over 11 months)"
        " this year."
    )


def test_a_comparison_tells_the_difference_by_currency_and_which_way() -> None:
    query = Query(measure=Measure.TOTAL, selections=(of("Groceries"), of("Transport")))

    assert said(query, [tally(30_000), tally(500, 1, "USD")], [tally(40_000), tally(500, 1, "USD")]) == (
        "You spent ₹300 and $5 on Groceries this month and ₹400 and $5 on Transport this month."
        " The first is ₹100 (25 %) less than the second. In USD both are the same."
    )
    assert "The first is ₹300 more than the second." in said(query, [tally(30_000)], [])


def test_a_trend_tells_each_step_the_change_and_the_average() -> None:
    query = Query(measure=Measure.TOTAL, group=Group.MONTH, is_trend=True, selections=(of("Groceries"),))
    steps = [Bucket(date(2025, 9, 1), date(2025, 9, 30)), Bucket(date(2025, 10, 1), date(2025, 10, 31))]

    text = said(query, [tally(50_000, 2)], groups=[tally(20_000), tally(30_000, bucket=1)], buckets=steps)

    assert text == (
        "Your spending on Groceries this month by month: September 2025 ₹200; October 2025 ₹300."
        " From September 2025 to October 2025 it rose by ₹100 (50 %). The average is ₹250 a month."
    )


def test_with_nothing_found_it_says_so_and_what_is_sealed() -> None:
    uber = Seller(name="Uber", ids=(1,))
    query = Query(measure=Measure.TOTAL, selections=(Selection(sellers=(uber,), direction=Direction.DEBIT),))

    assert said(query, [], sealed=3) == (
        "I found no spending at Uber. 3 sealed transactions have no seller that I can read, so this leaves"
        " them out."
    )
