import math
import re

import msgspec
import pytest

from edge.planner.model import PlanNode, PriceSlot
from edge.planner.simulate import replay
from shared.messages import Action

NODE = PlanNode(capacity_kwh=10.0, power_kw_max=4.0, efficiency=0.8, soc=0.5, soc_min=0.4, soc_max=0.6)
PRICES = [PriceSlot(buy=0.2, sell=0.1)] * 2


def test_it_counts_losses_money_and_the_end():
    done = replay(
        NODE, PRICES, [(Action.CHARGE, -1.0), (Action.DISCHARGE, 0.4)], slot_minutes=15, end_value=0.5
    )
    assert done.socs == pytest.approx([0.58, 0.53])
    assert done.costs == pytest.approx([0.2, -0.04])
    assert done.cost == pytest.approx(0.16 - 0.5 * 5.3)
    assert done.broken is None


def test_each_closing_of_a_relay_is_paid_once():
    node = msgspec.structs.replace(NODE, switch_cost=1.0, relay=Action.CHARGE)
    ways = [(Action.CHARGE, -0.1), (Action.DISCHARGE, 0.1), (Action.DISCHARGE, 0.0), (Action.IDLE, 0.0)]
    ways.append((Action.CHARGE, -0.1))
    done = replay(node, [PriceSlot(buy=0.0, sell=0.0)] * 5, ways, slot_minutes=15)
    assert done.costs == [0.0, 1.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    "schedule,why",
    [
        ([(Action.CHARGE, -1.0 - 2e-8), (Action.IDLE, 0.0)], "slot 0: .* above the power limit of 1 kWh"),
        ([(Action.CHARGE, -1.0), (Action.CHARGE, -0.26)], "slot 1: .* stored is outside 4 to 6 kWh"),
        ([(Action.DISCHARGE, 0.81), (Action.IDLE, 0.0)], "slot 0: .* stored is outside"),
        ([(Action.IDLE, -0.5), (Action.IDLE, 0.0)], "slot 0: -0.5 kWh with the relay at idle"),
        ([(Action.DISCHARGE, -0.5), (Action.IDLE, 0.0)], "with the relay at discharge"),
        ([(Action.CHARGE, math.nan), (Action.IDLE, 0.0)], "slot 0: an energy of nan"),
        ([(Action.IDLE, 0.0)], "1 slots for 2 prices"),
    ],
)
def test_a_broken_limit_is_named_with_its_slot(schedule, why):
    done = replay(NODE, PRICES, schedule, slot_minutes=15)
    assert done.broken is not None
    assert re.search(why, done.broken)


def test_rounding_alone_breaks_nothing():
    assert (
        replay(NODE, PRICES, [(Action.CHARGE, -1.0 - 1e-10), (Action.IDLE, 0.0)], slot_minutes=15).broken
        is None
    )


def test_outside_the_window_the_way_back_must_use_all_power():
    low = msgspec.structs.replace(NODE, soc=0.2)
    back = [(Action.CHARGE, -1.0), (Action.CHARGE, -1.0)]
    assert replay(low, PRICES, back, slot_minutes=15).broken is None
    slow = [(Action.CHARGE, -0.9), (Action.CHARGE, -1.0)]
    assert replay(low, PRICES, slow, slot_minutes=15).broken is not None
    allotted = replay(low, PRICES, slow, slot_minutes=15, recovery_kwh=[(0.9, 0.0), (1.0, 0.0)])
    assert allotted.broken is None
    high = msgspec.structs.replace(NODE, soc=0.9)
    assert replay(high, PRICES, [(Action.DISCHARGE, 1.0)] * 2, slot_minutes=15).broken is None
    assert replay(high, PRICES, [(Action.IDLE, 0.0)] * 2, slot_minutes=15).broken is not None


def test_idle_losses_are_counted_per_hour():
    node = msgspec.structs.replace(NODE, idle_loss_per_hour=0.19, soc=0.6)
    done = replay(node, PRICES, [(Action.IDLE, 0.0)] * 2, slot_minutes=30)
    assert done.socs == pytest.approx([0.54, 0.486])


def test_the_first_slot_may_have_partly_passed():
    way = [(Action.CHARGE, -0.6), (Action.IDLE, 0.0)]
    assert replay(NODE, PRICES, way, slot_minutes=15, first_slot_share=0.5).broken is not None
    assert replay(NODE, PRICES, way, slot_minutes=15, first_slot_share=0.6).broken is None
