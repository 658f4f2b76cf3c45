"""The curves and limits of the cell files, checked against their sources and as functions."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.cells import CHEMISTRIES, UnknownChemistry, load_chemistry
from hardware.cells.chemistry import parse_chemistry


@pytest.mark.parametrize(
    "name,soc_fraction,volts",
    [
        ("nmc", 0.0, 2.500),
        ("nmc", 0.5, 3.751),
        ("nmc", 0.55, 3.796),
        ("nmc", 1.0, 4.200),
        ("nmc", -0.2, 2.500),
        ("nmc", 1.3, 4.200),
        ("lco", 0.5, 3.793),
        ("lfp", 0.64025, 3.31415),
    ],
)
def test_the_curve_passes_through_the_published_points(name, soc_fraction, volts):
    assert load_chemistry(name).ocv_v(soc_fraction) == pytest.approx(volts, abs=1e-6)


def test_every_cell_file_is_a_chemistry_that_a_board_may_name_and_the_other_way_round():
    names = [file.name for file in files("hardware.cells").iterdir() if file.name.endswith(".toml")]
    assert sorted(f"{name}.toml" for name in CHEMISTRIES) == sorted(names)
    for name in CHEMISTRIES:
        assert load_chemistry(name).name == name


@pytest.mark.parametrize("name", CHEMISTRIES)
@given(soc_fraction=st.floats(0, 1))
def test_voltage_and_back_is_the_same_state_of_charge(name, soc_fraction):
    chemistry = load_chemistry(name)

    assert chemistry.soc_fraction(chemistry.ocv_v(soc_fraction)) == pytest.approx(soc_fraction, abs=1e-9)


@pytest.mark.parametrize("name", CHEMISTRIES)
@given(a=st.floats(-0.5, 1.5), b=st.floats(-0.5, 1.5))
def test_a_fuller_cell_never_rests_at_a_lower_voltage(name, a, b):
    chemistry = load_chemistry(name)

    assert chemistry.ocv_v(max(a, b)) >= chemistry.ocv_v(min(a, b))


def test_the_slope_is_that_of_the_segment():
    nmc = load_chemistry("nmc")

    assert nmc.slope_v(0.55) == pytest.approx(0.9)  # (3.841 - 3.751) V over 0.1
    assert nmc.slope_v(2.0) == pytest.approx((4.200 - 4.124) / 0.05)
    assert load_chemistry("lfp").slope_v(0.6) == pytest.approx(0.1077, abs=1e-4)


def test_resistance_falls_with_capacity():
    assert load_chemistry("nmc").resistance_scale(5.2) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "temperature_c,fraction", [(-1, 0), (0, 0.2), (7.5, 0.3), (25, 1), (42.5, 0.75), (45, 0.5), (46, 0)]
)
def test_charging_is_derated_in_cold_and_heat_and_refused_outside(temperature_c, fraction):
    assert load_chemistry("nmc").charge_fraction(temperature_c) == pytest.approx(fraction)


def test_discharging_is_allowed_in_frost_where_charging_is_not():
    nmc = load_chemistry("nmc")

    assert nmc.charge_fraction(-10) == 0
    assert nmc.discharge_fraction(-10) == pytest.approx(0.35)


@pytest.mark.parametrize("name", CHEMISTRIES)
def test_every_chemistry_names_its_source(name):
    chemistry = load_chemistry(name)

    assert chemistry.name == name
    assert len(chemistry.source) > 80
    assert chemistry.voltage.high_stop_v <= 4.20


def test_an_unknown_chemistry_is_refused_with_the_known_ones():
    with pytest.raises(UnknownChemistry, match="nmc, lco, lfp"):
        load_chemistry("../secret")


def _nmc_text() -> str:
    from importlib.resources import files

    return files("hardware.cells").joinpath("nmc.toml").read_text()


@pytest.mark.parametrize(
    "old,new,field",
    [
        ("low_stop_v = 3.00", "low_stop_v = 2.40", "voltage"),
        ("3.109, 3.296", "3.296, 3.109", "ocv"),
        ("soc = [0.0,", "soc = [0.01,", "soc"),
        (", 4.200]", "]", "equally long"),
        ("r0_ohm = 0.045", "r0_ohm = -1", "r0_ohm"),
        ("release_c = 2", "release_c = 2\nextra = 1", "extra"),
        ("name =", "name", "chemistry file"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_by_field(old, new, field):
    text = _nmc_text()
    assert old in text

    with pytest.raises(UnknownChemistry, match=field):
        parse_chemistry(text.replace(old, new, 1))
