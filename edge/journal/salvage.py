"""Setting a torn journal aside and reading out of it what can still be read, energy reports first."""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from edge.journal.packing import Row, unpack
from edge.journal.rows import Report
from edge.journal.tables import PAGE_BYTES, connect, create
from edge.journal.wire import is_report

logger = logging.getLogger(__name__)

KEPT_MAX = 3
"""Torn journals kept to be looked at; an older one goes."""
_SKIP_MAX = 2**16
"""How far beyond an unreadable row the next readable one is looked for."""
_ROOT_PAGES = 16
"""More than the pages of an empty journal."""
_ROWS_MAX = 2_000_000
_SIDE_FILES = ("-wal", "-shm")


class Salvaged(NamedTuple):
    """What was read; each list ascending by its key, with gaps where pages were lost."""

    energy: list[tuple[str, bytes, str, int, int | None, str | None]]
    """report_id, report, signature, made_us, done_us, refusal."""
    state: list[tuple[str, bytes]]
    telemetry: list[tuple[int, bytes]]
    """made_us, body."""
    history: list[tuple[int, bytes]]


def move_aside(path: Path) -> Path:
    """Rename the journal and its side files to the next `<stem>.corrupt-<n>`; the new path."""
    prefix = f"{path.stem}.corrupt-"
    taken = [name.name.removeprefix(prefix) for name in path.parent.glob(f"{prefix}*")]
    number = max((int(text) for text in taken if text.isdecimal()), default=0) + 1
    aside = path.with_name(f"{prefix}{number}")
    old = path.with_name(f"{prefix}{number - KEPT_MAX}")
    for name in (old, *(old.with_name(old.name + suffix) for suffix in _SIDE_FILES)):
        name.unlink(missing_ok=True)
    if path.exists():
        path.rename(aside)
    for suffix in _SIDE_FILES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            # A stale shared-memory index would hide rows; it is rebuilt from the log.
            side.unlink() if suffix == "-shm" else side.rename(aside.with_name(aside.name + suffix))
    return aside


def salvage(aside: Path) -> Salvaged:
    """Everything readable; empty lists when nothing is. The file itself is left as it was found."""
    found = Salvaged([], [], [], [])
    work = aside.with_name(aside.name + ".work")
    for repair in (False, True):
        try:
            _copy(aside, work)
            if repair:
                _put_first_page(work)
            source = work
        except (OSError, sqlite3.Error):
            # No room for a copy: read the file itself.
            source = aside
        with suppress(sqlite3.Error), closing(sqlite3.connect(source, isolation_level=None)) as db:
            db.text_factory = lambda raw: raw.decode("utf-8", "replace")
            found = _read(db)
        _remove(work)
        if found.energy or found.state or found.telemetry:
            break
    return found


def refill(
    db: sqlite3.Connection, found: Salvaged, *, energy: Sequence[Report], telemetry: Sequence[Row]
) -> None:
    """Put what was read, and what memory still has, into a fresh journal: reports numbered anew from 1.

    Bytes that are no longer a record are left behind in the torn file, with a line in the log.
    """
    reports = [row for row in found.energy if is_report(row[1])]
    known = {row[0] for row in reports}
    more = [(r.report_id, r.report, r.signature, r.made_us, None, None) for r in energy]
    waiting = [row for row in reports if row[4] is None] + [row for row in more if row[0] not in known]
    done = [row for row in reports if row[4] is not None]
    records = [row for row in dict.fromkeys((*found.telemetry, *telemetry)) if _is_telemetry(row[1])]
    history = [row for row in found.history if _is_telemetry(row[1])]
    db.execute("BEGIN IMMEDIATE")
    db.executemany(
        "INSERT OR IGNORE INTO energy VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(seq, *row) for seq, row in enumerate([*done, *waiting], start=1)],
    )
    db.executemany("INSERT INTO backlog (seq, made_us, body) VALUES (NULL, ?, ?)", records)
    db.executemany("INSERT OR IGNORE INTO history VALUES (?, ?)", history)
    db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", found.state)
    db.execute("COMMIT")
    logger.warning(
        "journal salvaged energy=%d telemetry=%d state=%d unreadable_energy=%d",
        len(waiting),
        len(records),
        len(found.state),
        len(found.energy) - len(reports),
    )


