"""Derating: hand-computed points on the lines of the NMC file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.battery.limits import allowances
from hardware.cells import load_chemistry

NMC = load_chemistry("nmc")


@pytest.mark.parametrize(
    "voltage_v, temperature_c, charge, discharge",
    [
        (3.7, 25.0, 1.0, 1.0),
        (3.7, None, 1.0, 1.0),
        (4.15, 25.0, 1.0, 1.0),
        (4.175, 25.0, 0.5, 1.0),  # half way from 4.15 to 4.20
        (4.2, 25.0, 0.0, 1.0),
        (3.1, 25.0, 1.0, 0.5),  # half way from 3.20 to 3.00
        (3.0, 25.0, 1.0, 0.0),
        (2.0, 25.0, 1.0, 0.0),
        (3.7, 7.5, 0.3, 0.875),  # between 0.2 at 5 and 0.4 at 10; between 0.5 at 0 and 1 at 10
        (3.7, 42.5, 0.75, 1.0),
        (3.7, -0.1, 0.0, 0.4985),
        (3.7, 45.1, 0.0, 1.0),
        (3.7, 60.1, 0.0, 0.0),
        (4.175, 7.5, 0.3, 0.875),  # the smaller of 0.5 and 0.3 counts
    ],
)
def test_the_smaller_of_voltage_and_temperature_counts(voltage_v, temperature_c, charge, discharge):
    allowed = allowances(NMC, voltage_v=voltage_v, temperature_c=temperature_c)
    assert allowed.charge.fraction == pytest.approx(charge, abs=1e-9)
    assert allowed.discharge.fraction == pytest.approx(discharge, abs=1e-9)


def test_without_a_voltage_nothing_is_allowed():
    allowed = allowances(NMC, voltage_v=None, temperature_c=25.0)
    assert (allowed.charge.fraction, allowed.discharge.fraction) == (0.0, 0.0)
    assert allowed.charge.reason == "cell voltage unknown"


def test_the_reason_names_what_limits():
    assert allowances(NMC, voltage_v=4.175, temperature_c=25.0).charge.reason == "cell at 4.175 V"
    assert allowances(NMC, voltage_v=3.7, temperature_c=7.5).charge.reason == "cell at 7.5 C"
    assert allowances(NMC, voltage_v=3.7, temperature_c=25.0).charge.reason == ""


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 6), st.one_of(st.none(), st.floats(-60, 120)))
def test_a_fraction_is_a_fraction_and_less_than_one_has_a_reason(voltage_v, temperature_c):
    allowed = allowances(NMC, voltage_v=voltage_v, temperature_c=temperature_c)
    for allowance in (allowed.charge, allowed.discharge):
        assert 0 <= allowance.fraction <= 1
        assert (allowance.reason == "") == (allowance.fraction == 1)
