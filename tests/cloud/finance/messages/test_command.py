"""What people type to the chat, and what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.messages.command import Confirm, Help, Link, Note, Period, Reject, Summary, read_command


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("yes", Confirm(None)),
        ("  YES!! ", Confirm(None)),
        ("ok", Confirm(None)),
        ("Confirm #42", Confirm(42)),
        ("confirmm 42", Confirm(42)),
        ("yes it is correct".replace(" correct", ""), Confirm(None)),
        ("👍", Confirm(None)),
        ("✅ 17", Confirm(17)),
        ("no", Reject(None)),
        ("Reject 42 please", Reject(42)),
        ("not mine", Reject(None)),
        ("That was wrong".replace("That was ", ""), Reject(None)),
        ("it's not me #9", Reject(9)),
        ("❌", Reject(None)),
        ("summary", Summary(Period.THIS_MONTH)),
        ("Summary last month", Summary(Period.LAST_MONTH)),
        ("summarry today", Summary(Period.TODAY)),
        ("report for this week", Summary(Period.THIS_WEEK)),
        ("how much did I spend yesterday?", Summary(Period.YESTERDAY)),
        ("show me my expenses", Summary(Period.THIS_MONTH)),
        ("help", Help()),
        ("?", Help()),
        ("Hello", Help()),
        ("link 482913", Link("482913")),
        ("Link my phone: AB12-CD34", Link("AB12CD34")),
        ("code is 7H2K9Q", Link("7H2K9Q")),
        ("7H2K-9Q4M", Link("7H2K9Q4M")),
    ],
)
def test_a_command_is_understood(text: str, wanted: object) -> None:
    assert read_command(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "paid 250 to Ravi for lunch",
        "₹1,200 at Big Bazaar yesterday",
        "no milk today, bought bread for 40",
        "total bill 850 at Cafe",
        "ok paid 300 for the cab",
        "250",
        "done 300 for auto",
        "",
        "a" * 5000,
    ],
)
def test_what_is_no_command_is_a_note_as_it_was_written(text: str) -> None:
    assert read_command(text) == Note(text)


@given(st.text(max_size=300))
def test_no_text_crashes_the_reader(text: str) -> None:
    read_command(text)
