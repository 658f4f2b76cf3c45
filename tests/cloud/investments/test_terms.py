"""What an investment costs and brings. The prices are the paper's: 65,000,000 / 25,000,000 = 2.60."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.investments.terms import problems_of, room_until_us, terms
from cloud.projects.model import Description, Project
from cloud.projects.room import Room
from tests.cloud.projects.example import described


def project(**financial):
    description = msgspec.json.decode(msgspec.json.encode(described(financial=financial)), type=Description)
    return Project(
        id="prj_sunrise_solar",
        described=description,
        room=Room(target_minor=250_000_000, raised_minor=0, reserved_minor=0),
        investor_count=0,
        update_count=0,
        created_at_us=0,
        updated_at_us=0,
        deadline_us=0,
        funded_at_us=None,
    )


@pytest.mark.parametrize(
    "amount_minor,fee_minor,tokens",
    [
        (50_000, 1_000, 1_923_076_923),  # 500.00 / 2.60 = 192.30769230769...
        (260, 5, 10_000_000),  # 5.2 cents
        (10_000_000, 200_000, 384_615_384_615),
        (1_025, 20, 39_423_076),  # 20.5 cents to the even cent; 3.94230769...
        (1_075, 22, 41_346_153),  # 21.5 cents to the even cent; 4.13461538...
    ],
)
def test_two_percent_on_top_and_tokens_rounded_down(amount_minor, fee_minor, tokens):
    assert terms(project(), amount_minor) == (fee_minor, tokens)


@given(st.integers(1, 10**13), st.integers(1, 10**9), st.integers(1, 10**9))
def test_tokens_are_never_worth_more_than_was_paid_and_less_than_a_unit_less(amount, cost, supply):
    tokens = terms(project(total_cost=cost, token_supply=supply), amount).tokens

    price_minor = Fraction(cost * 100, supply)
    assert tokens * price_minor / 10**7 <= amount < (tokens + 1) * price_minor / 10**7


@pytest.mark.parametrize(
    "amount_minor,currency,fields",
    [
        (1_000, None, set()),
        (1_000, "USD", set()),
        (10_000_000, "USD", set()),
        (999, None, {"amount"}),
        (10_000_001, None, {"amount"}),
        (0, None, {"amount"}),
        (-1_000, None, {"amount"}),
        (1_000, "EUR", {"currency"}),
        (999, "EUR", {"amount", "currency"}),
    ],
)
def test_minimum_maximum_and_currency_are_the_projects(amount_minor, currency, fields):
    assert set(problems_of(project(), amount_minor=amount_minor, currency=currency)) == fields


def test_less_than_the_smallest_part_of_a_token_is_refused():
    dear = project(total_cost=10**12, token_supply=1, min_investment=0.01)

    # One token is 10^14 cents, so 10^7 cents are one unit of 10^-7.
    assert problems_of(dear, amount_minor=10**7, currency=None) == {}
    assert set(problems_of(dear, amount_minor=10**7 - 1, currency=None)) == {"amount"}


def test_room_is_kept_for_half_an_hour():
    assert room_until_us(5) == 1_800_000_005
