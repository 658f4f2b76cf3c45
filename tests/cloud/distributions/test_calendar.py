"""The days of a distribution, against a printed calendar."""

from datetime import date

import pytest

from cloud.distributions.calendar import day_of, end_of_day_us, expected_transfer, first_day


@pytest.mark.parametrize(
    "claimed,expected",
    [
        ("2025-11-15", "2025-11-18"),  # the document's: Saturday to Tuesday
        ("2025-11-16", "2025-11-18"),  # Sunday
        ("2025-11-17", "2025-11-19"),  # Monday to Wednesday
        ("2025-11-19", "2025-11-21"),  # Wednesday to Friday
        ("2025-11-20", "2025-11-24"),  # Thursday to Monday
        ("2025-11-21", "2025-11-25"),  # Friday to Tuesday
        ("2025-12-31", "2026-01-02"),
    ],
)
def test_money_is_there_two_business_days_on(claimed, expected):
    assert expected_transfer(date.fromisoformat(claimed)).isoformat() == expected


def test_a_day_ends_where_the_next_begins():
    end_us = end_of_day_us(date(2025, 9, 30))

    assert end_us == 1_759_276_800_000_000  # 2025-10-01T00:00:00Z
    assert day_of(end_us) == date(2025, 10, 1)
    assert day_of(end_us - 1) == date(2025, 9, 30)


@pytest.mark.parametrize("quarter,first", [(1, "01-01"), (2, "04-01"), (3, "07-01"), (4, "10-01")])
def test_a_quarter_begins(quarter, first):
    assert first_day(2025, quarter).isoformat() == f"2025-{first}"
