"""The balance rule of behaviour 2.6, by its numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.balance import BalanceNode, balance
from shared.messages import Action, NodeState

IDLE, SUPPLYING, RECEIVING, FAULT = NodeState
CHARGE, DISCHARGE, REST = Action


def a_node(uid, soc, state=IDLE, **may):
    return BalanceNode(uid=uid, soc_percent=soc, state=state, **may)


def decide(*nodes):
    """What each node shall do, and with whom."""
    return {action.uid: (action.action, action.peer_uid) for action in balance(nodes)}


def pair(sender, receiver):
    return {sender: (DISCHARGE, receiver), receiver: (CHARGE, sender)}


def resting(*uids):
    return dict.fromkeys(uids, (REST, None))


def test_the_example_of_the_document():
    assert decide(a_node("NODE_A", 72.4), a_node("NODE_B", 28.1)) == pair("NODE_A", "NODE_B")


def test_the_highest_is_paired_with_the_lowest_then_inwards():
    nodes = [a_node("a", 90), a_node("b", 60), a_node("c", 50), a_node("d", 20), a_node("e", 35)]

    # 90 with 20; 60 with 35; 50 is left over.
    assert decide(*nodes) == pair("a", "d") | pair("b", "e") | resting("c")


@pytest.mark.parametrize(
    "high, low, starts",
    [
        (65, 50, True),
        (64.9, 50, False),
        (40.1, 20, True),
        (40, 20, False),
        (95, 69.9, True),
        (95, 70, False),
        (60, 55, False),
        (100, 0, True),
    ],
)
def test_a_pair_starts_at_a_gap_of_15_above_40_and_below_70(high, low, starts):
    expected = pair("h", "l") if starts else resting("h", "l")

    assert decide(a_node("h", high), a_node("l", low)) == expected


@pytest.mark.parametrize(
    "high, low, goes_on",
    [
        (55, 50, True),
        (54.9, 50, False),
        (40.1, 35, True),
        (40, 30, False),
        (80, 69.9, True),
        (80, 70, False),
        (50, 55, False),
    ],
)
def test_a_running_pair_stops_below_a_gap_of_5_or_at_70_or_at_40(high, low, goes_on):
    expected = pair("h", "l") if goes_on else resting("h", "l")

    assert decide(a_node("h", high, SUPPLYING), a_node("l", low, RECEIVING)) == expected


def test_nothing_starts_while_all_lie_within_ten_points():
    assert decide(a_node("a", 59.9), a_node("b", 50), a_node("c", 55)) == resting("a", "b", "c")


def test_a_running_pair_stays_together_while_another_starts():
    nodes = [a_node("a", 60, SUPPLYING), a_node("b", 50, RECEIVING), a_node("c", 90), a_node("d", 20)]

    assert decide(*nodes) == pair("a", "b") | pair("c", "d")


@pytest.mark.parametrize(
    "left_out",
    [
        a_node("x", None),
        a_node("x", 95, FAULT),
        a_node("x", 95, may_discharge=False),
    ],
    ids=["unknown", "fault", "forbidden"],
)
def test_a_node_that_may_not_send_is_passed_over(left_out):
    assert decide(left_out, a_node("b", 60), a_node("c", 30)) == pair("b", "c") | resting("x")


def test_a_node_that_may_not_charge_is_passed_over():
    nodes = [a_node("x", 10, may_charge=False), a_node("b", 60), a_node("c", 30)]

    assert decide(*nodes) == pair("b", "c") | resting("x")


def test_equal_nodes_are_decided_by_name_whatever_their_order():
    nodes = [a_node("a", 80), a_node("b", 80), a_node("c", 20), a_node("d", 20)]

    expected = pair("a", "c") | pair("b", "d")
    assert decide(*nodes) == expected
    assert decide(*reversed(nodes)) == expected


def test_no_nodes_need_no_action_and_one_rests():
    assert balance([]) == ()
    assert decide(a_node("a", 90)) == resting("a")


def test_every_action_says_why():
    actions = balance([a_node("a", 92), a_node("b", 15), a_node("c", None), a_node("d", 50, FAULT)])

    assert [action.reason for action in actions] == [
        "starts to supply b: 92.0 %, surplus, 77.0 above it",
        "starts to receive from a: 15.0 %, critical, 77.0 below it",
        "state of charge unknown",
        "fault",
    ]


nodes = st.lists(
    st.builds(
        BalanceNode,
        uid=st.sampled_from("abcdefg"),
        soc_percent=st.none() | st.floats(0, 100),
        state=st.sampled_from(NodeState),
        may_charge=st.booleans(),
        may_discharge=st.booleans(),
    ),
    max_size=7,
    unique_by=lambda node: node.uid,
)


@given(nodes)
def test_whatever_the_nodes_the_hard_guards_hold_and_pairs_are_whole(found):
    actions = balance(found)
    by_uid = {action.uid: action for action in actions}

    assert [action.uid for action in actions] == [node.uid for node in found]
    for node in found:
        action = by_uid[node.uid]
        if action.action is REST:
            assert action.peer_uid is None
            continue
        assert node.state is not FAULT
        assert node.soc_percent is not None
        peer = by_uid[action.peer_uid]
        assert peer.peer_uid == node.uid
        if action.action is DISCHARGE:
            assert peer.action is CHARGE
            assert node.may_discharge
            assert node.soc_percent > 20
            receiver = next(other for other in found if other.uid == peer.uid)
            assert node.soc_percent - receiver.soc_percent >= 5
        else:
            assert peer.action is DISCHARGE
            assert node.may_charge
            assert node.soc_percent < 95
