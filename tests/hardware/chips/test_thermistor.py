"""Thermistor curves against a maker's table and against each other's inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.chips.thermistor import Beta, SteinhartHart, ntc_ohm
from hardware.errors import Overrange

MURATA = Beta(r25_ohm=10_000, beta_k=3380)
"""NCP15XH103: B25/50 = 3380 K."""
COMMON_10K = SteinhartHart(a=1.009249522e-3, b=2.378405444e-4, c=2.019202697e-7)


@pytest.mark.parametrize(
    "ohm,celsius,tolerance", [(10_000, 25.0, 1e-9), (4_161, 50.0, 0.05), (27_219, 0.0, 1.0)]
)
def test_beta_agrees_with_the_makers_table_within_a_degree(ohm, celsius, tolerance):
    assert MURATA.celsius(ohm) == pytest.approx(celsius, abs=tolerance)


def test_steinhart_hart_by_hand():
    # ln 10000 = 9.210340; a + b*9.210340 + c*781.305 = 3.357602e-3 1/K
    assert COMMON_10K.celsius(10_000) == pytest.approx(297.8316 - 273.15, abs=0.001)


@pytest.mark.parametrize("curve", [MURATA, COMMON_10K])
@given(celsius=st.floats(-40, 110))
def test_resistance_and_back_is_the_same_temperature(curve, celsius):
    assert curve.celsius(curve.ohm(celsius)) == pytest.approx(celsius, abs=1e-6)


def test_the_divider_is_solved_for_the_lower_resistor():
    # 3300 mV over 10 k and 4161 ohm leaves 969.68 mV
    assert ntc_ohm(969.68, series_ohm=10_000, supply_mv=3300) == pytest.approx(4161, rel=1e-4)


@pytest.mark.parametrize("input_mv", [3300.0, 3267.0, 33.0, 0.0, -5.0])
def test_a_cut_or_shorted_thermistor_is_out_of_range(input_mv):
    with pytest.raises(Overrange, match=r"cut|shorted"):
        ntc_ohm(input_mv, series_ohm=10_000, supply_mv=3300)
