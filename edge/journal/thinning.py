"""Keeping the journal below its cap: old telemetry loses resolution, then goes; energy reports never do."""

import sqlite3

CHUNK_ROWS = 2_048
DUE_SHARE = 15 / 16
"""Thinning begins at this share of the cap, so that the cap itself is never reached."""
BACKLOG_ROWS_MIN = 2 * CHUNK_ROWS
"""With fewer rows than this, halving them no longer helps and the oldest are given up."""


class Thinning:
    """Takes every second row out of one chunk of the older half at a time, then starts over at the oldest.

    The rows that stay are written again, because rows taken out singly leave half-empty pages that no new
    row at the end can use.
    """

    def __init__(self, bytes_max: int) -> None:
        self.given_up = 0
        self._bytes_max = bytes_max
        self._cursor = 0
        self._middle = 0

    def is_due(self, bytes_used: int) -> bool:
        """Whether the file is near its cap."""
        return bytes_used >= self._bytes_max * DUE_SHARE

    def step(self, db: sqlite3.Connection) -> None:
        """Free some room, inside the caller's transaction."""
        waiting = "FROM backlog WHERE seq IS NULL"
        if self._cursor >= self._middle:
            # One pass over the older half is over; where the half now ends is counted once a pass.
            count, self._cursor = db.execute(f"SELECT count(*), coalesce(min(id), 0) {waiting}").fetchone()
            if not count:
                return
            nth = f"SELECT id {waiting} ORDER BY id LIMIT 1 OFFSET ?"
            self._middle = db.execute(nth, (count // 2,)).fetchone()[0]
            if count < BACKLOG_ROWS_MIN:
                self.given_up += db.execute(f"DELETE {waiting} AND id <= ?", (self._middle,)).rowcount
                self._middle = 0
                return
        rows = db.execute(
            "SELECT id, made_us, body FROM backlog WHERE seq IS NULL AND id >= ? AND id < ?"
            " ORDER BY id LIMIT ?",
            (self._cursor, self._middle, CHUNK_ROWS),
        ).fetchall()
        if not rows:
            self._cursor = self._middle
            return
        self._cursor = rows[-1][0] + 1
        db.execute("DELETE FROM backlog WHERE seq IS NULL AND id >= ? AND id <= ?", (rows[0][0], rows[-1][0]))
        db.executemany("INSERT INTO backlog (id, seq, made_us, body) VALUES (?, NULL, ?, ?)", rows[::2])
        self.given_up += len(rows) - len(rows[::2])
