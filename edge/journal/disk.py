"""The journal in one SQLite file: batched telemetry, immediate energy reports, healed when torn.

Why nothing is lost beyond the bound, and no sequence is used twice:

* Every commit ends with fsync (`synchronous=FULL`). Telemetry and state wait in memory and are committed
  together 55 s after the first of them came (11/12 of `loss_s`); the caller calls `flush` each second, so a
  power cut takes at most 60 s of them. An energy report is committed before `put_energy` returns, with the
  state given beside it and everything that waits.
* Sequences are counted in memory. At each start the journal first commits a floor of next + 2^30 for each
  stream, and only a close in good order writes the true next back. So after a crash counting goes on above
  everything that can have been sent. 2^30 records are 34 years at one a second, and 2^53 / 2^30 gives eight
  million crashes. The cloud accepts such a jump, because every record tells the oldest one still held.
* A live record may be sent before it is on disk: if a crash takes it, its sequence is skipped as above.
  A backlog record gets its sequence in a commit before it is first sent, so it can never come again under
  another one.
* Acknowledgements are applied in memory at once and to the file with the next commit. If a crash takes them,
  the records are sent again under the same sequence, and the cloud knows them.
"""

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import structs

from edge.journal import rows, tables
from edge.journal.file import JournalFile
from edge.journal.packing import Row, pack, thin, unpack
from edge.journal.port import (
    HISTORY_DAYS,
    HISTORY_PERIOD_US,
    LIVE_UNACKNOWLEDGED_MAX,
    Depth,
    NewReport,
    StoredReport,
    Telemetry,
    TelemetryStream,
)
from edge.journal.rows import Report
from edge.journal.salvage import Salvaged, refill
from edge.journal.thinning import Thinning
from edge.journal.wire import (
    BOOT_KEY,
    BOOTS_MAX,
    dated,
    energy_records,
    read_boots,
    telemetry_record,
)
from shared.clock import Clock
from shared.messages import Ack, EnergyRecord, Stream, TelemetryRecord

logger = logging.getLogger(__name__)

LOSS_S = 60.0
FLUSH_SHARE = 11 / 12
"""A commit begins at this share of `loss_s`: the rest is for a late caller and a slow disk."""
BYTES_MAX = 256 * 1024 * 1024
DAY_US = 86_400_000_000
SEQ_RESERVE = 2**30
SEQ_MAX = 2**53
HISTORY_BATCH = 5
"""Readings of the history that are written together: what waits to be sent is kept beside them."""
MEMORY_ROWS_MAX = 3_600
"""Telemetry kept in memory while the disk refuses; thinned above it."""


