"""Who speaks first, what makes a pair, and that nothing goes round the safety gate."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.control import PlannedAction, decide
from edge.control.decide import gate
from edge.control.manual import Lease, ManualState
from edge.snapshot import Decision, NodeDecision
from shared.messages import Action, Quality
from tests.edge.control.builders import Site, a_sample

CHARGE, DISCHARGE, IDLE = Action.CHARGE, Action.DISCHARGE, Action.IDLE


def leases(**actions):
    """uid=action or uid=(action, peer)."""
    made = []
    for uid, wish in actions.items():
        action, peer = wish if isinstance(wish, tuple) else (wish, None)
        made.append(Lease(uid=uid, action=action, peer_uid=peer, local=False, source="c1", until=1e9))
    return ManualState(leases=tuple(made))


def settle(soc, *, samples=None, relays=None, manual=None, plan=None, spent=None):
    """The decision by uid, for nodes with these SoC."""
    site = Site(*soc)
    samples = samples or {}
    site.see(*(samples.get(uid) or a_sample(uid) for uid in soc), soc=soc, relays=relays)
    decision = decide(site.snapshot, manual or ManualState(), plan, site.safety, spent)
    assert [node.uid for node in decision.nodes] == list(soc)
    return {node.uid: node for node in decision.nodes}


def actions(decided):
    return {uid: node.action for uid, node in decided.items()}


def test_the_balance_rule_pairs_the_fullest_with_the_emptiest():
    decided = settle({"A": 80.0, "B": 30.0, "C": 60.0})
    assert actions(decided) == {"A": DISCHARGE, "B": CHARGE, "C": IDLE}
    assert decided["A"].peer_uid == "B"
    assert decided["B"].peer_uid == "A"
    assert decided["A"].by == "balance"


def test_several_pairs_share_the_busbar():
    decided = settle({"A": 90.0, "B": 22.0, "C": 80.0, "D": 30.0, "E": 50.0})
    assert actions(decided) == {"A": DISCHARGE, "B": CHARGE, "C": DISCHARGE, "D": CHARGE, "E": IDLE}


def test_a_manual_command_beats_plan_and_balance():
    plan = (PlannedAction(uid="C", action=CHARGE, reason="cheap", peer_uid="A"),)
    decided = settle({"A": 80.0, "B": 30.0, "C": 60.0}, manual=leases(A=IDLE), plan=plan)
    assert (decided["A"].action, decided["A"].by) == (IDLE, "manual")
    # The plan wanted C to charge from A. Without A it says nothing, and balance finds C another partner.
    assert (decided["C"].action, decided["C"].peer_uid, decided["C"].by) == (DISCHARGE, "B", "balance")


@pytest.mark.parametrize(
    "plan",
    [
        (PlannedAction(uid="A", action=CHARGE, reason="cheap"),),
        (
            PlannedAction(uid="A", action=IDLE, reason="hold"),
            PlannedAction(uid="B", action=IDLE, reason="hold"),
        ),
        (
            PlannedAction(uid="A", action=CHARGE, reason="cheap", peer_uid="B"),
            PlannedAction(uid="B", action=CHARGE, reason="cheap", peer_uid="A"),
        ),
        (
            PlannedAction(uid="A", action=CHARGE, reason="cheap", peer_uid="B"),
            PlannedAction(uid="B", action=DISCHARGE, reason="dear", peer_uid="C"),
        ),
    ],
)
def test_a_plan_that_names_no_whole_pair_leaves_the_nodes_to_balance(plan):
    decided = settle({"A": 80.0, "B": 30.0, "C": 60.0}, plan=plan)
    assert actions(decided) == {"A": DISCHARGE, "B": CHARGE, "C": IDLE}
    assert {node.by for node in decided.values()} == {"balance"}


def test_a_relay_that_has_used_up_its_day_begins_nothing_by_plan_or_balance_and_says_so():
    spent = {"A": frozenset({DISCHARGE})}
    decided = settle({"A": 80.0, "B": 30.0, "C": 60.0}, spent=spent)
    assert actions(decided) == {"A": IDLE, "B": CHARGE, "C": DISCHARGE}
    assert decided["A"].reason == (
        "the discharge relay has closed as often as its day allows: no new transfer before midnight UTC"
    )
    plan = (
        PlannedAction(uid="A", action=DISCHARGE, reason="dear", peer_uid="B"),
        PlannedAction(uid="B", action=CHARGE, reason="cheap", peer_uid="A"),
    )
    assert settle({"A": 80.0, "B": 70.0}, plan=plan, spent=spent)["A"].by == "balance"


def test_a_relay_that_has_used_up_its_day_goes_on_with_what_runs_and_obeys_a_person():
    spent = {"A": frozenset({DISCHARGE}), "B": frozenset({CHARGE})}
    running = settle({"A": 80.0, "B": 30.0}, relays={"A": DISCHARGE, "B": CHARGE}, spent=spent)
    assert actions(running) == {"A": DISCHARGE, "B": CHARGE}
    asked = settle({"A": 80.0, "B": 30.0}, manual=leases(A=(DISCHARGE, "B"), B=(CHARGE, "A")), spent=spent)
    assert actions(asked) == {"A": DISCHARGE, "B": CHARGE}
    assert asked["A"].by == "manual"


def test_a_plan_beats_balance():
    plan = (
        PlannedAction(uid="A", action=CHARGE, reason="sun at noon", peer_uid="C"),
        PlannedAction(uid="C", action=DISCHARGE, reason="sun at noon", peer_uid="A"),
    )
    decided = settle({"A": 80.0, "B": 30.0, "C": 60.0}, plan=plan)
    assert actions(decided) == {"A": CHARGE, "B": IDLE, "C": DISCHARGE}
    assert decided["A"].by == "plan"


def test_a_command_without_a_peer_finds_the_emptiest_partner():
    decided = settle({"A": 50.0, "B": 48.0, "C": 45.0}, manual=leases(A=DISCHARGE))
    assert actions(decided) == {"A": DISCHARGE, "B": IDLE, "C": CHARGE}
    assert decided["C"].by == "manual"
    assert decided["A"].peer_uid == "C"


def test_a_running_partner_is_kept():
    decided = settle(
        {"A": 50.0, "B": 48.0, "C": 45.0},
        manual=leases(A=DISCHARGE),
        relays={"A": DISCHARGE, "B": CHARGE},
        samples={"A": a_sample("A", current_ma=200.0), "B": a_sample("B", current_ma=-200.0)},
    )
    assert decided["A"].peer_uid == "B"


def test_two_commands_that_fit_become_a_pair():
    decided = settle({"A": 50.0, "B": 80.0, "C": 30.0}, manual=leases(A=CHARGE, B=DISCHARGE))
    assert decided["A"].peer_uid == "B"
    assert actions(decided) == {"A": CHARGE, "B": DISCHARGE, "C": IDLE}


def test_a_command_whose_peer_is_held_off_stays_idle():
    decided = settle({"A": 50.0, "B": 48.0}, manual=leases(A=(DISCHARGE, "B"), B=IDLE))
    assert actions(decided) == {"A": IDLE, "B": IDLE}
    assert "no partner" in decided["A"].reason


def test_a_manual_command_cannot_discharge_an_empty_node_and_the_other_end_opens_too():
    decided = settle({"A": 20.0, "B": 50.0}, manual=leases(A=(DISCHARGE, "B"), B=(CHARGE, "A")))
    assert actions(decided) == {"A": IDLE, "B": IDLE}
    assert decided["A"].by == "safety"
    assert "no discharge at or below 20 %" in decided["A"].reason
    assert decided["A"].veto.startswith("discharge wanted by manual")
    assert "A does not take part" in decided["B"].reason


def test_a_node_with_a_fault_says_so_and_frees_its_partner():
    decided = settle(
        {"A": 80.0, "B": 30.0, "C": 40.0},
        samples={"B": a_sample("B", voltage_v=2.4)},
        relays={"A": DISCHARGE, "B": CHARGE},
    )
    assert decided["B"].by == "safety"
    assert decided["B"].reason.startswith("fault: 2.400 V")
    assert actions(decided) == {"A": DISCHARGE, "B": IDLE, "C": CHARGE}


def test_a_running_transfer_that_safety_ends_names_safety():
    decided = settle(
        {"A": 80.0, "B": 30.0},
        samples={"B": a_sample("B", temperature=Quality.STALE)},
        relays={"A": DISCHARGE, "B": CHARGE},
    )
    assert actions(decided) == {"A": IDLE, "B": IDLE}
    assert decided["B"].by == "safety"
    assert decided["B"].reason == "temperature reading is stale"


def test_a_node_without_an_estimate_stays_idle():
    decided = settle({"A": 80.0, "B": 30.0}, samples={"B": a_sample("B", voltage_v=None)})
    assert actions(decided) == {"A": IDLE, "B": IDLE}


def test_a_plan_for_an_unknown_node_is_ignored():
    plan = (PlannedAction(uid="X", action=CHARGE, reason="?"),)
    assert set(settle({"A": 50.0, "B": 50.0}, plan=plan)) == {"A", "B"}


@pytest.mark.parametrize(
    "wanted",
    [
        {"A": (DISCHARGE, None), "B": (CHARGE, "A")},
        {"A": (DISCHARGE, "B"), "B": (CHARGE, None)},
        {"A": (DISCHARGE, "B"), "B": (DISCHARGE, "A")},
        {"A": (DISCHARGE, "X"), "B": (CHARGE, "A")},
        {"A": (CHARGE, "A"), "B": (IDLE, None)},
    ],
)
def test_the_gate_opens_whatever_is_not_a_pair(wanted):
    site = Site("A", "B")
    site.see(a_sample("A"), a_sample("B"))
    decision = Decision(
        nodes=tuple(
            NodeDecision(uid=uid, action=action, by="plan", reason="?", peer_uid=peer)
            for uid, (action, peer) in wanted.items()
        )
    )
    assert {node.action for node in gate(decision, site.safety).nodes} == {IDLE}


samples_of = st.fixed_dictionaries(
    {
        "voltage_v": st.sampled_from([None, 2.4, 2.9, 3.0, 3.7, 3.9, 4.19, 4.2, 4.3]),
        "current_ma": st.sampled_from([None, 0.0, 90.0, 2500.0]),
        "temperature_c": st.sampled_from([None, -30.0, -5.0, 25.0, 50.0, 65.0]),
        "voltage": st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.STALE, Quality.FROZEN]),
    }
)
wishes = st.one_of(
    st.none(),
    st.tuples(st.sampled_from(Action), st.one_of(st.none(), st.sampled_from(list("ABCDEX")))),
)


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            uid: st.tuples(samples_of, st.floats(0, 100), st.sampled_from(Action), wishes, wishes)
            for uid in "ABCDE"
        }
    )
)
def test_nothing_goes_round_the_gate_and_every_transfer_has_two_ends(nodes):
    site = Site(*nodes)
    site.see(
        *(a_sample(uid, **sample) for uid, (sample, *_) in nodes.items()),
        soc={uid: node[1] for uid, node in nodes.items()},
        relays={uid: node[2] for uid, node in nodes.items()},
    )
    manual = leases(**{uid: node[3] for uid, node in nodes.items() if node[3] is not None})
    plan = [
        PlannedAction(uid=uid, action=node[4][0], reason="plan", peer_uid=node[4][1])
        for uid, node in nodes.items()
        if node[4] is not None
    ]
    decided = {node.uid: node for node in decide(site.snapshot, manual, plan, site.safety).nodes}
    assert list(decided) == list(nodes)
    for uid, node in decided.items():
        assert node.reason
        may_charge, may_discharge = site.may(uid)
        soc, volts = nodes[uid][1], nodes[uid][0]["voltage_v"]
        if node.action is CHARGE:
            assert may_charge
            assert soc < 95
            assert volts is not None
            assert volts < 4.2
        if node.action is DISCHARGE:
            assert may_discharge
            assert soc > 20
            assert volts is not None
            assert volts > 3.0
        if node.action is not IDLE:
            peer = decided[node.peer_uid]
            assert peer.peer_uid == uid
            assert {peer.action, node.action} == {CHARGE, DISCHARGE}
