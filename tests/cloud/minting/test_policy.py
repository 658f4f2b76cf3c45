"""What becomes of questionable energy under each policy."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.minting.policy import judge


@pytest.mark.parametrize(
    "policy, net_mwh, doubts, expected",
    [
        ("off", 400, (), (500, 0, 0)),
        ("off", 400, ("odd",), (500, 0, 0)),
        ("flag", 500, (), (500, 0, 0)),
        ("flag", 400, (), (400, 100, 0)),
        ("flag", 0, (), (0, 500, 0)),
        ("flag", 500, ("odd",), (0, 500, 0)),
        ("reject", 500, (), (500, 0, 0)),
        ("reject", 400, (), (400, 0, 100)),
        ("reject", 0, (), (0, 0, 500)),
        ("reject", 500, ("odd",), (0, 0, 500)),
    ],
)
def test_how_500_mwh_are_divided(policy, net_mwh, doubts, expected):
    verdict = judge(policy, energy_mwh=500, net_mwh=net_mwh, doubts=doubts)

    assert (verdict.free_mwh, verdict.held_mwh, verdict.refused_mwh) == expected
    assert (verdict.reason is None) == (verdict.held_mwh + verdict.refused_mwh == 0)


def test_every_reason_is_told():
    verdict = judge("flag", energy_mwh=500_000, net_mwh=400_000, doubts=("too strong", "too long"))

    assert verdict.reason == "too strong; too long; 0.1 of 0.5 kWh came by transfer (circular)"


@given(
    policy=st.sampled_from(["off", "flag", "reject"]),
    energy_mwh=st.integers(1, 10_000_000),
    share=st.fractions(0, 1),
    doubts=st.lists(st.just("odd"), max_size=2),
)
@settings(max_examples=100)
def test_nothing_is_lost_or_made(policy, energy_mwh, share, doubts):
    verdict = judge(policy, energy_mwh=energy_mwh, net_mwh=int(energy_mwh * share), doubts=doubts)

    assert verdict.free_mwh + verdict.held_mwh + verdict.refused_mwh == energy_mwh
    assert min(verdict.free_mwh, verdict.held_mwh, verdict.refused_mwh) >= 0
