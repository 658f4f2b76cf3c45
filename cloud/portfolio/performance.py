"""How a portfolio did, from the rows of its history: each holds all sums up to it, so no day is added up."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from cloud.investments.model import Step
from cloud.portfolio.days import days
from cloud.portfolio.model import Granularity, Performance, Period, Point, Worth
from cloud.portfolio.returns import Flow, Payout, annualized, money_weighted, time_weighted
from shared.clock import from_micros, to_micros


class _Change(NamedTuple):
    """What one step did."""

    day: date
    capital: int
    """Invested before it."""
    invested: int
    returned: int


def performance(
    steps: Sequence[Step], period: Period, granularity: Granularity, *, currency: str, now_us: int
) -> Performance:
    """`steps` are all of the currency, in their order."""
    points = _points(steps, period, granularity, now_us)
    first = points[0].worth if points else Worth()
    last = points[-1].worth if points else Worth()
    changes = _changes(steps, behind=points[0].day) if points else []
    returned_minor = last.returned_minor - first.returned_minor
    return Performance(
        currency=currency,
        period=period,
        granularity=granularity,
        points=points,
        returned_minor=returned_minor,
        annualized=annualized(returned_minor / last.invested_minor, (points[-1].day - points[0].day).days)
        if points
        else None,
        time_weighted=time_weighted(
            [Payout(change.capital, change.returned) for change in changes if change.returned]
        ),
        money_weighted=money_weighted(_flows(points, changes)),
    )


def _points(
    steps: Sequence[Step], period: Period, granularity: Granularity, now_us: int
) -> tuple[Point, ...]:
    if not steps:
        return ()
    first = from_micros(steps[0].at_us).date()
    today = from_micros(max(now_us, steps[-1].at_us)).date()  # the wall clock may be set back
    times = [step.at_us for step in steps]
    shown = days(period, granularity, first=first, today=today)
    return tuple(Point(day=day, worth=_worth(steps[bisect_left(times, _end_us(day)) - 1])) for day in shown)


def _end_us(day: date) -> int:
    """The first moment of the next day."""
    return to_micros(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))


def _worth(step: Step) -> Worth:
    return Worth(invested_minor=step.invested_minor, returned_minor=step.returned_minor)


def _changes(steps: Sequence[Step], *, behind: date) -> list[_Change]:
    """Of later days."""
    end_us = _end_us(behind)
    return [
        _Change(
            day=from_micros(after.at_us).date(),
            capital=before.invested_minor,
            invested=after.invested_minor - before.invested_minor,
            returned=after.returned_minor - before.returned_minor,
        )
        for before, after in pairwise(steps)
        if after.at_us >= end_us
    ]


def _flows(points: Sequence[Point], changes: Sequence[_Change]) -> list[Flow]:
    """What is there at first counts as put in then, and what is there at last as taken out."""
    if not points:
        return []
    return [
        Flow(points[0].day, -points[0].worth.invested_minor),
        *(Flow(change.day, change.returned - change.invested) for change in changes),
        Flow(points[-1].day, points[-1].worth.invested_minor),
    ]
