"""The state-of-charge filter, on a simulated cell with known truth and on what it must never do."""

import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.battery import CellParameters, SocFilter, SocState
from edge.errors import StateUnreadable
from edge.snapshot import MISSING, NodeSample, Soc, Value
from hardware.bench.cell import Cell
from hardware.cells import load_chemistry
from shared.messages import Quality

NMC = load_chemistry("nmc")


def parameters(**changes) -> CellParameters:
    return CellParameters(**({"chemistry": NMC, "capacity_mah": 2600.0} | changes))


def warped(chemistry, rng, sd_v):
    """The chemistry with a smooth error of its curve, as another maker's cell has."""
    knots = [rng.gauss(0, sd_v) for _ in range(12)]

    def error_v(soc):
        below = min(int(soc * 10), 9)
        return knots[below] + (soc * 10 - below) * (knots[below + 1] - knots[below])

    ocv = [volts + error_v(soc) for soc, volts in zip(chemistry.soc, chemistry.ocv, strict=True)]
    for i in range(1, len(ocv)):
        ocv[i] = max(ocv[i], ocv[i - 1] + 0.001)
    return msgspec.structs.replace(chemistry, ocv=tuple(ocv))


def day_of_use(seed, *, metered, unmetered_ma=0.0, hours=12, step_s=10.0):
    """(errors, coverage, filter, capacity ratio) of another maker's cell, used at random; bad sensors."""
    rng = random.Random(seed)
    capacity_ah = 2.6 * rng.uniform(0.94, 1.06)
    cell = Cell(
        warped(NMC, rng, 0.015),
        capacity_ah=capacity_ah,
        soc=rng.uniform(0.2, 0.9),
        r0_ohm=rng.uniform(0.03, 0.06),
    )
    soc = SocFilter(parameters(unmetered_current_ma=unmetered_ma))
    offset_v, offset_a = rng.gauss(0, 0.003), rng.gauss(0, 0.004)
    link_a = local_a = left_s = 0.0
    errors, held = [], 0
    for step in range(1, int(hours * 3600 / step_s)):
        if left_s <= 0:
            left_s = rng.uniform(600, 3600)
            link_a = rng.choice((0, 0, 1, -1)) * rng.uniform(0.2, 0.9)
        left_s -= step_s
        if (link_a > 0 and cell.soc < 0.15) or (link_a < 0 and cell.soc > 0.93):
            link_a = 0.0
        local_a += -local_a * step_s / 1800 + rng.gauss(0, unmetered_ma / 1000 * math.sqrt(step_s / 900))
        current_a = link_a + (local_a if 0.1 < cell.soc < 0.95 else 0.0)
        cell.step(current_a, step_s, ambient_c=22.0)
        volts = round((cell.terminal_v(current_a) + offset_v + rng.gauss(0, 0.001)) / 0.00125) * 0.00125
        estimate = soc.step(
            voltage_v=volts,
            current_a=link_a + offset_a if metered else None,
            temperature_c=cell.temperature_c,
            at=step * step_s,
        )
        if step * step_s > 1800:
            error = estimate.percent - 100 * cell.soc
            errors.append(error)
            held += abs(error) <= estimate.band_percent
    return errors, held / len(errors), soc, capacity_ah / 2.6


def rms(errors):
    return math.sqrt(sum(error * error for error in errors) / len(errors))


def test_the_band_holds_with_a_wrong_curve_wrong_capacity_and_bad_sensors():
    days = [day_of_use(seed, metered=True) for seed in range(4)]
    assert sum(day[1] for day in days) / 4 >= 0.95
    assert max(rms(day[0]) for day in days) < 3.0
    assert max(day[2].soc.band_percent for day in days) < 8.0


def test_solar_current_beside_the_shunt_widens_the_band_and_is_followed():
    days = [day_of_use(seed, metered=True, unmetered_ma=200.0) for seed in range(3)]
    assert sum(day[1] for day in days) / 3 >= 0.95
    assert max(rms(day[0]) for day in days) < 4.0


def test_without_a_current_sensor_the_band_is_wider_and_still_holds():
    days = [day_of_use(seed, metered=False) for seed in range(4)]
    blind = days[0][2].soc.band_percent
    assert sum(day[1] for day in days) / 4 >= 0.95
    assert blind > day_of_use(0, metered=True)[2].soc.band_percent


def test_there_is_no_estimate_before_the_first_voltage():
    soc = SocFilter(parameters())
    assert soc.soc is None
    assert soc.export() is None
    assert soc.update(a_sample(None, None)) is None


def test_the_first_voltage_at_rest_is_looked_up_and_its_band_is_wide():
    # 3.751 V is 50 % on the curve of the NMC file.
    estimate = SocFilter(parameters()).step(voltage_v=3.751, current_a=0.0, temperature_c=25.0, at=1.0)
    assert estimate.percent == pytest.approx(50.0, abs=0.5)
    assert 4 < estimate.band_percent < 25


def test_charge_is_counted_on_the_monotonic_clock():
    # 1.3 A for 600 s are 216.7 mAh of 2600 mAh: 8.333 points.
    soc = SocFilter(parameters(voltage_sd_v=1e6))
    cell = Cell(NMC, capacity_ah=2.6, soc=0.6)
    before = soc.step(voltage_v=cell.terminal_v(1.3), current_a=1.3, temperature_c=25.0, at=0.0)
    for second in range(1, 601):
        after = soc.step(voltage_v=3.7, current_a=1.3, temperature_c=25.0, at=float(second))
    assert before.percent - after.percent == pytest.approx(8.333, abs=0.01)


