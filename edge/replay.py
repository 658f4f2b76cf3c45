"""A recorded cell through the real drivers and the estimator, as fast as it goes.

The recording lies at the inputs of imitated chips (an INA226, and an NTC at an ADS1115); from their registers
on everything is what runs on a Pi: drivers, sampler with its quality rules, filter. Time is the recording's.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Annotated

from msgspec import Meta, Struct

from edge.battery import CellParameters, SocFilter
from edge.battery.soc import BAND_SIGMAS, SOC_SD_START_MAX, STEP_S_MAX
from edge.errors import ReplayInputWrong
from edge.sensing.quality import SensingRules
from edge.sensing.sampler import Sampler, sources_of
from edge.snapshot import Soc
from hardware.bench import Bench, BenchSettings
from hardware.bench.recorded import RecordedCell
from hardware.board_model import Ads1115Part, Board, BoardNode, Ina226Part, ThermistorPart
from hardware.cells import load_chemistry
from hardware.chips.ina226 import CONVERSION_S, SHUNT_MV_MAX
from hardware.open_board import open_board
from shared.clock import ManualClock

UID = "NODE_A"
SETTLED_S = 1800.0
"""From here on a wrong start may no longer show."""
STOCK_SHUNTS_MOHM = (100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1)
SHUNT_USE_MAX = 0.8
"""Share of the shunt's range that the largest recorded current may use."""
TOLD_BAND_PERCENT = 100 * BAND_SIGMAS * SOC_SD_START_MAX
"""Half-width of the 95 % band of a charge that a person names: it may be any."""
STEP_S_MIN = 2 * CONVERSION_S
"""A shorter step would read the same conversion twice; a longer one than STEP_S_MAX loses current."""


class ReplayWishes(Struct, frozen=True, kw_only=True):
    """What to make of the recording."""

    chemistry: str = "lipo_5450"
    """One of `hardware.cells.CHEMISTRIES`; the default is the cell of most recordings."""
    capacity_ah: Annotated[float, Meta(gt=0)] | None = None
    """None: the chemistry's reference cell."""
    start_soc_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    """What the estimator is told first, right or wrong; None: it begins from the first voltage."""
    start_band_percent: Annotated[float, Meta(gt=0, le=100)] = TOLD_BAND_PERCENT
    step_s: float = 1.0
    """STEP_S_MIN to STEP_S_MAX."""


class ReplayRow(Struct, frozen=True, kw_only=True):
    """One sample's outcome."""

    time_s: float
    """Since the first row of the recording."""
    soc_percent: float
    band_percent: float
    """Half-width of the 95 % band."""
    truth_percent: float | None
    """As recorded; None where the recording has none."""


class Judgement(Struct, frozen=True, kw_only=True):
    """How well estimate and truth agree, over the rows that have a truth."""

    rows: int
    rmse_points: float
    coverage_percent: float
    """Share of the rows whose band holds the truth."""


def replay(recording: RecordedCell, wishes: ReplayWishes) -> Iterator[ReplayRow]:
    """One row for each step of the recording; rows before the first good voltage are left out.

    Raises:
        ReplayInputWrong: a step out of range, or a current that no shunt can carry.
        UnknownChemistry: there is none of that name.
    """
    if not STEP_S_MIN <= wishes.step_s <= STEP_S_MAX:
        raise ReplayInputWrong(
            f"step = {wishes.step_s:g} s cannot be used: allowed is {STEP_S_MIN:.2f} to {STEP_S_MAX:g} s"
        )
    chemistry = load_chemistry(wishes.chemistry)
    capacity_ah = wishes.capacity_ah or chemistry.reference_capacity_ah
    clock = ManualClock()
    board = board_for(recording, chemistry=wishes.chemistry, capacity_ah=capacity_ah)
    soc_filter = SocFilter(
        CellParameters(chemistry=chemistry, capacity_mah=1000 * capacity_ah),
        start=None
        if wishes.start_soc_percent is None
        else Soc(percent=wishes.start_soc_percent, band_percent=wishes.start_band_percent),
    )
    bench = Bench(board, clock, settings=BenchSettings(houses=False))
    with bench, open_board(board, bench.bus, clock, pin_factory=bench.pin_factory) as site:
        sampler = Sampler(sources_of(board), site.sensors, SensingRules())
        # The chips are set up and their first conversion is over before the recording begins.
        clock.advance(1.0)
        bench.play(UID, recording)
        began = clock.monotonic()
        # Never later than the last row: a recording that is over says nothing.
        for number in range(int(recording.duration_s / wishes.step_s + 1e-9) + 1):
            time_s = number * wishes.step_s
            clock.advance(max(began + time_s - clock.monotonic(), 0.0))
            truth = recording.at(clock.monotonic() - began).soc_percent
            (sample,) = sampler.sample({})
            soc = soc_filter.update(sample)
            if soc is not None:
                yield ReplayRow(
                    time_s=time_s,
                    soc_percent=soc.percent,
                    band_percent=soc.band_percent,
                    truth_percent=truth,
                )


def board_for(recording: RecordedCell, *, chemistry: str, capacity_ah: float) -> Board:
    """One node with an INA226, whose shunt is the largest stock one for the recorded current, and an NTC.

    Raises:
        ReplayInputWrong: a current that no shunt can carry.
    """
    current_a_max = max(abs(row.current_a) for row in recording.rows)
    fitting = [shunt for shunt in STOCK_SHUNTS_MOHM if shunt * current_a_max <= SHUNT_USE_MAX * SHUNT_MV_MAX]
    if not fitting:
        raise ReplayInputWrong(
            f"the recording reaches {current_a_max:g} A, an INA226 measures up to"
            f" {SHUNT_USE_MAX * SHUNT_MV_MAX / STOCK_SHUNTS_MOHM[-1]:.0f} A: is the current column in A?"
        )
    return Board(
        name="replay",
        chips=(
            Ina226Part(id="meter", address=0x40, shunt_mohm=fitting[0]),
            Ads1115Part(id="adc", address=0x48, inputs=(ThermistorPart(id="ntc", input=0),)),
        ),
        nodes=(
            BoardNode(
                uid=UID,
                chemistry=chemistry,
                capacity_ah=capacity_ah,
                # Beyond a multiple of the rating a current counts as a broken chip.
                current_a_max=max(current_a_max, 0.1),
                voltage="meter",
                current="meter",
                temperature="adc.ntc",
                charge_pin=5,
                discharge_pin=6,
            ),
        ),
    )


def judge(rows: Iterable[ReplayRow], *, from_s: float = 0.0) -> Judgement | None:
    """Over the rows from that time on; None where no row has a truth."""
    squares: list[float] = []
    held = 0
    for row in rows:
        if row.truth_percent is not None and row.time_s >= from_s:
            error = row.soc_percent - row.truth_percent
            squares.append(error * error)
            held += abs(error) <= row.band_percent
    if not squares:
        return None
    return Judgement(
        rows=len(squares),
        rmse_points=math.sqrt(math.fsum(squares) / len(squares)),
        coverage_percent=100 * held / len(squares),
    )
