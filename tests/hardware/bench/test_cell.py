"""The equivalent circuit by hand and by its invariants."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.bench import Cell
from hardware.cells import CHEMISTRIES, load_chemistry


def _cell(soc=0.5, capacity_ah=2.6, name="nmc") -> Cell:
    return Cell(load_chemistry(name), capacity_ah=capacity_ah, soc=soc)


def test_at_rest_the_terminals_show_the_curve():
    assert _cell(0.5).terminal_v(0.0) == pytest.approx(3.751)


def test_the_first_moment_of_a_current_shows_the_ohmic_drop_alone():
    # R0 0.045 ohm at 2.6 Ah
    assert _cell(0.5).terminal_v(1.0) == pytest.approx(3.751 - 0.045)
    assert _cell(0.5).terminal_v(-1.0) == pytest.approx(3.751 + 0.045)
    assert _cell(0.5, capacity_ah=5.2).terminal_v(1.0) == pytest.approx(3.751 - 0.0225)


def test_the_rc_pair_fills_by_its_time_constant():
    cell = _cell()

    cell.step(1.0, 30.0, ambient_c=25)

    assert cell.rc_v == pytest.approx(0.020 * (1 - math.exp(-1)))


def test_an_hour_of_discharge_takes_its_charge():
    cell = _cell(0.8)

    for _ in range(3600):
        lost_ah = cell.step(1.3, 1.0, ambient_c=25)

    assert lost_ah == 0
    assert cell.soc == pytest.approx(0.3, abs=1e-9)


def test_charging_loses_what_the_coulomb_efficiency_says():
    cell = _cell(0.2)

    lost_ah = sum(cell.step(-1.3, 1.0, ambient_c=25) for _ in range(3600))

    assert lost_ah == pytest.approx(1.3 * 0.001)
    assert cell.soc == pytest.approx(0.2 + 1.3 * 0.999 / 2.6, abs=1e-9)


def test_a_loaded_cell_warms_to_its_balance_and_cools_again():
    cell = _cell(capacity_ah=1000)
    cell.capacity_ah = 2.6
    cell.r0_ohm, cell.r1_ohm, cell.chemistry = 0.045, 0.020, load_chemistry("nmc")
    for _ in range(7200):
        cell.soc = 0.5
        cell.step(2.0, 1.0, ambient_c=20)

    # 4 A^2 * 65 mohm = 0.26 W over 10 K/W
    assert cell.temperature_c == pytest.approx(22.6, abs=0.01)

    for _ in range(7200):
        cell.step(0.0, 1.0, ambient_c=20)
    assert cell.temperature_c == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("name", CHEMISTRIES)
@given(
    soc=st.floats(0.1, 0.9),
    steps=st.lists(st.tuples(st.floats(-2, 2), st.floats(0.01, 1.0)), max_size=40),
)
def test_charge_is_what_flowed_less_the_stated_loss(name, soc, steps):
    cell = _cell(soc, name=name)
    moved_ah = lost_ah = 0.0
    for current_a, dt_s in steps:
        moved_ah += current_a * dt_s / 3600
        lost_ah += cell.step(current_a, dt_s, ambient_c=25)

    assert (soc - cell.soc) * 2.6 == pytest.approx(moved_ah + lost_ah, abs=1e-12)
    assert lost_ah >= 0


def test_one_long_step_and_many_short_ones_agree_for_a_steady_current():
    long, short = _cell(), _cell()
    long.step(1.0, 60.0, ambient_c=25)
    for _ in range(600):
        short.step(1.0, 0.1, ambient_c=25)

    assert long.rc_v == pytest.approx(short.rc_v, rel=1e-9)
    assert long.soc == pytest.approx(short.soc, rel=1e-12)


def test_what_was_saved_is_what_comes_back():
    cell, other = _cell(0.7), _cell(0.1)
    cell.step(1.0, 10.0, ambient_c=25)

    other.restore(cell.state())

    assert other.state() == cell.state()
    assert other.terminal_v(0.4) == cell.terminal_v(0.4)
