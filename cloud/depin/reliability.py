"""Reliability is uptime over age; of a whole month it is looked at as it stood when the month ended."""

from datetime import UTC, datetime

from cloud.depin.model import Health
from shared.clock import from_micros, to_micros

RELIABLE_PERCENT = 90
EXCELLENT_PERCENT, EXCELLENT_ONLINE_PERCENT = 90.0, 80.0
GOOD_PERCENT, GOOD_ONLINE_PERCENT = 70.0, 50.0
DEGRADED_PERCENT = 50.0
_MONTHS = 12


def reliability_percent(uptime_us: int, age_us: int) -> float:
    """0 to 100; 0 at age 0, and never more than 100, even where the clock went back."""
    return 100.0 * min(uptime_us, age_us) / age_us if age_us > 0 else 0.0


def is_reliable(uptime_us: int, age_us: int) -> bool:
    """Whether it is above 90 %, exactly."""
    return 100 * uptime_us > RELIABLE_PERCENT * age_us


def health(*, nodes: int, online: int, mean_percent: float) -> Health:
    """Of the network: by the mean reliability and the share of nodes that are online."""
    if not nodes:
        return Health.NO_NODES
    online_percent = 100 * online / nodes
    if mean_percent > EXCELLENT_PERCENT and online_percent > EXCELLENT_ONLINE_PERCENT:
        return Health.EXCELLENT
    if mean_percent > GOOD_PERCENT and online_percent > GOOD_ONLINE_PERCENT:
        return Health.GOOD
    return Health.DEGRADED if mean_percent > DEGRADED_PERCENT else Health.CRITICAL


def month_of(at_us: int) -> str:
    """`2026-01`, in UTC."""
    moment = from_micros(at_us)
    return f"{moment.year:04}-{moment.month:02}"


def month_bounds_us(month: str) -> tuple[int, int]:
    """[start, end) of a month.

    Raises:
        ValueError: not a month as `month_of` writes it.
    """
    start_us = to_micros(datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC))
    if month_of(start_us) != month:
        raise ValueError(f"a month is written 2026-01, got {month!r}")
    return start_us, _next_start_us(start_us)


def whole_months(registered_at_us: int, now_us: int, *, after: str | None) -> list[str]:
    """The months that are over and through which the node was there, oldest first.

    `after`: only later ones than this; None: all.
    """
    start_us = month_bounds_us(after or month_of(registered_at_us))[0]
    if after is not None or start_us < registered_at_us:
        start_us = _next_start_us(start_us)
    months = []
    while (end_us := _next_start_us(start_us)) <= now_us:
        months.append(month_of(start_us))
        start_us = end_us
    return months


def _next_start_us(start_us: int) -> int:
    start = from_micros(start_us)
    years, month = divmod(start.month, _MONTHS)
    return to_micros(start.replace(year=start.year + years, month=month + 1))
