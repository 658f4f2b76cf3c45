"""What a site's plan asks of the relays now: whole pairs only.

On these boards the energy of one node can only go to another. So where the plan wants one node to discharge
and another to charge in the same slot, they become a pair; every other wish says nothing, and the balance
rule decides as if there were no plan. A pair that runs already is kept; then the fullest gives to the
emptiest.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from msgspec import Struct

from edge.control.decide import PlannedAction
from edge.planner.opinion import Opinion, plan_opinions
from edge.planner.site import SitePlan
from shared.messages import Action


class PlanVoice(Struct, frozen=True, kw_only=True):
    """What the plan asks for, and why it asks for nothing where it does not."""

    actions: tuple[PlannedAction, ...] = ()
    """Both ends of each pair."""
    why: Mapping[str, str] = {}
    """By node, in one sentence."""


def plan_voice(
    plan: SitePlan | None,
    now: datetime,
    *,
    soc_percent: Mapping[str, float | None],
    running: Mapping[str, str],
    withdrawn: Collection[frozenset[str]] = (),
) -> PlanVoice:
    """The pairs for `now`.

    `running` names the partner of every node in a transfer; `withdrawn` are pairs that were refused in this
    slot: the plan does not ask again before the next.
    """
    if plan is None:
        return PlanVoice()
    opinions = plan_opinions(plan.plans, now)
    senders = [uid for uid, opinion in opinions.items() if opinion.action is Action.DISCHARGE]
    receivers = [uid for uid, opinion in opinions.items() if opinion.action is Action.CHARGE]
    pairs = _pairs(senders, receivers, soc_percent, running, withdrawn)
    partner = dict(pairs) | {receiver: sender for sender, receiver in pairs}
    actions = tuple(
        PlannedAction(
            uid=uid,
            action=opinions[uid].action,
            reason=f"plan: {opinions[uid].reason}; with {peer}",
            peer_uid=peer,
        )
        for uid, peer in partner.items()
    )
    why = {uid: _why(opinion, partner.get(uid)) for uid, opinion in opinions.items()}
    return PlanVoice(actions=actions, why=why | dict(plan.left_out))


def _pairs(
    senders: list[str],
    receivers: list[str],
    soc_percent: Mapping[str, float | None],
    running: Mapping[str, str],
    withdrawn: Collection[frozenset[str]],
) -> list[tuple[str, str]]:
    def charge(uid: str) -> float:
        return soc_percent.get(uid) or 0.0

    pairs = [
        (uid, running[uid])
        for uid in senders
        if running.get(uid) in receivers and frozenset((uid, running[uid])) not in withdrawn
    ]
    taken = {uid for pair in pairs for uid in pair}
    free = sorted((uid for uid in receivers if uid not in taken), key=lambda uid: (charge(uid), uid))
    for sender in sorted((uid for uid in senders if uid not in taken), key=lambda uid: (-charge(uid), uid)):
        receiver = next((uid for uid in free if frozenset((sender, uid)) not in withdrawn), None)
        if receiver is not None:
            free.remove(receiver)
            pairs.append((sender, receiver))
    return pairs


def _why(opinion: Opinion, peer: str | None) -> str:
    if peer is not None:
        return f"{opinion.reason}; with {peer}"
    if opinion.action is Action.IDLE:
        return f"{opinion.reason}; balance may still move it"
    return f"{opinion.reason}; no other node wants the opposite now, so balance decides"
