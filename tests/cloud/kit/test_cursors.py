"""Cursors against forgery, and pages against a list sorted by Python."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from cloud.kit.cursors import CursorRefused, Cursors, Keyset, Rows, SortKeys, bound
from cloud.kit.store import Store

KEY = bytes(range(32))
CURSORS = Cursors(KEY)
KEYS = st.lists(st.integers(-(2**60), 2**60) | st.text(max_size=20), min_size=1, max_size=3).map(tuple)


@given(KEYS, st.text(max_size=30))
def test_a_cursor_comes_back_as_the_keys_it_was_made_of(keys: SortKeys, bound_to: str) -> None:
    assert CURSORS.read(CURSORS.make(keys, bound_to), bound_to) == keys


@given(KEYS, st.text(max_size=30), st.text(max_size=30))
def test_a_cursor_of_another_list_is_refused(keys: SortKeys, ours: str, theirs: str) -> None:
    if ours == theirs:
        return
    with pytest.raises(CursorRefused):
        CURSORS.read(CURSORS.make(keys, ours), theirs)


@given(KEYS, st.integers(0, 200), st.sampled_from("Aa0-_.=é "))
def test_an_altered_cursor_is_refused(keys: SortKeys, place: int, character: str) -> None:
    cursor = CURSORS.make(keys, "x")
    place %= len(cursor)
    altered = cursor[:place] + character + cursor[place + 1 :]
    if altered == cursor:
        return
    with pytest.raises(CursorRefused):
        CURSORS.read(altered, "x")


@pytest.mark.parametrize("cursor", ["", ".", "eyJpZCI6MTIzfQ==", "a.b.c", "x" * 2_000, "W10.", "\x00.\x00"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(CursorRefused) as refusal:
        CURSORS.read(cursor, "x")

    assert refusal.value.status == 400


def test_another_service_s_cursor_is_refused() -> None:
    with pytest.raises(CursorRefused):
        CURSORS.read(Cursors(bytes(32)).make((1,), "x"), "x")


def test_a_cursor_cannot_be_written_by_hand() -> None:
    _, mac = CURSORS.make((1,), "x").split(".")
    forged = base64.urlsafe_b64encode(b"[2]").decode().rstrip("=")

    with pytest.raises(CursorRefused):
        CURSORS.read(f"{forged}.{mac}", "x")


def test_filter_and_sort_bind_and_their_order_does_not() -> None:
    one = bound("/v1/projects", {"technology": "solar", "country": None, "sort": "newest"})

    assert one == bound("/v1/projects", {"sort": "newest", "country": None, "technology": "solar"})
    assert one != bound("/v1/projects", {"sort": "newest", "country": "US", "technology": "solar"})
    assert one != bound("/v1/investments", {"technology": "solar", "country": None, "sort": "newest"})
    # A value cannot pass for two.
    assert bound("l", {"a": "1", "b": "2"}) != bound("l", {"a": '1"],["b","2'})


class Row(Struct, frozen=True):
    id: int
    rating: int


def keys_of(keyset: Keyset, row: Row) -> SortKeys:
    return tuple(getattr(row, column) for column, _ in keyset.columns)


ORDERS = {
    "both up": Keyset([("rating", False), ("id", False)]),
    "both down": Keyset([("rating", True), ("id", True)]),
    "mixed": Keyset([("rating", True), ("id", False)]),
    "the other way": Keyset([("rating", False), ("id", True)]),
    "one": Keyset([("id", True)]),
}


@pytest.fixture
async def paged(store: Store) -> AsyncIterator[Store]:
    """A store with one table more."""
    async with store.write() as tx:
        await tx.execute("CREATE TABLE paged (id BIGINT PRIMARY KEY, rating BIGINT NOT NULL)")
    yield store
    async with store.write() as tx:
        await tx.execute("DROP TABLE paged")


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("limit", [1, 3, 7, 23])
async def test_pages_add_up_to_the_sorted_list_whatever_is_added_behind(
    paged: Store, name: str, limit: int
) -> None:
    store = paged
    keyset = ORDERS[name]
    rows = [Row(number, number * 7 % 5) for number in range(1, 24)]
    async with store.write() as tx:
        await tx.execute_many(
            "INSERT INTO paged (id, rating) VALUES (:id, :rating)",
            [{"id": row.id, "rating": row.rating} for row in rows],
        )
    expected = list(rows)
    for column, descends in reversed(keyset.columns):
        expected.sort(key=lambda row: getattr(row, column), reverse=descends)

    seen: list[Row] = []
    cursor: str | None = None
    while True:
        asked = CURSORS.asked("l", {}, cursor)
        where, params = keyset.after(asked.after)
        async with store.read() as tx:
            found: Any = await tx.fetch_all(
                Row,
                f"SELECT id, rating FROM paged WHERE {where} ORDER BY {keyset.order_by} LIMIT :limit",
                params | {"limit": limit + 1},
            )
        page = asked.page(Rows(found, 23), limit=limit, keys=lambda row: keys_of(keyset, row))
        seen += page.data
        assert page.pagination.total == 23
        assert page.pagination.has_more == (len(seen) < 23)
        assert page.pagination.has_more == (page.pagination.next_cursor is not None)
        cursor = page.pagination.next_cursor
        if cursor is None:
            break
        await asyncio.sleep(0)

    assert seen == expected


def test_keys_of_another_order_are_refused() -> None:
    with pytest.raises(CursorRefused):
        ORDERS["mixed"].after((1,))
