"""Every message that crosses MQTT between edge and cloud, as frozen Structs.

JSON by msgspec, unknown fields refused, the version in the topic. Times are RFC 3339 with Z; the fields
that carry a unit end in it. A missing measurement is absent (null), never zero.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from shared.ids import Name

Utc = Annotated[datetime, Meta(tz=True)]
Seq = Annotated[int, Meta(ge=1, le=2**53)]
Text = Annotated[str, Meta(max_length=300)]
Key = Annotated[str, Meta(min_length=1, max_length=64)]

PAYLOAD_BYTES_MAX = 256 * 1024
"""A larger MQTT payload is refused unread."""
NODES_MAX = 64
MILLI_MAX = 10_000_000
"""10 kV, 10 kA: beyond it a number is no measurement of a node."""


class NodeState(StrEnum):
    """What a node does now; behaviour 2.6."""

    IDLE = "IDLE"
    SUPPLYING = "SUPPLYING"
    RECEIVING = "RECEIVING"
    FAULT = "FAULT"


class Action(StrEnum):
    """What a node is asked to do."""

    CHARGE = "charge"
    DISCHARGE = "discharge"
    IDLE = "idle"


class Quality(StrEnum):
    """How far a reading may be trusted; it travels with the value from the chip to the page."""

    GOOD = "good"
    ESTIMATED = "estimated"
    """Derived from other readings, the sensor for it being absent."""
    STALE = "stale"
    """The last good value, older than the sampler allows."""
    FROZEN = "frozen"
    """The same raw value for too long while current flows."""
    IMPLAUSIBLE = "implausible"
    """Outside what the chip or the cell can physically be."""
    MISSING = "missing"
    """Never read, or the chip does not answer: there is no value."""


class Stream(StrEnum):
    """A sequence of records that is contiguous on its own under one journal_id."""

    LIVE = "live"
    BACKLOG = "backlog"
    ENERGY = "energy"


class Wire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all messages."""


class SignedMessage(Wire, frozen=True, kw_only=True):
    """A message of the cloud with its signature over the raw bytes of `body` (`shared.signatures`)."""

    body: Raw
    signature: Annotated[str, Meta(max_length=120)]


class Status(Wire, frozen=True, kw_only=True):
    """Retained; the broker sends the offline form as the agent's will."""

    state: Literal["online", "offline"]
    boot_id: Key
    version: Key


class NodeReading(Wire, frozen=True, kw_only=True):
    """One node's values in one snapshot."""

    uid: Name
    voltage_mv: Annotated[int, Meta(ge=-MILLI_MAX, le=MILLI_MAX)] | None
    """Terminal voltage of the cell."""
    current_ma: Annotated[int, Meta(ge=-MILLI_MAX, le=MILLI_MAX)] | None
    """Positive while discharging into the busbar."""
    temperature_c: Annotated[float, Meta(ge=-300, le=1_000)] | None
    soc_percent: Annotated[float, Meta(ge=0, le=100)] | None
    soc_band_percent: Annotated[float, Meta(ge=0, le=100)] | None
    """Half-width of the 95 % band around soc_percent, in points."""
    state: NodeState
    quality: Quality
    """The worst quality among the node's values."""
    age_ms: Annotated[int, Meta(ge=0, le=2**53)] | None
    """Age of the oldest value on the monotonic clock; None when there is none."""


class TelemetryRecord(Wire, frozen=True, kw_only=True):
    """One record for all nodes of a device, of the live or the backlog stream."""

    journal_id: Key
    stream: Stream
    """Live or backlog."""
    seq: Seq
    oldest: Seq
    """The lowest sequence of this stream that the journal still holds: nothing below it can come again."""
    boot_id: Key
    monotonic_us: Annotated[int, Meta(ge=0, le=2**62)]
    utc: Utc
    synced: bool
    """Whether the wall clock was known to be right when the record was made."""
    historical: bool
    """True when the record is sent late, so that nobody takes it for live."""
    nodes: Annotated[tuple[NodeReading, ...], Meta(max_length=NODES_MAX)]

    def __post_init__(self) -> None:
        if self.stream is Stream.ENERGY:
            raise ValueError("stream must be live or backlog")


class EnergyReport(Wire, frozen=True, kw_only=True):
    """One metered stretch of one transfer; its raw bytes are what the device signs."""

    report_id: Key
    device_id: Name
    sender_uid: Name
    receiver_uid: Name
    started_at: Utc
    ended_at: Utc
    """The interval is [started_at, ended_at)."""
    duration_ms: Annotated[int, Meta(gt=0, le=2**53)]
    """On the monotonic clock."""
    energy_mwh: Annotated[int, Meta(ge=0, le=2**53)]
    """Measured at the sender's terminals, integral of V·I; the cloud alone scales it."""
    received_mwh: Annotated[int, Meta(ge=0, le=2**53)] | None
    """Measured at the receiver's terminals; None where it has no current sensor."""
    voltage_mv_mean: Annotated[int, Meta(ge=0, le=MILLI_MAX)]
    """Time-weighted, at the sender's terminals."""
    current_ma_mean: Annotated[int, Meta(ge=-MILLI_MAX, le=MILLI_MAX)]
    """Time-weighted, at the sender's terminals, positive."""
    boot_id: Key
    synced: bool