def test_charging_counts_upwards_less_what_the_cell_loses():
    # 0.999 of 8.333 points.
    soc = SocFilter(parameters(voltage_sd_v=1e6))
    before = soc.step(voltage_v=3.7, current_a=-1.3, temperature_c=25.0, at=0.0)
    for second in range(1, 601):
        after = soc.step(voltage_v=3.7, current_a=-1.3, temperature_c=25.0, at=float(second))
    assert after.percent - before.percent == pytest.approx(8.325, abs=0.005)


def test_a_long_gap_is_bounded_and_widens_the_band():
    soc = SocFilter(parameters())
    for second in range(600):
        before = soc.step(voltage_v=3.75, current_a=1.0, temperature_c=25.0, at=float(second))
    after = soc.step(voltage_v=3.75, current_a=1.0, temperature_c=25.0, at=600.0 + 7200.0)
    assert abs(after.percent - before.percent) < 10
    # What the voltage alone says of an NMC cell on the steep part: no better than about 5 points.
    assert after.band_percent > max(1.2 * before.band_percent, 5.0)


def test_a_sample_that_is_not_newer_changes_nothing():
    soc = SocFilter(parameters())
    first = soc.step(voltage_v=3.75, current_a=0.0, temperature_c=25.0, at=10.0)
    assert soc.step(voltage_v=3.2, current_a=0.0, temperature_c=25.0, at=10.0) == first
    assert soc.step(voltage_v=3.2, current_a=0.0, temperature_c=25.0, at=5.0) == first


def test_one_wild_voltage_hardly_moves_it():
    soc = SocFilter(parameters())
    for second in range(20):
        before = soc.step(voltage_v=3.751, current_a=0.0, temperature_c=25.0, at=float(second))
    after = soc.step(voltage_v=2.6, current_a=0.0, temperature_c=25.0, at=20.0)
    assert abs(after.percent - before.percent) < 0.5


def test_a_wrong_start_is_forgotten():
    for wrong in (-20.0, 20.0):
        cell = Cell(NMC, capacity_ah=2.6, soc=0.7)
        soc = SocFilter(parameters(), start=Soc(percent=70.0 + wrong, band_percent=5.0))
        for second in range(1800):
            cell.step(1.3, 1.0, ambient_c=25.0)
            estimate = soc.step(
                voltage_v=cell.terminal_v(1.3),
                current_a=1.3,
                temperature_c=cell.temperature_c,
                at=float(second),
            )
        assert estimate.percent == pytest.approx(100 * cell.soc, abs=1.5)


def test_the_state_survives_a_restart():
    _, _, soc, _ = day_of_use(1, metered=True, hours=3)
    saved = msgspec.json.decode(msgspec.json.encode(soc.export()), type=SocState)
    again = SocFilter(parameters(), state=saved, down_s=30.0)
    assert again.soc.percent == pytest.approx(soc.soc.percent, abs=0.01)
    assert again.soc.band_percent > soc.soc.band_percent
    assert again.capacity_mah == pytest.approx(soc.capacity_mah)
    longer = SocFilter(parameters(unmetered_current_ma=100.0), state=saved, down_s=10 * 3600.0)
    assert longer.soc.band_percent > again.soc.band_percent + 10


def test_a_saved_state_of_another_charge_is_found_out():
    soc = SocFilter(parameters())
    for second in range(3000):
        soc.step(voltage_v=4.05, current_a=0.0, temperature_c=25.0, at=float(second))
    swapped = SocFilter(parameters(), state=soc.export(), down_s=60.0)
    for second in range(1200):
        estimate = swapped.step(voltage_v=3.581, current_a=0.0, temperature_c=25.0, at=float(second))
    # 3.581 V is 30 % on the curve of the NMC file.
    assert abs(estimate.percent - 30.0) <= estimate.band_percent


@pytest.mark.parametrize(
    "damage",
    [
        {"mean": (0.5,)},
        {"covariance": ()},
        {"mean": (math.nan,) * 7},
        {"capacity_mah": 0.0},
        {"capacity_mah": math.inf},
        {"visited": ()},
    ],
)
def test_a_damaged_state_is_refused(damage):
    soc = SocFilter(parameters())
    soc.step(voltage_v=3.7, current_a=0.0, temperature_c=25.0, at=0.0)
    with pytest.raises(StateUnreadable):
        SocFilter(parameters(), state=msgspec.structs.replace(soc.export(), **damage))


def a_sample(voltage_mv, current_ma, *, quality=Quality.GOOD, at=0.0):
    def value(number):
        return MISSING if number is None else Value(value=number, quality=quality, measured_at=at)

    return NodeSample(
        uid="A", voltage_mv=value(voltage_mv), current_ma=value(current_ma), temperature_c=MISSING
    )


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.FROZEN, Quality.IMPLAUSIBLE])
def test_readings_that_are_not_good_are_left_out(quality):
    soc = SocFilter(parameters())
    first = soc.update(a_sample(3751.0, 0.0, at=1.0))
    assert soc.update(a_sample(3000.0, 900.0, quality=quality, at=2.0)) == first


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0.5, 5.0),
            st.one_of(st.none(), st.floats(-20, 20)),
            st.one_of(st.none(), st.floats(-40, 120)),
            st.floats(0.001, 1e6),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_is_measured_the_estimate_stays_a_percentage(steps):
    soc = SocFilter(parameters())
    at = 0.0
    for voltage_v, current_a, temperature_c, elapsed_s in steps:
        at += elapsed_s
        estimate = soc.step(voltage_v=voltage_v, current_a=current_a, temperature_c=temperature_c, at=at)
        assert 0 <= estimate.percent <= 100
        assert 0 < estimate.band_percent <= 100
    assert math.isfinite(soc.capacity_mah)
