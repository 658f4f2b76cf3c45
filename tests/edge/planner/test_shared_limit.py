import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import PlanInputWrong
from edge.planner import shared_limit
from edge.planner.link_price import lower_bound
from edge.planner.model import PlanNode, PriceSlot
from edge.planner.shared_limit import make_plans
from edge.planner.simulate import replay
from shared.messages import Action
from tests.edge.planner.days import day_ahead_prices, random_node, random_prices
from tests.edge.planner.judge import cheapest, programme

LIMITS = ("gross", "net")


def fleet(draw, count=4, **fixed):
    return [
        random_node(
            draw,
            capacity_kwh=draw.choice((5.0, 10.0, 20.0)),
            power_kw_max=draw.uniform(2.0, 6.0),
            **fixed,
        )
        for _ in range(count)
    ]


def most_used(found, limit_of):
    energies = [[slot.energy_kwh for slot in plan.slots] for plan in found.plans]
    if limit_of == "net":
        return max(abs(sum(slot)) for slot in zip(*energies, strict=True))
    return max(sum(map(abs, slot)) for slot in zip(*energies, strict=True))


@pytest.mark.parametrize("limit_of", LIMITS)
@pytest.mark.parametrize("share", [0.2, 0.5])
def test_it_comes_within_one_percent_of_the_linear_programme_and_states_its_gap(limit_of, share):
    draw = random.Random(11)
    nodes = fleet(draw)
    for prices in (random_prices(draw, slots=48), day_ahead_prices(draw, sun=0.12)):
        limit_kw = share * sum(node.power_kw_max for node in nodes)
        found = make_plans(nodes, prices, limit_kw=limit_kw, limit_of=limit_of)
        best = cheapest(nodes, prices, limit_kwh=limit_kw / 4, net=limit_of == "net")
        assert most_used(found, limit_of) <= limit_kw / 4 + 1e-9
        assert found.bound <= best + 1e-6
        assert best - 1e-6 <= found.cost <= best + 0.01 * abs(best)
        assert found.gap == pytest.approx(found.cost - found.bound)
        assert found.gap <= 0.015 * abs(best)
        assert any(found.limit_prices)


@pytest.mark.parametrize("limit_of", LIMITS)
def test_negative_prices_and_switching_keep_the_bound_below_and_the_plan_above_the_judge(limit_of):
    draw = random.Random(12)
    nodes = fleet(draw, count=2, switch_cost=0.01)
    prices = random_prices(draw, slots=16, low=-0.2)
    found = make_plans(nodes, prices, limit_kw=4.0, limit_of=limit_of)
    best = cheapest(nodes, prices, whole=True, limit_kwh=1.0, net=limit_of == "net")
    assert found.bound <= best + 1e-6
    assert best - 1e-6 <= found.cost <= best + 0.05 * abs(best)


def test_a_limit_that_binds_nowhere_has_no_price_and_no_gap():
    draw = random.Random(13)
    nodes, prices = fleet(draw), random_prices(draw)
    found = make_plans(nodes, prices, limit_kw=1000.0)
    assert found.gap == 0.0
    assert not any(found.limit_prices)
    assert found.cost == pytest.approx(sum(cheapest([node], prices) for node in nodes), abs=1e-6)


LEAKY = PlanNode(
    capacity_kwh=10.0,
    power_kw_max=4.0,
    efficiency=1.0,
    soc=0.3,
    soc_min=0.2,
    soc_max=0.9,
    idle_loss_per_hour=0.5,
)
TIGHT = msgspec.structs.replace(LEAKY, soc=0.2, idle_loss_per_hour=0.0)


def test_nodes_that_offset_each_other_may_pass_more_than_a_net_limit():
    """The one sells before its energy leaks away, the other buys for a far peak, both in the first slot."""
    draws = msgspec.structs.replace(LEAKY, soc_min=0.0)
    prices = [
        PriceSlot(buy=0.1, sell=0.09),
        *[PriceSlot(buy=9.0, sell=0.0)] * 30,
        PriceSlot(buy=9.0, sell=0.4),
    ]
    prices.append(prices[-1])
    net = make_plans([draws, TIGHT], prices, limit_kw=2.0, limit_of="net")
    assert [plan.slots[0].energy_kwh for plan in net.plans] == pytest.approx([1.0, -1.0])
    gross = make_plans([draws, TIGHT], prices, limit_kw=2.0, limit_of="gross")
    assert gross.plans[0].slots[0].energy_kwh - gross.plans[1].slots[0].energy_kwh == pytest.approx(0.5)


@pytest.mark.parametrize("limit_of", LIMITS)
def test_nodes_outside_their_windows_share_the_limit_on_the_way_back(limit_of):
    low = msgspec.structs.replace(TIGHT, soc=0.1)
    lower = msgspec.structs.replace(TIGHT, soc=0.0)
    prices = [PriceSlot(buy=0.3, sell=0.1)] * 16
    found = make_plans([low, lower], prices, limit_kw=2.0, limit_of=limit_of)
    assert [plan.slots[0].energy_kwh for plan in found.plans] == pytest.approx([-0.25, -0.25])
    assert [plan.soc_end for plan in found.plans] == pytest.approx([0.2, 0.2])


