"""Recordings: columns, sign, and the way of a real cell through register table and real driver."""

import gzip
from pathlib import Path

import pytest

from hardware.bench import Bench, BenchBus, BenchSettings
from hardware.bench.ina import Ina226Chip
from hardware.bench.recorded import BadRecording, load_recording, parse_recording
from hardware.chips.ina226 import Ina226
from hardware.open_board import open_board
from shared.clock import ManualClock

CELLS = Path(__file__).parents[4] / "shared/data/cells"
RECORDINGS = sorted(CELLS.glob("*.csv.gz")) if CELLS.is_dir() else []
needs_cells = pytest.mark.skipif(not RECORDINGS, reason="no recorded cells in ../shared/data/cells")

SMALL = """Voltage [V],Current [A],AhStep [Ah],TempBottom [C],CRate [-],SOC [%],Cycle [-],Time [s]
4.00,2.0,0,23.0,1,80,5,100
3.98,2.0,0,23.4,1,79,5,110
3.98,-1.0,0,23.4,1,79.5,5,120
"""


def test_columns_are_found_by_name_and_time_starts_at_zero():
    cell = parse_recording(SMALL)

    assert cell.duration_s == 20
    assert cell.rows[0].voltage_v == 4.0
    assert cell.rows[0].current_a == 2.0
    assert cell.rows[0].temperature_c == 23.0
    assert cell.rows[0].soc_percent == 80


def test_between_rows_values_are_interpolated_and_beyond_the_ends_held():
    cell = parse_recording(SMALL)

    assert cell.at(5).voltage_v == pytest.approx(3.99)
    assert cell.at(5).temperature_c == pytest.approx(23.2)
    assert cell.at(5).soc_percent == pytest.approx(79.5)
    assert cell.at(-1) == cell.rows[0]
    assert cell.at(1e6) == cell.rows[-1]


def test_a_file_that_counts_charge_positive_is_turned_round():
    turned = SMALL.replace(",2.0,", ",-2.0,").replace(",-1.0,", ",1.0,")

    assert [row.current_a for row in parse_recording(turned).rows] == [2.0, 2.0, -1.0]


def test_without_soc_the_files_own_sign_is_kept():
    text = "Time [s],Current [A],Voltage [V],Temperature [C]\n0,-1,3.7,20\n1,-1,3.8,20\n"

    assert parse_recording(text).rows[0].current_a == -1
    assert parse_recording(text).rows[0].soc_percent is None


@pytest.mark.parametrize(
    "text,message",
    [
        ("", "no column"),
        ("Time [s],Voltage [V]\n0,3\n", r"no column current \[a\]"),
        (SMALL.replace("23.4", "warm", 1), "line 3"),
        (SMALL.replace(",110", ",100"), "line 3: time 100 s does not rise"),
        (SMALL.replace("3.98,2.0,0,23.4,1,79,5,110", "3.98,2.0"), "line 3"),
        ("\n".join(SMALL.split("\n")[:2]), "at least two rows"),
    ],
)
def test_a_damaged_recording_is_refused_by_line(text, message):
    with pytest.raises(BadRecording, match=message):
        parse_recording(text)


def test_a_torn_archive_is_refused(tmp_path):
    path = tmp_path / "cell.csv.gz"
    path.write_bytes(gzip.compress(SMALL.encode())[:40])

    with pytest.raises(BadRecording, match=r"cell\.csv\.gz"):
        load_recording(path)


def test_a_recording_stands_in_for_a_simulated_cell(tmp_path):
    path = tmp_path / "cell.csv.gz"
    path.write_bytes(gzip.compress(SMALL.encode()))
    clock = ManualClock()
    with (
        Bench.of_nodes(2, clock, settings=BenchSettings(noise_bits=0)) as bench,
        open_board(
            bench.board, bench.bus, clock, pin_factory=bench.pin_factory, onewire_root=bench.onewire_root
        ) as site,
    ):
        bench.play("NODE_A", load_recording(path))
        clock.advance(10)
        sensors = site.nodes[0].sensors
        sample = sensors["voltage"].sample()

        # the driver waits 0.14 s for its first conversion, during which the recording goes on
        assert sample.voltage_mv == pytest.approx(3980, abs=1.25)
        assert sample.current_ma == pytest.approx(2000, abs=50)
        assert sensors["temperature"].sample().temperature_c == pytest.approx(23.4, abs=0.01)


@needs_cells
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_positive_is_discharge_in_every_recording(path):
    rows = load_recording(path).rows

    for before, after in ((rows[0], rows[60]), (rows[-3000], rows[-2940])):
        falls = before.soc_percent > after.soc_percent
        assert falls == (before.current_a > 0)


@needs_cells
@pytest.mark.parametrize("path", RECORDINGS[:1] + RECORDINGS[-1:], ids=lambda path: path.name)
def test_the_real_driver_gives_a_recorded_cell_back_within_one_bit(path):
    clock = ManualClock()
    bus = BenchBus(clock)
    chip = Ina226Chip(noise_bits=0)
    bus.attach(0x40, chip)
    driver = Ina226(bus, 0x40, clock, shunt_mohm=5)

    for row in load_recording(path).rows[::5]:
        chip.bus_mv, chip.shunt_uv = row.voltage_v * 1000, row.current_a * 5 * 1000
        clock.advance(1)
        sample = driver.sample()

        assert abs(sample.voltage_mv - row.voltage_v * 1000) <= 1.25
        assert abs(sample.current_ma - row.current_a * 1000) <= 0.5
