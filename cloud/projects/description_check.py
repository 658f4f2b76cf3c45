"""Whether a description holds together, beyond the types of its fields."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from cloud.projects.countries import country_of
from cloud.projects.model import FIAT_DECIMALS, Description, RatingBreakdown, Terms, Validation
from cloud.projects.room import Room
from shared.clock import to_micros
from shared.money import BadAmount, parse_amount

_WITH_TWO_DECIMALS = """
AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD IDR ILS INR KES MAD MXN MYR NGN NOK NZD PHP PLN RON SEK SGD THB TRY
TWD UAH USD ZAR
"""
CURRENCIES = frozenset(_WITH_TWO_DECIMALS.split())
"""Of ISO 4217, those with two decimals that projects may be in."""
RETURN_PERCENT_MAX = 100
RATING_MAX = 5
CAPACITY_MW_MAX = 100_000
TARGET_MAX = 10**12
"""Whole currency."""
GENERATION = "expected_generation_mwh_annual"
GENERATION_MWH_MAX = 10**9
DEGRADATION = "degradation_annual"
CAPACITY_FACTOR = "capacity_factor"
TECHNICAL_MAX = 40
TECHNICAL_LENGTH_MAX = 200
VALIDATIONS_MAX = 100

_WORD = re.compile(r"[a-z][a-z0-9_]{0,59}")

Problems = dict[str, list[str]]


def problems_of(described: Description) -> Problems:
    """What is wrong, by field; empty where nothing is."""
    found: Problems = {}
    for field, problem in _problems(described):
        found.setdefault(field, []).append(problem)
    return found


def terms_problems(described: Description, room: Room, known: Description) -> Problems:
    """What may not change any more because money came in, or is on its way."""
    taken_minor = room.raised_minor + room.reserved_minor
    if not taken_minor:
        return {}
    now, then = described.financial, known.financial
    found: Problems = {
        f"financial.{field}": ["Cannot change once people have invested"]
        for field in ("currency", "total_cost", "token_supply")
        if getattr(now, field) != getattr(then, field)
    }
    if parse_amount(now.target_amount, decimals=FIAT_DECIMALS, field="target_amount") < taken_minor:
        found["financial.target_amount"] = ["Less than what was raised and reserved"]
    return found


def deadline_us(described: Description) -> int:
    """Of a description that was checked."""
    return moment_us(described.financial.funding_deadline)


def moment_us(text: str) -> int:
    """Raises ValueError for what is no moment of RFC 3339, or has no zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text}: which zone?")
    try:
        return to_micros(moment.astimezone(UTC))
    except OverflowError:
        raise ValueError(f"{text}: out of range") from None


def _problems(described: Description) -> Iterator[tuple[str, str]]:
    if country_of(described.location.country) != described.location.country:
        yield "location.country", "Must be an ISO 3166-1 code such as US, in capitals; UK, not GB"
    if not _is_number(described.capacity_mw, decimals=3, above=0, most=CAPACITY_MW_MAX):
        yield "capacity_mw", f"Must be above 0, at most {CAPACITY_MW_MAX}, with at most 3 decimals"
    if described.expected_cod is not None and not _is_day(described.expected_cod):
        yield "expected_cod", "Must be a day such as 2026-06-01"
    yield from _terms(described.financial)
    yield from _technical(described.technical)
    if described.rating_breakdown is not None:
        yield from _ratings(described.rating_breakdown)
    yield from _validations(described.third_party_validation)


def _terms(terms: Terms) -> Iterator[tuple[str, str]]:
    if terms.currency not in CURRENCIES:
        yield "financial.currency", f"Must be one of {', '.join(sorted(CURRENCIES))}"
    amounts = ("target_amount", "min_investment", "max_investment", "total_cost")
    bad = [
        field
        for field in amounts
        if not _is_number(getattr(terms, field), decimals=FIAT_DECIMALS, above=0, most=TARGET_MAX)
    ]
    for field in bad:
        yield f"financial.{field}", "Must be above 0 with at most 2 decimals"
    if not bad:
        if terms.min_investment > terms.max_investment:
            yield "financial.min_investment", "More than max_investment"
        if terms.min_investment > terms.target_amount:
            yield "financial.min_investment", "More than target_amount"
        if terms.target_amount > terms.total_cost:
            yield "financial.target_amount", "More than total_cost: there are not so many ownership tokens"
    if not _is_number(terms.expected_return_annual, decimals=2, above=0, most=RETURN_PERCENT_MAX):
        yield "financial.expected_return_annual", "Must be above 0, at most 100, with at most 2 decimals"
    try:
        moment_us(terms.funding_deadline)
    except ValueError:
        yield "financial.funding_deadline", "Must be a moment with its zone such as 2026-12-15T23:59:59Z"


def _technical(technical: Mapping[str, str | int | float]) -> Iterator[tuple[str, str]]:
    generation = technical.get(GENERATION)
    if not isinstance(generation, int) or not 0 <= generation <= GENERATION_MWH_MAX:
        yield f"technical.{GENERATION}", "Required: whole MWh, not negative"
    degradation = technical.get(DEGRADATION, 0)
    if isinstance(degradation, str) or not 0 <= degradation <= 100:  # noqa: PLR2004
        yield f"technical.{DEGRADATION}", "Must be 0 to 100"
    if CAPACITY_FACTOR in technical:
        yield f"technical.{CAPACITY_FACTOR}", "Is worked out, not given"
    if len(technical) > TECHNICAL_MAX:
        yield "technical", f"At most {TECHNICAL_MAX} entries"
    for name, value in technical.items():
        if not _WORD.fullmatch(name):
            yield "technical", f"{name[:60]!r} must be a word such as panel_type"
        if isinstance(value, str) and not 1 <= len(value) <= TECHNICAL_LENGTH_MAX:
            yield f"technical.{name[:60]}", f"Must be 1 to {TECHNICAL_LENGTH_MAX} characters"


def _ratings(ratings: RatingBreakdown) -> Iterator[tuple[str, str]]:
    for field in RatingBreakdown.__struct_fields__:
        part: Decimal = getattr(ratings, field)
        if not (part == 0 or _is_number(part, decimals=1, above=0, most=RATING_MAX)):
            yield f"rating_breakdown.{field}", f"Must be 0 to {RATING_MAX} with at most 1 decimal"


def _validations(validations: tuple[Validation, ...]) -> Iterator[tuple[str, str]]:
    if len(validations) > VALIDATIONS_MAX:
        yield "third_party_validation", f"At most {VALIDATIONS_MAX}"
    for number, validation in enumerate(validations):
        if not _is_day(validation.date):
            yield f"third_party_validation[{number}].date", "Must be a day such as 2025-07-15"


def _is_number(value: Decimal, *, decimals: int, above: int, most: int) -> bool:
    try:
        parse_amount(value, decimals=decimals, field="number")
    except BadAmount:
        return False
    return above < value <= most


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
