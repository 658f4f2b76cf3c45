"""Numbered pages over a list that is numbered itself, newest first: no counting, no skipping.

Rows carry numbers 1 to total, so a page is a range of numbers.
"""

from typing import Annotated, NamedTuple

from litestar.params import QueryParameter

LIMIT_DEFAULT = 20
LIMIT_MAX = 100
PAGE_MAX = 1_000_000_000

PageNumber = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="From 1, the newest.")]
PageLimit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX, description="Rows on a page.")]


class NumberRange(NamedTuple):
    """The rows whose numbers are in (above, through]; empty where both are equal."""

    above: int
    through: int


def page_range(total: int, page: int, limit: int) -> NumberRange:
    """What a page holds of `total` rows; page 1 has the highest numbers."""
    through = max(0, total - (page - 1) * limit)
    return NumberRange(max(0, through - limit), through)


def page_count(total: int, limit: int) -> int:
    """How many pages there are; 0 for an empty list."""
    return -(-total // limit)


def page_facts(total: int, page: int, limit: int) -> dict[str, int]:
    """What an answer tells of its page, beside the rows."""
    return {"total": total, "page": page, "limit": limit, "pages": page_count(total, limit)}
