"""A recorded cell from the command line to the figures: the real drivers, sampler and filter in between."""

import csv
import gzip
import io
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.errors import ReplayInputWrong
from edge.replay import ReplayRow, ReplayWishes, board_for, judge, replay
from hardware.bench.recorded import RecordedCell, load_recording, parse_recording
from hardware.board_model import Ina226Part
from hardware.cells import load_chemistry
from lumengrid.cli import main

CELLS = Path(__file__).parents[3] / "shared/data/cells"
RECORDINGS = sorted(CELLS.glob("*.csv.gz")) if CELLS.is_dir() else []
needs_cells = pytest.mark.skipif(not RECORDINGS, reason="no recorded cells in ../shared/data/cells")
RMSE_POINTS_MAX = {"CRate1": 0.5, "CRate2": 1.0}
WRONG_POINTS = 20.0


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["edge", "replay", *arguments])


def discharge_text(*, hours: float = 0.5, step_s: int = 10, with_soc: bool = True) -> str:
    """An ideal cell of 2.6 Ah without resistance that gives 1.3 A from 80 %: half a charge in an hour."""
    chemistry = load_chemistry("nmc")
    lines = ["Time [s],Voltage [V],Current [A],Temperature [C]" + (",SOC [%]" if with_soc else "")]
    for second in range(0, int(hours * 3600) + 1, step_s):
        soc = 0.8 - 0.5 * second / 3600
        row = f"{second},{chemistry.ocv_v(soc):.5f},1.3,25"
        lines.append(row + (f",{100 * soc:.5f}" if with_soc else ""))
    return "\n".join(lines) + "\n"


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@needs_cells
@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name.removesuffix(".csv.gz"))
def test_a_start_that_is_20_points_wrong_is_right_after_half_an_hour(path: Path) -> None:
    recording = load_recording(path)
    truth = recording.rows[0].soc_percent

    done = run(str(path), "--start-soc", f"{truth - WRONG_POINTS}", "--capacity-ah", "5.8")

    assert done.exit_code == 0, done.stderr
    rows = rows_of(done.stdout)
    assert list(rows[0]) == ["time_s", "soc", "band", "truth"]
    errors = [float(row["soc"]) - float(row["truth"]) for row in rows if float(row["time_s"]) >= 1800]
    rmse = math.sqrt(sum(error * error for error in errors) / len(errors))
    held = [abs(float(row["soc"]) - float(row["truth"])) <= float(row["band"]) for row in rows]
    assert rmse <= RMSE_POINTS_MAX[path.name.split("_")[0]]
    assert sum(held) >= 0.95 * len(held)
    assert f"after 30 min: RMSE {rmse:.3f} points" in done.stderr


def test_every_step_gives_a_row_with_the_truth_of_its_moment(tmp_path: Path) -> None:
    path = tmp_path / "cell.csv"
    path.write_text(discharge_text(hours=0.05))

    rows = rows_of(run(str(path), "--chemistry", "nmc", "--capacity-ah", "2.6", "--step", "5").stdout)

    assert [float(row["time_s"]) for row in rows] == [5.0 * number for number in range(37)]
    # 1.3 A out of 2.6 Ah: 1/72 point a second. The first conversions take some hundredths of a second.
    for row in rows:
        assert float(row["truth"]) == pytest.approx(80 - float(row["time_s"]) / 72, abs=0.005)


def test_the_estimate_begins_where_it_is_told_and_says_how_unsure_it_is() -> None:
    recording = parse_recording(discharge_text(hours=0.01))
    told = ReplayWishes(chemistry="nmc", capacity_ah=2.6, start_soc_percent=60, start_band_percent=0.5)

    row = next(replay(recording, told))

    # The first voltage says 80 and is already heard.
    assert 60 <= row.soc_percent < 65
    assert row.band_percent > 5
    assert row.truth_percent == pytest.approx(80, abs=0.01)


def test_without_a_told_start_the_first_voltage_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "cell.csv.gz"
    path.write_bytes(gzip.compress(discharge_text(hours=0.02).encode()))

    first = rows_of(run(str(path), "--chemistry", "nmc", "--capacity-ah", "2.6").stdout)[0]

    assert abs(float(first["soc"]) - 80) <= float(first["band"])


def test_twice_the_capacity_moves_half_as_far() -> None:
    # A voltage that never changes says the same of the charge in both runs.
    text = "Time [s],Voltage [V],Current [A],Temperature [C]\n" + "".join(
        f"{second},3.75,0.1,25\n" for second in range(0, 1801, 10)
    )
    fallen = {}
    for capacity_ah in (1000.0, 2000.0):
        told = ReplayWishes(
            chemistry="nmc",
            capacity_ah=capacity_ah,
            start_soc_percent=50,
            start_band_percent=0.001,
            step_s=10,
        )
        rows = list(replay(parse_recording(text), told))
        fallen[capacity_ah] = rows[0].soc_percent - rows[-1].soc_percent
        assert rows[-1].soc_percent < 50

    assert fallen[1000.0] > fallen[2000.0]


