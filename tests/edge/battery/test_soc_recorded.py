"""The filter on recorded cells: every third second of each, started 20 points wrong or with a wrong capacity.

The curve of `lipo_5450` was fitted to the fifth cycles alone; the figures that count are those of the others.
"""

import csv
import gzip
import math
from functools import cache
from pathlib import Path

import pytest

from edge.battery import CellParameters, SocFilter
from edge.snapshot import Soc
from hardware.cells import load_chemistry

CELLS = Path(__file__).parents[3].parent / "shared/data/cells"
LIPO = load_chemistry("lipo_5450")
CAPACITY_MAH = 5800.0
SETTLED_S = 1800
EVERY = 3

pytestmark = pytest.mark.skipif(not CELLS.is_dir(), reason="recorded cells are not in ../shared/data/cells")


@cache
def recording(name):
    with gzip.open(CELLS / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::EVERY]
    begin = float(rows[0]["Time [s]"])
    return tuple(
        (
            float(row["Time [s]"]) - begin,
            float(row["Voltage [V]"]),
            float(row["Current [A]"]),
            float(row["TempBottom [C]"]),
            float(row["SOC [%]"]),
        )
        for row in rows
    )


def run(names, *, start_error=None, capacity_error=0.0, current=True, settled_s=SETTLED_S):
    """(rms error, coverage) after `settled_s`, the recordings played one after the other."""
    start = None
    if start_error is not None:
        start = Soc(percent=recording(names[0])[0][4] + start_error, band_percent=40.0)
    cell = CellParameters(
        chemistry=LIPO,
        capacity_mah=CAPACITY_MAH * (1 + capacity_error),
        voltage_only_c_rate=2.0 if "CRate2" in names[0] else 1.0,
    )
    soc = SocFilter(cell, start=start)
    errors, held, offset_s = [], 0, 0.0
    for name in names:
        for time_s, volts, amps, celsius, truth in recording(name):
            estimate = soc.step(
                voltage_v=volts,
                current_a=amps if current else None,
                temperature_c=celsius,
                at=offset_s + time_s,
            )
            if offset_s + time_s >= settled_s:
                errors.append(estimate.percent - truth)
                held += abs(errors[-1]) <= estimate.band_percent
        offset_s += time_s + 1
    return math.sqrt(sum(error**2 for error in errors) / len(errors)), held / len(errors)


@pytest.mark.parametrize("start_error", [-20.0, 20.0])
@pytest.mark.parametrize(
    "name, points",
    [("CRate1_Cycle10", 0.5), ("CRate1_Cycle25", 0.5), ("CRate2_Cycle10", 1.0)],
)
def test_twenty_points_wrong_at_the_start_are_gone_after_half_an_hour(name, points, start_error):
    error, coverage = run([name], start_error=start_error)
    assert error <= points
    assert coverage >= 0.95


@pytest.mark.parametrize("capacity_error", [-0.05, 0.05])
@pytest.mark.parametrize(
    "names, cycle_s",
    [(("CRate1_Cycle15", "CRate1_Cycle20"), 7140), (("CRate2_Cycle10", "CRate2_Cycle5"), 3900)],
)
def test_a_capacity_five_percent_wrong_is_learned_within_two_partial_cycles(names, cycle_s, capacity_error):
    error, coverage = run(names, capacity_error=capacity_error, settled_s=cycle_s)
    assert error <= 1.0
    assert coverage >= 0.95


@pytest.mark.parametrize("name", ["CRate1_Cycle15", "CRate2_Cycle10"])
def test_from_voltage_alone_the_band_still_holds(name):
    error, coverage = run([name], current=False)
    assert error <= 5.0
    assert coverage >= 0.95