def _is_telemetry(body: bytes) -> bool:
    try:
        unpack(body)
    except msgspec.MsgspecError:
        return False
    return True


def _read(db: sqlite3.Connection) -> Salvaged:
    energy = [
        row[1:]
        for row in _rows(db, "energy", "seq", "seq, report_id, report, signature, made_us, done_us, refusal")
        if isinstance(row[1], str) and isinstance(row[2], bytes) and isinstance(row[3], str)
    ]
    state: list[tuple[str, bytes]] = []
    with suppress(sqlite3.Error):
        for key, value in db.execute("SELECT key, value FROM state"):
            if isinstance(key, str) and isinstance(value, bytes):
                state.append((key, value))
    telemetry = [
        row[1:] for row in _rows(db, "backlog", "id", "id, made_us, body") if isinstance(row[2], bytes)
    ]
    telemetry += [
        row[1:] for row in _rows(db, "live", "seq", "seq, made_us, body") if isinstance(row[2], bytes)
    ]
    history = [
        (row[0], row[1])
        for row in _rows(db, "history", "made_us", "made_us, body")
        if isinstance(row[1], bytes)
    ]
    return Salvaged(energy, state, sorted(telemetry), history)


def _rows(db: sqlite3.Connection, table: str, key: str, columns: str) -> Iterator[tuple[Any, ...]]:
    """Rows by rising key, stepping over unreadable pages, then from the end back to where that stopped."""
    last: int | None = None
    skip = 0
    count = 0
    while skip <= _SKIP_MAX and count < _ROWS_MAX:
        start = -(2**62) if last is None else last + skip
        try:
            for row in db.execute(f"SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key}", (start,)):
                count += 1
                if last is None or row[0] > last:  # a torn page may give the row before once more, for ever
                    last, skip = row[0], 0
                    yield row
        except sqlite3.Error:
            if last is None:
                last = 0
            skip = skip * 2 or 1
        else:
            return
    tail: list[tuple[Any, ...]] = []
    with suppress(sqlite3.Error):
        query = f"SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key} DESC LIMIT {_ROWS_MAX}"
        tail.extend(db.execute(query, (last if last is not None else -(2**62),)))
    yield from reversed(tail)


def _copy(aside: Path, work: Path) -> None:
    for suffix in ("", "-wal"):
        source = aside.with_name(aside.name + suffix)
        if source.exists():
            with source.open("rb") as src, work.with_name(work.name + suffix).open("wb") as dst:
                while chunk := src.read(1 << 20):
                    dst.write(chunk)


def _remove(work: Path) -> None:
    for suffix in ("", *_SIDE_FILES):
        work.with_name(work.name + suffix).unlink(missing_ok=True)


def _put_first_page(work: Path) -> None:
    """Replace the first page by that of an empty journal: the tables begin at the same pages in every one.

    A file that lost even some of those pages is made long enough, so that the tables that are left open.
    """
    template = work.with_name(work.name + ".empty")
    with closing(connect(template)) as db:
        create(db, "-")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    page = bytearray(template.read_bytes()[:PAGE_BYTES])
    _remove(template)
    with work.open("r+b") as file:
        size = max(file.seek(0, 2) // PAGE_BYTES, _ROOT_PAGES) * PAGE_BYTES
        file.truncate(size)
        # File format, section 1.3: size in pages at 28, freelist trunk and count at 32 and 36.
        page[28:32] = (size // PAGE_BYTES).to_bytes(4, "big")
        page[32:40] = bytes(8)
        file.seek(0)
        file.write(page)
