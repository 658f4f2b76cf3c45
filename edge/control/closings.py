"""How often each relay has closed today, and which have used up their day.

A relay's contacts wear with each closing. Plan and balance begin no transfer with a relay that has used up
its daily number; one that is closed stays so, manual commands still close it, and safety opens it as ever.

The day is that of UTC; setting the clock back gives no new number. While the clock is not known to be right a
day is 24 h on the monotonic clock.
"""

from collections.abc import Mapping

from msgspec import Struct, structs

from shared.messages import Action

DAY_S = 86_400
DAY_US = DAY_S * 1_000_000
_CLOSED = (Action.CHARGE, Action.DISCHARGE)
Spent = Mapping[str, frozenset[Action]]
"""By node: which of its two relays may close no more today."""


class Closings(Struct, frozen=True, kw_only=True):
    """The count of one day."""

    day: int = 0
    """Days since the epoch; 0 before the first."""
    began: float | None = None
    """Monotonic seconds when the count began in this boot; None: in an earlier one."""
    counts: dict[str, int] = {}
    """By `uid/charge` and `uid/discharge`."""

    def count(self, uid: str, action: Action) -> int:
        """Closings of one relay today."""
        return self.counts.get(f"{uid}/{action.value}", 0)

    def left(self, uid: str, limit: int) -> int:
        """What is left of the day to the relay of the node that has closed more often."""
        return max(0, limit - max(self.count(uid, action) for action in _CLOSED))


def counted(
    state: Closings,
    before: Mapping[str, Action],
    after: Mapping[str, Action],
    *,
    utc_us: int,
    synced: bool,
    monotonic: float,
) -> Closings:
    """The count after relays went from one position to the other; the same object where nothing changed."""
    day = utc_us // DAY_US
    began = monotonic if state.began is None else state.began
    over = day > state.day if synced else monotonic - began >= DAY_S
    if over:
        state = Closings(day=day if synced else state.day, began=monotonic)
    elif state.began is None or (synced and day < state.day):
        state = structs.replace(state, began=began, day=day if synced else state.day)
    closed = [
        f"{uid}/{action.value}"
        for uid, action in after.items()
        if action is not Action.IDLE and before.get(uid, Action.IDLE) is not action
    ]
    if not closed:
        return state
    counts = dict(state.counts)
    for key in closed:
        counts[key] = counts.get(key, 0) + 1
    return structs.replace(state, counts=counts)


def spent(state: Closings, limit: int) -> dict[str, frozenset[Action]]:
    """The nodes with a relay that has used up its day."""
    found: dict[str, frozenset[Action]] = {}
    for key, count in state.counts.items():
        if count >= limit:
            uid, _, action = key.rpartition("/")
            found[uid] = found.get(uid, frozenset()) | {Action(action)}
    return found


def reason(relays: frozenset[Action]) -> str:
    """Why the node begins no transfer."""
    names = " and ".join(sorted(action.value for action in relays))
    return f"the {names} relay has closed as often as its day allows: no new transfer before midnight UTC"
