"""The busbar: power in equals power out less the losses, whoever is connected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.bench.busbar import Link, charge_current_a, discharge_current_a, link_currents_a

LIMITS = {"transfer_current_a": 1.0, "receive_current_a_max": 1.3, "efficiency": 0.92}


def _link(volts=3.7, ohm=0.045, **role) -> Link:
    return Link(inner_v=volts, r0_ohm=ohm, **role)


def test_one_sender_and_one_receiver_by_hand():
    # 1 A from 4.0 V without resistance: 4 W, 3.68 W arrive, 3.68 / 3.2 = 1.15 A
    currents = link_currents_a(
        [_link(4.0, 0.0, sends=True), _link(3.2, 0.0, receives=True), _link(3.6)], **LIMITS
    )

    assert currents == pytest.approx([1.0, -1.15, 0.0])


def test_two_receivers_share_one_sender_equally():
    currents = link_currents_a(
        [_link(4.0, 0.0, sends=True), _link(3.68, 0.0, receives=True), _link(3.68, 0.0, receives=True)],
        **LIMITS,
    )

    assert currents == pytest.approx([1.0, -0.5, -0.5])


def test_what_the_receiver_cannot_take_the_senders_do_not_give():
    # The receiver takes 1.3 A at 4.0 V = 5.2 W; three senders would offer 12 W * 0.92
    currents = link_currents_a([*[_link(4.0, 0.0, sends=True)] * 3, _link(4.0, 0.0, receives=True)], **LIMITS)

    assert currents == pytest.approx([5.2 / 0.92 / 12] * 3 + [-1.3])


@pytest.mark.parametrize("role", [{"sends": True}, {"receives": True}, {}])
def test_without_a_partner_nothing_flows(role):
    assert link_currents_a([_link(**role), _link(3.9, **role)], **LIMITS) == [0.0, 0.0]


def test_the_current_for_a_power_solves_the_cells_equation():
    link = _link(3.7, 0.1)

    given_a = discharge_current_a(link, 3.0)
    taken_a = charge_current_a(link, 3.0)

    assert (3.7 - given_a * 0.1) * given_a == pytest.approx(3.0)
    assert (3.7 + taken_a * 0.1) * taken_a == pytest.approx(3.0)
    assert given_a < 1.0


ROLES = st.sampled_from([{}, {"sends": True}, {"receives": True}])
LINKS = st.lists(
    st.builds(lambda v, r, role: _link(v, r, **role), st.floats(2.0, 4.3), st.floats(0, 0.2), ROLES),
    min_size=1,
    max_size=10,
)


@given(links=LINKS, efficiency=st.floats(0.3, 1.0), transfer_a=st.floats(0.05, 3))
def test_received_power_is_sent_power_times_efficiency(links, efficiency, transfer_a):
    currents = link_currents_a(
        links, transfer_current_a=transfer_a, receive_current_a_max=1.3, efficiency=efficiency
    )

    power_w = [(link.inner_v - a * link.r0_ohm) * a for link, a in zip(links, currents, strict=True)]
    sent_w = sum(p for p in power_w if p > 0)
    received_w = -sum(p for p in power_w if p < 0)
    assert received_w == pytest.approx(sent_w * efficiency, rel=1e-9, abs=1e-12)
    for link, current_a in zip(links, currents, strict=True):
        assert current_a <= (transfer_a + 1e-9 if link.sends else 0.0)
        assert current_a >= (-1.3 - 1e-9 if link.receives else 0.0)
