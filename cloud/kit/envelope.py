"""Answers of the investment platform: what was asked for under `data`, and pages of it."""

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")
S = TypeVar("S")


class Data(Struct, Generic[T], frozen=True, kw_only=True):
    """One thing."""

    data: T


class Pagination(Struct, frozen=True, kw_only=True):
    next_cursor: str | None
    """None on the last page."""
    has_more: bool
    total: int
    """Of the whole list as filtered, over all pages."""


class Listed(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of many."""

    data: list[T]
    pagination: Pagination

    def shown(self, how: Callable[[T], S]) -> "Listed[S]":
        """The same page, each row as `how` shows it."""
        return Listed(data=[how(row) for row in self.data], pagination=self.pagination)
