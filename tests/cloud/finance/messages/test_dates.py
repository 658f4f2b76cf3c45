"""Days and times as messages write them, read against the day of arrival: Saturday 3 January 2026, 14:23."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.messages.dates import days, moment_of
from shared.clock import from_micros, to_micros

KOLKATA = ZoneInfo("Asia/Kolkata")
ARRIVAL = datetime(2026, 1, 3, 14, 23, tzinfo=KOLKATA)


def local(text: str, *, month_first: bool = False) -> str:
    found = moment_of(text, received_at_us=to_micros(ARRIVAL), zone=KOLKATA, month_first=month_first)
    moment = from_micros(found.at_us).astimezone(KOLKATA)
    return f"{moment:%Y-%m-%d %H:%M:%S}" if found.time_known else f"{moment:%Y-%m-%d}"


@pytest.mark.parametrize(
    "text, moment",
    [
        ("on 02Jan26 trf", "2026-01-02"),
        ("on 02-01-26 to", "2026-01-02"),
        ("on 02-JAN-2026.", "2026-01-02"),
        ("on 2nd Jan", "2026-01-02"),
        ("on Jan 2, 2026", "2026-01-02"),
        ("on 31/12 at", "2025-12-31"),
        ("on 30 Dec.", "2025-12-30"),
        ("2026-01-02:09:05:07.", "2026-01-02 09:05:07"),
        ("(2026:01:02 09:05:07)", "2026-01-02 09:05:07"),
        ("02-01-26, 09:05 IST", "2026-01-02 09:05:00"),
        ("at 9:05 PM on 02 Jan", "2026-01-02 21:05:00"),
        ("at 12:05 AM on 02 Jan", "2026-01-02 00:05:00"),
        ("at 10:07:00 on 02 Jan", "2026-01-02 10:07:00"),
        ("on 03-01-26", "2026-01-03 14:23:00"),
        ("just now", "2026-01-03 14:23:00"),
        ("card valid to 12-12-2030", "2026-01-03 14:23:00"),
        ("member since 01-05-2019", "2026-01-03 14:23:00"),
    ],
)
def test_the_moment_a_text_tells(text: str, moment: str) -> None:
    assert local(text) == moment


def test_the_custom_decides_where_both_readings_are_near() -> None:
    later = datetime(2026, 3, 20, 9, tzinfo=KOLKATA)

    def day(month_first: bool) -> date:
        found = moment_of(
            "on 03/02/26", received_at_us=to_micros(later), zone=KOLKATA, month_first=month_first
        )
        return from_micros(found.at_us).astimezone(KOLKATA).date()

    assert (day(month_first=False), day(month_first=True)) == (date(2026, 2, 3), date(2026, 3, 2))


def test_noon_stands_for_a_day_where_the_person_lives() -> None:
    found = moment_of("on 02-01-26", received_at_us=to_micros(ARRIVAL), zone=KOLKATA, month_first=False)

    assert from_micros(found.at_us) == datetime(2026, 1, 2, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["31-02-2026", "32Jan26", "Feb 30, 2026"])
def test_a_day_that_does_not_exist_is_none(text: str) -> None:
    assert days(text, near=ARRIVAL.date(), month_first=False) == []


@given(
    st.dates(date(2025, 1, 1), date(2026, 1, 3)),
    st.sampled_from(["%d-%b-%Y", "%d%b%y", "%Y-%m-%d", "%b %d, %Y"]),
)
def test_a_written_day_comes_back(day: date, form: str) -> None:
    (found,) = days(f"on {day.strftime(form)} at", near=ARRIVAL.date(), month_first=False)

    assert found.readings[0] == day


@given(st.text(max_size=80))
def test_no_text_crashes(text: str) -> None:
    local(text)
