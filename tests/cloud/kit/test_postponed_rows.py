"""Rows that wait: seen by every statement, gone with their use case, durable before anybody is answered."""

import asyncio

import pytest
from msgspec import Struct

from cloud.kit.store.database_url import SQLITE, open_store
from cloud.kit.store.errors import StoreUnavailable
from tests.cloud.databases import empty_database

SCHEMA = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL CHECK (text <> '')) STRICT;"
TURNS = "CREATE SEQUENCE writer_turns;"
INSERT = "INSERT INTO notes (text) VALUES (:text)"


refused = pytest.mark.parametrize("text", ["", "\ud800"], ids=["by a rule", "not even sent"])


class Text(Struct, frozen=True):
    text: str


class Notes:
    """The simplest `Postponed`."""

    def __init__(self):
        self.texts = []

    def __len__(self):
        return len(self.texts)

    def extend(self, later):
        self.texts += later.texts

    async def write(self, tx):
        await tx.execute_many(INSERT, [{"text": text} for text in self.texts])


class Undone(Exception):
    pass


@pytest.fixture
async def url(back_end):
    if back_end == "sqlite":
        yield SQLITE
    else:
        async with empty_database() as url:
            yield url


@pytest.fixture
async def open_one(url, tmp_path):
    """Opens a store on the same database, as another process would."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_notes.sql").write_text(SCHEMA)
    (folder / "0002_turns.postgresql.sql").write_text(TURNS)
    opened = []

    async def one():
        store = open_store(url, tmp_path)
        await store.migrate(folder)
        opened.append(store)
        return store

    yield one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_one):
    return await open_one()


async def later(store, *texts, then=None):
    async with store.write() as tx:
        epoch = await tx.epoch()
        for text in texts:
            tx.postpone(Notes).texts.append(text)
        if then is not None:
            raise then
    return epoch


async def at_once(store, text, then=None):
    async with store.write() as tx:
        await tx.execute(INSERT, {"text": text})
        if then is not None:
            raise then


async def texts(tx):
    return [row.text for row in await tx.fetch_all(Text, "SELECT text FROM notes ORDER BY id")]


async def stored(store):
    async with store.read() as tx:
        return await texts(tx)


async def test_they_are_stored_when_their_use_case_is_answered(store):
    await later(store, "one", "two")

    assert await stored(store) == ["one", "two"]


async def test_the_next_statement_of_their_use_case_finds_them(store):
    async with store.write() as tx:
        tx.postpone(Notes).texts.append("one")
        seen = await texts(tx)
        tx.postpone(Notes).texts.append("two")
        seen_then = await texts(tx)

    assert (seen, seen_then) == (["one"], ["one", "two"])


async def test_a_later_use_case_of_their_commit_finds_them(store):
    async def look():
        async with store.write() as tx:
            return await texts(tx)

    _, _, seen, _ = await asyncio.gather(
        later(store, "one"), later(store, "two"), look(), later(store, "three")
    )

    assert (seen, store.commits) == (["one", "two"], 1)
    assert await stored(store) == ["one", "two", "three"]


@pytest.mark.parametrize("statement", ["before", "after", "never"])
async def test_whoever_is_undone_takes_nobody_elses_with_it(store, statement):
    async def fails():
        async with store.write() as tx:
            if statement == "before":
                await tx.execute(INSERT, {"text": "undone"})
            tx.postpone(Notes).texts.append("undone")
            if statement == "after":
                await tx.execute(INSERT, {"text": "undone"})
            tx.postpone(Notes).texts.append("undone")
            raise Undone

    outcomes = await asyncio.gather(
        later(store, "one"), fails(), later(store, "two"), at_once(store, "three"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [Undone]
    assert await stored(store) == ["one", "two", "three"]


async def test_a_cancelled_use_case_leaves_none(store):
    waiting = asyncio.Event()

    async def hangs():
        async with store.write() as tx:
            tx.postpone(Notes).texts.append("cancelled")
            waiting.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hangs())
    await waiting.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await later(store, "one")

    assert await stored(store) == ["one"]


async def test_many_of_many_use_cases_are_all_there_in_their_order(store):
    expected = [f"{number}.{part}" for number in range(300) for part in range(3)]
    await asyncio.gather(*(later(store, *(f"{number}.{part}" for part in range(3))) for number in range(300)))

    assert await stored(store) == expected
    assert store.commits <= 3


@refused
async def test_what_the_database_refuses_fails_everybody_in_that_commit_and_nobody_after(store, text):
    outcomes = await asyncio.gather(
        later(store, "one"), later(store, text), later(store, "two"), return_exceptions=True
    )
    await later(store, "after")

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert await stored(store) == ["after"]


@refused
async def test_a_statement_behind_what_the_database_refuses_fails_as_well(store, text):
    outcomes = await asyncio.gather(
        later(store, "one"), later(store, text), at_once(store, "two"), return_exceptions=True
    )
    await at_once(store, "after")

    assert all(isinstance(outcome, Exception) for outcome in outcomes)
    assert await stored(store) == ["after"]


async def test_the_epoch_lasts_as_long_as_all_is_kept(store):
    first = await later(store, "one")
    await at_once(store, "two")
    epochs = await asyncio.gather(*(later(store, f"{number}") for number in range(20)))

    assert {first} == set(epochs)


async def test_whatever_is_undone_ends_the_epoch(store):
    first = await later(store, "one")
    with pytest.raises(Undone):
        await later(store, "two", then=Undone())
    second = await later(store, "three")
    with pytest.raises(Undone):
        await at_once(store, "four", then=Undone())
    third = await later(store, "five")

    assert len({first, second, third}) == 3


async def test_whoever_only_looked_ends_no_epoch(store):
    async def looks():
        async with store.write() as tx:
            await texts(tx)
            raise Undone

    first = await later(store, "one")
    with pytest.raises(Undone):
        await looks()

    assert await later(store, "two") is first


async def test_a_lost_commit_ends_the_epoch(store):
    first = await later(store, "one")
    with pytest.raises(StoreUnavailable):
        await later(store, "")

    assert await later(store, "two") is not first


async def test_another_process_that_writes_ends_the_epoch(store, open_one):
    other = await open_one()
    first = await later(store, "one")
    await later(other, "theirs")
    second = await later(store, "two")

    assert second is not first
    assert await later(store, "three") is second


async def test_a_use_case_that_is_over_postpones_nothing(store):
    async with store.write() as tx:
        pass

    with pytest.raises(StoreUnavailable):
        tx.postpone(Notes)
    with pytest.raises(StoreUnavailable):
        await tx.epoch()