def test_idle_losses_at_the_edge_of_a_window_share_the_limit_too():
    leaks = msgspec.structs.replace(LEAKY, soc=1.0, soc_min=0.5, soc_max=0.5, idle_loss_per_hour=0.01)
    for limit_of in LIMITS:
        found = make_plans([leaks], [PriceSlot(buy=0.0, sell=0.0)] * 3, limit_kw=0.0, limit_of=limit_of)
        assert found.plans[0].refused is None
        assert found.plans[0].soc_end == pytest.approx(0.99**0.75)


@pytest.mark.parametrize("limit_of", LIMITS)
def test_the_bound_holds_where_every_price_pays_for_burning(limit_of):
    nodes = [msgspec.structs.replace(TIGHT, efficiency=0.8, soc=soc) for soc in (0.3, 0.8)]
    prices = [PriceSlot(buy=-0.3, sell=-0.3), PriceSlot(buy=-0.1, sell=-0.2)] * 5
    found = make_plans(nodes, prices, limit_kw=4.0, limit_of=limit_of)
    best = cheapest(nodes, prices, whole=True, limit_kwh=1.0, net=limit_of == "net")
    assert found.bound <= best + 1e-6
    assert found.cost >= best - 1e-6


def test_without_a_price_the_bound_is_that_of_the_mixed_integer_programme_relaxed():
    draw = random.Random(16)
    for _ in range(10):
        nodes, prices = fleet(draw, count=1), random_prices(draw, slots=24, low=-0.3)
        task = shared_limit._make_task(nodes, prices, 1000.0, "gross", 0.05, 15, 1.0)
        bound, _ = lower_bound(task, [0.0] * len(prices))
        relaxed = programme(nodes, prices, end_value=0.05, whole=True)
        relaxed.whole = [False] * len(relaxed.whole)
        solver = relaxed.solver()
        solver.run()
        assert bound == pytest.approx(solver.getInfo().objective_function_value, abs=1e-6)


def test_no_nodes_no_prices_and_no_limit_are_all_plans():
    assert make_plans([], [PriceSlot(buy=1.0, sell=1.0)], limit_kw=1.0).plans == ()
    draw = random.Random(14)
    nodes = fleet(draw)
    assert make_plans(nodes, [], limit_kw=1.0).cost == 0.0
    nothing = make_plans(nodes, random_prices(draw), limit_kw=0.0)
    assert nothing.cost == 0.0
    assert all(slot.energy_kwh == 0.0 for plan in nothing.plans for slot in plan.slots)


@pytest.mark.parametrize("limit_kw", [math.nan, -1.0, math.inf])
def test_a_limit_that_cannot_be_is_refused(limit_kw):
    with pytest.raises(PlanInputWrong, match="limit_kw"):
        make_plans([], [], limit_kw=limit_kw)


def test_plans_that_together_pass_the_limit_all_hold(monkeypatch):
    def everything(problem, solution):
        return [(Action.CHARGE, -0.3)] * len(solution.actions)

    monkeypatch.setattr(shared_limit, "meter_schedule", everything)
    nodes = fleet(random.Random(15), soc=0.3)
    found = make_plans(nodes, random_prices(random.Random(15), slots=3), limit_kw=4.0)
    assert {plan.refused for plan in found.plans} == {"slot 0: 1.2 kWh on a link that carries 1 kWh a slot"}
    assert found.cost == 0.0


nodes = st.builds(
    PlanNode,
    capacity_kwh=st.one_of(st.just(0.0), st.floats(0.1, 50.0)),
    power_kw_max=st.one_of(st.just(0.0), st.floats(0.1, 20.0)),
    efficiency=st.floats(0.3, 1.0),
    soc=st.floats(0.0, 1.0),
    soc_min=st.floats(0.0, 0.5),
    soc_max=st.floats(0.5, 1.0),
    switch_cost=st.sampled_from((0.0, 0.0, 0.05)),
    idle_loss_per_hour=st.sampled_from((0.0, 0.0, 0.01)),
)
price = st.one_of(st.floats(-1.0, 1.0), st.sampled_from((0.0, 0.1, -0.1)))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(nodes, min_size=1, max_size=4),
    st.lists(st.builds(PriceSlot, buy=price, sell=price), max_size=10),
    st.floats(0.0, 20.0),
    st.sampled_from(LIMITS),
)
def test_whatever_comes_in_no_limit_is_passed_and_nobody_is_refused(nodes, prices, limit_kw, limit_of):
    found = make_plans(nodes, prices, limit_kw=limit_kw, limit_of=limit_of)
    assert [plan.refused for plan in found.plans] == [None] * len(nodes)
    assert found.gap >= 0.0
    if prices:
        assert most_used(found, limit_of) <= limit_kw / 4 + 1e-9 * max(1.0, limit_kw)
    for node, plan in zip(nodes, found.plans, strict=True):
        schedule = [(slot.action, slot.energy_kwh) for slot in plan.slots]
        inside = node.soc_min <= node.soc <= node.soc_max and not node.idle_loss_per_hour
        assert not inside or replay(node, prices, schedule, slot_minutes=15).broken is None
