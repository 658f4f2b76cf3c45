"""Every statement the journal runs on its tables; no state, no decision."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from edge.journal.packing import Row
from edge.journal.port import StoredReport
from shared.messages import Stream

DONE_REPORTS_MAX = 1_000
"""Acknowledged energy reports that are kept to be looked at."""


class Report(NamedTuple):
    """An energy report that waits to be written."""

    seq: int
    report_id: str
    report: bytes
    signature: str
    made_us: int


class Pending(NamedTuple):
    """What one commit writes."""

    energy: Sequence[Report]
    live: Sequence[tuple[int, Row]]
    backlog: Sequence[Row]
    state: Mapping[str, bytes | None]
    history: Sequence[Row]
    history_rows_max: int
    """With more than these, the rows furthest from the latest go, whatever the clock did in between."""
    through: Mapping[Stream, int]
    """Acknowledged up to here."""
    refusals: Mapping[int, str]


class Counts(NamedTuple):
    """Rows that wait on disk, and reports refused for good."""

    backlog: int
    energy: int
    refused: int


def write(db: sqlite3.Connection, pending: Pending, now_us: int) -> None:
    """Everything that waits, inside the caller's transaction."""
    through = pending.through
    db.executemany(
        "INSERT INTO energy (seq, report_id, report, signature, made_us) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (report_id) DO NOTHING",
        pending.energy,
    )
    db.executemany("INSERT INTO live VALUES (?, ?, ?)", [(seq, *row) for seq, row in pending.live])
    db.executemany("INSERT INTO backlog (seq, made_us, body) VALUES (NULL, ?, ?)", pending.backlog)
    db.execute("DELETE FROM live WHERE seq <= ?", (through[Stream.LIVE],))
    db.execute("DELETE FROM backlog WHERE seq <= ?", (through[Stream.BACKLOG],))
    done = db.execute(
        "UPDATE energy SET done_us = ? WHERE done_us IS NULL AND seq <= ?", (now_us, through[Stream.ENERGY])
    ).rowcount
    refusals = [(why, seq) for seq, why in pending.refusals.items()]
    db.executemany("UPDATE energy SET refusal = ? WHERE seq = ?", refusals)
    if done:
        db.execute(
            "DELETE FROM energy WHERE done_us IS NOT NULL AND seq <= (SELECT seq FROM energy"
            " WHERE done_us IS NOT NULL ORDER BY seq DESC LIMIT 1 OFFSET ?)",
            (DONE_REPORTS_MAX,),
        )
    changed = [(key, value) for key, value in pending.state.items() if value is not None]
    db.executemany(
        "INSERT INTO state VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", changed
    )
    gone = [(key,) for key, value in pending.state.items() if value is None]
    db.executemany("DELETE FROM state WHERE key = ?", gone)
    if pending.history:
        db.executemany("INSERT OR REPLACE INTO history VALUES (?, ?)", pending.history)
        over = db.execute("SELECT count(*) FROM history").fetchone()[0] - pending.history_rows_max
        if over > 0:
            db.execute(
                "DELETE FROM history WHERE made_us IN"
                " (SELECT made_us FROM history ORDER BY abs(made_us - ?) DESC LIMIT ?)",
                (pending.history[-1].made_us, over),
            )


def write_meta(db: sqlite3.Connection, values: Iterable[tuple[str, str]]) -> None:
    """Set values that describe the journal itself."""
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values)


def read_meta(db: sqlite3.Connection) -> dict[str, str]:
    """All values that describe the journal itself."""
    return dict(db.execute("SELECT key, value FROM meta"))


def read_state(db: sqlite3.Connection) -> dict[str, bytes]:
    """The whole state."""
    return dict(db.execute("SELECT key, value FROM state"))


def read_live(db: sqlite3.Connection) -> dict[int, Row]:
    """Live records by sequence, ascending."""
    rows = db.execute("SELECT seq, made_us, body FROM live ORDER BY seq")
    return {seq: Row(made_us, body) for seq, made_us, body in rows}


def history(db: sqlite3.Connection, since_us: int) -> list[bytes]:
    """Packed readings, ascending."""
    query = "SELECT body FROM history WHERE made_us >= ? ORDER BY made_us"
    return [row[0] for row in db.execute(query, (since_us,))]


