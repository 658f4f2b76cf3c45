"""What a list of projects is filtered and sorted by, and what paging through it promises.

A cursor holds the sort key and the id of the last project that was shown; the next page begins behind them.
So every project whose key does not change meanwhile is shown exactly once, whatever is added or changes
beside it. A project whose key changes while somebody pages is shown again if it moves from before their
position to behind it, and not at all the other way round. `newest` never changes, so it is free of both;
`funded` only rises, so nothing is ever shown twice by it.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from msgspec import Struct, structs

from cloud.projects.countries import country_of
from cloud.projects.errors import BadListing
from cloud.projects.model import Risk, Stage, Technology
from cloud.projects.words import words

QUERY_LENGTH_MAX = 200
QUERY_WORDS_MAX = 12
RETURN_PERCENT_MAX = 1_000

E = TypeVar("E", bound=StrEnum)


class Sort(StrEnum):
    """All from the most to the least; among equals the id decides."""

    NEWEST = "newest"
    FUNDED = "funded"
    RATING = "rating"
    RETURN = "return"


class Search(Struct, frozen=True, kw_only=True):
    """Every word must be there; the last one may be the beginning of a longer one."""

    words: tuple[str, ...]
    """Folded, whole words first and each once. Empty: nothing is found."""
    in_text_only: bool
    """Whether a word in technology or place alone does not count."""


class Filter(Struct, frozen=True, kw_only=True):
    """What is None does not filter."""

    technology: Technology | None = None
    country: str | None = None
    stage: Stage | None = None
    min_return_bp: int | None = None
    max_risk: Risk | None = None
    search: Search | None = None

    def asked(self) -> dict[str, object]:
        """What cursors are bound to."""
        return structs.asdict(self)


FIELDS = ("technology", "country", "stage", "min_return", "max_risk")
"""Beside the search."""


def filter_of(sent: Mapping[str, str | None], search: Search | None, *, shown: str = "{}") -> Filter:
    """The filter that parameters named in FIELDS ask for; `shown` is how a caller writes their names.

    Raises:
        BadListing: a value that the parameter cannot have.
    """
    bp = None if sent.get("min_return") is None else _min_return_bp(str(sent["min_return"]), shown)
    return Filter(
        technology=_one_of(Technology, sent.get("technology"), shown.format("technology")),
        country=_country(sent.get("country"), shown.format("country")),
        stage=_one_of(Stage, sent.get("stage"), shown.format("stage")),
        min_return_bp=bp,
        max_risk=_one_of(Risk, sent.get("max_risk"), shown.format("max_risk")),
        search=search,
    )


def sort_of(sent: str | None) -> Sort:
    """The newest first, unless something else is asked for.

    Raises:
        BadListing: not a sort.
    """
    return _one_of(Sort, sent, "sort") or Sort.NEWEST


def search_of(sent: str | None, name: str, *, in_text_only: bool) -> Search | None:
    """None where nothing is searched for.

    Raises:
        BadListing: too long, or too many words.
    """
    if sent is None or not sent.strip():
        return None
    if len(sent) > QUERY_LENGTH_MAX:
        raise BadListing(name, f"at most {QUERY_LENGTH_MAX} characters")
    *others, last = words(sent) or [""]
    found = (*dict.fromkeys(others), last) if last else ()
    if len(found) > QUERY_WORDS_MAX:
        raise BadListing(name, f"at most {QUERY_WORDS_MAX} words")
    return Search(words=found, in_text_only=in_text_only)


def _one_of(kind: type[E], sent: str | None, name: str) -> E | None:
    if sent is None:
        return None
    try:
        return kind(sent)
    except ValueError:
        raise BadListing(name, f"must be one of {', '.join(kind)}") from None


def _country(sent: str | None, name: str) -> str | None:
    if sent is None:
        return None
    found = country_of(sent)
    if found is None:
        raise BadListing(name, "must be an ISO 3166-1 code such as US")
    return found


def _min_return_bp(sent: str, shown: str) -> int:
    try:
        percent = Decimal(sent)
    except InvalidOperation:
        percent = Decimal("NaN")
    if not (percent.is_finite() and 0 <= percent <= RETURN_PERCENT_MAX):
        raise BadListing(shown.format("min_return"), f"must be a number from 0 to {RETURN_PERCENT_MAX}")
    return int((percent * 100).to_integral_value(rounding=ROUND_CEILING))