class DiskJournal:
    """See `edge.journal.port.Journal`."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        boot_id: str,
        bytes_max: int = BYTES_MAX,
        loss_s: float = LOSS_S,
        history_days: int = HISTORY_DAYS,
    ) -> None:
        """Open, check and if need be heal the file.

        `loss_s` is the most telemetry, in seconds, that a power cut may take.

        Raises:
            sqlite3.Error, OSError: the disk refuses to let the journal be opened at all.
        """
        self._clock = clock
        self._boot_id = boot_id
        self._given_up = 0
        self._flush_s = loss_s * FLUSH_SHARE
        self._history_rows_max = history_days * (DAY_US // HISTORY_PERIOD_US) + 1
        self._boots: dict[str, int] = {}
        self._thinning = Thinning(bytes_max)
        self._dirty_since: float | None = None
        # Acknowledged, and not yet so on disk.
        self._through = dict.fromkeys(Stream, 0)
        self._refusals: dict[int, str] = {}
        # All live records that wait; those already on disk are named beside them.
        self._live: dict[int, Row] = {}
        self._live_saved: set[int] = set()
        # Not on disk: telemetry until the next commit, reports only while the disk refuses.
        self._backlog: list[Row] = []
        self._energy: list[Report] = []
        self._history_unsaved: list[Row] = []
        self._history_due = False
        self._state_unsaved: set[str] = set()
        # Copies of what is on disk.
        self._state: dict[str, bytes] = {}
        self._history_last_us: int | None = None
        self._journal_id = ""
        self._next = dict.fromkeys(Stream, 1)
        self._on_disk = rows.Counts(0, 0, 0)
        self._bytes_used = 0
        self._file = JournalFile(path, clock=clock, load=self._load, refill=self._refill)

    # -- opening, healing, closing

    def _load(self, db: sqlite3.Connection) -> None:
        """Take in a file that is whole."""
        meta = rows.read_meta(db)
        try:
            self._journal_id = meta["journal_id"]
            self._next = {stream: int(meta.get(f"next_{stream}", 1)) for stream in Stream}
        except (KeyError, ValueError) as error:
            raise tables.TornFile(f"meta: {error!r}") from None
        if max(self._next.values()) > SEQ_MAX - SEQ_RESERVE:
            raise tables.TornFile("the sequences are used up")
        self._live = rows.read_live(db)
        self._live_saved = set(self._live)
        self._history_last_us = rows.history_last_us(db)
        self._state = rows.read_state(db)
        self._boots = read_boots(self._state)
        self._count(db)
        self._reserve(db)

    def _refill(self, db: sqlite3.Connection, found: Salvaged) -> None:
        """Go on in a fresh file with what could be read of a torn one and what is in memory."""
        self._journal_id = rows.read_meta(db)["journal_id"]
        # Live records of memory may have gone out under the old name; here they start anew.
        refill(db, found, energy=self._energy, telemetry=list(self._live.values()))
        self._state = {**rows.read_state(db), **self._state}
        self._boots = read_boots(self._state)
        self._state_unsaved.update(self._state)
        self._energy, self._live, self._live_saved = [], {}, set()
        self._through, self._refusals = dict.fromkeys(Stream, 0), {}
        self._next = {stream: rows.highest(db, stream) + 1 for stream in Stream}
        self._count(db)
        self._reserve(db)
        self._touch()

    def _count(self, db: sqlite3.Connection) -> None:
        self._on_disk = rows.counts(db)
        self._bytes_used = tables.bytes_used(db)

    def _reserve(self, db: sqlite3.Connection) -> None:
        """Commit the floors, into the file itself, before any sequence is handed out."""
        db.execute("BEGIN IMMEDIATE")
        self._write_meta(db, SEQ_RESERVE)
        db.execute("DELETE FROM meta WHERE key = 'closed'")
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _write_meta(self, db: sqlite3.Connection, ahead: int) -> None:
        values = [("journal_id", self._journal_id)]
        values += [(f"next_{stream}", str(seq + ahead)) for stream, seq in self._next.items()]
        rows.write_meta(db, values)

    def close(self) -> None:
        if self._history_unsaved:
            self._history_due = True
            self._touch()
        if self.flush(force=True):

            def leave(db: sqlite3.Connection) -> None:
                self._write_meta(db, 0)
                rows.write_meta(db, [("closed", "1")])

            self._file.write(leave)
        self._file.close()

    # -- records in

    @property
    def journal_id(self) -> str:
        return self._journal_id

    @property
    def is_saved(self) -> bool:
        return self._dirty_since is None and self._file.problem is None

    def time_known(self, boot_id: str, booted_us: int) -> None:
        self.put(BOOT_KEY + boot_id, str(booted_us).encode())
        for key in self.keys(BOOT_KEY)[:-BOOTS_MAX]:
            self.put(key, None)
        self._boots = read_boots(self._state)
        self._history_due = bool(self._history_unsaved)
        self.flush(force=True)
        self._file.write(lambda db: rows.move_history(db, self._redated))
        self._history_last_us = None

    def _redated(self, body: bytes) -> Row | None:
        telemetry = unpack(body)
        now = dated(telemetry, self._boots)
        return None if now is telemetry else pack(now)

    def put_telemetry(self, telemetry: Telemetry, *, link_up: bool) -> Stream:
        row = pack(telemetry)
        self._touch()
        last_us = self._history_last_us
        if self._history_rows_max > 1 and (
            last_us is None or abs(row.made_us - last_us) >= HISTORY_PERIOD_US
        ):
            self._history_last_us = row.made_us
            self._history_unsaved.append(row)
            self._history_due = len(self._history_unsaved) >= HISTORY_BATCH
        if link_up and len(self._live) < LIVE_UNACKNOWLEDGED_MAX:
            self._live[self._take(Stream.LIVE)] = row
            return Stream.LIVE
        self._backlog.append(row)
        if len(self._backlog) > MEMORY_ROWS_MAX:
            kept = thin(self._backlog)
            self._given_up += len(self._backlog) - len(kept)
            self._backlog = kept
            self._history_unsaved = self._history_unsaved[-MEMORY_ROWS_MAX:]
        return Stream.BACKLOG

    def put_energy(
        self, reports: Sequence[NewReport], *, state: Mapping[str, bytes] | None = None
    ) -> tuple[int, ...]:
        for key, value in (state or {}).items():
            self.put(key, value)
        seqs = tuple(self._put_report(report) for report in reports)
        self.flush(force=True)
        return seqs

    def _put_report(self, new: NewReport) -> int:
        seq = next((r.seq for r in self._energy if r.report_id == new.report_id), None)
        seq = seq or self._file.read(lambda db: rows.seq_of_report(db, new.report_id), None)
        if seq is None:
            seq = self._take(Stream.ENERGY)
            self._energy.append(Report(seq, *new, self._clock.now_us()))
            self._touch()
        return seq

    # -- records out

    def telemetry_after(self, stream: TelemetryStream, after: int, limit: int) -> tuple[TelemetryRecord, ...]:
        if stream is Stream.LIVE:
            found = [(seq, row.body) for seq, row in self._live.items() if seq > after][:limit]
            oldest = next(iter(self._live), 1)
        else:
            found, oldest = self._backlog_after(after, limit)
        try:
            return tuple(
                telemetry_record(
                    body,
                    journal_id=self._journal_id,
                    stream=stream,
                    seq=seq,
                    oldest=oldest,
                    boot_id=self._boot_id,
                    monotonic_us=round(self._clock.monotonic() * 1e6),
                    booted_us=self._boots,
                )
                for seq, body in found
            )
        except msgspec.MsgspecError as error:
            self._file.failed(tables.TornFile(f"telemetry cannot be read: {error}"))
            return ()

    def _backlog_after(self, after: int, limit: int) -> tuple[list[tuple[int, bytes]], int]:
        through = self._through[Stream.BACKLOG]
        above = max(after, through)
        found = self._file.rows(lambda db: rows.backlog_after(db, above, limit))
        if len(found) < limit and self._number(limit - len(found)):
            found = self._file.rows(lambda db: rows.backlog_after(db, above, limit))
        first = self._file.rows(lambda db: rows.backlog_after(db, through, 1))
        return found, first[0][0] if first else 1

    def _number(self, count: int) -> int:
        """Give the oldest unsent backlog records their sequences, durably; the answer is how many."""
        if not self._on_disk.backlog and not self._backlog:
            return 0
        if self._backlog and not self.flush(force=True):
            return 0
        first = self._next[Stream.BACKLOG]
        numbered = 0

        def number(db: sqlite3.Connection) -> None:
            nonlocal numbered
            numbered = rows.number_backlog(db, first, count)

        if not self._file.write(number):
            return 0
        self._next[Stream.BACKLOG] = first + numbered
        return numbered

    def energy_after(self, after: int, limit: int) -> tuple[EnergyRecord, ...]:
        through = self._through[Stream.ENERGY]
        above = max(after, through)
        found = self._file.rows(lambda db: rows.energy_after(db, above, limit))
        unsaved = [r for r in self._energy if r.seq > through]
        found += [(r.seq, r.report, r.signature) for r in unsaved if r.seq > above]
        first = self._file.rows(lambda db: rows.energy_after(db, through, 1))
        oldest = first[0][0] if first else next((r.seq for r in unsaved), 1)
        try:
            return energy_records(found[:limit], journal_id=self._journal_id, oldest=oldest)
        except msgspec.MsgspecError as error:
            self._file.failed(tables.TornFile(f"an energy report cannot be read: {error}"))
            return ()

    def acknowledge(self, ack: Ack) -> int | None:
        if ack.journal_id != self._journal_id:
            return None
        stream, before, through = ack.stream, self._through[ack.stream], ack.through
        if through >= self._next[stream]:
            self._rename(f"the cloud has {stream} {through}, this journal gave out less")
            return 0
        if through <= before:
            return 0
        if stream is Stream.LIVE:
            gone = [seq for seq in self._live if seq <= through]
            for seq in gone:
                del self._live[seq]
            released = len(gone)
        else:
            released = self._file.read(lambda db: rows.released(db, stream, before, through), 0)
            left = {stream.value: getattr(self._on_disk, stream.value) - released}
            self._on_disk = self._on_disk._replace(**left)
        if stream is Stream.ENERGY:
            self._refusals.update({r.seq: r.reason for r in ack.refused if before < r.seq <= through})
            released += sum(1 for r in self._energy if before < r.seq <= through)
        self._through[stream] = through
        self._touch()
        return released

    def _rename(self, reason: str) -> None:
        """Sequences go on; under the new name the cloud's count starts at 0 and it accepts the jump."""
        name = self._file.new_name()
        if self._file.write(lambda db: rows.write_meta(db, [("journal_id", name)])):
            logger.warning("journal renamed reason=%s old=%s new=%s", reason, self._journal_id, name)
            self._journal_id = name
            self._through = dict.fromkeys(Stream, 0)

    def next_seq(self, stream: Stream) -> int:
        return self._next[stream]

    # -- state, history, reports

    def get(self, key: str) -> bytes | None:
        return self._state.get(key)

    def put(self, key: str, value: bytes | None) -> None:
        if self._state.get(key) == value:
            return
        if value is None:
            del self._state[key]
        else:
            self._state[key] = value
        self._state_unsaved.add(key)
        self._touch()

    def keys(self, prefix: str) -> tuple[str, ...]:
        return tuple(sorted(key for key in self._state if key.startswith(prefix)))

    def history(self, since_us: int) -> tuple[Telemetry, ...]:
        saved = self._file.rows(lambda db: rows.history(db, since_us))
        unsaved = [row.body for row in self._history_unsaved if row.made_us >= since_us]
        try:
            return tuple(unpack(body) for body in (*saved, *unsaved))
        except msgspec.MsgspecError as error:
            self._file.failed(tables.TornFile(f"history cannot be read: {error}"))
            return ()

    def reports(self, limit: int) -> tuple[StoredReport, ...]:
        unsaved = [
            StoredReport(
                seq=r.seq,
                report_id=r.report_id,
                report=r.report,
                signature=r.signature,
                acknowledged=False,
                refusal=None,
            )
            for r in reversed(self._energy)
        ]
        found = unsaved + self._file.rows(lambda db: rows.latest_reports(db, limit))
        through = self._through[Stream.ENERGY]
        return tuple(
            structs.replace(
                report,
                acknowledged=report.acknowledged or report.seq <= through,
                refusal=self._refusals.get(report.seq, report.refusal),
            )
            for report in found[:limit]
        )

    def depth(self) -> Depth:
        unsaved_energy = [r for r in self._energy if r.seq > self._through[Stream.ENERGY]]
        through = self._through
        report_us = self._file.read(lambda db: rows.oldest_report_us(db, through[Stream.ENERGY]), None)
        ages = [report_us] if report_us is not None else [r.made_us for r in unsaved_energy[:1]]
        first = [row.body for row in islice(self._live.values(), 1)]
        first += self._file.rows(lambda db: rows.oldest_backlog(db, through[Stream.BACKLOG])) or [
            row.body for row in self._backlog[:1]
        ]
        ages += [dated(unpack(body), self._boots).utc_us for body in first]
        unsaved_live = sum(1 for seq in self._live if seq not in self._live_saved)
        return Depth(
            live=len(self._live),
            backlog=self._on_disk.backlog + len(self._backlog),
            energy=self._on_disk.energy + len(unsaved_energy),
            oldest_us=min(ages, default=None),
            unsaved=unsaved_live + len(self._backlog) + len(unsaved_energy),
            thinned=self._given_up + self._thinning.given_up,
            refused=self._on_disk.refused + len(self._refusals),
            bytes_used=self._bytes_used,
            problem=self._file.problem,
        )

    # -- the disk

    def flush(self, *, force: bool = False) -> bool:
        if self._dirty_since is None:
            return True
        if not force and self._clock.monotonic() - self._dirty_since < self._flush_s:
            return self._file.problem is None
        # The second try is for a file that was healed by the first.
        if not self._save() and (self._file.problem is not None or not self._save()):
            # A full disk is asked again after another period, or by the next report.
            self._dirty_since = self._clock.monotonic()
            return False
        self._live_saved = set(self._live)
        self._energy, self._backlog = [], []
        if self._history_due:
            self._history_unsaved, self._history_due = [], False
        self._refusals, self._dirty_since = {}, None
        self._state_unsaved.clear()
        self._file.read(self._count, None)
        if self._thinning.is_due(self._bytes_used) and self._file.write(self._thinning.step):
            self._file.read(self._count, None)
        return True

    def _save(self) -> bool:
        pending = rows.Pending(
            energy=self._energy,
            live=[(seq, row) for seq, row in self._live.items() if seq not in self._live_saved],
            backlog=self._backlog,
            state={key: self._state.get(key) for key in self._state_unsaved},
            history=self._history_unsaved if self._history_due else (),
            history_rows_max=self._history_rows_max,
            through=self._through,
            refusals=self._refusals,
        )
        return self._file.write(lambda db: rows.write(db, pending, self._clock.now_us()))

    def _touch(self) -> None:
        if self._dirty_since is None:
            self._dirty_since = self._clock.monotonic()

    def _take(self, stream: Stream) -> int:
        seq = self._next[stream]
        self._next[stream] = seq + 1
        return seq