def move_history(db: sqlite3.Connection, move: Callable[[bytes], Row | None]) -> None:
    """Put another row in the place of each for which `move` gives one."""
    moved = [
        (made_us, row)
        for made_us, body in db.execute("SELECT made_us, body FROM history")
        if (row := move(body)) is not None
    ]
    db.executemany("DELETE FROM history WHERE made_us = ?", [(made_us,) for made_us, _ in moved])
    db.executemany("INSERT OR REPLACE INTO history VALUES (?, ?)", [row for _, row in moved])


def history_last_us(db: sqlite3.Connection) -> int | None:
    """When the latest reading of the history was made."""
    last: int | None = db.execute("SELECT max(made_us) FROM history").fetchone()[0]
    return last


def highest(db: sqlite3.Connection, stream: Stream) -> int:
    """The highest sequence on disk; 0 when there is none."""
    return int(db.execute(f"SELECT coalesce(max(seq), 0) FROM {stream.value}").fetchone()[0])


def counts(db: sqlite3.Connection) -> Counts:
    """How many rows wait."""
    row = db.execute(
        "SELECT (SELECT count(*) FROM backlog), (SELECT count(*) FROM energy WHERE done_us IS NULL),"
        " (SELECT count(*) FROM energy WHERE refusal IS NOT NULL)"
    ).fetchone()
    return Counts(*row)


def backlog_after(db: sqlite3.Connection, above: int, limit: int) -> list[tuple[int, bytes]]:
    """Backlog records that have a sequence."""
    query = "SELECT seq, body FROM backlog WHERE seq > ? ORDER BY seq LIMIT ?"
    return db.execute(query, (above, limit)).fetchall()


def number_backlog(db: sqlite3.Connection, first: int, count: int) -> int:
    """Give the oldest unnumbered rows their sequences from `first` on; the answer is how many got one."""
    query = "SELECT id FROM backlog WHERE seq IS NULL ORDER BY id LIMIT ?"
    ids = [row[0] for row in db.execute(query, (count,))]
    db.executemany("UPDATE backlog SET seq = ? WHERE id = ?", [(first + n, key) for n, key in enumerate(ids)])
    return len(ids)


def energy_after(db: sqlite3.Connection, above: int, limit: int) -> list[tuple[int, bytes, str]]:
    """Reports that wait: sequence, bytes, signature."""
    query = "SELECT seq, report, signature FROM energy WHERE done_us IS NULL AND seq > ? ORDER BY seq LIMIT ?"
    return db.execute(query, (above, limit)).fetchall()


def seq_of_report(db: sqlite3.Connection, report_id: str) -> int | None:
    """The sequence of a known report."""
    row = db.execute("SELECT seq FROM energy WHERE report_id = ?", (report_id,)).fetchone()
    return None if row is None else int(row[0])


def latest_reports(db: sqlite3.Connection, limit: int) -> list[StoredReport]:
    """Newest first."""
    query = "SELECT seq, report_id, report, signature, done_us, refusal FROM energy ORDER BY seq DESC LIMIT ?"
    return [
        StoredReport(
            seq=seq,
            report_id=report_id,
            report=report,
            signature=signature,
            acknowledged=done_us is not None,
            refusal=refusal,
        )
        for seq, report_id, report, signature, done_us, refusal in db.execute(query, (limit,))
    ]


def released(db: sqlite3.Connection, stream: Stream, above: int, through: int) -> int:
    """How many rows on disk an acknowledgement covers."""
    waiting = "AND done_us IS NULL" if stream is Stream.ENERGY else ""
    query = f"SELECT count(*) FROM {stream.value} WHERE seq > ? AND seq <= ? {waiting}"
    return int(db.execute(query, (above, through)).fetchone()[0])


def oldest_report_us(db: sqlite3.Connection, through: int) -> int | None:
    """When the oldest waiting report on disk was made."""
    query = "SELECT made_us FROM energy WHERE done_us IS NULL AND seq > ? ORDER BY seq LIMIT 1"
    row = db.execute(query, (through,)).fetchone()
    return None if row is None else int(row[0])


def oldest_backlog(db: sqlite3.Connection, through: int) -> list[bytes]:
    """The oldest waiting backlog record on disk, or nothing."""
    query = "SELECT body FROM backlog WHERE seq IS NULL OR seq > ? ORDER BY id LIMIT 1"
    return [row[0] for row in db.execute(query, (through,))]
