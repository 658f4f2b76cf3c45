"""Another wording is the same answer, or it is thrown away."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.chat.figure_check import numbers, says_the_same

ANSWER = (
    "You spent ₹8,450 on Groceries last month. This includes 12 transactions, with the largest being ₹1,250"
    " at Big Bazaar on 15 Jan 2024."
)
NAMES = ("Groceries", "Transport", "Big Bazaar", "DMart")


@pytest.mark.parametrize(
    "text, found",
    [
        ("₹8,450 and 12", ["8450", "12"]),
        ("eight thousand four hundred and fifty rupees", ["8450"]),
        ("1.5 lakh, 2k and three crore", ["150000", "2000", "30000000"]),
        ("a dozen, twice, the fifteenth", ["12", "2", "15"]),
        ("₹3,80,483.20", ["380483.2"]),
        ("twenty-one of one hundred", ["21", "100"]),
        ("23.4 %", ["23.4"]),
        ("no figure at all", []),
    ],
)
def test_numbers_are_read_in_digits_and_in_words(text: str, found: list[str]) -> None:
    assert numbers(text) == [Decimal(number) for number in found]


@pytest.mark.parametrize(
    "wording",
    [
        "Last month Groceries are missing: you spent nothing.",
        ANSWER.replace("8,450", "8,540"),
        ANSWER.replace("12 transactions", "a dozen transactions, the first of which was"),
        ANSWER.replace("₹8,450", "$8,450"),
        ANSWER.replace("Groceries", "Transport"),
        ANSWER.replace("Big Bazaar", "DMart"),
        ANSWER.replace("spent", "received"),
        ANSWER.replace("spent", "did not spend"),
        ANSWER.replace("largest", "smallest"),
        ANSWER + " That is 10 % more than usual.",
        ANSWER + " You could save half of it.",
        ANSWER.replace("8,450", "x").replace("1,250", "8,450").replace("x", "1,250"),
        "",
        "x" * 10_000,
    ],
)
def test_a_wording_that_says_something_else_is_refused(wording: str) -> None:
    assert not says_the_same(ANSWER, wording, NAMES)


@pytest.mark.parametrize(
    "wording",
    [
        ANSWER,
        "You spent ₹8,450 on groceries in twelve buys: the largest ₹1,250 at Big Bazaar, 15 Jan 2024!",
        "You spent Rs 8450 on Groceries, 12 of them, the biggest ₹1250.00, at Big Bazaar on 15 Jan 2024.",
    ],
)
def test_a_wording_that_says_the_same_is_taken(wording: str) -> None:
    assert says_the_same(ANSWER, wording, NAMES)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_two_texts_can_be_compared_and_each_says_what_it_says(one: str, other: str) -> None:
    says_the_same(one, other, NAMES)
    assert says_the_same(one, one, NAMES)
