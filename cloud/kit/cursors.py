"""Pages that follow a cursor: opaque, signed, and good only for the filter and sort they came from.

A cursor holds the sort keys of the last row that was shown, so the next page begins behind it whatever was
added or removed meanwhile, and costs the same however deep it lies.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Generic, NamedTuple, TypeVar

import msgspec
from litestar.params import QueryParameter

from cloud.errors import BadParameter
from cloud.kit.envelope import Listed, Pagination

T = TypeVar("T")

CURSOR_LENGTH_MAX = 1_000

SortKeys = tuple[int | float | str, ...]
"""Those of a row, the last of them unique."""

PageCursor = Annotated[
    str | None,
    QueryParameter(
        description="next_cursor of the page before, with the same filter and sort.",
        schema_extra={"maxLength": CURSOR_LENGTH_MAX},
    ),
]

_DOMAIN = b"lumengrid cursor\n"
_MAC_BYTES = 16


class CursorRefused(BadParameter):
    """Altered, from another list, or from the same one filtered or sorted otherwise."""

    def __init__(self) -> None:
        super().__init__("cursor", "not of this list with this filter and sort; begin again without a cursor")


class Rows(NamedTuple, Generic[T]):
    """Part of a list in its order."""

    rows: Sequence[T]
    """One more than are shown on a page, where there are more."""
    total: int
    """Of the whole list."""


class Keyset(NamedTuple):
    """An order in SQL: columns with whether each descends. The last is unique; none may be null."""

    columns: Sequence[tuple[str, bool]]

    @property
    def order_by(self) -> str:
        return ", ".join(f"{column} {'DESC' if descends else 'ASC'}" for column, descends in self.columns)

    def after(self, keys: SortKeys | None) -> tuple[str, dict[str, object]]:
        """The condition of rows behind the one with these keys, with its parameters; all rows for None.

        Raises:
            CursorRefused: another number of keys.
        """
        if keys is None:
            return "1 = 1", {}
        if len(keys) != len(self.columns):
            raise CursorRefused
        params: dict[str, object] = {f"after_{n}": key for n, key in enumerate(keys)}
        if len({descends for _, descends in self.columns}) == 1:
            names = ", ".join(column for column, _ in self.columns)
            given = ", ".join(f":{name}" for name in params)
            return f"({names}) {'<' if self.columns[0][1] else '>'} ({given})", params
        return f"({' OR '.join(self._behind(n) for n in range(len(self.columns)))})", params

    def _behind(self, n: int) -> str:
        """Equal in the first n columns and behind in the next."""
        equal = [f"{column} = :after_{i}" for i, (column, _) in enumerate(self.columns[:n])]
        column, descends = self.columns[n]
        return "(" + " AND ".join([*equal, f"{column} {'<' if descends else '>'} :after_{n}"]) + ")"


class Cursors:
    """Makes and reads cursors."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, keys: SortKeys, bound_to: str) -> str:
        """The cursor behind a row; `bound_to` is of `bound`."""
        raw = msgspec.json.encode(keys)
        return _base64(raw) + "." + _base64(self._mac(raw, bound_to))

    def read(self, cursor: str, bound_to: str) -> SortKeys:
        """The keys of the row that a cursor stands behind.

        Raises:
            CursorRefused: not made here, or made for another list.
        """
        if len(cursor) > CURSOR_LENGTH_MAX:
            raise CursorRefused
        row, _, mac = cursor.partition(".")
        try:
            raw, given = _bytes(row), _bytes(mac)
        except (binascii.Error, ValueError):
            raise CursorRefused from None
        if not hmac.compare_digest(self._mac(raw, bound_to), given):
            raise CursorRefused
        return msgspec.json.decode(raw, type=SortKeys)

    def asked(self, listing: str, filters: Mapping[str, object], cursor: str | None) -> "AskedList":
        """A list by its name, filters and sort; without a cursor from its beginning.

        Raises:
            CursorRefused: not made here, or made for another list.
        """
        bound_to = bound(listing, filters)
        return AskedList(self, bound_to, None if cursor is None else self.read(cursor, bound_to))

    def _mac(self, raw: bytes, bound_to: str) -> bytes:
        return hmac.digest(self._key, _DOMAIN + bound_to.encode() + b"\n" + raw, "sha256")[:_MAC_BYTES]


class AskedList(NamedTuple):
    """A list as somebody asked for it."""

    cursors: Cursors
    bound_to: str
    after: SortKeys | None
    """Of the last row that was shown; None: none was."""

    def page(self, found: Rows[T], *, limit: int, keys: Callable[[T], SortKeys]) -> Listed[T]:
        """A page of `limit` rows out of `limit` + 1 that were fetched, if there were so many."""
        shown = list(found.rows[:limit])
        has_more = len(found.rows) > limit
        return Listed(
            data=shown,
            pagination=Pagination(
                next_cursor=self.cursors.make(keys(shown[-1]), self.bound_to) if has_more else None,
                has_more=has_more,
                total=found.total,
            ),
        )


def bound(listing: str, asked: Mapping[str, object]) -> str:
    """What cursors of a list are bound to: its name, filters and sort. The page's size is not of it."""
    return msgspec.json.encode([listing, sorted(asked.items())]).decode()


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """Strictly: another spelling of the same bytes is no cursor of ours."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _base64(raw) != text:
        raise ValueError("not canonical")
    return raw
