"""How a portfolio did: figures by hand, and every point against a sum over the whole ledger."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from cloud.investments.model import Step
from cloud.ledger.model import EntryKind
from cloud.portfolio.model import Granularity, Performance, Period
from cloud.portfolio.performance import performance
from shared.clock import to_micros


def us(day: str) -> int:
    return to_micros(datetime.fromisoformat(day).replace(tzinfo=UTC))


def steps(*rows: tuple[str, int, int]) -> list[Step]:
    """Moments with all that was invested and returned by then."""
    return [
        Step(number=number, at_us=us(day), invested_minor=invested, returned_minor=returned)
        for number, (day, invested, returned) in enumerate(rows, 1)
    ]


def did(rows: list[Step], period: Period, now: str, by: Granularity = Granularity.MONTHLY) -> Performance:
    return performance(rows, period, by, currency="USD", now_us=us(now))


def test_a_year_of_one_investment():
    rows = steps(
        ("2025-01-01T12:00:00", 500_000, 0),
        ("2025-04-01", 500_000, 10_000),
        ("2025-07-01", 500_000, 20_000),
        ("2025-10-01", 500_000, 30_000),
        ("2025-12-31", 500_000, 42_500),
    )

    found = did(rows, Period.ALL, "2026-01-01T18:00:00")

    assert [(p.day.isoformat(), p.worth.value_minor) for p in found.points][:5] == [
        ("2025-01-01", 500_000),
        ("2025-02-01", 500_000),
        ("2025-03-01", 500_000),
        ("2025-04-01", 510_000),
        ("2025-05-01", 510_000),
    ]
    assert found.points[-1].day == date(2026, 1, 1)
    assert found.returned_minor == 42_500
    assert found.annualized == pytest.approx(0.085)  # 8.5 % in 365 days
    # 1.02 * 1.02 * 1.02 * 1.025 = 1.0877382
    assert found.time_weighted == pytest.approx(0.0877382)
    # 5000 in, 100 back after 90, 181 and 273 days, 125 after 364, and 5000 after 365 are worth nothing at it.
    rate = found.money_weighted
    assert rate is not None
    flows = ((0, -500_000), (90, 10_000), (181, 10_000), (273, 10_000), (364, 12_500), (365, 500_000))
    assert sum(amount / (1 + rate) ** (day / 365) for day, amount in flows) == pytest.approx(0, abs=1e-3)


def test_money_put_in_late_weighs_less_by_money_and_the_same_by_time():
    rows = steps(
        ("2025-01-01", 100_000, 0),
        ("2025-07-01", 100_000, 2_000),
        ("2025-07-02", 200_000, 2_000),
        ("2026-01-01", 200_000, 6_000),
    )

    found = did(rows, Period.ALL, "2026-01-01T01:00:00")

    # 2 % of 1,000 and 2 % of 2,000; simple: 60 of 2,000.
    assert found.time_weighted == pytest.approx(0.0404)
    assert found.annualized == pytest.approx(0.03)
    assert found.money_weighted == pytest.approx(0.0405, abs=3e-4)


def test_a_period_counts_what_came_back_within_it():
    rows = steps(
        ("2024-01-15", 100_000, 0),
        ("2025-05-01", 100_000, 5_000),
        ("2025-10-20", 100_000, 8_000),
    )

    found = did(rows, Period.MONTH, "2025-11-15", Granularity.DAILY)

    assert (found.points[0].day.isoformat(), found.points[0].worth.value_minor) == ("2025-10-15", 105_000)
    assert found.returned_minor == 3_000
    assert found.time_weighted == pytest.approx(0.03)
    assert found.annualized == pytest.approx(1.03 ** (365 / 31) - 1)


def test_what_came_back_on_the_first_day_is_where_it_begins():
    rows = steps(("2024-01-15", 100_000, 0), ("2025-11-01T08:00:00", 100_000, 5_000))

    found = did(rows, Period.MONTH, "2025-11-15")

    assert found.points[0].day == date(2025, 10, 1)
    assert found.returned_minor == 5_000
    assert did(rows, Period.MONTH, "2025-12-01").returned_minor == 0


def test_before_anything_there_is_nothing():
    found = did([], Period.YEAR, "2025-11-15")

    assert (found.points, found.returned_minor, found.time_weighted) == ((), 0, 0.0)
    assert (found.annualized, found.money_weighted) == (None, None)


def test_on_the_first_day_there_is_no_rate():
    found = did(steps(("2025-11-15T08:00:00", 100, 0)), Period.YEAR, "2025-11-15T09:00:00")

    assert [point.worth.value_minor for point in found.points] == [100]
    assert (found.annualized, found.money_weighted, found.time_weighted) == (None, None, 0.0)


def test_a_clock_that_was_set_back_hides_nothing():
    found = did(steps(("2025-11-14", 100, 0), ("2025-11-15", 300, 0)), Period.ALL, "2025-11-10")

    assert [point.day.isoformat() for point in found.points] == ["2025-11-14", "2025-11-15"]
    assert found.points[-1].worth.value_minor == 300


def test_midnight_is_the_next_days():
    rows = steps(("2025-01-01T08:00:00", 100_000, 0), ("2025-01-02T00:00:00", 100_000, 1_000))

    found = did(rows, Period.ALL, "2025-01-02T09:00:00", Granularity.DAILY)

    assert [point.worth.value_minor for point in found.points] == [100_000, 101_000]
    assert found.time_weighted == pytest.approx(0.01)
    assert found.annualized == pytest.approx(1.01**365 - 1)


@pytest.mark.parametrize("granularity", list(Granularity))
async def test_each_point_is_what_the_ledgers_entries_add_up_to(world, granularity):
    await world.add_project(financial={"funding_deadline": "2030-01-01T00:00:00Z"})
    ana = await world.person(1)
    chance = random.Random(20)
    quarter = 0
    for _ in range(24):
        world.clock.advance(chance.randrange(86_400 * 12))
        await world.invest(ana, str(chance.randrange(10, 500)))
        month = world.clock.now().month
        if chance.random() < 0.4 and (month - 1) // 3 > quarter:
            quarter = (month - 1) // 3
            last_day = f"2026-{quarter * 3:02}-{31 if quarter != 2 else 30}"
            made = await world.declare("77.77", quarter, 2026, min(last_day, "2026-09-30"))
            world.clock.advance(chance.randrange(86_400 * 5))
            await world.claim(ana, made)

    found = await world.portfolio.performance(ana, Period.ALL, granularity)

    async with world.store.read() as tx:
        rows = await tx.fetch_all(
            dict,
            "SELECT e.at_us, e.kind, p.amount FROM entries e JOIN postings p ON p.entry_id = e.id"
            " WHERE e.kind IN ('investment', 'claim') AND p.amount > 0 AND p.asset = 'fiat/USD'"
            " AND p.account <> 'fees'",
        )
    for point in found.points:
        end_us = us((point.day + timedelta(days=1)).isoformat())
        for kind, shown in (
            (EntryKind.INVESTMENT, point.worth.invested_minor),
            (EntryKind.CLAIM, point.worth.returned_minor),
        ):
            assert shown == sum(
                row["amount"] for row in rows if row["kind"] == kind and row["at_us"] < end_us
            )
    assert found.points[-1].worth.returned_minor > 0