def test_a_recording_without_soc_has_no_truth_and_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "cell.csv"
    path.write_text(discharge_text(hours=0.01, with_soc=False))

    done = run(str(path), "--chemistry", "nmc")

    assert done.exit_code == 0
    assert {row["truth"] for row in rows_of(done.stdout)} == {""}
    assert "no SOC column" in done.stderr
    assert "RMSE" not in done.stderr


@pytest.mark.parametrize(
    "content,options,message",
    [
        ("", (), "no column time"),
        ("Time [s],Voltage [V],Current [A],Temperature [C]\n0,x,1,20\n1,3,1,20\n", (), "line 2"),
        (discharge_text(hours=0.01), ("--chemistry", "lead"), "chemistry must be one of nmc"),
        (discharge_text(hours=0.01), ("--step", "0.1"), "allowed is 0.28 to 30 s"),
        (discharge_text(hours=0.01), ("--step", "60"), "allowed is 0.28 to 30 s"),
        (discharge_text(hours=0.01), ("--step", "nan"), "allowed is 0.28 to 30 s"),
        (discharge_text(hours=0.01).replace(",1.3,", ",13000,"), (), "is the current column in A?"),
        (discharge_text(hours=0.01), ("--start-soc", "120"), "not in the range"),
        (discharge_text(hours=0.01), ("--capacity-ah", "0"), "not in the range"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_the_reason(tmp_path, content, options, message) -> None:
    path = tmp_path / "cell.csv"
    path.write_text(content)

    done = run(str(path), *options)

    assert done.exit_code != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_named() -> None:
    done = run("/nowhere/cell.csv")

    assert done.exit_code == 1
    assert "/nowhere/cell.csv" in done.stderr


@pytest.mark.parametrize(
    "current_a,shunt_mohm",
    # 0.8 of 81.92 mV are 65.5 mV: 0.65 A at 100 mohm, 13.1 A at 5 mohm.
    [(0.5, 100.0), (0.7, 50.0), (5.45, 10.0), (10.9, 5.0), (40.0, 1.0), (600.0, 0.1)],
)
def test_the_shunt_is_the_largest_that_bears_the_recorded_current(current_a, shunt_mohm) -> None:
    text = f"Time [s],Voltage [V],Current [A],Temperature [C]\n0,3.7,{current_a},20\n1,3.7,-0.1,20\n"

    board = board_for(parse_recording(text), chemistry="nmc", capacity_ah=100)

    meter = next(chip for chip in board.chips if isinstance(chip, Ina226Part))
    assert meter.shunt_mohm == shunt_mohm


def test_a_current_that_no_shunt_bears_is_refused() -> None:
    text = "Time [s],Voltage [V],Current [A],Temperature [C]\n0,3.7,700,20\n1,3.7,700,20\n"

    with pytest.raises(ReplayInputWrong, match="700 A"):
        board_for(parse_recording(text), chemistry="nmc", capacity_ah=100)


def row(time_s: float, soc: float, band: float, truth: float | None) -> ReplayRow:
    return ReplayRow(time_s=time_s, soc_percent=soc, band_percent=band, truth_percent=truth)


def test_the_verdict_is_the_root_of_the_mean_square_and_the_share_inside_the_band() -> None:
    rows = [row(0, 50, 2, 53), row(10, 50, 4, 46), row(20, 50, 1, 50), row(30, 50, 1, None)]

    whole, later = judge(rows), judge(rows, from_s=15)

    # (9 + 16 + 0) / 3; two of three bands hold.
    assert whole is not None
    assert whole.rmse_points == pytest.approx(math.sqrt(25 / 3))
    assert whole.coverage_percent == pytest.approx(200 / 3)
    assert whole.rows == 3
    assert later is not None
    assert later.rmse_points == 0
    assert judge(rows, from_s=25) is None


def test_a_recording_whose_voltage_is_no_cell_s_gives_no_row() -> None:
    recording = RecordedCell(parse_recording(discharge_text(hours=0.01).replace(",1.3,", ",0,")).rows)
    dead = parse_recording("Time [s],Voltage [V],Current [A],Temperature [C]\n0,0.1,0,20\n5,0.1,0,20\n")

    assert list(replay(dead, ReplayWishes())) == []
    assert len(list(replay(recording, ReplayWishes()))) == 31
