"""A journal without a disk: for a machine whose disk cannot be written, and for tests.

Its journal_id is new at each start, so no sequence can ever be used twice.
"""

from bisect import insort
from collections import deque
from collections.abc import Mapping, Sequence

from msgspec import structs

from edge.journal.packing import Row, pack, thin, unpack
from edge.journal.port import (
    HISTORY_PERIOD_US,
    LIVE_UNACKNOWLEDGED_MAX,
    Depth,
    NewReport,
    StoredReport,
    Telemetry,
    TelemetryStream,
)
from edge.journal.wire import BOOT_KEY, dated, energy_records, read_boots, telemetry_record
from shared.clock import Clock
from shared.ids import new_id
from shared.messages import Ack, EnergyRecord, Stream, TelemetryRecord

RECORDS_MAX = 7_200
HISTORY_ROWS_MAX = 1_440
"""A day: memory is smaller than a disk."""
DONE_REPORTS_MAX = 200


class MemoryJournal:
    """Bounded: telemetry is thinned above `records_max`; energy reports are never given up."""

    def __init__(
        self,
        *,
        clock: Clock,
        boot_id: str,
        records_max: int = RECORDS_MAX,
        problem: str | None = None,
        state: Mapping[str, bytes] | None = None,
    ) -> None:
        self._clock = clock
        self._boot_id = boot_id
        self._records_max = records_max
        self._problem = problem
        self._state = dict(state or {})
        self._boots = read_boots(self._state)
        self._journal_id = new_id("jrn", clock)
        self._next = dict.fromkeys(Stream, 1)
        self._live: dict[int, Row] = {}
        self._sent: dict[int, Row] = {}
        """Backlog records that have a sequence."""
        self._backlog: list[Row] = []
        self._energy: dict[int, StoredReport] = {}
        self._made_us: dict[int, int] = {}
        self._done: deque[StoredReport] = deque(maxlen=DONE_REPORTS_MAX)
        self._history: deque[Row] = deque(maxlen=HISTORY_ROWS_MAX)
        self._thinned = 0

    @property
    def journal_id(self) -> str:
        return self._journal_id

    @property
    def is_saved(self) -> bool:
        return True  # nothing here survives, so there is nothing to wait for

    def time_known(self, boot_id: str, booted_us: int) -> None:
        self._boots[boot_id] = booted_us
        self._state[BOOT_KEY + boot_id] = str(booted_us).encode()
        rows = [pack(dated(unpack(row.body), self._boots)) for row in self._history]
        self._history = deque(sorted(rows), maxlen=HISTORY_ROWS_MAX)

    def put_telemetry(self, telemetry: Telemetry, *, link_up: bool) -> Stream:
        row = pack(telemetry)
        if not self._history or abs(row.made_us - self._history[-1].made_us) >= HISTORY_PERIOD_US:
            self._history.append(row)
        if link_up and len(self._live) < LIVE_UNACKNOWLEDGED_MAX:
            self._live[self._take(Stream.LIVE)] = row
            return Stream.LIVE
        self._backlog.append(row)
        if len(self._backlog) > self._records_max:
            kept = thin(self._backlog)
            self._thinned += len(self._backlog) - len(kept)
            self._backlog = kept
        return Stream.BACKLOG

    def put_energy(
        self, reports: Sequence[NewReport], *, state: Mapping[str, bytes] | None = None
    ) -> tuple[int, ...]:
        self._state.update(state or {})
        return tuple(self._put_report(report) for report in reports)

    def _put_report(self, new: NewReport) -> int:
        for known in (*self._energy.values(), *self._done):
            if known.report_id == new.report_id:
                return known.seq
        seq = self._take(Stream.ENERGY)
        self._made_us[seq] = self._clock.now_us()
        self._energy[seq] = StoredReport(
            seq=seq,
            report_id=new.report_id,
            report=new.report,
            signature=new.signature,
            acknowledged=False,
            refusal=None,
        )
        return seq

    def telemetry_after(self, stream: TelemetryStream, after: int, limit: int) -> tuple[TelemetryRecord, ...]:
        held = self._live if stream is Stream.LIVE else self._sent
        chosen = [seq for seq in held if seq > after][:limit]
        if stream is Stream.BACKLOG:
            fresh, self._backlog = (
                self._backlog[: limit - len(chosen)],
                self._backlog[limit - len(chosen) :],
            )
            for row in fresh:
                seq = self._take(Stream.BACKLOG)
                self._sent[seq] = row
                chosen.append(seq)
        oldest = next(iter(held), 1)
        return tuple(
            telemetry_record(
                held[seq].body,
                journal_id=self._journal_id,
                stream=stream,
                seq=seq,
                oldest=oldest,
                boot_id=self._boot_id,
                monotonic_us=round(self._clock.monotonic() * 1e6),
                booted_us=self._boots,
            )
            for seq in chosen
        )

    def energy_after(self, after: int, limit: int) -> tuple[EnergyRecord, ...]:
        rows = [(r.seq, r.report, r.signature) for r in self._energy.values() if r.seq > after][:limit]
        return energy_records(rows, journal_id=self._journal_id, oldest=next(iter(self._energy), 1))

    def acknowledge(self, ack: Ack) -> int | None:
        if ack.journal_id != self._journal_id:
            return None
        if ack.through >= self._next[ack.stream]:
            self._journal_id = new_id("jrn", self._clock)
            return 0
        if ack.stream is Stream.ENERGY:
            return self._release_reports(ack)
        held = self._live if ack.stream is Stream.LIVE else self._sent
        gone = [seq for seq in held if seq <= ack.through]
        for seq in gone:
            del held[seq]
        return len(gone)

    def _release_reports(self, ack: Ack) -> int:
        reasons = {refusal.seq: refusal.reason for refusal in ack.refused}
        gone = [seq for seq in self._energy if seq <= ack.through]
        for seq in gone:
            report = self._energy.pop(seq)
            self._made_us.pop(seq)
            self._done.append(structs.replace(report, acknowledged=True, refusal=reasons.get(seq)))
        return len(gone)

    def next_seq(self, stream: Stream) -> int:
        return self._next[stream]

    def get(self, key: str) -> bytes | None:
        return self._state.get(key)

    def put(self, key: str, value: bytes | None) -> None:
        if value is None:
            self._state.pop(key, None)
        else:
            self._state[key] = value

    def keys(self, prefix: str) -> tuple[str, ...]:
        found: list[str] = []
        for key in self._state:
            if key.startswith(prefix):
                insort(found, key)
        return tuple(found)

    def history(self, since_us: int) -> tuple[Telemetry, ...]:
        return tuple(unpack(row.body) for row in self._history if row.made_us >= since_us)

    def reports(self, limit: int) -> tuple[StoredReport, ...]:
        return tuple(sorted((*self._energy.values(), *self._done), key=lambda r: -r.seq)[:limit])

    def depth(self) -> Depth:
        rows = (*self._live.values(), *self._sent.values(), *self._backlog)
        first = [next(iter(held), None) for held in (self._live.values(), self._sent.values(), self._backlog)]
        ages = [dated(unpack(row.body), self._boots).utc_us for row in first if row is not None]
        ages += list(self._made_us.values())
        return Depth(
            live=len(self._live),
            backlog=len(self._sent) + len(self._backlog),
            energy=len(self._energy),
            oldest_us=min(ages, default=None),
            unsaved=len(rows) + len(self._energy),
            thinned=self._thinned,
            refused=sum(1 for report in self._done if report.refusal),
            bytes_used=0,
            problem=self._problem,
        )

    def flush(self, *, force: bool = False) -> bool:  # noqa: ARG002  there is nothing to force
        return self._problem is None

    def close(self) -> None:
        pass

    def _take(self, stream: Stream) -> int:
        seq = self._next[stream]
        self._next[stream] = seq + 1
        return seq
