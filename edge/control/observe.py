"""One cycle's samples, estimates and relay positions into the snapshot that is decided on."""

from collections.abc import Mapping, Sequence

from edge.control.safety import Observed, SafetyLimits, SafetyState, advance
from edge.snapshot import NodeSample, NodeView, Snapshot, Soc
from shared.messages import Action, NodeState


def observe(
    *,
    samples: Sequence[NodeSample],
    socs: Mapping[str, Soc | None],
    positions: Mapping[str, Action],
    relay_faults: Mapping[str, str],
    safety: SafetyState,
    limits: Mapping[str, SafetyLimits],
    monotonic: float,
    utc_us: int,
    synced: bool,
) -> tuple[Snapshot, SafetyState]:
    """The snapshot, and the guards after it; a node without a known position counts as open."""
    observed = [
        Observed(
            sample=sample,
            soc=socs.get(sample.uid),
            relay=positions.get(sample.uid, Action.IDLE),
            relay_fault=relay_faults.get(sample.uid),
        )
        for sample in samples
    ]
    safety = advance(safety, observed, limits, monotonic=monotonic)
    nodes = []
    for node in observed:
        fault = safety.guard(node.sample.uid).fault
        nodes.append(
            NodeView(
                sample=node.sample,
                soc=node.soc,
                relay=node.relay,
                state=_state(node.relay, fault),
                fault=fault,
            )
        )
    return Snapshot(monotonic=monotonic, utc_us=utc_us, synced=synced, nodes=tuple(nodes)), safety


def _state(relay: Action, fault: str | None) -> NodeState:
    if fault is not None:
        return NodeState.FAULT
    match relay:
        case Action.DISCHARGE:
            return NodeState.SUPPLYING
        case Action.CHARGE:
            return NodeState.RECEIVING
        case _:
            return NodeState.IDLE
