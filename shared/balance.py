"""The balance rule of behaviour 2.6: who charges whom. One code for the agent and for `/iot/cmd`.

Pair the node with the highest SoC with the one with the lowest, then inwards. A new pair needs a gap of
15 points, and none is begun while all nodes lie within 10. A pair that already runs goes on until the gap
falls below 5, the receiver reaches 70 % or the sender falls to 40 %. Hard guards come first: no discharge
at or below 20 %, no charge at or above 95 %.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from shared.messages import Action, NodeState

SOC_CRITICAL_PERCENT = 20.0
SOC_LOW_PERCENT = 40.0
SOC_HIGH_PERCENT = 70.0
SOC_SURPLUS_PERCENT = 90.0
SPREAD_POINTS_MIN = 10.0
GAP_POINTS_START = 15.0
GAP_POINTS_STOP = 5.0


class BalanceNode(Struct, frozen=True, kw_only=True):
    """What the rule needs to know of one node."""

    uid: str
    soc_percent: float | None
    """None: unknown, so the node stays idle."""
    state: NodeState
    may_charge: bool = True
    """False where something else (a limit, a fault, a hold) forbids it."""
    may_discharge: bool = True


class NodeAction(Struct, frozen=True, kw_only=True):
    """What one node shall do, and why."""

    uid: str
    action: Action
    reason: str
    peer_uid: str | None = None
    """The other node of the pair; None when idle."""


class _Candidate(NamedTuple):
    soc: float
    uid: str


def balance(nodes: Sequence[BalanceNode]) -> tuple[NodeAction, ...]:
    """One action for each node, in the order given. Equal SoC is decided by uid, so the answer is stable."""
    known = [node for node in nodes if node.soc_percent is not None and node.state is not NodeState.FAULT]
    socs = [node.soc_percent for node in known if node.soc_percent is not None]
    spread = max(socs) - min(socs) if socs else 0.0

    decided: dict[str, NodeAction] = {}
    running_senders = _ordered(known, sending=True, state=NodeState.SUPPLYING)
    running_receivers = _ordered(known, sending=False, state=NodeState.RECEIVING)
    _pair(running_senders, running_receivers, gap_min=GAP_POINTS_STOP, into=decided, verb="continues")
    if spread >= SPREAD_POINTS_MIN:
        senders = [c for c in _ordered(known, sending=True) if c.uid not in decided]
        receivers = [c for c in _ordered(known, sending=False) if c.uid not in decided]
        _pair(senders, receivers, gap_min=GAP_POINTS_START, into=decided, verb="starts")
    return tuple(decided.get(node.uid) or _idle(node, spread) for node in nodes)


def _ordered(
    nodes: Sequence[BalanceNode], *, sending: bool, state: NodeState | None = None
) -> list[_Candidate]:
    """Those that may send, highest SoC first, or those that may receive, lowest first."""
    found = []
    for node in nodes:
        soc = node.soc_percent
        if soc is None or (state is not None and node.state is not state):
            continue
        if sending and node.may_discharge and soc > SOC_LOW_PERCENT:
            found.append(_Candidate(-soc, node.uid))
        if not sending and node.may_charge and soc < SOC_HIGH_PERCENT:
            found.append(_Candidate(soc, node.uid))
    return [_Candidate(abs(candidate.soc), candidate.uid) for candidate in sorted(found)]


def _pair(
    senders: Sequence[_Candidate],
    receivers: Sequence[_Candidate],
    *,
    gap_min: float,
    into: dict[str, NodeAction],
    verb: str,
) -> None:
    for sender, receiver in zip(senders, receivers, strict=False):
        gap = sender.soc - receiver.soc
        if gap < gap_min or sender.uid in into or receiver.uid in into or sender.uid == receiver.uid:
            return
        surplus = ", surplus" if sender.soc >= SOC_SURPLUS_PERCENT else ""
        critical = ", critical" if receiver.soc <= SOC_CRITICAL_PERCENT else ""
        into[sender.uid] = NodeAction(
            uid=sender.uid,
            action=Action.DISCHARGE,
            reason=f"{verb} to supply {receiver.uid}: {sender.soc:.1f} %{surplus}, {gap:.1f} above it",
            peer_uid=receiver.uid,
        )
        into[receiver.uid] = NodeAction(
            uid=receiver.uid,
            action=Action.CHARGE,
            reason=f"{verb} to receive from {sender.uid}: {receiver.soc:.1f} %{critical}, {gap:.1f} below it",
            peer_uid=sender.uid,
        )


def _idle(node: BalanceNode, spread: float) -> NodeAction:
    if node.state is NodeState.FAULT:
        reason = "fault"
    elif node.soc_percent is None:
        reason = "state of charge unknown"
    elif spread < SPREAD_POINTS_MIN:
        reason = f"balanced: all nodes within {spread:.1f} points"
    else:
        reason = f"no partner with a gap of {GAP_POINTS_START:.0f} points"
    return NodeAction(uid=node.uid, action=Action.IDLE, reason=reason)
