"""Manual leases: what a person asked for, until when. A local hold beats the cloud.

A lease ends on the monotonic clock, so a step of the wall clock neither prolongs nor cuts it. A command of
the cloud is accepted once by its id, never after its expiry, and lasts until its expiry or for `LEASE_S`,
whichever is sooner; one that stops a node lasts for `STOP_S`, then automatic control resumes. Signature and
retained flag are checked by the uplink before a command gets here.
"""

from collections.abc import Collection

from msgspec import Struct, structs

from shared.clock import to_micros
from shared.messages import STOP_S, Action, Command, CommandAck, Hold

LEASE_S = 30 * 60.0
SEEN_MAX = 1000
"""Command ids remembered; a flood of commands beyond it is refused until older ones have expired."""
SEEN_KEPT = 100
"""So many of the latest are remembered also after their expiry: the clock may be set back again."""
LIFE_S_MAX = 24 * 3600.0
"""A command that would stay valid for longer is refused, so that its id need not be kept for ever."""


class Lease(Struct, frozen=True, kw_only=True):
    """One wish for one node."""

    uid: str
    action: Action
    peer_uid: str | None
    local: bool
    """Asked for on the device itself (page, Home Assistant)."""
    source: str
    """Command id; `hold` or `transfer` where it is local."""
    until: float
    """Monotonic seconds."""


class Seen(Struct, frozen=True, kw_only=True):
    """A command that was answered; the same id gets the same answer."""

    id: str
    expires_us: int
    accepted: bool
    reason: str


class ManualState(Struct, frozen=True, kw_only=True):
    """All leases, at most one local and one of the cloud for each node, and the commands answered."""

    leases: tuple[Lease, ...] = ()
    seen: tuple[Seen, ...] = ()

    def lease(self, uid: str) -> Lease | None:
        """The lease in force for a node."""
        mine = [lease for lease in self.leases if lease.uid == uid]
        return max(mine, key=lambda lease: lease.local, default=None)


def restored(state: ManualState) -> ManualState:
    """What survives a restart: the ids that were answered. Leases do not; off is the safe answer to doubt."""
    return ManualState(seen=state.seen)


def expired(state: ManualState, *, monotonic: float) -> ManualState:
    """The state without leases that have ended."""
    leases = tuple(lease for lease in state.leases if monotonic < lease.until)
    return state if len(leases) == len(state.leases) else structs.replace(state, leases=leases)


def hold(
    state: ManualState, wish: Hold, *, known: Collection[str], monotonic: float
) -> tuple[ManualState, bool, str]:
    """(state, accepted, reason) after a local hold or its release."""
    if wish.node_uid not in known:
        return state, False, f"no node {wish.node_uid} on this device"
    leases = _without_local(state, {wish.node_uid})
    if wish.action == "release":
        return structs.replace(state, leases=leases), True, "hold released"
    lease = Lease(
        uid=wish.node_uid,
        action=Action(wish.action),
        peer_uid=None,
        local=True,
        source="hold",
        until=monotonic + 60.0 * wish.minutes,
    )
    reason = f"{wish.action} held for {wish.minutes} min"
    return structs.replace(state, leases=(*leases, lease)), True, reason


def transfer(
    state: ManualState,
    *,
    sender: str,
    receiver: str,
    minutes: float,
    known: Collection[str],
    monotonic: float,
) -> tuple[ManualState, bool, str]:
    """(state, accepted, reason) after a local wish for one transfer; it replaces what held its two ends."""
    for uid in (sender, receiver):
        if uid not in known:
            return state, False, f"no node {uid} on this device"
    if sender == receiver:
        return state, False, "a node cannot send to itself"
    until = monotonic + 60.0 * minutes
    ends = ((sender, Action.DISCHARGE, receiver), (receiver, Action.CHARGE, sender))
    added = tuple(
        Lease(uid=uid, action=action, peer_uid=peer, local=True, source="transfer", until=until)
        for uid, action, peer in ends
    )
    leases = _without_local(state, {sender, receiver}) + added
    return structs.replace(state, leases=leases), True, f"{sender} sends to {receiver} for {minutes:g} min"


def _without_local(state: ManualState, uids: Collection[str]) -> tuple[Lease, ...]:
    """The leases without the local ones of these nodes, nor the other ends of their transfers."""
    return tuple(
        lease for lease in state.leases if not (lease.local and (lease.uid in uids or lease.peer_uid in uids))
    )


def command(
    state: ManualState,
    order: Command,
    *,
    device_id: str,
    known: Collection[str],
    utc_us: int,
    synced: bool,
    monotonic: float,
    lease_s: float = LEASE_S,
) -> tuple[ManualState, CommandAck]:
    """State and answer after a command of the cloud. A repeated id is answered as the first time, undone."""
    expirable = len(state.seen) - SEEN_KEPT
    seen = tuple(
        entry for number, entry in enumerate(state.seen) if number >= expirable or entry.expires_us > utc_us
    )
    if len(seen) < len(state.seen):
        state = structs.replace(state, seen=seen)
    for entry in seen:
        if entry.id == order.id:
            return state, CommandAck(id=order.id, accepted=entry.accepted, reason=entry.reason)

    expires_us = to_micros(order.expires_at)
    left_s = (expires_us - utc_us) / 1e6
    refusal = _refusal(order, state, device_id=device_id, known=known, left_s=left_s, synced=synced)
    if refusal is not None:
        return state, CommandAck(id=order.id, accepted=False, reason=refusal)

    stops = order.action is Action.IDLE
    lease_s = min(STOP_S if stops else lease_s, left_s)
    wanted = [(order.node_uid, order.action, order.peer_uid)]
    if order.peer_uid is not None and not stops:
        opposite = Action.CHARGE if order.action is Action.DISCHARGE else Action.DISCHARGE
        wanted.append((order.peer_uid, opposite, order.node_uid))
    taken = {uid for uid, _, _ in wanted}
    kept = tuple(lease for lease in state.leases if lease.local or lease.uid not in taken)
    added = tuple(
        Lease(uid=uid, action=action, peer_uid=peer, local=False, source=order.id, until=monotonic + lease_s)
        for uid, action, peer in wanted
    )
    reason = f"{order.action.value} leased for {lease_s / 60:.0f} min"
    if stops:
        reason = f"stopped; automatic control resumes in {lease_s:.0f} s"
    held = [uid for uid in taken if any(lease.local and lease.uid == uid for lease in kept)]
    if held:
        reason += f"; a local hold of {', '.join(sorted(held))} comes first"
    answer = Seen(id=order.id, expires_us=expires_us, accepted=True, reason=reason)
    return (
        ManualState(leases=kept + added, seen=(*seen, answer)),
        CommandAck(id=order.id, accepted=True, reason=reason),
    )


def _refusal(
    order: Command,
    state: ManualState,
    *,
    device_id: str,
    known: Collection[str],
    left_s: float,
    synced: bool,
) -> str | None:
    if order.device_id != device_id:
        return f"meant for device {order.device_id}"
    for uid in (order.node_uid, order.peer_uid):
        if uid is not None and uid not in known:
            return f"no node {uid} on this device"
    if order.peer_uid == order.node_uid:
        return "a node cannot be its own peer"
    if not synced:
        return "the wall clock is not synchronised, so the expiry cannot be checked"
    if left_s <= 0:
        return "expired"
    if left_s > LIFE_S_MAX:
        return f"valid for {left_s / 3600:.0f} h, at most {LIFE_S_MAX / 3600:.0f} h are accepted"
    if len(state.seen) >= SEEN_MAX:
        return f"more than {SEEN_MAX} commands are unexpired; later"
    return None
