"""What a summary covers, day by day where the person lives."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cloud.finance.messages.command import Period
from shared.clock import from_micros, to_micros


def covered_us(period: Period, now_us: int, zone: ZoneInfo) -> tuple[int, int]:
    """From its first moment to the first that is not of it. Weeks begin on Monday."""
    first, after = _days(period, from_micros(now_us).astimezone(zone).date())
    return to_micros(datetime.combine(first, time(), zone)), to_micros(datetime.combine(after, time(), zone))


def _days(period: Period, today: date) -> tuple[date, date]:
    day, week = timedelta(days=1), timedelta(weeks=1)
    monday = today - today.weekday() * day
    month = today.replace(day=1)
    year = month.replace(month=1)
    match period:
        case Period.TODAY:
            return today, today + day
        case Period.YESTERDAY:
            return today - day, today
        case Period.THIS_WEEK:
            return monday, monday + week
        case Period.LAST_WEEK:
            return monday - week, monday
        case Period.THIS_MONTH:
            return month, (month + 31 * day).replace(day=1)
        case Period.LAST_MONTH:
            return (month - day).replace(day=1), month
        case Period.THIS_YEAR:
            return year, year.replace(year=year.year + 1)
        case Period.LAST_YEAR:
            return year.replace(year=year.year - 1), year
