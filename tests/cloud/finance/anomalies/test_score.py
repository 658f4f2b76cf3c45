"""The score, held to behaviour.md §4 by hand."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.anomalies.score import Habit, Signals, judge, z_score

QUIET = Signals(z=None, decision=None, night=False, duplicate=False)


def signals(**told: object) -> Signals:
    return Signals(**{name: told.get(name, getattr(QUIET, name)) for name in Signals.__struct_fields__})


def habit_of(amounts: list[int]) -> Habit | None:
    return Habit.of_sums(len(amounts), sum(amounts), sum(amount * amount for amount in amounts))


def test_fifteen_thousand_against_3200_with_850_is_13_9_deviations_not_5_8() -> None:
    assert z_score(1_500_000, Habit(8, 320_000.0, 85_000.0)) == pytest.approx(13.882352941)


def test_a_deviation_below_five_percent_of_the_mean_counts_as_five_percent() -> None:
    assert z_score(1_200, Habit(5, 1_000.0, 0.0)) == pytest.approx(4.0)  # 200 / 50
    assert z_score(1_200, Habit(5, 1_000.0, 49.0)) == pytest.approx(4.0)
    assert z_score(1_200, Habit(5, 1_000.0, 100.0)) == pytest.approx(2.0)


def test_four_purchases_make_no_habit_and_five_do() -> None:
    assert habit_of([100, 200, 300, 400]) is None
    assert habit_of([100, 200, 300, 400, 500]) == Habit(5, 300.0, math.sqrt(20_000))


@given(st.lists(st.integers(1, 10**12), min_size=5, max_size=60))
def test_mean_and_deviation_are_the_populations(amounts: list[int]) -> None:
    found = habit_of(amounts)

    assert found is not None
    assert found.mean_minor == pytest.approx(statistics.fmean(amounts))
    assert found.deviation_minor == pytest.approx(statistics.pstdev(amounts))


def test_each_signal_gives_its_part() -> None:
    assert judge(QUIET).score == 0
    assert judge(signals(z=3.0)).score == pytest.approx(1 - math.exp(-1))
    assert judge(signals(z=-4.0)).score == 0
    assert judge(signals(decision=-0.12)).score == pytest.approx(0.24)
    assert judge(signals(decision=0.2)).score == 0
    assert judge(signals(night=True)).score == pytest.approx(0.5)
    assert judge(signals(duplicate=True)).score == pytest.approx(0.8)


def test_parts_combine_as_if_independent() -> None:
    told = signals(z=3.0, decision=-0.2, night=True, duplicate=True)

    # 1 - e^-1 · 0.6 · 0.5 · 0.2
    assert judge(told).score == pytest.approx(1 - 0.36787944117 * 0.06)


@given(
    z=st.none() | st.floats(-1e6, 1e6),
    decision=st.none() | st.floats(-1, 1),
    night=st.booleans(),
    duplicate=st.booleans(),
)
def test_the_score_lies_between_0_and_1_and_a_flag_has_a_reason(
    z: float | None, decision: float | None, night: bool, duplicate: bool
) -> None:
    verdict = judge(Signals(z=z, decision=decision, night=night, duplicate=duplicate))

    assert 0 <= verdict.score <= 1
    assert verdict.flagged == (verdict.reason is not None)


@pytest.mark.parametrize(
    "told, flagged",
    [
        ({"z": 3.0}, False),
        ({"z": 3.0001}, True),
        ({"decision": -0.0999}, False),
        ({"decision": -0.10}, True),
        ({"night": True}, True),
        ({"duplicate": True}, True),
    ],
)
def test_what_flags(told: dict[str, object], flagged: bool) -> None:
    assert judge(signals(**told)).flagged is flagged


def test_reasons_are_in_the_documents_words_joined_by_semicolons() -> None:
    assert judge(signals(z=4.2)).reason == "Amount exceeds 3σ threshold (z-score: 4.2)"  # noqa: RUF001
    assert (
        judge(signals(z=5.8, decision=-0.12)).reason
        == "Amount significantly exceeds normal (z-score: 5.8); Isolation Forest flagged as outlier"
    )
    assert (
        judge(signals(night=True, duplicate=True)).reason
        == "Unusual hour of the night; Duplicate invoice number"
    )
    assert judge(signals(z=2.9)).reason is None
