"""A recorded cell: voltage, current, temperature and time of a real one, played back through the chips.

Columns are found by their names, unit in brackets, in any order; others are ignored:

    Time [s]  Voltage [V]  Current [A]  TempBottom [C] or Temperature [C]  SOC [%] (optional)

Current is given positive while discharging. Where the file has SOC, its direction decides whether the
file's sign must be turned; without it the file's own sign is kept.
"""

import csv
import gzip
import io
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

_NEEDED = {
    "time_s": ("time [s]",),
    "voltage_v": ("voltage [v]",),
    "current_a": ("current [a]",),
    "temperature_c": ("tempbottom [c]", "temperature [c]", "temp [c]"),
}
_SOC = ("soc [%]",)


class BadRecording(ValueError):
    """The file lacks a column, a number, or rising time; the message says where."""


class Moment(Struct, frozen=True):
    """One row."""

    time_s: float
    """Since the first row."""
    voltage_v: float
    current_a: float
    """Positive while discharging."""
    temperature_c: float
    soc_percent: float | None


class RecordedCell:
    """At least two rows in time order; between them values are interpolated, beyond the ends they hold."""

    def __init__(self, rows: tuple[Moment, ...]) -> None:
        self.rows = rows
        self._times = [row.time_s for row in rows]

    @property
    def duration_s(self) -> float:
        """Seconds from the first row to the last."""
        return self._times[-1]

    def at(self, time_s: float) -> Moment:
        """The moment that many seconds after the first row."""
        if time_s <= 0:
            return self.rows[0]
        if time_s >= self.duration_s:
            return self.rows[-1]
        after = bisect_right(self._times, time_s)
        low, high = self.rows[after - 1], self.rows[after]
        share = (time_s - low.time_s) / (high.time_s - low.time_s)
        soc = None
        if low.soc_percent is not None and high.soc_percent is not None:
            soc = low.soc_percent + (high.soc_percent - low.soc_percent) * share
        return Moment(
            time_s,
            low.voltage_v + (high.voltage_v - low.voltage_v) * share,
            low.current_a + (high.current_a - low.current_a) * share,
            low.temperature_c + (high.temperature_c - low.temperature_c) * share,
            soc,
        )


def load_recording(path: Path) -> RecordedCell:
    """A recording from `.csv` or `.csv.gz`.

    Raises:
        BadRecording: see the class.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadRecording(f"{path}: {error}") from error
    return parse_recording(text, origin=path.name)


def parse_recording(text: str, *, origin: str = "recording") -> RecordedCell:
    """A recording from CSV text.

    Raises:
        BadRecording: see the class.
    """
    reader = csv.reader(io.StringIO(text))
    header = [name.strip().lower() for name in next(reader, [])]
    columns = {field: _column(header, names, origin) for field, names in _NEEDED.items()}
    soc_column = next((header.index(name) for name in _SOC if name in header), None)
    rows: list[Moment] = []
    for number, cells in enumerate(reader, start=2):
        try:
            time_s, volts, amps, degrees = (float(cells[column]) for column in columns.values())
            soc = None if soc_column is None else float(cells[soc_column])
        except (ValueError, IndexError) as error:
            raise BadRecording(f"{origin}, line {number}: {error}") from error
        if rows and time_s <= rows[-1].time_s:
            raise BadRecording(f"{origin}, line {number}: time {time_s:g} s does not rise")
        rows.append(Moment(time_s, volts, amps, degrees, soc))
    if len(rows) < 2:  # noqa: PLR2004
        raise BadRecording(f"{origin}: at least two rows are needed, found {len(rows)}")
    turn = -1.0 if _charge_is_positive(rows) else 1.0
    start_s = rows[0].time_s
    return RecordedCell(
        tuple(
            Moment(
                row.time_s - start_s, row.voltage_v, turn * row.current_a, row.temperature_c, row.soc_percent
            )
            for row in rows
        )
    )


def _column(header: list[str], names: tuple[str, ...], origin: str) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise BadRecording(f"{origin}: no column {' or '.join(names)}, found {', '.join(header) or 'nothing'}")


def _charge_is_positive(rows: list[Moment]) -> bool:
    """Whether SoC rises while the file's current is positive, by the sum over all rows."""
    agreement = 0.0
    for before, after in pairwise(rows):
        if before.soc_percent is not None and after.soc_percent is not None:
            agreement += before.current_a * (after.soc_percent - before.soc_percent)
    return agreement > 0
