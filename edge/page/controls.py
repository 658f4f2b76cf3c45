"""What a signed-in person may do on the page, and the answer at once: accepted, or refused with the reason.

Nothing here goes round safety: it guards every decision again, last, whatever was accepted.
"""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from edge.control import manual as manual_control
from edge.control.latch import Cause
from edge.control.safety import NodeGuard
from shared.ids import Name
from shared.messages import Action, Hold, NodeState, Quality

if TYPE_CHECKING:
    from edge.loop import Agent

Minutes = Annotated[int, Meta(ge=1, le=1440)]
_SENSORS = {
    Cause.VOLTAGE_SENSOR: "voltage",
    Cause.CURRENT_SENSOR: "current",
    Cause.TEMPERATURE_SENSOR: "temperature",
}


class Answer(Struct, frozen=True, kw_only=True):
    """What became of a wish."""

    accepted: bool
    reason: str


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all wishes."""


class TransferWish(Wish, frozen=True, kw_only=True):
    """One node shall send to another."""

    sender: Name
    receiver: Name
    minutes: Minutes = 30


class HoldWish(Wish, frozen=True, kw_only=True):
    """One node shall do this; the agent finds a partner. `idle` keeps it off."""

    node: Name
    action: Action
    minutes: Minutes = 30


class ReleaseWish(Wish, frozen=True, kw_only=True):
    """End a hold, or a transfer with both its ends: the agent decides again."""

    node: Name


class StopWish(Wish, frozen=True, kw_only=True):
    """Keep these nodes off; none named: all of them."""

    nodes: tuple[Name, ...] = ()
    minutes: Minutes = 30


class OverrideWish(Wish, frozen=True, kw_only=True):
    """Work without a sensor that cannot be believed; 0 minutes end it."""

    node: Name
    minutes: Annotated[int, Meta(ge=0, le=60)] = 15


def transfer(agent: "Agent", wish: TransferWish) -> Answer:
    """Start a transfer, unless safety says no to one of its ends."""
    state, accepted, reason = manual_control.transfer(
        agent.manual,
        sender=wish.sender,
        receiver=wish.receiver,
        minutes=wish.minutes,
        known=_known(agent),
        monotonic=agent.clock.monotonic(),
    )
    refusal = (
        None
        if not accepted
        else _veto(agent, wish.sender, Action.DISCHARGE) or _veto(agent, wish.receiver, Action.CHARGE)
    )
    if not accepted or refusal is not None:
        return _told(agent, "transfer", wish.sender, Answer(accepted=False, reason=refusal or reason))
    agent.use_manual(state)
    return _told(agent, "transfer", wish.sender, Answer(accepted=True, reason=reason))


def hold(agent: "Agent", wish: HoldWish) -> Answer:
    """Hold a node, unless safety says no."""
    refusal = _veto(agent, wish.node, wish.action) if wish.node in _known(agent) else None
    if refusal is not None:
        return _told(agent, "hold", wish.node, Answer(accepted=False, reason=refusal))
    return _hold(agent, Hold(node_uid=wish.node, action=wish.action.value, minutes=wish.minutes))


def release(agent: "Agent", wish: ReleaseWish) -> Answer:
    """Let the agent decide again."""
    return _hold(agent, Hold(node_uid=wish.node, action="release"))


def stop(agent: "Agent", wish: StopWish) -> Answer:
    """Off, and off they stay for a while: the one wish that safety never refuses."""
    known = _known(agent)
    uids = wish.nodes or tuple(node.uid for node in agent.board.nodes)
    for uid in uids:
        if uid not in known:
            return Answer(accepted=False, reason=f"no node {uid} on this device")
    for uid in uids:
        _hold(agent, Hold(node_uid=uid, action="idle", minutes=wish.minutes))
    return Answer(accepted=True, reason=f"{', '.join(uids)} kept off for {wish.minutes} min")


def override(agent: "Agent", wish: OverrideWish) -> Answer:
    """Set a sensor's guard aside, where that can help."""
    if wish.node not in _known(agent):
        return Answer(accepted=False, reason=f"no node {wish.node} on this device")
    refusal = _no_override(agent, wish.node) if wish.minutes else None
    if refusal is not None:
        return _told(agent, "override", wish.node, Answer(accepted=False, reason=refusal))
    agent.override(wish.node, wish.minutes)
    reason = f"sensor guards set aside for {wish.minutes} min" if wish.minutes else "override ended"
    return _told(agent, "override", wish.node, Answer(accepted=True, reason=reason))


def _hold(agent: "Agent", wish: Hold) -> Answer:
    accepted, reason = agent.on_hold(wish)
    return Answer(accepted=accepted, reason=f"{wish.node_uid}: {reason}" if accepted else reason)


def _known(agent: "Agent") -> set[str]:
    return {node.uid for node in agent.board.nodes}


def _guard(agent: "Agent", uid: str) -> NodeGuard | None:
    return None if agent.turn is None else agent.turn.safety.guard(uid)


def _veto(agent: "Agent", uid: str, action: Action) -> str | None:
    if action is Action.IDLE:
        return None
    guard = _guard(agent, uid)
    if guard is None:
        return "nothing was measured yet"
    veto = guard.charge_veto if action is Action.CHARGE else guard.discharge_veto
    return None if veto is None else f"{uid} may not {action.value}: {veto}"


def _no_override(agent: "Agent", uid: str) -> str | None:
    guard, turn = _guard(agent, uid), agent.turn
    if guard is None or turn is None:
        return "nothing was measured yet"
    lost = [name for cause, name in _SENSORS.items() if any(latch.cause is cause for latch in guard.latches)]
    if not lost:
        return f"{uid}: no guard of a sensor is in force, there is nothing to set aside"
    view = next(view for view in turn.snapshot.nodes if view.sample.uid == uid)
    if "voltage" in lost and view.sample.voltage_mv.quality in {Quality.STALE, Quality.MISSING}:
        return f"{uid}: without a fresh voltage no override can help: mend the sensor"
    if view.state is NodeState.FAULT:
        return f"{uid}: a fault cannot be set aside: {view.fault}"
    return None


def _told(agent: "Agent", kind: str, uid: str, answer: Answer) -> Answer:
    agent.tell(kind if answer.accepted else f"{kind}_refused", uid, answer.reason)
    return answer
