"""What one cycle sees and what it decides: the frozen values that pass from step to step."""

from typing import Literal

from msgspec import Struct

from shared.messages import Action, NodeState, Quality

Layer = Literal["safety", "manual", "plan", "balance"]
"""Who spoke: the first of them that has an opinion wins."""


class Value(Struct, frozen=True, kw_only=True):
    """One measured quantity; the unit stands in the name of the field that holds it."""

    value: float | None
    """None exactly when the quality is MISSING; a stale or frozen value is still shown."""
    quality: Quality
    measured_at: float | None
    """Monotonic seconds of the measurement itself, not of the cycle; None when never measured."""


MISSING = Value(value=None, quality=Quality.MISSING, measured_at=None)


class NodeSample(Struct, frozen=True, kw_only=True):
    """What the sensors of one node said in this cycle."""

    uid: str
    voltage_mv: Value
    current_ma: Value
    """Positive while the node discharges into the busbar."""
    temperature_c: Value
    gauge_soc_percent: Value = MISSING
    """The fuel gauge chip's own opinion, where the board has one."""


class Soc(Struct, frozen=True, kw_only=True):
    """The estimate of one node's state of charge."""

    percent: float
    """0 to 100."""
    band_percent: float
    """Half-width of the 95 % band, in points."""


class NodeView(Struct, frozen=True, kw_only=True):
    """One node in the snapshot: sample, estimate and relay position together."""

    sample: NodeSample
    soc: Soc | None
    """None until the first voltage was read."""
    relay: Action
    """Position now: charge, discharge, or idle for both open."""
    state: NodeState
    fault: str | None
    """The latched fault in one sentence, or None."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything one cycle decides on. Nothing is read again after it is built."""

    monotonic: float
    utc_us: int
    synced: bool
    """Whether the wall clock is known to be right."""
    nodes: tuple[NodeView, ...]


class NodeDecision(Struct, frozen=True, kw_only=True):
    """What one node shall do, who says so, and why."""

    uid: str
    action: Action
    by: Layer
    reason: str
    peer_uid: str | None = None
    veto: str | None = None
    """What safety refused, where a lower layer wanted something else."""


class Decision(Struct, frozen=True, kw_only=True):
    """One decision for each node of the snapshot, in its order."""

    nodes: tuple[NodeDecision, ...]
