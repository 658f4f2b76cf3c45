"""Reliability, months and the network's health, by hand."""

from datetime import UTC, datetime

import pytest

from cloud.depin.model import Health
from cloud.depin.reliability import (
    health,
    is_reliable,
    month_bounds_us,
    month_of,
    reliability_percent,
    whole_months,
)

DAY_US = 86_400 * 1_000_000


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    "uptime, age, percent", [(0, 0, 0), (0, 10, 0), (5, 10, 50), (10, 10, 100), (11, 10, 100), (3, -5, 0)]
)
def test_reliability_is_uptime_over_age(uptime, age, percent):
    assert reliability_percent(uptime, age) == percent


def test_above_ninety_percent_is_more_than_ninety():
    assert not is_reliable(90, 100)
    assert is_reliable(90 * 10**15 + 1, 100 * 10**15)  # no float could tell


@pytest.mark.parametrize(
    "nodes, online, mean, expected",
    [
        (0, 0, 0.0, Health.NO_NODES),
        (10, 9, 90.01, Health.EXCELLENT),
        (10, 8, 99.0, Health.GOOD),
        (10, 9, 90.0, Health.GOOD),
        (10, 6, 70.01, Health.GOOD),
        (10, 5, 99.0, Health.DEGRADED),
        (10, 10, 70.0, Health.DEGRADED),
        (10, 0, 50.01, Health.DEGRADED),
        (10, 10, 50.0, Health.CRITICAL),
        (1, 0, 0.0, Health.CRITICAL),
    ],
)
def test_health_by_mean_reliability_and_share_online(nodes, online, mean, expected):
    assert health(nodes=nodes, online=online, mean_percent=mean) is expected


@pytest.mark.parametrize(
    "at, month",
    [("2026-01-01", "2026-01"), ("2026-01-31T23:59:59.999999", "2026-01"), ("2026-02-01", "2026-02")],
)
def test_months_are_those_of_utc(at, month):
    assert month_of(us(at)) == month


@pytest.mark.parametrize(
    "month, days", [("2026-01", 31), ("2026-02", 28), ("2028-02", 29), ("2026-12", 31), ("2026-04", 30)]
)
def test_a_month_has_its_days(month, days):
    start, end = month_bounds_us(month)
    assert start == us(f"{month}-01")
    assert end - start == days * DAY_US


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-1", "2026-01-01", "soon", "26-01"])
def test_what_is_no_month_is_refused(text):
    with pytest.raises(ValueError, match=r"month|format|unconverted"):
        month_bounds_us(text)


@pytest.mark.parametrize(
    "registered, now, after, months",
    [
        ("2026-01-01", "2026-01-31T23:59:59", None, []),
        ("2026-01-01", "2026-02-01", None, ["2026-01"]),
        ("2026-01-01T00:00:01", "2026-02-28", None, []),
        ("2026-01-15", "2026-03-01", None, ["2026-02"]),
        ("2025-11-01", "2026-02-03", None, ["2025-11", "2025-12", "2026-01"]),
        ("2025-11-01", "2026-02-03", "2025-12", ["2026-01"]),
        ("2025-11-01", "2026-02-03", "2026-01", []),
        ("2026-05-01", "2026-04-01", None, []),
    ],
)
def test_whole_months_that_are_over(registered, now, after, months):
    assert whole_months(us(registered), us(now), after=after) == months
