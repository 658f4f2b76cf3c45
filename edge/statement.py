"""What one turn of the cycle says to others: telemetry, device state, events."""

from collections.abc import Mapping
from typing import Literal

from msgspec import structs

from edge.availability import availability
from edge.config import EdgeConfig
from edge.control import ManualState
from edge.cycle import Turn
from edge.journal.port import Telemetry
from edge.snapshot import NodeSample, NodeView, Value
from hardware.board_model import Board, BoardNode
from shared.clock import from_micros
from shared.messages import DeviceEvent, DeviceState, HoldChoice, NodeReading, NodeStatus, Quality

REASON_LENGTH_MAX = 300
_WORST_FIRST = (
    Quality.MISSING,
    Quality.IMPLAUSIBLE,
    Quality.FROZEN,
    Quality.STALE,
    Quality.ESTIMATED,
    Quality.GOOD,
)
_LAYERS: tuple[Literal["safety", "manual", "plan", "balance"], ...] = (
    "safety",
    "manual",
    "plan",
    "balance",
)


def telemetry(turn: Turn, board: Board, *, boot_id: str) -> Telemetry:
    """The snapshot as a record."""
    snapshot = turn.snapshot
    facts = {node.uid: node for node in board.nodes}
    return Telemetry(
        boot_id=boot_id,
        monotonic_us=round(snapshot.monotonic * 1e6),
        utc_us=snapshot.utc_us,
        synced=snapshot.synced,
        nodes=tuple(_reading(view, facts[view.sample.uid], snapshot.monotonic) for view in snapshot.nodes),
    )


def device_state(
    turn: Turn,
    board: Board,
    config: EdgeConfig,
    *,
    manual: ManualState,
    totals: Mapping[str, tuple[int, int]],
    boot_id: str,
) -> DeviceState:
    """The latest of every node; `decided_by` is the first layer that spoke for any of them.

    `totals` are mWh sent and received that no crash can take back.
    """
    facts = {node.uid: node for node in board.nodes}
    speakers = {node.by for node in turn.decision.nodes}
    reasons = {node.uid: node for node in turn.decision.nodes}
    return DeviceState(
        device_id=config.device_id,
        boot_id=boot_id,
        utc=from_micros(turn.snapshot.utc_us),
        synced=turn.snapshot.synced,
        decided_by=next((layer for layer in _LAYERS if layer in speakers), "balance"),
        nodes=tuple(
            structs.replace(
                _status(view, facts[view.sample.uid], turn, reasons[view.sample.uid].reason),
                energy_sent_mwh=totals.get(view.sample.uid, (0, 0))[0],
                energy_received_mwh=totals.get(view.sample.uid, (0, 0))[1],
                hold=_held(manual, view.sample.uid),
                availability=availability(
                    view,
                    monotonic=turn.snapshot.monotonic,
                    period_s=config.cycle_s,
                    missed_max=config.sensing.stale_after_samples,
                ),
            )
            for view in turn.snapshot.nodes
        ),
    )


def events(turn: Turn, told: Mapping[str, str], *, boot_id: str) -> tuple[list[DeviceEvent], dict[str, str]]:
    """The events for what changed since `told`, and what has now been told (key: kind and node)."""
    now: dict[str, str] = {}
    for view in turn.snapshot.nodes:
        if view.fault is not None:
            now[f"fault/{view.sample.uid}"] = view.fault
    for uid, fault in turn.dispatched.faults.items():
        now[f"relay/{uid}"] = fault
    for node in turn.decision.nodes:
        if node.veto is not None:
            # The reason alone tells one veto from another: the wish behind it holds changing numbers.
            now[f"veto/{node.uid}"] = node.reason
    found = []
    for key in sorted(now.keys() | told.keys()):
        kind, _, uid = key.partition("/")
        if key not in now:
            kind, reason = f"{kind}_over", told[key]
        elif key not in told:
            reason = now[key]
        else:
            continue
        found.append(
            DeviceEvent(
                kind=kind,
                node_uid=None if uid == "*" else uid,
                reason=reason[:REASON_LENGTH_MAX],
                utc=from_micros(turn.snapshot.utc_us),
                boot_id=boot_id,
            )
        )
    return found, now


def worst_quality(sample: NodeSample, facts: BoardNode) -> Quality:
    """The worst among the quantities that the board measures."""
    present = {value.quality for value in _measured(sample, facts)}
    return next(quality for quality in _WORST_FIRST if quality in present)


def _measured(sample: NodeSample, facts: BoardNode) -> list[Value]:
    values = [sample.voltage_mv]
    if facts.current is not None:
        values.append(sample.current_ma)
    if facts.temperature is not None:
        values.append(sample.temperature_c)
    return values


def _reading(view: NodeView, facts: BoardNode, monotonic: float) -> NodeReading:
    sample = view.sample
    moments = [v.measured_at for v in _measured(sample, facts) if v.measured_at is not None]
    return NodeReading(
        uid=sample.uid,
        voltage_mv=_whole(sample.voltage_mv),
        current_ma=_whole(sample.current_ma),
        temperature_c=_rounded(sample.temperature_c.value, 2),
        soc_percent=None if view.soc is None else _rounded(view.soc.percent, 2),
        soc_band_percent=None if view.soc is None else _rounded(min(view.soc.band_percent, 100.0), 2),
        state=view.state,
        quality=worst_quality(sample, facts),
        age_ms=max(0, round(1000 * (monotonic - min(moments)))) if moments else None,
    )


def _status(view: NodeView, facts: BoardNode, turn: Turn, reason: str) -> NodeStatus:
    sample = view.sample
    voltage_mv, current_ma = _whole(sample.voltage_mv), _whole(sample.current_ma)
    waiting_s = turn.dispatched.waiting_s.get(sample.uid)
    if waiting_s:
        reason = f"{reason}; relays may switch in {waiting_s:.0f} s"
    return NodeStatus(
        uid=sample.uid,
        state=view.state,
        reason=reason[:REASON_LENGTH_MAX],
        voltage_mv=voltage_mv,
        current_ma=current_ma,
        power_mw=None if voltage_mv is None or current_ma is None else round(voltage_mv * current_ma / 1000),
        temperature_c=_rounded(sample.temperature_c.value, 2),
        soc_percent=None if view.soc is None else _rounded(view.soc.percent, 2),
        soc_band_percent=None if view.soc is None else _rounded(view.soc.band_percent, 2),
        energy_sent_mwh=turn.sent_mwh[sample.uid],
        energy_received_mwh=turn.received_mwh[sample.uid],
        quality=worst_quality(sample, facts),
        fault=None if view.fault is None else view.fault[:REASON_LENGTH_MAX],
    )


def _held(manual: ManualState, uid: str) -> HoldChoice:
    lease = manual.lease(uid)
    return lease.action.value if lease is not None and lease.local else "auto"


def _whole(value: Value) -> int | None:
    return None if value.value is None else round(value.value)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
