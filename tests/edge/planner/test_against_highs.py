"""Every exact method against HiGHS, which knows nothing of it."""

import random

import msgspec
import pytest

from edge.planner import any_price, convex
from edge.planner.model import PriceSlot
from edge.planner.problem import make_problem, recovery_bounds, slot_energy_kwh
from edge.planner.schedule import make_plan
from tests.edge.planner.days import day_ahead_prices, random_node, random_prices
from tests.edge.planner.judge import cheapest

EXACT = 1e-6


def any_prices(draw: random.Random, slots: int = 96) -> list[PriceSlot]:
    """Buy and sell independent: selling often earns more than buying costs, of either sign."""
    return [PriceSlot(buy=draw.uniform(-0.3, 0.3), sell=draw.uniform(-0.3, 0.3)) for _ in range(slots)]


def worst_gap(days, *, whole):
    worst = 0.0
    for node, prices, end_value in days:
        plan = make_plan(node, prices, end_value=end_value)
        assert plan.refused is None
        worst = max(worst, abs(plan.cost - cheapest([node], prices, end_value=end_value, whole=whole)))
    return worst


def test_two_hundred_random_days_cost_what_the_linear_programme_says():
    draw = random.Random(1)
    days = [(random_node(draw), random_prices(draw), draw.choice((0.0, 0.0, 0.15))) for _ in range(200)]
    assert worst_gap(days, whole=False) < EXACT


def test_days_of_recorded_shape_cost_what_the_linear_programme_says():
    draw = random.Random(2)
    days = [(random_node(draw), day_ahead_prices(draw, sun=0.1), 0.0) for _ in range(60)]
    assert worst_gap(days, whole=False) < EXACT


def test_days_with_idle_losses_cost_what_the_linear_programme_says():
    draw = random.Random(3)
    days = [
        (
            random_node(draw, soc_min=0.0, idle_loss_per_hour=draw.choice((0.001, 0.02))),
            random_prices(draw),
            0.1,
        )
        for _ in range(40)
    ]
    assert worst_gap(days, whole=False) < EXACT


def test_days_with_negative_prices_cost_what_the_mixed_integer_programme_says():
    draw = random.Random(4)
    days = [(random_node(draw), random_prices(draw, low=-0.2), 0.0) for _ in range(25)]
    days += [(random_node(draw), day_ahead_prices(draw, sun=0.35), 0.0) for _ in range(25)]
    assert worst_gap(days, whole=True) < EXACT


@pytest.mark.parametrize("seed", [1, 82, 108, 114, 227, 375])
def test_flat_negative_hours_whose_value_functions_touch_within_rounding(seed):
    draw = random.Random(seed)
    node = random_node(draw, capacity_kwh=10.0, power_kw_max=6.1, efficiency=0.8)
    assert worst_gap([(node, day_ahead_prices(draw, sun=0.35), 0.0)], whole=True) < EXACT


def test_any_prices_of_any_sign_cost_what_the_mixed_integer_programme_says():
    draw = random.Random(5)
    days = [(random_node(draw), any_prices(draw), draw.choice((0.0, 0.1, -0.1))) for _ in range(12)]
    days += [
        (random_node(draw, soc_min=0.0, idle_loss_per_hour=0.02), any_prices(draw), 0.0) for _ in range(6)
    ]
    assert worst_gap(days, whole=True) < EXACT


def test_a_switching_cost_is_paid_as_the_mixed_integer_programme_pays_it():
    draw = random.Random(6)
    days = []
    for _ in range(16):
        node = random_node(draw, switch_cost=draw.choice((0.001, 0.01, 0.05)))
        days.append((node, random_prices(draw, slots=28, low=draw.choice((0.0, -0.2))), 0.0))
    for _ in range(4):
        node = random_node(draw, soc_min=0.0, switch_cost=0.01, idle_loss_per_hour=0.02)
        days.append((node, random_prices(draw, slots=24, low=-0.1), 0.0))
    days.append((random_node(draw, capacity_kwh=10.0, switch_cost=0.02), day_ahead_prices(draw), 0.0))
    assert worst_gap(days, whole=True) < EXACT


def test_both_methods_agree_where_both_are_exact():
    draw = random.Random(7)
    for _ in range(40):
        node, prices = random_node(draw, idle_loss_per_hour=draw.choice((0.0, 0.01))), random_prices(draw)
        most = [slot_energy_kwh(node, 15)] * len(prices)
        bounds = recovery_bounds([node], [most], 15)[0]
        problem = make_problem(node, prices, 15, 0.1, bounds, most, most)
        quick, general = convex.solve(problem), any_price.solve(problem)
        for one, other in zip(quick.idle_costs, general.idle_costs, strict=True):
            assert one is None or other is None or one == 0.0 or other == 0.0 or abs(one - other) < EXACT
        assert abs(spent(problem, quick) - spent(problem, general)) < EXACT


def spent(problem, solution):
    total = -problem.end_value * solution.levels[-1]
    for t, action in enumerate(solution.actions):
        change = solution.levels[t + 1] - solution.levels[t] * problem.keep
        price = (
            problem.buy[t] / problem.efficiency
            if action == "charge"
            else problem.sell[t] * problem.efficiency
        )
        total += price * change
    return total


@pytest.mark.parametrize("low", [0.0, -0.2])
def test_what_doing_nothing_in_a_slot_costs_is_what_the_judge_finds_without_it(low):
    draw = random.Random(8)
    node, prices = random_node(draw, capacity_kwh=10.0), random_prices(draw, slots=20, low=low)
    plan = make_plan(node, prices)
    for slot in plan.slots:
        closed = closed_slot(node, prices, plan, slot.index)
        assert slot.idle_costs is not None
        assert abs(slot.idle_costs - closed) < EXACT


def closed_slot(node, prices, plan, index):
    """Cost of nothing in this slot and the judge's best afterwards, less what the plan costs from here."""
    before = node.soc if index == 0 else plan.slots[index - 1].soc
    rest = prices[index + 1 :]
    if not rest:
        return -sum(slot.cost for slot in plan.slots[index:])
    later = msgspec.structs.replace(node, soc=min(max(before, node.soc_min), node.soc_max))
    return cheapest([later], rest, whole=True) - sum(slot.cost for slot in plan.slots[index:])
