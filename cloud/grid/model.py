"""The words of the grid: nodes as last heard, devices that are there, transfers between nodes."""

from enum import StrEnum

from msgspec import Struct, structs

from shared.clock import rfc3339
from shared.messages import NodeState, Quality, Refusal, Stream

NODE_FRESH_US = 120_000_000
"""A node or device counts as being there for 2 min after it was last heard."""


class Node(Struct, frozen=True, kw_only=True):
    """The latest of one node."""

    device_id: str
    uid: str
    voltage_mv: int | None
    current_ma: int | None
    """Positive while discharging; None where nobody measured it."""
    temperature_c: float | None
    soc_percent: float | None
    soc_band_percent: float | None
    state: NodeState
    quality: Quality
    ip: str | None
    """The owner's business: never part of a public answer."""
    seen_us: int

    @property
    def public(self) -> dict[str, object]:
        """What everyone may see of it, in the words of the documented ping."""
        return {
            "device_id": self.device_id,
            "uid": self.uid,
            "voltage": None if self.voltage_mv is None else self.voltage_mv / 1_000,
            "current": None if self.current_ma is None else self.current_ma / 1_000,
            "temperature": self.temperature_c,
            "soc": self.soc_percent,
            "state": self.state,
            "quality": self.quality,
            "updated_at": rfc3339(self.seen_us),
        }


class Presence(Struct, frozen=True, kw_only=True):
    """Whether a device is there, and what it last said of itself as a whole."""

    device_id: str
    online: bool
    heard_us: int
    boot_id: str | None
    version: str | None
    voltage_mv: int | None
    battery_level_percent: float | None
    reported_us: int | None
    """When voltage and battery level were reported; None: never."""


class TransferState(StrEnum):
    REQUESTED = "requested"
    """By hand; no energy reported yet."""
    ACTIVE = "active"
    DELIVERED = "delivered"
    """It moved energy and has ended."""
    STOPPED = "stopped"
    """Ended by hand before any energy was reported."""
    FAILED = "failed"
    """Refused by the agent, or its lease ended without energy."""


class Transfer(Struct, frozen=True, kw_only=True):
    """One stretch of energy from one node to another."""

    id: str
    device_id: str
    sender_uid: str
    receiver_uid: str
    state: TransferState
    requested_us: int | None
    """None: the agent began it by itself."""
    lease_ends_us: int | None
    started_us: int | None
    """Start and end of the energy reported so far; None: nothing reported."""
    ended_us: int | None
    touched_us: int
    energy_mwh: int
    """Scaled, at the sender."""
    reports: int

    @property
    def public(self) -> dict[str, object]:
        """What everyone may see of it."""
        return {
            "transfer_id": self.id,
            "device_id": self.device_id,
            "sender_node_uid": self.sender_uid,
            "receiver_node_uid": self.receiver_uid,
            "status": self.state,
            "kwh": self.energy_mwh / 1_000_000,
        }


class StreamCursor(Struct, frozen=True, kw_only=True):
    """How far one stream has been applied."""

    id: int
    through: int


class StreamAck(Struct, frozen=True, kw_only=True):
    """What shall be told to a device about one of its streams."""

    device_id: str
    journal_id: str
    stream: Stream
    through: int
    refused: tuple[Refusal, ...] = ()

    @property
    def key(self) -> tuple[str, str, Stream]:
        return self.device_id, self.journal_id, self.stream

    def after(self, earlier: "StreamAck | None") -> "StreamAck":
        """The later of two, telling also what an earlier one of the same stream refused."""
        if earlier is None or not earlier.refused:
            return self
        told = {refusal.seq: refusal for refusal in (*earlier.refused, *self.refused)}
        return structs.replace(self, refused=tuple(told[seq] for seq in sorted(told)))


class Totals(Struct, frozen=True, kw_only=True):
    """The grid as a whole, now."""

    devices_online: int
    nodes_online: int
    soc_percent_mean: float | None
