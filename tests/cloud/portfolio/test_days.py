"""Which days a performance shows, against a printed calendar."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.portfolio.days import days
from cloud.portfolio.model import Granularity, Period

LONG_AGO = date(2020, 1, 1)


def shown(period, granularity, today, first=LONG_AGO):
    return [
        day.isoformat() for day in days(period, granularity, first=first, today=date.fromisoformat(today))
    ]


def test_a_year_by_months_is_the_documents():
    found = shown(Period.YEAR, Granularity.MONTHLY, "2025-11-15")

    assert found[:2] == ["2024-11-01", "2024-12-01"]
    assert found[-2:] == ["2025-11-01", "2025-11-15"]
    assert len(found) == 14


def test_weeks_begin_on_mondays():
    assert shown(Period.MONTH, Granularity.WEEKLY, "2025-11-15") == [
        "2025-10-13",
        "2025-10-20",
        "2025-10-27",
        "2025-11-03",
        "2025-11-10",
        "2025-11-15",
    ]


def test_days_are_days():
    found = shown(Period.MONTH, Granularity.DAILY, "2025-11-15")

    assert (found[0], found[-1], len(found)) == ("2025-10-15", "2025-11-15", 32)


@pytest.mark.parametrize(
    "period,today,first_day",
    [
        (Period.MONTH, "2026-03-31", "2026-02-28"),
        (Period.MONTH, "2024-03-31", "2024-02-29"),
        (Period.QUARTER, "2026-05-31", "2026-02-28"),
        (Period.HALF_YEAR, "2026-02-28", "2025-08-28"),
        (Period.YEAR, "2024-02-29", "2023-02-28"),
        (Period.MONTH, "2026-01-15", "2025-12-15"),
    ],
)
def test_a_month_before_a_day_that_is_not_there_is_the_last_one(period, today, first_day):
    assert shown(period, Granularity.DAILY, today)[0] == first_day


def test_nothing_is_shown_before_the_first_investment():
    assert shown(Period.YEAR, Granularity.MONTHLY, "2025-11-15", date(2025, 9, 20)) == [
        "2025-09-20",
        "2025-10-01",
        "2025-11-01",
        "2025-11-15",
    ]


def test_all_begins_with_the_first_investment():
    assert shown(Period.ALL, Granularity.MONTHLY, "2020-03-02") == [
        "2020-01-01",
        "2020-02-01",
        "2020-03-01",
        "2020-03-02",
    ]


@pytest.mark.parametrize("period", list(Period))
@pytest.mark.parametrize("granularity", list(Granularity))
def test_on_the_first_day_there_is_one(period, granularity):
    assert shown(period, granularity, "2025-11-15", date(2025, 11, 15)) == ["2025-11-15"]


@given(
    st.sampled_from(Period),
    st.sampled_from(Granularity),
    st.dates(date(2000, 1, 1), date(2040, 1, 1)),
    st.integers(0, 4_000),
)
def test_days_rise_from_the_first_investment_to_today_without_a_gap(period, granularity, first, age):
    today = first + timedelta(days=age)
    found = days(period, granularity, first=first, today=today)

    widest = {Granularity.DAILY: 1, Granularity.WEEKLY: 7, Granularity.MONTHLY: 31}[granularity]
    assert first <= found[0]
    assert found[-1] == today
    gaps = [(later - earlier).days for earlier, later in pairwise(found)]
    assert all(1 <= gap <= widest for gap in gaps)
