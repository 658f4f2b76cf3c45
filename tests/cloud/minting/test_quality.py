"""LT, CO2 and credit of a kilowatt-hour; expected values by hand."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.minting.quality import carbon_credit, co2_saved_mg, exact, quality, tokens

LT = 10_000_000
CENT = LT // 100


@pytest.mark.parametrize(
    "voltage_v, expected",
    [
        (4.0, Fraction(16, 15)),
        (3.92, Fraction(79, 75)),
        (3.6, Fraction(1)),
        (4.2, Fraction(11, 10)),
        (3.599, Fraction(85, 100)),
        (4.201, Fraction(85, 100)),
        (0.0, Fraction(85, 100)),
        (-3.9, Fraction(85, 100)),
        (None, Fraction(1)),
    ],
)
def test_quality_by_mean_voltage(voltage_v, expected):
    assert quality(voltage_v) == expected


@pytest.mark.parametrize(
    "energy_mwh, voltage_v, cents",
    [
        (500_000, 4.0, 533_33),
        (500_000, 3.92, 526_67),
        (500_000, 3.5, 425_00),
        (500_000, None, 500_00),
        (1_000, None, 1_00),
        (10_000_000, 4.2, 11_000_00),
    ],
)
def test_tokens_of_energy(energy_mwh, voltage_v, cents):
    assert tokens(energy_mwh, quality(voltage_v)) == cents * CENT


@pytest.mark.parametrize("energy_mwh, cents", [(1_005, 1_00), (1_015, 1_02), (1_025, 1_02)])
def test_half_a_hundredth_goes_to_the_even_one(energy_mwh, cents):
    assert tokens(energy_mwh, Fraction(1)) == cents * CENT


@given(energy_mwh=st.integers(1_000, 10_000_000), millivolt=st.integers(0, 6_000))
@settings(max_examples=200)
def test_tokens_are_hundredths_within_half_a_hundredth_of_the_rule(energy_mwh, millivolt):
    factor = quality(millivolt / 1000)
    made = tokens(energy_mwh, factor)

    assert made % CENT == 0
    assert abs(made - energy_mwh * factor * LT / 1000) <= CENT / 2


def test_co2_and_credit_of_half_a_kwh():
    # 0.5 · 0.82 = 0.41 kg; 0.41 · 0.05 = 0.0205 credits.
    assert co2_saved_mg(500_000, 820_000) == 410_000
    assert carbon_credit(500_000, 820_000, Fraction(5, 100)) == 205_000


def test_a_float_is_the_decimal_it_was_written_as():
    assert exact(0.1) == Fraction(1, 10)
    assert exact(3.92) == Fraction(392, 100)
    assert exact(1e-7) == Fraction(1, 10_000_000)
