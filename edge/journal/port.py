"""What the rest of the agent may ask of a journal, whichever way it is kept."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from msgspec import Struct

from shared.messages import Ack, EnergyRecord, NodeReading, Stream, TelemetryRecord

LIVE_UNACKNOWLEDGED_MAX = 60
"""With this many live records unanswered, further telemetry goes to the backlog."""
LATE_AFTER_S = 30.0
"""A record sent later than this after it was made is marked `historical`, also in the live stream."""
HISTORY_PERIOD_US = 60_000_000
HISTORY_DAYS = 7

TelemetryStream = Literal[Stream.LIVE, Stream.BACKLOG]


class Telemetry(Struct, frozen=True, kw_only=True):
    """One reading of all nodes, before it has a place in a stream."""

    boot_id: str
    monotonic_us: int
    utc_us: int
    synced: bool
    nodes: tuple[NodeReading, ...]


class NewReport(NamedTuple):
    """A signed energy report to keep."""

    report_id: str
    report: bytes
    """The bytes exactly as signed."""
    signature: str


class StoredReport(Struct, frozen=True, kw_only=True):
    """An energy report as the journal knows it."""

    seq: int
    report_id: str
    report: bytes
    """The bytes exactly as signed."""
    signature: str
    acknowledged: bool
    refusal: str | None
    """Why the cloud refused it for good; None otherwise."""


class Depth(Struct, frozen=True, kw_only=True):
    """How much waits, and how the journal is."""

    live: int
    backlog: int
    energy: int
    oldest_us: int | None
    """Wall time of the oldest record that waits; None when nothing waits."""
    unsaved: int
    """Records that are in memory alone at this moment."""
    thinned: int
    """Telemetry records given up since the start so that the rest fits."""
    refused: int
    """Energy reports that the cloud refused for good, as far back as the journal reaches."""
    bytes_used: int
    problem: str | None
    """What is wrong with the disk, in one sentence; None when all is well."""


class Journal(Protocol):
    """Called by one thread at a time. No method raises on a full or torn disk: `depth().problem` tells."""

    @property
    def journal_id(self) -> str:
        """Names the three sequences; another one after a heal."""
        ...

    @property
    def is_saved(self) -> bool:
        """Whether everything that was put would survive a power cut now."""
        ...

    def time_known(self, boot_id: str, booted_us: int) -> None:
        """The wall time, epoch microseconds, at which the monotonic clock of that boot was 0.

        Telemetry of that boot made before the time was known is from now on told in it, as synced.
        """
        ...

    def put_telemetry(self, telemetry: Telemetry, *, link_up: bool) -> Stream:
        """Keep a record; the answer is the stream it went to."""
        ...

    def put_energy(
        self, reports: Sequence[NewReport], *, state: Mapping[str, bytes] | None = None
    ) -> tuple[int, ...]:
        """Keep signed reports, durable on return together with `state`, all or none; their sequences.

        A known report_id is kept once, under the sequence it had.
        """
        ...

    def telemetry_after(self, stream: TelemetryStream, after: int, limit: int) -> tuple[TelemetryRecord, ...]:
        """The next records to send with a sequence above `after`, ascending; empty when there are none."""
        ...

    def energy_after(self, after: int, limit: int) -> tuple[EnergyRecord, ...]:
        """The next signed reports to send with a sequence above `after`, ascending."""
        ...

    def acknowledge(self, ack: Ack) -> int | None:
        """Forget what the cloud has stored; how many records that released, None for another journal_id.

        An acknowledgement of a sequence that was never given out means that this journal was put back from
        an older copy: it takes a new journal_id and keeps everything.
        """
        ...

    def next_seq(self, stream: Stream) -> int:
        """The sequence that the stream's next record will get: nothing at or above it was ever sent."""
        ...

    def get(self, key: str) -> bytes | None:
        """A value of the state, or None."""
        ...

    def put(self, key: str, value: bytes | None) -> None:
        """Set a value of the state, or remove it with None; durable within the loss bound, or by `flush`."""
        ...

    def keys(self, prefix: str) -> tuple[str, ...]:
        """The keys of the state that begin so, sorted."""
        ...

    def history(self, since_us: int) -> tuple[Telemetry, ...]:
        """One reading a minute from `since_us` on, ascending."""
        ...

    def reports(self, limit: int) -> tuple[StoredReport, ...]:
        """The latest energy reports, newest first, acknowledged ones included as far as they are kept."""
        ...

    def depth(self) -> Depth:
        """The state of things now."""
        ...

    def flush(self, *, force: bool = False) -> bool:
        """Write what is due, or everything; False when the disk refused and it stays in memory."""
        ...

    def close(self) -> None:
        """Write everything and close; the journal cannot be used afterwards."""
        ...
