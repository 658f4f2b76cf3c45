"""Units and their one place of conversion."""

import pytest

from shared.units import energy_mwh, kwh, power_w


@pytest.mark.parametrize(
    "voltage_mv, current_ma, watts", [(4_000, 1_000, 4.0), (3_920, -270, -1.0584), (0, 500, 0.0)]
)
def test_power_has_the_sign_of_the_current(voltage_mv, current_ma, watts):
    assert power_w(voltage_mv, current_ma) == pytest.approx(watts)


def test_one_watt_for_an_hour_is_1000_mwh():
    assert energy_mwh(1.0, 3_600) == pytest.approx(1_000)


def test_the_documents_example_moves_half_a_watt_hour():
    # 3.92 V · 0.27 A · 1800 s = 1905.12 J = 529.2 mWh
    assert energy_mwh(power_w(3_920, 270), 1_800) == pytest.approx(529.2)


def test_a_million_mwh_are_a_kwh():
    assert kwh(500_000) == 0.5
