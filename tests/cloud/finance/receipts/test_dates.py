"""Dates as several countries print them, and the one that is the purchase's."""

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.receipts.dates import Day, Order, day_of

TODAY = date(2026, 11, 22)


def found(*texts: str, order: Order = Order.DAY_FIRST, today: date = TODAY) -> Day:
    day = day_of(texts, [1.0] * len(texts), order=order, today=today)
    assert day is not None
    return day


@pytest.mark.parametrize(
    "text",
    [
        "Date: 05/03/2018",
        "05-03-18",
        "5.3.2018",
        "05 Mar 2018",
        "5-MAR-18",
        "Mar 5, 2018",
        "March 5th 2018",
        "2018-03-05",
        "2018年3月5日",
        "5. März 2018",
        "5 mars 2018",
        "05/O3/2018",
        "05/03/1810:08",
        "05/03/201810:08",
        "Tarikh : 5 Mac 2018",
    ],
)
def test_the_fifth_of_march_in_many_ways(text: str) -> None:
    assert found(text).date == date(2018, 3, 5)


def test_month_first_where_the_country_writes_so() -> None:
    assert found("05/03/2018", order=Order.MONTH_FIRST).date == date(2018, 5, 3)


def test_a_day_above_twelve_overrules_the_order() -> None:
    assert found("25/03/2018", order=Order.MONTH_FIRST).date == date(2018, 3, 25)
    assert found("03/25/2018", order=Order.DAY_FIRST).date == date(2018, 3, 25)


def test_a_receipt_that_shows_its_order_once_means_it_everywhere() -> None:
    texts = ("05/03/2018 12:30", "Valid until 05/25/2018")
    assert found(*texts, order=Order.DAY_FIRST).date == date(2018, 5, 3)


def test_a_day_to_come_is_read_the_other_way_round() -> None:
    assert found("05/12/2026", order=Order.DAY_FIRST).date == date(2026, 5, 12)


def test_a_time_with_dots_shows_no_order() -> None:
    assert found("Date 05/02/2018", "Time. 11.14.00").date == date(2018, 2, 5)


def test_year_first_with_two_digits_where_the_country_writes_so() -> None:
    assert found("24/01/19", order=Order.YEAR_FIRST).date == date(2024, 1, 19)


@pytest.mark.parametrize(
    "text, when",
    [
        ("05/03/2018 8:13:39 PM", time(20, 13)),
        ("05/03/2018 12:05 am", time(0, 5)),
        ("05/03/2018 18:54", time(18, 54)),
        ("05/03/1810:08", time(10, 8)),
        ("2018年3月5日 15時04分", time(15, 4)),
        ("05/03/2018", None),
    ],
)
def test_the_time_of_day_beside_it(text: str, when: time | None) -> None:
    assert found(text).time == when


def test_the_time_may_stand_a_line_below() -> None:
    assert found("Date: 05/03/2018", "Time: 17:05").time == time(17, 5)


def test_an_expiry_is_not_the_purchase() -> None:
    assert found("Exp. Date 01/01/2020", "03/04/2019 10:00").date == date(2019, 4, 3)


def test_the_date_with_a_time_beats_a_bare_one() -> None:
    assert found("Member since 01/01/2011", "12/02/2018 19:02").date == date(2018, 2, 12)


def test_a_damaged_month_is_guessed_only_where_one_month_fits() -> None:
    assert found("02/Ja/2017").date == date(2017, 1, 2)
    assert found("02/Ja/2017").mended
    assert day_of(["14/Jum/2017"], [1.0], order=Order.DAY_FIRST, today=TODAY) is None


@pytest.mark.parametrize(
    "text", ["TEL 03-40210276", "GST ID 000750673920", "31/02/2018", "", "12:30:45", "9-12/312"]
)
def test_no_date(text: str) -> None:
    assert day_of([text], [1.0], order=Order.DAY_FIRST, today=TODAY) is None


@given(
    st.dates(date(2007, 1, 1), TODAY),
    st.sampled_from(["%d/%m/%Y", "%d-%m-%y", "%d %b %Y", "%Y-%m-%d", "%d.%m.%Y"]),
)
def test_every_day_is_read_back(day: date, form: str) -> None:
    assert found(f"Date: {day.strftime(form)} 12:00").date == day


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_text_is_read_without_an_error(texts: list[str]) -> None:
    day_of(texts, [1.0] * len(texts), order=Order.DAY_FIRST, today=TODAY)
