"""The plan as `/state.json` and the page carry it: slots against prices, why now, age of the prices, cost.

    {"source": "cloud", "age_s": 62.0, "reason": "forecast of the cloud, 1 min old, 96 slots to come",
     "problem": null, "made_utc": …, "cost": …, "idle_cost": …, "gap": …,
     "nodes": {uid: {"planned": true, "why": …, "asks": "charge" or null, "peer_uid": …}},
     "slots": [{"start": …, "buy": …, "sell": …, "power_w": {uid: …}, "soc_percent": {uid: …}}]}

Power is positive while a node discharges, the mean over the slot. Cost is in the unit of the prices.
"""

from typing import Any

from edge.control.planned import PlanVoice
from edge.planner.model import SLOT_MINUTES
from edge.planner.site import SitePlan
from edge.scheduler import Scheduler
from shared.clock import Clock, rfc3339, to_micros

W_PER_KW = 1000


class PlanView:
    """The document of one scheduler; the slots of a plan are written out once."""

    def __init__(self, scheduler: Scheduler, clock: Clock) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._plan: SitePlan | None = None
        self._slots: list[dict[str, Any]] = []

    def document(self) -> dict[str, Any]:
        """What is planned, now."""
        plan, problem = self._scheduler.plan, self._scheduler.problem
        if plan is None:
            return {
                "source": "hold",
                "age_s": None,
                "reason": problem or "the first plan is being made",
                "problem": problem,
                "made_utc": None,
                "cost": None,
                "idle_cost": None,
                "gap": None,
                "nodes": {},
                "slots": [],
            }
        if plan is not self._plan:
            self._plan, self._slots = plan, slots_of(plan)
        since_s = (self._clock.now() - plan.made_at).total_seconds()
        age_s = plan.outlook.age_s
        return {
            "source": plan.outlook.source.value,
            "age_s": None if age_s is None else round(age_s + since_s, 1),
            "reason": plan.outlook.reason,
            "problem": problem,
            "made_utc": rfc3339(to_micros(plan.made_at)),
            "cost": plan.cost,
            "idle_cost": plan.idle_cost,
            "gap": plan.gap,
            "nodes": _nodes(plan, self._scheduler.voice),
            "slots": self._slots,
        }


def slots_of(plan: SitePlan) -> list[dict[str, Any]]:
    """Every slot with the price and what each node shall do in it."""
    plans = tuple(plan.plans.values())
    hours = SLOT_MINUTES / 60
    slots = []
    for index, price in enumerate(plan.outlook.prices):
        at = {node.uid: node.slots[index] for node in plans if index < len(node.slots)}
        slots.append(
            {
                "start": None if price.start is None else rfc3339(to_micros(price.start)),
                "buy": price.buy,
                "sell": price.sell,
                # Adding 0 takes the sign off a zero.
                "power_w": {
                    uid: round(W_PER_KW * slot.energy_kwh / hours, 3) + 0.0 for uid, slot in at.items()
                },
                "soc_percent": {uid: round(100 * slot.soc, 1) for uid, slot in at.items()},
            }
        )
    return slots


def _nodes(plan: SitePlan, voice: PlanVoice) -> dict[str, dict[str, Any]]:
    asked = {action.uid: action for action in voice.actions}
    # A plan that was made since the last turn has not been asked yet.
    why = {uid: node_plan.slots[0].reason for uid, node_plan in plan.plans.items() if node_plan.slots}
    why |= plan.left_out
    return {
        uid: {
            "planned": uid in plan.plans,
            "why": voice.why.get(uid, why.get(uid)),
            "asks": asked[uid].action.value if uid in asked else None,
            "peer_uid": asked[uid].peer_uid if uid in asked else None,
        }
        for uid in (*plan.plans, *plan.left_out)
    }