class EnergyRecord(Wire, frozen=True, kw_only=True):
    """A signed report in the energy stream."""

    journal_id: Key
    seq: Seq
    oldest: Seq
    report: Raw
    """The bytes of one EnergyReport exactly as signed."""
    signature: Annotated[str, Meta(max_length=120)]


class Refusal(Wire, frozen=True, kw_only=True):
    """A record that will never be accepted, and why; the agent releases it and shows it."""

    seq: Seq
    reason: Text


class Ack(Wire, frozen=True, kw_only=True):
    """Everything up to `through` of one stream is stored durably or refused for good."""

    device_id: Name
    journal_id: Key
    stream: Stream
    through: Annotated[int, Meta(ge=0)]
    """0 before the first record."""
    refused: tuple[Refusal, ...] = ()


STOP_S = 60.0
"""How long a node keeps still after it has heard an `idle` command, before automatic control resumes."""


class Command(Wire, frozen=True, kw_only=True):
    """A manual command for one node: a lease that ends at expires_at.

    `idle` ends the node's lease instead: it keeps still for `STOP_S`, and may hear so until expires_at.
    """

    id: Key
    device_id: Name
    node_uid: Name
    action: Action
    peer_uid: Name | None = None
    """The other node of the transfer, where there is one."""
    issued_at: Utc
    expires_at: Utc


class CommandAck(Wire, frozen=True, kw_only=True):
    """The agent's answer to one command."""

    id: Key
    accepted: bool
    reason: Text


class Hold(Wire, frozen=True, kw_only=True):
    """A manual hold of one node, asked for locally; it beats the cloud until it expires."""

    node_uid: Name
    action: Literal["charge", "discharge", "idle", "release"]
    """`idle` keeps the node off; `release` ends the hold."""
    minutes: Annotated[int, Meta(ge=1, le=1440)] = 30


Presence = Literal["online", "offline"]
HoldChoice = Literal["auto", "charge", "discharge", "idle"]


class Availability(Wire, frozen=True, kw_only=True):
    """Which readings of a node are fresh and believed, in the words Home Assistant knows."""

    voltage: Presence
    current: Presence
    power: Presence
    temperature: Presence
    soc: Presence


class NodeStatus(Wire, frozen=True, kw_only=True):
    """A node as others may show it."""

    uid: Name
    state: NodeState
    reason: Text
    """Why it does what it does, in one sentence."""
    voltage_mv: int | None
    current_ma: int | None
    power_mw: int | None
    temperature_c: float | None
    soc_percent: float | None
    soc_band_percent: float | None
    energy_sent_mwh: int
    """Sum of all it has sent; it only grows, also across restarts."""
    energy_received_mwh: int
    quality: Quality
    fault: Text | None
    hold: HoldChoice = "auto"
    """What a local hold keeps it at; `auto` without one."""
    availability: Availability | None = None
    """None from an agent that does not tell."""


class DeviceState(Wire, frozen=True, kw_only=True):
    """Retained; the latest of every node with decision and reason."""

    device_id: Name
    boot_id: Key
    utc: Utc
    synced: bool
    decided_by: Literal["safety", "manual", "plan", "balance"]
    nodes: tuple[NodeStatus, ...]


class DeviceEvent(Wire, frozen=True, kw_only=True):
    """A veto, a fault, a hold, or a change of state worth telling."""

    kind: Key
    node_uid: Name | None
    reason: Text
    utc: Utc
    boot_id: Key


class GridPrice(Wire, frozen=True, kw_only=True):
    """The price in force, with its factors (behaviour 2.1)."""

    price_xlm_per_kwh: float
    supply: int
    demand: int
    breakdown: dict[str, float]
    utc: Utc


class ForecastSlot(Wire, frozen=True, kw_only=True):
    """One 15 min slot."""

    start: Utc
    price_xlm_per_kwh: float


class GridForecast(Wire, frozen=True, kw_only=True):
    """The next 24 h: 96 slots, ascending, no gaps."""

    made_at: Utc
    slots: tuple[ForecastSlot, ...]


class GridSummary(Wire, frozen=True, kw_only=True):
    """Totals of the grid."""

    utc: Utc
    devices_online: int
    nodes_online: int
    soc_percent_mean: float | None
    lt_minted: float
    energy_minted_kwh: float


class MarketTrade(Wire, frozen=True, kw_only=True):
    """A public trade, each time that its status changes."""

    id: Key
    kwh: float
    price_xlm_per_kwh: float
    status: Literal["Matched", "Completed", "Refunded"]
    """Sold and not delivered yet; settled; given up."""
    utc: Utc


class TreeHead(Wire, frozen=True, kw_only=True):
    """The signed tree head of the public book (RFC 9162, section 4.10)."""

    tree_size: int
    root_hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    utc: Utc
    signature: str


encode = msgspec.json.Encoder().encode
"""Any message to its JSON bytes."""
