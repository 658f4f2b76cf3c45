"""Which of the person's own categories: what they said first, then what is known of sellers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.finance.categories.choice import Correction, Known, by_meaning, choose, sure_enough
from cloud.finance.categories.kinds import KINDS
from cloud.finance.categories.meaning import Nearest
from cloud.finance.categories.rules import kind_of
from cloud.finance.reading import Direction, Found, Reading
from cloud.finance.transactions.merchants import merchant_key
from cloud.identity.profile import CATEGORIES
from cloud.identity.registration import UserType

CONSUMER = CATEGORIES[UserType.CONSUMER]
BUSINESS = CATEGORIES[UserType.BUSINESS]


def reading(merchant: str | None, category: str | None = None, direction: str = "debit") -> Reading:
    return Reading(
        amount_minor=Found(100, 1.0),
        currency=Found("INR", 1.0),
        direction=Found(Direction(direction), 1.0),
        merchant=None if merchant is None else Found(merchant, 0.9),
        category=None if category is None else Found(category, 0.9),
    )


def said(merchant: str, category: str) -> Correction:
    return Correction(name_key=merchant_key(merchant), merchant=merchant, category=category)


def chosen(
    merchant: str | None,
    own: tuple[str, ...] = CONSUMER,
    corrections: tuple[Correction, ...] = (),
    category: str | None = None,
    direction: str = "debit",
) -> str:
    found = choose(reading(merchant, category, direction), Known(own=own, corrections=corrections))
    return sure_enough(found).value


@pytest.mark.parametrize(
    "merchant, category",
    [
        ("Zomato Ltd", "Food & Dining"),
        ("zomato@paytm", "Food & Dining"),
        ("SRI KRISHNA BHAVAN", "Food & Dining"),
        ("BIGBAZAAR MUMBAI 14", "Groceries"),
        ("D-Mart", "Groceries"),
        ("Kirana General Store", "Groceries"),
        ("Lidl GB London", "Groceries"),
        ("REWE Markt", "Groceries"),
        ("UBER INDIA SYSTEMS PVT LTD", "Transport"),
        ("Uber Eats", "Food & Dining"),
        ("Bharat Petroleum", "Transport"),
        ("IRCTC e-ticket", "Transport"),
        ("Deutsche Bahn", "Transport"),
        ("BESCOM", "Utilities"),
        ("Airtel Prepaid Recharge", "Utilities"),
        ("Pacific Gas Water Board", "Utilities"),
        ("NETFLIX.COM", "Entertainment"),
        ("BookMyShow", "Entertainment"),
        ("PVR Cinemas", "Entertainment"),
        ("Apollo Pharmacy", "Unknown"),  # they have no category for it
        ("Ramesh Kumar", "Unknown"),
        ("9876543210@ybl", "Unknown"),
    ],
)
def test_known_sellers_around_the_world(merchant: str, category: str) -> None:
    assert chosen(merchant) == category


@pytest.mark.parametrize(
    "merchant, own, category",
    [
        ("Apollo Pharmacy", ("Food", "Health"), "Health"),
        ("Zomato", ("Food", "Health"), "Food"),
        ("Udemy", ("Groceries", "Education"), "Education"),
        ("Amazon India", ("Groceries", "Shopping"), "Shopping"),
        ("Landlord rent March", ("Housing", "Fun"), "Housing"),
        ("Metro Cash & Carry wholesale", BUSINESS, "Inventory"),
        ("Office Depot", BUSINESS, "Supplies"),
        ("MakeMyTrip", BUSINESS, "Travel"),
        ("DTDC Courier", BUSINESS, "Services"),
        ("Staff Salary March", BUSINESS, "Salary"),
    ],
)
def test_sellers_are_filed_under_the_persons_own_names(
    merchant: str, own: tuple[str, ...], category: str
) -> None:
    assert chosen(merchant, own) == category


def test_what_a_person_said_of_a_seller_holds_whatever_the_rules_say() -> None:
    corrections = (said("Zomato Ltd", "Entertainment"),)

    assert chosen("ZOMATO LIMITED", corrections=corrections) == "Entertainment"
    assert chosen("zomato@paytm", corrections=corrections) == "Entertainment"  # nearly its name
    assert chosen("Swiggy", corrections=corrections) == "Food & Dining"


def test_the_newest_word_comes_first_and_a_category_that_is_gone_is_no_word() -> None:
    assert chosen("Zomato", corrections=(said("Zomato", "Parties"),)) == "Food & Dining"


def test_a_source_that_names_one_of_the_persons_categories_is_believed_before_rules() -> None:
    assert chosen("Zomato", category="entertainment") == "Entertainment"
    assert chosen("Some Shop", category="Restaurants") == "Food & Dining"
    assert chosen("Some Shop", category="no such thing") == "Unknown"


def test_income_is_filed_by_brand_or_word_of_the_person_alone() -> None:
    assert chosen("Acme Bus Works", direction="credit") == "Unknown"
    assert chosen("Zomato refund", direction="credit") == "Food & Dining"


def test_below_point_three_nothing_is_said() -> None:
    assert sure_enough(Found("Groceries", 0.29)) == Found("Unknown", 0.29)
    assert sure_enough(Found("Groceries", 0.3)) == Found("Groceries", 0.3)
    assert sure_enough(None) == Found("Unknown", 0.0)


def test_a_seller_like_one_that_the_person_filed_is_filed_there() -> None:
    known = Known(own=("Food", "Treats"), corrections=(said("Blue Tokai Coffee", "Treats"),))
    coffee = next(kind for kind in KINDS if "coffee" in kind.words)

    assert by_meaning(Nearest(coffee, "Blue Tokai Coffee"), known) == Found("Treats", 0.6)
    assert by_meaning(Nearest(coffee, None), known) == Found("Food", 0.45)
    assert by_meaning(Nearest(None, None), known) is None


def test_no_brand_means_two_kinds() -> None:
    seen: dict[str, str] = {}
    for kind in KINDS:
        for brand in kind.brands:
            key = merchant_key(brand).replace(" ", "")
            assert seen.setdefault(key, kind.name) == kind.name, brand


@given(
    st.text(max_size=40),
    st.lists(st.text(min_size=1, max_size=12).filter(str.strip), min_size=1, max_size=6, unique=True),
)
def test_only_ones_own_categories_are_ever_said(merchant: str, own: list[str]) -> None:
    assert chosen(merchant, tuple(own)) in {*own, "Unknown"}
    kind_of(merchant)
