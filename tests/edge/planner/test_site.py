"""The day of a site: who takes part, what a closing must gain, and what there is without prices."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.planner.forecast import Outlook, Source, Spread, price_slot
from edge.planner.site import SiteNode, SiteRules, closing_cost, make_site_plan, slot_at
from shared.messages import Action

MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC)
RULES = SiteRules(
    efficiency=0.96,
    limit_w=100.0,
    soc_percent_min=20.0,
    soc_percent_max=95.0,
    closings_per_day=200,
    zone=UTC,
)


def prices(values, start=MIDNIGHT):
    return tuple(
        price_slot(value, Spread(fraction=0.02), start + timedelta(minutes=15 * index))
        for index, value in enumerate(values)
    )


def outlook(values, source=Source.CLOUD):
    return Outlook(source=source, age_s=60.0, prices=prices(values), first_slot_share=1.0, reason="forecast")


def a_node(uid="A", soc=50.0, **more):
    values = {"capacity_wh": 10.0, "power_w_max": 10.0, "relay": Action.IDLE, "closings_left": 200}
    return SiteNode(uid=uid, soc_percent=soc, **(values | more))


CHEAP_THEN_DEAR = [1.0] * 48 + [9.0] * 48


def test_it_buys_cheap_and_sells_dear_and_says_what_doing_nothing_costs():
    plan = make_site_plan([a_node()], outlook(CHEAP_THEN_DEAR), RULES, now=MIDNIGHT)
    bought = sum(-slot.energy_kwh for slot in plan.plans["A"].slots[:48])
    # From 50 to 95 % of 10 Wh with 96 % on the way in: 4.5 / 0.96 = 4.6875 Wh.
    assert bought == pytest.approx(0.0046875)
    assert plan.cost < plan.idle_cost
    assert plan.problem is None
    assert all(slot.reason for slot in plan.plans["A"].slots)


def test_all_nodes_together_keep_the_limit_and_each_plan_stands_when_gone_through_again():
    rules = SiteRules(
        **{field: getattr(RULES, field) for field in RULES.__struct_fields__} | {"limit_w": 6.0}
    )
    nodes = [a_node(uid, soc) for uid, soc in (("A", 30.0), ("B", 50.0), ("C", 80.0))]
    plan = make_site_plan(nodes, outlook(CHEAP_THEN_DEAR), rules, now=MIDNIGHT)
    for slots in zip(*(node.slots for node in plan.plans.values()), strict=True):
        assert sum(abs(slot.energy_kwh) for slot in slots) <= 6.0 / 4 / 1000 + 1e-9
    for node in plan.plans.values():
        assert node.refused is None
        assert all(0.2 - 1e-9 <= slot.soc <= 0.95 + 1e-9 for slot in node.slots)


def test_a_node_with_a_fault_an_unknown_charge_or_a_used_up_relay_is_left_out_with_the_reason():
    nodes = [
        a_node("A", unusable="fault: 2.4 V"),
        a_node("B", soc=None),
        a_node("C", closings_left=0),
        a_node("D"),
    ]
    plan = make_site_plan(nodes, outlook(CHEAP_THEN_DEAR), RULES, now=MIDNIGHT)
    assert list(plan.plans) == ["D"]
    assert plan.left_out == {
        "A": "fault: 2.4 V",
        "B": "state of charge unknown",
        "C": "a relay has closed as often as its day allows",
    }


def test_without_prices_or_nodes_it_holds_and_says_why():
    nothing = Outlook(source=Source.HOLD, age_s=None, prices=(), first_slot_share=1.0, reason="hold: none")
    assert make_site_plan([a_node()], nothing, RULES, now=MIDNIGHT).problem == "hold: none"
    alone = make_site_plan([a_node(soc=None)], outlook([1.0]), RULES, now=MIDNIGHT)
    assert alone.problem == "hold: no node can take part"
    assert (alone.plans, alone.cost) == ({}, 0.0)


def test_a_closing_costs_its_share_of_a_charge_and_more_when_few_are_left_for_the_day():
    flat = Outlook(source=Source.CLOUD, age_s=0.0, prices=prices([5.0]), first_slot_share=1.0, reason="")
    # 10 Wh at 5.05 per kWh to buy are 0.0505; a 200th of it.
    assert closing_cost(flat, a_node(), RULES, MIDNIGHT) == pytest.approx(0.0002525)
    # A tenth is left for half of the day: five times as dear.
    noon = MIDNIGHT + timedelta(hours=12)
    assert closing_cost(flat, a_node(closings_left=20), RULES, noon) == pytest.approx(5 * 0.0002525)
    # More than enough is left: no cheaper than an even day.
    assert closing_cost(flat, a_node(), RULES, noon) == pytest.approx(0.0002525)


def test_the_slot_of_now_is_the_last_that_has_begun():
    plan = make_site_plan([a_node()], outlook(CHEAP_THEN_DEAR), RULES, now=MIDNIGHT)
    assert slot_at(plan, MIDNIGHT + timedelta(minutes=31))["A"].index == 2
    assert slot_at(plan, MIDNIGHT - timedelta(minutes=1)) == {}
    assert slot_at(None, MIDNIGHT) == {}
