"""The cursor rule, by hand and against a lossy network."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.grid.cursors import Verdict, judge


@pytest.mark.parametrize(
    "through,seq,oldest,verdict",
    [
        (0, 1, 1, Verdict.APPLY),
        (0, 57, 57, Verdict.APPLY),  # a journal older than our memory of it
        (0, 57, 50, Verdict.GAP),  # 50 to 56 are still to come
        (9, 10, 1, Verdict.APPLY),
        (9, 10, 10, Verdict.APPLY),
        (9, 9, 9, Verdict.DUPLICATE),
        (9, 1, 1, Verdict.DUPLICATE),
        (9, 11, 10, Verdict.GAP),
        (9, 11, 11, Verdict.APPLY),  # 10 is lost for ever: the journal no longer has it
        (9, 12, 11, Verdict.GAP),
        (9, 2**30, 2**30, Verdict.APPLY),  # the agent's sequences jump after a crash
        (9, 2**30 + 1, 2**30, Verdict.GAP),
    ],
)
def test_a_record_is_applied_only_when_nothing_before_it_can_still_come(
    through: int, seq: int, oldest: int, verdict: Verdict
) -> None:
    assert judge(through=through, seq=seq, oldest=oldest) is verdict


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 12))
def test_over_a_network_that_loses_repeats_and_reorders_everything_is_applied_once_and_in_order(
    seed: int, count: int
) -> None:
    chance = random.Random(seed)
    held = list(range(1, count + 1))
    applied: list[int] = []
    through = 0
    wire: list[tuple[int, int]] = []
    for _ in range(5_000):
        if not held:
            break
        if not wire or chance.random() < 0.1:
            wire += [(seq, held[0]) for seq in held if chance.random() > 0.3]
            continue
        record = wire.pop(chance.randrange(len(wire)))
        if chance.random() < 0.2:
            wire.append(record)
        seq, oldest = record
        if judge(through=through, seq=seq, oldest=oldest) is Verdict.APPLY:
            applied.append(seq)
            through = seq
        if chance.random() > 0.4:  # the acknowledgement arrives
            held = [seq for seq in held if seq > through]
    assert applied == list(range(1, count + 1))
