"""Small days worked out by hand, the edges, and what must hold whatever comes in."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import PlanInputWrong
from edge.planner import schedule
from edge.planner.model import PlanNode, PriceSlot
from edge.planner.schedule import make_plan
from edge.planner.simulate import replay
from shared.messages import Action

NODE = PlanNode(capacity_kwh=10.0, power_kw_max=4.0, efficiency=0.9, soc=0.5, soc_min=0.2, soc_max=0.9)
"""A slot moves at most 1 kWh at the meter: 0.9 kWh in, or 1.1111 kWh out of the cells."""


def node(**fields):
    return msgspec.structs.replace(NODE, **fields)


def prices(*pairs):
    return [PriceSlot(buy=buy, sell=sell) for buy, sell in pairs]


def energies(plan):
    return [slot.energy_kwh for slot in plan.slots]


def test_it_buys_low_and_sells_high_with_losses_both_ways():
    plan = make_plan(node(soc=0.2), prices((0.1, 0.1), (0.5, 0.5)))
    assert energies(plan) == pytest.approx([-1.0, 0.81])
    assert [slot.action for slot in plan.slots] == [Action.CHARGE, Action.DISCHARGE]
    assert plan.cost == pytest.approx(0.1 - 0.81 * 0.5)
    assert plan.idle_cost == 0.0
    assert plan.slots[0].idle_costs == pytest.approx(0.305)
    assert [slot.soc for slot in plan.slots] == pytest.approx([0.29, 0.2])


def test_a_difference_that_losses_eat_up_moves_nothing():
    plan = make_plan(node(soc=0.2), prices((0.42, 0.4), (0.5, 0.5)))
    assert energies(plan) == [0.0, 0.0]
    assert plan.cost == 0.0


def test_what_is_stored_is_sold_at_the_best_hour_as_nothing_is_kept_for_nothing():
    plan = make_plan(node(soc=0.3), prices((0.35, 0.3), (0.4, 0.4), (0.38, 0.35)))
    assert energies(plan) == pytest.approx([0.0, 0.9, 0.0])
    assert plan.soc_end == pytest.approx(0.2)


def test_energy_worth_something_at_the_end_is_kept():
    plan = make_plan(node(soc=0.3), prices((0.6, 0.3)), end_value=0.4)
    assert energies(plan) == [0.0]
    assert plan.cost == plan.idle_cost == pytest.approx(-0.4 * 3.0)
    bought = make_plan(node(soc=0.3), prices((0.3, 0.2)), end_value=0.4)
    assert bought.cost == pytest.approx(0.3 - 0.4 * 3.9)


def test_a_move_that_gains_nothing_is_left_undone():
    plan = make_plan(node(efficiency=1.0), prices((0.4, 0.4), (0.4, 0.4)), end_value=0.4)
    assert energies(plan) == [0.0, 0.0]


def test_a_negative_price_fills_the_battery_once_and_does_not_burn():
    full = make_plan(node(soc=0.9), prices((-0.1, -0.1)))
    assert energies(full) == [0.0]
    emptied = make_plan(node(soc=0.9), prices((-0.1, -0.1), (-0.1, -0.1)))
    assert energies(emptied) == pytest.approx([0.81, -1.0])
    assert emptied.cost == pytest.approx(0.081 - 0.1)
    dear = make_plan(node(soc=0.9), prices((-0.1, -0.1), (-0.3, -0.3)))
    assert dear.cost == pytest.approx(0.081 - 0.3)
    assert "makes room" in dear.slots[0].reason
    assert "taking energy pays 0.3" in dear.slots[1].reason


def test_a_switching_cost_drops_what_is_not_worth_closing_a_relay():
    day = prices((0.2, 0.0), (0.21, 0.0), (0.2, 0.0), (0.9, 0.5))
    free = make_plan(node(soc=0.2, power_kw_max=0.8, efficiency=1.0), day)
    assert free.cost == pytest.approx(0.2 * 0.2 - 0.2 * 0.5)
    assert energies(free)[1] == 0.0
    paid = make_plan(node(soc=0.2, power_kw_max=0.8, efficiency=1.0, switch_cost=0.5), day)
    assert energies(paid) == [0.0, 0.0, 0.0, 0.0]
    closed = make_plan(
        node(soc=0.2, efficiency=1.0, switch_cost=0.25, relay=Action.CHARGE),
        prices((0.1, 0.0), (0.9, 0.5)),
    )
    assert closed.cost == pytest.approx(0.1 - 0.5 + 0.25)
    opened = make_plan(node(soc=0.2, efficiency=1.0, switch_cost=0.25), prices((0.1, 0.0), (0.9, 0.5)))
    assert opened.cost == 0.0


def test_a_relay_stays_closed_at_no_power_where_closing_it_again_costs_more():
    plan = make_plan(
        node(soc=0.2, efficiency=1.0, power_kw_max=4.0, switch_cost=0.1),
        prices((0.1, 0.0), (9.0, 0.0), (0.1, 0.0), (9.0, 0.6), (9.0, 0.6)),
    )
    assert energies(plan) == pytest.approx([-1.0, 0.0, -1.0, 1.0, 1.0])
    assert plan.slots[1].action is Action.CHARGE
    assert "closing it again would cost 0.1" in plan.slots[1].reason
    assert plan.cost == pytest.approx(0.2 - 1.2 + 0.2)


@pytest.mark.parametrize("soc", [0.0, 0.05, -3.0])
def test_below_its_window_it_charges_at_full_power_whatever_the_price(soc):
    plan = make_plan(node(soc=soc), prices(*[(5.0, 0.0)] * 4))
    assert energies(plan)[0] == pytest.approx(-1.0)
    assert plan.slots[0].idle_costs is None
    assert "below its window" in plan.slots[0].reason
    total = -sum(energies(plan))
    assert total == pytest.approx(min(4.0, (2.0 - 10 * max(0.0, soc)) / 0.9))


@pytest.mark.parametrize("soc", [1.0, 0.95, 7.0])
def test_above_its_window_it_discharges_at_full_power_whatever_the_price(soc):
    plan = make_plan(node(soc=soc), prices(*[(9.0, -5.0)] * 4))
    expected = (10 * min(1.0, soc) - 9.0) * 0.9
    assert energies(plan) == pytest.approx([min(1.0, expected), 0.0, 0.0, 0.0][: len(plan.slots)])
    assert "above its window" in plan.slots[0].reason


def test_below_the_window_without_power_it_stays_and_says_so():
    plan = make_plan(node(soc=0.0, power_kw_max=0.0), prices((0.1, 0.1), (0.5, 0.5)))
    assert energies(plan) == [0.0, 0.0]
    assert plan.refused is None
    assert plan.slots[0].reason == "hold: the node has no power to plan with"


def test_a_node_without_capacity_holds():
    plan = make_plan(node(capacity_kwh=0.0), prices((0.1, 0.1), (0.5, 0.5)))
    assert energies(plan) == [0.0, 0.0]
    assert plan.slots[0].reason == "hold: the node has no capacity to plan with"


def test_no_prices_make_an_empty_plan():
    plan = make_plan(NODE, [])
    assert plan.slots == ()
    assert plan.cost == plan.idle_cost == 0.0
    assert plan.soc_end == 0.5


def test_a_slot_that_has_half_passed_moves_half():
    plan = make_plan(node(soc=0.2), prices((0.1, 0.1), (0.5, 0.5)), first_slot_share=0.5)
    assert energies(plan) == pytest.approx([-0.5, 0.405])


def test_a_window_of_no_width_moves_nothing():
    plan = make_plan(node(soc=0.5, soc_min=0.5, soc_max=0.5), prices((-1.0, 2.0), (0.1, 0.9)))
    assert energies(plan) == [0.0, 0.0]


@pytest.mark.parametrize(
    "field,value",
    [
        ("capacity_kwh", math.nan),
        ("capacity_kwh", -1.0),
        ("power_kw_max", math.inf),
        ("efficiency", 0.0),
        ("efficiency", 1.01),
        ("efficiency", math.nan),
        ("soc", math.nan),
        ("soc_min", -0.1),
        ("soc_max", 95.0),
        ("soc_min", 0.95),
        ("switch_cost", -1.0),
        ("idle_loss_per_hour", math.nan),
    ],
)
def test_a_node_that_cannot_be_is_refused_with_its_field(field, value):
    with pytest.raises(PlanInputWrong, match=field):
        make_plan(node(**{field: value}), prices((0.1, 0.1)))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_price_that_is_no_number_is_refused_with_slot_and_field(side, value):
    slots = prices((0.1, 0.1), (0.2, 0.2))
    slots[1] = msgspec.structs.replace(slots[1], **{side: value})
    with pytest.raises(PlanInputWrong, match=rf"prices\[1\].{side}"):
        make_plan(NODE, slots)


def test_other_bad_arguments_are_refused_with_their_name():
    with pytest.raises(PlanInputWrong, match="end_value"):
        make_plan(NODE, [], end_value=math.nan)
    with pytest.raises(PlanInputWrong, match="slot_minutes"):
        make_plan(NODE, [], slot_minutes=0)
    with pytest.raises(PlanInputWrong, match="first_slot_share"):
        make_plan(NODE, [], first_slot_share=1.5)


def test_a_schedule_that_would_break_a_limit_becomes_a_hold(monkeypatch):
    def too_much(problem, solution):
        return [(Action.DISCHARGE, 1.5)] * len(solution.actions)

    monkeypatch.setattr(schedule, "meter_schedule", too_much)
    plan = make_plan(NODE, prices((0.1, 0.1), (0.5, 0.5)))
    assert plan.refused == "slot 0: 1.5 kWh is above the power limit of 1 kWh a slot"
    assert energies(plan) == [0.0, 0.0]
    assert plan.cost == plan.idle_cost
    assert "refused before use" in plan.slots[0].reason


nodes = st.builds(
    PlanNode,
    capacity_kwh=st.one_of(st.sampled_from((0.0, 1e-9, 10.0, 1e6)), st.floats(0.0, 200.0)),
    power_kw_max=st.one_of(st.sampled_from((0.0, 1e-9, 1e6)), st.floats(0.0, 50.0)),
    efficiency=st.one_of(st.just(1.0), st.floats(0.001, 1.0)),
    soc=st.one_of(st.floats(-1e9, 1e9), st.floats(0.0, 1.0)),
    soc_min=st.floats(0.0, 0.5),
    soc_max=st.floats(0.5, 1.0),
    switch_cost=st.one_of(st.just(0.0), st.floats(0.0, 1.0), st.just(1e9)),
    idle_loss_per_hour=st.one_of(st.just(0.0), st.floats(0.0, 0.5)),
    relay=st.sampled_from(Action),
)
price = st.one_of(st.floats(-1e9, 1e9), st.floats(-1.0, 1.0), st.sampled_from((0.0, 0.1, -0.1)))


@settings(max_examples=300, deadline=None)
@given(
    nodes,
    st.lists(st.builds(PriceSlot, buy=price, sell=price), max_size=24),
    st.one_of(st.just(0.0), st.floats(-1e9, 1e9)),
    st.one_of(st.just(1.0), st.floats(0.0, 1.0)),
)
def test_whatever_comes_in_the_plan_keeps_every_limit_and_beats_doing_nothing(node, slots, end_value, share):
    plan = make_plan(node, slots, end_value=end_value, first_slot_share=share)
    assert plan.refused is None
    again = replay(
        node,
        slots,
        [(slot.action, slot.energy_kwh) for slot in plan.slots],
        slot_minutes=15,
        end_value=end_value,
        first_slot_share=share,
    )
    assert again.broken is None
    assert again.cost == plan.cost
    inside = node.soc_min <= min(1.0, max(0.0, node.soc)) <= node.soc_max
    if inside and not node.idle_loss_per_hour:
        size = 1.0 + sum(abs(slot.cost) for slot in plan.slots) + abs(end_value) * node.capacity_kwh
        assert plan.cost <= plan.idle_cost + 1e-9 * size


def test_a_power_below_all_rounding_ends_in_time():
    slots = [PriceSlot(buy=0.1 * (t % 5) - 0.2, sell=0.07 * (t % 3)) for t in range(96)]
    plan = make_plan(node(power_kw_max=3.5e-286, switch_cost=1e9, idle_loss_per_hour=0.4), slots)
    assert plan.refused is None
    assert sum(map(abs, energies(plan))) < 1e-280
