"""Features by hand, and the forest in its own process against the library called directly."""

import io
import math
import random

import msgspec
import pytest

from cloud.finance.anomalies.features import Purchase, features
from cloud.finance.anomalies.forest import Question, answer_lines, decisions
from cloud.finance.anomalies.forest_process import ForestFailed, ForestProcess

HOUR_US = 3_600_000_000


def purchase(
    number: int, *, hours: float, amount: int = 100, merchant: str | None = "m", hour: int | None = 12
) -> Purchase:
    return Purchase(number, int(hours * HOUR_US), hour, amount, "Groceries", "INR", merchant)


def test_features_of_a_charge_that_repeats_another_within_the_hour() -> None:
    learned = [purchase(n, hours=n * 24) for n in range(4)]

    *_, seen = features(learned, [purchase(9, hours=73, amount=100)])

    amount, rush_1, rush_2, rush_3, again, same, hour, twice = seen
    assert amount == 0  # ln(100 / 100)
    assert rush_1 == pytest.approx(1 / 2)  # one hour
    assert rush_2 == pytest.approx(1 / (1 + 25))
    assert rush_3 == pytest.approx(1 / (1 + 49))
    assert again == pytest.approx(1 / 2)
    assert same == pytest.approx(math.log(1 + 60))
    assert twice == pytest.approx(1 / 2)
    assert hour == pytest.approx(-math.log(1 + 0.01))  # all of them at noon


def test_another_amount_or_another_seller_is_no_charge_booked_twice() -> None:
    learned = [purchase(n, hours=n * 24) for n in range(4)]

    *_, other, elsewhere = features(
        learned, [purchase(8, hours=73, amount=101), purchase(9, hours=73, merchant="x")]
    )

    assert (other[7], elsewhere[7]) == (0, 0)


def test_features_of_a_new_seller_at_a_new_hour() -> None:
    learned = [purchase(n, hours=n * 24) for n in range(4)]

    *_, seen = features(learned, [purchase(9, hours=100, amount=200, merchant="x", hour=23)])

    assert seen[0] == pytest.approx(math.log(2))  # against the category
    assert seen[4] == 0
    assert seen[5] == pytest.approx(math.log(1 + 90 * 24 * 60))
    assert seen[6] == pytest.approx(-math.log(0.01))
    assert seen[7] == 0


def test_rows_known_to_the_day_only_are_never_hurried() -> None:
    same_noon = [purchase(n, hours=0, hour=None) for n in range(2)]

    _, seen = features(same_noon, [])

    assert seen[1] == pytest.approx(1 / 13)  # twelve hours
    assert seen[6] == 0


def question(seed: int, count: int) -> Question:
    dice = random.Random(seed)
    rows = tuple(purchase(n, hours=n * 20, amount=90 + dice.randrange(20)) for n in range(count))
    return Question(rows, (purchase(900, hours=count * 20, amount=5_000),))


def test_twenty_nine_purchases_are_too_few_to_learn_from() -> None:
    assert decisions(question(1, 29)) == {}


async def test_the_process_says_what_the_library_says_and_comes_back_after_its_death() -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    asked = question(1, 40)
    rows = features(asked.learned, asked.judged)
    forest = ensemble.IsolationForest(n_estimators=100, contamination=0.02, random_state=42).fit(rows[:40])
    expected = {900: pytest.approx(float(forest.decision_function(rows[40:])[0]))}
    process = ForestProcess()
    try:
        assert await process.decisions([asked]) == expected
        assert process._process is not None
        process._process.kill()
        await process._process.wait()
        with pytest.raises(ForestFailed):
            await process.decisions([asked])
        assert await process.decisions([question(2, 3)]) == {}
    finally:
        await process.close()


def test_the_process_answers_line_by_line_until_its_questions_end() -> None:
    answers = io.BytesIO()

    answer_lines(io.BytesIO(msgspec.json.encode([question(1, 3)]) + b"\n" + b"[]\n"), answers)

    assert answers.getvalue() == b"{}\n{}\n"
