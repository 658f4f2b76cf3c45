"""The price formula; expected values by hand, and against the rule written out in fractions and logs."""

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from cloud.market.model import PRICE_TICKS_MAX
from cloud.pricing.formula import (
    Coefficients,
    Factors,
    Inputs,
    factors,
    price,
    show_factor,
    show_price,
    time_factor,
)
from cloud.pricing.model import calculate, price_ticks
from cloud.settings import SettingsError, load_settings

MORNING = Inputs(supply=7, demand=5, soc_mean=0.65, distance_km=1.0, hour=8, quality=0.8)
DEFAULTS = Coefficients()


def price_of(inputs: Inputs, coefficients: Coefficients = DEFAULTS) -> float:
    return price(factors(inputs, coefficients), coefficients.base_xlm_per_kwh)


def test_seven_sellers_and_five_buyers():
    found = factors(MORNING, DEFAULTS)

    assert show_factor(found.f_sd) == Decimal("0.933")
    assert show_factor(found.f_soc) == Decimal("1.061")
    assert show_factor(found.f_dist) == Decimal("1.2")
    assert show_factor(found.f_time) == Decimal("1.15")
    assert show_factor(found.f_quality) == Decimal("1.08")
    assert show_price(price_of(MORNING)) == Decimal("7.38")


@pytest.mark.parametrize("base", ["0.02", "20000"])
@pytest.mark.parametrize("product", [0.0, 9.9], ids=["lowest", "highest"])
def test_whatever_the_base_may_be_set_to_the_price_can_be_traded(base, product):
    base_xlm_per_kwh = load_settings(None, {}, price_base_xlm_per_kwh=base).price_base_xlm_per_kwh
    made = Factors(f_sd=product, f_soc=1.0, f_dist=1.0, f_time=1.0, f_quality=1.0)

    assert 1 <= price_ticks(made, base_xlm_per_kwh) <= PRICE_TICKS_MAX


@pytest.mark.parametrize("base", ["0", "0.01", "20000.02", "nan", "inf"])
def test_a_base_whose_prices_no_order_could_have_stops_the_start(base):
    with pytest.raises(SettingsError, match="price_base_xlm_per_kwh"):
        load_settings(None, {}, price_base_xlm_per_kwh=base)


def test_five_sellers_and_seven_buyers():
    inputs = structs.replace(MORNING, supply=5, demand=7)

    assert show_factor(factors(inputs, DEFAULTS).f_sd) == Decimal("1.067")
    assert show_price(price_of(inputs)) == Decimal("8.44")


@pytest.mark.parametrize(
    "supply, demand, f_sd",
    [
        (1, 1, "1.000"),
        (0, 1, "1.000"),  # no supply counts as 1
        (1, 0, "0.539"),  # no demand counts as 0.1: 1 + 0.2 ln 0.1
        (0, 0, "0.539"),
        (100, 0, "-0.382"),  # 1 + 0.2 ln 0.001
        (1, 100, "1.921"),  # 1 + 0.2 ln 100
    ],
)
def test_supply_and_demand(supply, demand, f_sd):
    found = factors(structs.replace(MORNING, supply=supply, demand=demand), DEFAULTS)

    assert show_factor(found.f_sd) == Decimal(f_sd)


@pytest.mark.parametrize("soc, f_soc", [(None, "1.125"), (0.5, "1.125"), (0.0, "1.500"), (1.0, "1.000")])
def test_state_of_charge(soc, f_soc):
    assert show_factor(factors(structs.replace(MORNING, soc_mean=soc), DEFAULTS).f_soc) == Decimal(f_soc)


@pytest.mark.parametrize(
    "km, f_dist", [(None, "1.200"), (0.0, "1.000"), (2.5, "1.500"), (5.0, "2.000"), (900.0, "2.000")]
)
def test_distance(km, f_dist):
    assert show_factor(factors(structs.replace(MORNING, distance_km=km), DEFAULTS).f_dist) == Decimal(f_dist)


def test_time_of_day():
    expected = [1, 1] + [0.85] * 4 + [1.15] * 3 + [1] * 9 + [1.3] * 4 + [1, 1]

    assert [time_factor(hour) for hour in range(24)] == expected


def test_quality_without_data_counts_for_nothing():
    assert factors(structs.replace(MORNING, quality=None), DEFAULTS).f_quality == 1
    assert factors(structs.replace(MORNING, quality=0.0), DEFAULTS).f_quality == 1
    assert factors(structs.replace(MORNING, quality=1.0), DEFAULTS).f_quality == 1.1


def test_the_price_stays_between_a_half_and_five_times_the_base():
    glut = structs.replace(MORNING, supply=1000, demand=0)
    famine = structs.replace(MORNING, supply=0, demand=10_000, soc_mean=0.0, distance_km=5.0, hour=19)

    assert price_of(glut) == 2.5
    assert price_of(famine) == 25.0


def test_every_coefficient_has_its_say():
    heavy = Coefficients(base_xlm_per_kwh=10.0, alpha=0.4, beta=1.0, gamma=0.4, eta=0.2)
    found = factors(MORNING, heavy)

    assert math.isclose(found.f_sd, 1 + 0.4 * math.log(5 / 7))
    assert math.isclose(found.f_soc, 1.1225)
    assert math.isclose(found.f_dist, 1.4)
    assert math.isclose(found.f_quality, 1.16)
    # 10 · 0.865411 · 1.1225 · 1.4 · 1.15 · 1.16
    assert show_price(price_of(MORNING, heavy)) == Decimal("18.14")


@given(
    supply=st.integers(0, 500),
    demand=st.integers(0, 500),
    soc=st.none() | st.floats(0, 1),
    km=st.none() | st.floats(0, 50),
    hour=st.integers(0, 23),
    quality=st.none() | st.floats(0, 1),
)
@settings(max_examples=300)
def test_the_shown_price_is_the_clamped_product_of_unrounded_factors(supply, demand, soc, km, hour, quality):
    inputs = Inputs(supply=supply, demand=demand, soc_mean=soc, distance_km=km, hour=hour, quality=quality)

    made = calculate(inputs, DEFAULTS, at_us=0)

    product = made.f_sd * made.f_soc * made.f_dist * made.f_time * made.f_quality
    unrounded = 5.0 * min(max(product, 0.5), 5.0)
    assert abs(float(made.price_xlm_per_kwh) - unrounded) <= 0.005 + 1e-9
    assert made.price_ticks % 100 == 0
    assert made.breakdown().final_price == made.price_xlm_per_kwh
    assert made.to_wire().price_xlm_per_kwh == float(made.price_xlm_per_kwh)
    assert 2.5 <= made.price_xlm_per_kwh <= 25
