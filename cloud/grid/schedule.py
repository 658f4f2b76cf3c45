"""What the nodes of a device are told: manual commands for it, else the balance rule. Pure.

It is the agent's own rule from `shared.balance`, so an agent that cannot decide by itself gets the same
answer; safety stays with the agent in any case.
"""

from collections.abc import Sequence

from msgspec import Struct

from shared.balance import BalanceNode, NodeAction, balance
from shared.messages import Action, Command, NodeState
from shared.money import round_decimal

_ACTION_OF_STATE = {
    NodeState.SUPPLYING: Action.DISCHARGE,
    NodeState.RECEIVING: Action.CHARGE,
}


class GridCounts(Struct, frozen=True, kw_only=True):
    """`grid_summary` of the documented answer."""

    avg_soc: float | None
    """2 decimals; None where no node knows its state of charge."""
    discharging_nodes: int
    charging_nodes: int
    idle_nodes: int


def decide(nodes: Sequence[BalanceNode], manual: Sequence[Command]) -> tuple[NodeAction, ...]:
    """One action for each node, in the order given. A manual command speaks for the whole device."""
    if not manual:
        return balance(nodes)
    by_uid = {command.node_uid: command for command in manual}
    return tuple(manual_action(node.uid, by_uid.get(node.uid)) for node in nodes)


def manual_action(uid: str, command: Command | None) -> NodeAction:
    """What a manual command asks of a node; None: of the others, to keep still."""
    if command is None:
        return NodeAction(uid=uid, action=Action.IDLE, reason="idle during a manual transfer")
    return NodeAction(
        uid=uid,
        action=command.action,
        reason=f"manual transfer command ({command.action})",
        peer_uid=command.peer_uid,
    )


def carried_out(states: Sequence[tuple[str, NodeState]]) -> tuple[NodeAction, ...]:
    """What an agent that decides by itself has its nodes do, as told by their states."""
    return tuple(
        NodeAction(
            uid=uid,
            action=_ACTION_OF_STATE.get(state, Action.IDLE),
            reason=f"decided by the agent: {state}",
        )
        for uid, state in states
    )


def count(actions: Sequence[NodeAction], socs: Sequence[float | None]) -> GridCounts:
    known = [soc for soc in socs if soc is not None]
    return GridCounts(
        avg_soc=float(round_decimal(sum(known) / len(known), 2)) if known else None,
        discharging_nodes=sum(action.action is Action.DISCHARGE for action in actions),
        charging_nodes=sum(action.action is Action.CHARGE for action in actions),
        idle_nodes=sum(action.action is Action.IDLE for action in actions),
    )
