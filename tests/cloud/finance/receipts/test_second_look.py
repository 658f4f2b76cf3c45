"""Two engines on one receipt."""

from cloud.finance.reading import Direction, Found, Reading, Refusal, Refused
from cloud.finance.receipts.second_look import at_most, better_of, is_unsure


def reading(
    total: int, sure: float, *, at_us: Found[int] | None = None, name: Found[str] | None = None
) -> Reading:
    return Reading(
        amount_minor=Found(total, sure),
        currency=Found("INR", 0.9),
        direction=Found(Direction.DEBIT, 0.97),
        at_us=at_us,
        merchant=name,
    )


SURE = reading(100, 0.95, at_us=Found(1, 0.95), name=Found("A", 0.8))


def test_a_sure_reading_needs_no_second_look() -> None:
    assert not is_unsure(SURE)


def test_doubt_about_total_day_or_seller_asks_for_one() -> None:
    assert is_unsure(reading(100, 0.8, at_us=Found(1, 0.95), name=Found("A", 0.8)))
    assert is_unsure(reading(100, 0.95, name=Found("A", 0.8)))
    assert is_unsure(reading(100, 0.95, at_us=Found(1, 0.95)))
    assert is_unsure(Refused(Refusal.NO_AMOUNT, ""))


def test_agreement_takes_some_of_the_doubt() -> None:
    both = better_of(reading(100, 0.8), reading(100, 0.8))
    assert isinstance(both, Reading)
    assert round(both.amount_minor.confidence, 9) == 0.86


def test_the_better_engine_wins_a_tie_and_disagreement_costs() -> None:
    both = better_of(reading(100, 0.8), reading(120, 0.8))
    assert isinstance(both, Reading)
    assert both.amount_minor.value == 120
    assert both.amount_minor.confidence < 0.8


def test_a_much_surer_first_reading_stays() -> None:
    both = better_of(reading(100, 0.9), reading(120, 0.3))
    assert isinstance(both, Reading)
    assert both.amount_minor.value == 100


def test_a_field_that_one_engine_lacks_comes_from_the_other() -> None:
    both = better_of(reading(100, 0.8), reading(100, 0.8, at_us=Found(7, 0.9)))
    assert isinstance(both, Reading)
    assert both.at_us == Found(7, 0.9)


def test_a_refusal_yields_to_a_reading() -> None:
    refused = Refused(Refusal.NO_AMOUNT, "")
    assert better_of(refused, SURE) is SURE
    assert better_of(SURE, refused) is SURE


def test_a_weaker_engine_is_never_sure() -> None:
    capped = at_most(SURE, 0.85)
    assert isinstance(capped, Reading)
    assert (capped.amount_minor, capped.merchant) == (Found(100, 0.85), Found("A", 0.8))
    assert at_most(SURE, 1.0) is SURE
