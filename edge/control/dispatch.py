"""Drives the relays by a decision: opens first, all of them, then closes, both ends of a pair or neither.

Dwell and break before make live in the relay pair (`hardware.relay`); here an end whose partner must still
wait is left open as well. `apply` does not raise: when anything goes wrong with one node, both ends of its
transfer open; when it cannot be told what went wrong, everything opens.
"""

import logging
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from edge.snapshot import Decision, NodeDecision
from hardware.errors import HardwareError
from shared.messages import Action

logger = logging.getLogger(__name__)


class Pair(Protocol):
    """The contacts of one node, as `hardware.relay.RelayPair` has them."""

    @property
    def position(self) -> Action:
        """What the pins say; raises HardwareError when they contradict the command."""
        ...

    def set(self, action: Action) -> Action:
        """Go towards the action as far as allowed now; the position reached."""
        ...

    def wait_s(self, action: Action) -> float:
        """Seconds until the action may be reached."""
        ...


class Dispatched(Struct, frozen=True, kw_only=True):
    """Where the relays are after a decision."""

    positions: dict[str, Action]
    waiting_s: dict[str, float]
    """Nodes that shall close but must wait, with the seconds left."""
    faults: dict[str, str]
    """Nodes whose relays did not do as told."""


class Dispatcher:
    """All relay pairs of a board, by node uid."""

    def __init__(self, relays: Mapping[str, Pair]) -> None:
        self._relays = dict(relays)
        self.failures = 0
        """Times that something went wrong, since the start."""
        self._faults: dict[str, str] = {}

    def apply(self, decision: Decision) -> Dispatched:
        """Drive every node; one that the decision does not name opens."""
        faults: dict[str, str] = {}
        waiting: dict[str, float] = {}
        try:
            wanted = {node.uid: node for node in decision.nodes}
            for uid in self._relays:
                node = wanted.get(uid)
                if node is None or self._position(uid, faults) is not node.action:
                    self._set(uid, Action.IDLE, faults)
            for node in decision.nodes:
                self._close(node, wanted, faults, waiting)
            positions = {uid: self._position(uid, faults) for uid in self._relays}
            self._open_widows(wanted, positions, faults)
        except Exception:  # the last line of defence: whatever it was, nothing may stay closed
            logger.exception("dispatch failed, opening everything")
            self.failures += 1
            return Dispatched(positions=self.open_all(), waiting_s={}, faults={"*": "dispatch failed"})
        self._tell(faults)
        return Dispatched(positions=positions, waiting_s=waiting, faults=faults)

    def open_all(self) -> dict[str, Action]:
        """Open every relay, whatever any of them says; the positions as far as they can be read."""
        positions = {}
        for uid, relay in self._relays.items():
            try:
                positions[uid] = relay.set(Action.IDLE)
            except Exception:  # one broken relay must not keep the others closed
                logger.exception("relay does not open node=%s", uid)
                self.failures += 1
                positions[uid] = Action.IDLE
        return positions

    def positions(self) -> dict[str, Action]:
        """Where the relays are now; one that cannot be read counts as open, and has been told to."""
        return {uid: self._position(uid, {}) for uid in self._relays}

    def _close(
        self,
        node: NodeDecision,
        wanted: Mapping[str, NodeDecision],
        faults: dict[str, str],
        waiting: dict[str, float],
    ) -> None:
        """Close one transfer, called for its discharging end; the other end is closed with it."""
        if node.action is not Action.DISCHARGE or node.uid not in self._relays:
            return
        peer = wanted.get(node.peer_uid or "")
        if peer is None or peer.action is not Action.CHARGE or peer.uid not in self._relays:
            self._set(node.uid, Action.IDLE, faults)
            return
        ends = ((peer.uid, Action.CHARGE), (node.uid, Action.DISCHARGE))
        if any(uid in faults for uid, _ in ends):
            for uid, _ in ends:
                self._set(uid, Action.IDLE, faults)
            return
        wait_s = max(self._relays[uid].wait_s(action) for uid, action in ends)
        if wait_s > 0:
            for uid, _ in ends:
                waiting[uid] = wait_s
                self._set(uid, Action.IDLE, faults)
            return
        for uid, action in ends:
            self._set(uid, action, faults)

    def _open_widows(
        self,
        wanted: Mapping[str, NodeDecision],
        positions: dict[str, Action],
        faults: dict[str, str],
    ) -> None:
        """Open every closed end whose other end is not closed."""
        for uid, position in list(positions.items()):
            if position is Action.IDLE:
                continue
            peer_uid = wanted[uid].peer_uid or ""
            if uid in faults or positions.get(peer_uid, Action.IDLE) in {Action.IDLE, position}:
                self._set(uid, Action.IDLE, faults)
                positions[uid] = self._position(uid, faults)
                if positions.get(peer_uid, Action.IDLE) is not Action.IDLE:
                    self._set(peer_uid, Action.IDLE, faults)
                    positions[peer_uid] = self._position(peer_uid, faults)

    def _set(self, uid: str, action: Action, faults: dict[str, str]) -> None:
        try:
            self._relays[uid].set(action)
        except HardwareError as error:
            faults[uid] = str(error)

    def _position(self, uid: str, faults: dict[str, str]) -> Action:
        try:
            return self._relays[uid].position
        except HardwareError as error:
            faults[uid] = str(error)
            return Action.IDLE

    def _tell(self, faults: dict[str, str]) -> None:
        for uid in faults.keys() - self._faults.keys():
            self.failures += 1
            logger.error("relay fault node=%s error=%s", uid, faults[uid])
        for uid in self._faults.keys() - faults.keys():
            logger.info("relay back node=%s", uid)
        self._faults = dict(faults)
