"""The day of all nodes of a site: nodes, prices and limit into one plan, or why a node has none."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from statistics import median

from msgspec import Struct

from edge.planner.forecast import Outlook, Source, stored_value
from edge.planner.model import Plan, PlanNode, PlanSlot
from edge.planner.shared_limit import make_plans
from shared.messages import Action, Utc

W_PER_KW = 1000.0
SECONDS_A_DAY = 86_400.0


class SiteNode(Struct, frozen=True, kw_only=True):
    """One node at the moment of planning."""

    uid: str
    soc_percent: float | None
    """None: unknown, so it is not planned."""
    capacity_wh: float
    power_w_max: float
    """Of its link, either way."""
    relay: Action
    closings_left: int
    """Of the relay that has closed more often today."""
    unusable: str | None = None
    """Why it cannot take part."""


class SiteRules(Struct, frozen=True, kw_only=True):
    """What the settings say about planning."""

    efficiency: float
    """One way."""
    limit_w: float
    """What all nodes together may move."""
    soc_percent_min: float
    soc_percent_max: float
    closings_per_day: int
    zone: tzinfo
    """Whose clock the reasons use."""


class SitePlan(Struct, frozen=True, kw_only=True):
    """What all nodes shall do, and what it was made of."""

    made_at: Utc
    outlook: Outlook
    plans: Mapping[str, Plan]
    """By node; each was gone through again before it stands here."""
    left_out: Mapping[str, str]
    """Nodes without a plan, and why."""
    cost: float
    idle_cost: float
    """If no node did anything."""
    gap: float
    """By so much, at most, another plan could be cheaper."""
    problem: str | None = None
    """Why nothing is planned."""


def make_site_plan(
    nodes: Sequence[SiteNode], outlook: Outlook, rules: SiteRules, *, now: datetime
) -> SitePlan:
    """The plan of the prices' slots; without prices or nodes one that holds.

    Raises:
        PlanInputWrong: a number that the planner cannot use.
    """
    left_out = {node.uid: why for node in nodes if (why := _left_out(node)) is not None}
    taking_part = [node for node in nodes if node.uid not in left_out]
    if outlook.source is Source.HOLD or not outlook.prices:
        return _without(outlook, left_out, now, outlook.reason)
    if not taking_part:
        return _without(outlook, left_out, now, "hold: no node can take part")
    shared = make_plans(
        [_plan_node(node, outlook, rules, now) for node in taking_part],
        outlook.prices,
        limit_kw=rules.limit_w / W_PER_KW,
        end_value=stored_value(outlook.prices, rules.efficiency),
        first_slot_share=outlook.first_slot_share,
        zone=rules.zone,
    )
    refused = next((plan.refused for plan in shared.plans if plan.refused is not None), None)
    return SitePlan(
        made_at=now,
        outlook=outlook,
        plans={plan.uid: plan for plan in shared.plans},
        left_out=left_out,
        cost=shared.cost,
        idle_cost=sum(plan.idle_cost for plan in shared.plans),
        gap=shared.gap,
        problem=None if refused is None else f"hold: the plan was refused before use ({refused})",
    )


def closing_cost(outlook: Outlook, node: SiteNode, rules: SiteRules, now: datetime) -> float:
    """What one closing must at least gain, in the money of the prices.

    With an even use of the day all its closings together are worth one whole charge of the battery at the
    median price; where fewer are left than the rest of the day deserves, each is dearer in proportion.
    """
    charge = node.capacity_wh / W_PER_KW * abs(median(slot.buy for slot in outlook.prices))
    elapsed_s = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    day_left = 1.0 - elapsed_s / SECONDS_A_DAY
    closings_left = node.closings_left / rules.closings_per_day
    return charge / rules.closings_per_day * max(1.0, day_left / closings_left)


def slot_at(plan: SitePlan | None, now: datetime) -> dict[str, PlanSlot]:
    """Every node's slot that holds `now`."""
    found: dict[str, PlanSlot] = {}
    for uid, node_plan in {} if plan is None else plan.plans.items():
        for slot in node_plan.slots:
            if slot.start is None or slot.start > now:
                break
            found[uid] = slot
    return found


def _left_out(node: SiteNode) -> str | None:
    if node.unusable is not None:
        return node.unusable
    if node.soc_percent is None:
        return "state of charge unknown"
    if node.closings_left <= 0:
        return "a relay has closed as often as its day allows"
    return None


def _plan_node(node: SiteNode, outlook: Outlook, rules: SiteRules, now: datetime) -> PlanNode:
    return PlanNode(
        uid=node.uid,
        capacity_kwh=node.capacity_wh / W_PER_KW,
        power_kw_max=node.power_w_max / W_PER_KW,
        efficiency=rules.efficiency,
        soc=(node.soc_percent or 0.0) / 100,
        soc_min=rules.soc_percent_min / 100,
        soc_max=rules.soc_percent_max / 100,
        switch_cost=closing_cost(outlook, node, rules, now),
        relay=node.relay,
    )


def _without(outlook: Outlook, left_out: Mapping[str, str], now: datetime, why: str) -> SitePlan:
    return SitePlan(
        made_at=now,
        outlook=outlook,
        plans={},
        left_out=left_out,
        cost=0.0,
        idle_cost=0.0,
        gap=0.0,
        problem=why,
    )
