"""safety, then manual, then plan, then balance: the first that speaks for a node wins, and says why.

A transfer needs both ends, so wishes are made into pairs; several pairs may share the busbar. A plan speaks
for whole pairs alone: where one end is missing or taken it says nothing, and balance decides. The safety gate
comes last, on whatever was chosen, so nothing goes round it: where one end is refused, the other opens too.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from edge.control import closings
from edge.control.closings import Spent
from edge.control.manual import ManualState
from edge.control.safety import SafetyState
from edge.snapshot import Decision, Layer, NodeDecision, NodeView, Snapshot
from shared.balance import BalanceNode, balance
from shared.messages import Action, NodeState

_OPPOSITE = {Action.CHARGE: Action.DISCHARGE, Action.DISCHARGE: Action.CHARGE}


class PlannedAction(Struct, frozen=True, kw_only=True):
    """What a schedule wants of one node now."""

    uid: str
    action: Action
    reason: str
    peer_uid: str | None = None


class _Wish(Struct, frozen=True, kw_only=True):
    uid: str
    action: Action
    by: Layer
    reason: str
    peer_uid: str | None = None


def decide(
    snapshot: Snapshot,
    manual: ManualState,
    plan: Sequence[PlannedAction] | None,
    safety: SafetyState,
    spent: Spent | None = None,
) -> Decision:
    """One decision for each node of the snapshot, in its order.

    `manual` holds no expired lease; `spent` names the relays that plan and balance may close no more today.
    """
    spent = spent or {}
    views = {view.sample.uid: view for view in snapshot.nodes}
    chosen: dict[str, _Wish] = {}
    for wishes in (_faulted(views), _manual(views, manual)):
        fresh = {uid: wish for uid, wish in wishes.items() if uid not in chosen}
        chosen |= _paired(fresh, views, safety, taken=chosen)
    chosen |= _planned(views, plan, spent, taken=chosen)
    chosen |= _balanced([view for view in snapshot.nodes if view.sample.uid not in chosen], safety, spent)
    return gate(Decision(nodes=tuple(_decided(chosen[view.sample.uid]) for view in snapshot.nodes)), safety)


def gate(decision: Decision, safety: SafetyState) -> Decision:
    """The decision with everything opened that safety refuses, and every transfer that lost an end."""
    nodes = {node.uid: _refused(node, safety) for node in decision.nodes}
    passed = []
    for node in nodes.values():
        if node.action is Action.IDLE:
            passed.append(node)
            continue
        peer = nodes.get(node.peer_uid or "")
        if peer is None or peer.peer_uid != node.uid or peer.action is not _OPPOSITE[node.action]:
            why = "no other end" if peer is None else f"{peer.uid} does not take part: {peer.reason}"
            passed.append(_opened(node, why))
        else:
            passed.append(node)
    return Decision(nodes=tuple(passed))


def _refused(node: NodeDecision, safety: SafetyState) -> NodeDecision:
    guard = safety.guard(node.uid)
    veto = None
    if node.action is Action.CHARGE:
        veto = guard.charge_veto
    elif node.action is Action.DISCHARGE:
        veto = guard.discharge_veto
    return node if veto is None else _opened(node, veto)


def _opened(node: NodeDecision, why: str) -> NodeDecision:
    return structs.replace(
        node,
        action=Action.IDLE,
        by="safety",
        reason=why,
        peer_uid=None,
        veto=f"{node.action.value} wanted by {node.by}: {node.reason}",
    )


def _faulted(views: Mapping[str, NodeView]) -> dict[str, _Wish]:
    return {
        uid: _Wish(uid=uid, action=Action.IDLE, by="safety", reason=view.fault)
        for uid, view in views.items()
        if view.fault is not None
    }


def _manual(views: Mapping[str, NodeView], manual: ManualState) -> dict[str, _Wish]:
    found = {}
    for uid in views:
        lease = manual.lease(uid)
        if lease is not None:
            who = f"local {lease.source}" if lease.local else f"command {lease.source}"
            found[uid] = _Wish(uid=uid, action=lease.action, by="manual", reason=who, peer_uid=lease.peer_uid)
    return found


def _planned(
    views: Mapping[str, NodeView],
    plan: Sequence[PlannedAction] | None,
    spent: Spent,
    *,
    taken: Mapping[str, _Wish],
) -> dict[str, _Wish]:
    """The pairs that name each other and of which both ends are free."""
    steps = {step.uid: step for step in plan or () if step.uid in views and step.uid not in taken}
    found = {}
    for step in steps.values():
        peer = steps.get(step.peer_uid or "")
        if peer is None or peer.peer_uid != step.uid or peer.action is not _OPPOSITE.get(step.action):
            continue
        if all(_may_close(views[end.uid], end.action, spent) for end in (step, peer)):
            found[step.uid] = _Wish(
                uid=step.uid, action=step.action, by="plan", reason=step.reason, peer_uid=step.peer_uid
            )
    return found


def _may_close(view: NodeView, action: Action, spent: Spent) -> bool:
    """Whether the relay is closed already, or may still close today."""
    return view.relay is action or action not in spent.get(view.sample.uid, ())


def _paired(
    wishes: Mapping[str, _Wish],
    views: Mapping[str, NodeView],
    safety: SafetyState,
    *,
    taken: Mapping[str, _Wish],
) -> dict[str, _Wish]:
    """The wishes of one layer with both ends of each transfer; a wish without any partner stays idle."""
    paired = {uid: wish for uid, wish in wishes.items() if wish.action is Action.IDLE}
    for wish in wishes.values():
        peer = wishes.get(wish.peer_uid or "")
        if peer is not None and peer.peer_uid == wish.uid and peer.action is _OPPOSITE.get(wish.action):
            paired[wish.uid] = wish
    for wish in wishes.values():
        if wish.uid in paired:
            continue
        partner = _partner(wish, wishes, views, safety, busy={*taken, *paired})
        if partner is None:
            paired[wish.uid] = structs.replace(
                wish,
                action=Action.IDLE,
                peer_uid=None,
                reason=f"{wish.reason}: {wish.action.value}, no partner",
            )
            continue
        reason = f"{wish.reason}: {wish.action.value} with {partner}"
        paired[wish.uid] = structs.replace(wish, peer_uid=partner, reason=reason)
        asked = wishes.get(partner, wish).reason
        opposite = _OPPOSITE[wish.action]
        paired[partner] = _Wish(
            uid=partner,
            action=opposite,
            by=wish.by,
            reason=f"{asked}: {opposite.value} with {wish.uid}",
            peer_uid=wish.uid,
        )
    return paired


def _partner(
    wish: _Wish,
    wishes: Mapping[str, _Wish],
    views: Mapping[str, NodeView],
    safety: SafetyState,
    *,
    busy: set[str],
) -> str | None:
    """The named peer; else one that wants the opposite; else the emptiest, or fullest, that may take part.

    A running partner is kept before others, so that relays do not chatter.
    """
    needed = _OPPOSITE[wish.action]

    def usable(uid: str) -> bool:
        other = wishes.get(uid)
        guard = safety.guard(uid)
        veto = guard.charge_veto if needed is Action.CHARGE else guard.discharge_veto
        return (
            uid != wish.uid
            and uid not in busy
            and veto is None
            and (other is None or (other.action is needed and other.peer_uid in {None, wish.uid}))
        )

    if wish.peer_uid is not None:
        return wish.peer_uid if wish.peer_uid in views and usable(wish.peer_uid) else None
    candidates = [uid for uid in views if usable(uid)]

    def preference(uid: str) -> tuple[bool, bool, float, str]:
        soc = views[uid].soc
        percent = 50.0 if soc is None else soc.percent
        towards = percent if needed is Action.CHARGE else -percent
        return (uid not in wishes, views[uid].relay is not needed, towards, uid)

    return min(candidates, key=preference, default=None)


def _balanced(views: Sequence[NodeView], safety: SafetyState, spent: Spent) -> dict[str, _Wish]:
    nodes = []
    for view in views:
        guard = safety.guard(view.sample.uid)
        nodes.append(
            BalanceNode(
                uid=view.sample.uid,
                soc_percent=None if view.soc is None else view.soc.percent,
                state=view.state,
                may_charge=guard.charge_veto is None and _may_close(view, Action.CHARGE, spent),
                may_discharge=guard.discharge_veto is None and _may_close(view, Action.DISCHARGE, spent),
            )
        )
    found = {}
    for step, node in zip(balance(nodes), nodes, strict=True):
        guard = safety.guard(node.uid)
        by: Layer = "balance"
        reason = step.reason
        if step.action is Action.IDLE and guard.charge_veto and guard.discharge_veto:
            by, reason = "safety", guard.discharge_veto
        elif step.action is Action.IDLE and node.state is NodeState.RECEIVING and guard.charge_veto:
            by, reason = "safety", guard.charge_veto
        elif step.action is Action.IDLE and node.state is NodeState.SUPPLYING and guard.discharge_veto:
            by, reason = "safety", guard.discharge_veto
        elif step.action is Action.IDLE and node.uid in spent:
            reason = closings.reason(spent[node.uid])
        found[node.uid] = _Wish(
            uid=node.uid, action=step.action, by=by, reason=reason, peer_uid=step.peer_uid
        )
    return found


def _decided(wish: _Wish) -> NodeDecision:
    return NodeDecision(
        uid=wish.uid, action=wish.action, by=wish.by, reason=wish.reason, peer_uid=wish.peer_uid
    )
