"""What only the store on SQLite can meet: a file, its disk, and a transaction that the database gives up."""

import asyncio
import sqlite3

import pytest
from msgspec import Struct

from cloud.kit.store.errors import ConstraintViolated, StoreUnavailable
from cloud.kit.store.sqlite import SqliteStore

SCHEMA = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL CHECK (text <> '')) STRICT;\n"
INSERT = "INSERT INTO notes (text) VALUES (:text)"


class Note(Struct, frozen=True):
    id: int
    text: str


@pytest.fixture
async def store(tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_notes.sql").write_text(SCHEMA)
    store = SqliteStore(tmp_path / "notes.sqlite")
    await store.migrate(folder)
    yield store
    await store.close()


async def note(store, text):
    async with store.write() as tx:
        await tx.execute(INSERT, {"text": text})


async def texts(store):
    async with store.read() as tx:
        return [row.text for row in await tx.fetch_all(Note, "SELECT id, text FROM notes ORDER BY id")]


def test_the_file_is_for_its_owner_alone(tmp_path):
    SqliteStore(tmp_path / "x.sqlite")

    assert (tmp_path / "x.sqlite").stat().st_mode & 0o777 == 0o600


async def test_a_full_disk_fails_every_use_case_of_the_batch_and_the_store_recovers(store):
    await note(store, "before")
    pages = store.writer.execute("PRAGMA page_count").fetchone()[0]
    store.writer.execute(f"PRAGMA max_page_count = {pages + 10}")

    async def swallows():
        async with store.write() as tx:
            try:
                await tx.execute(INSERT, {"text": "x" * 1_000_000})
            except StoreUnavailable:
                await tx.execute(INSERT, {"text": "after the disk was full"})

    outcomes = await asyncio.gather(
        note(store, "small"),
        note(store, "x" * 1_000_000),
        note(store, "small"),
        swallows(),
        return_exceptions=True,
    )
    stored = await texts(store)
    store.writer.execute("PRAGMA max_page_count = 1000000")
    await note(store, "x" * 1_000_000)
    await note(store, "works again")

    assert isinstance(outcomes[1], StoreUnavailable)
    acknowledged = 1 + sum(outcome is None for outcome in outcomes)
    assert len(stored) == acknowledged, "what was stored is exactly what was acknowledged"
    assert all(outcome is None or isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert (await texts(store))[-1] == "works again"


async def test_a_commit_that_fails_fails_every_use_case_of_its_batch(store, monkeypatch):
    await note(store, "before")
    real = store.writer

    class FullAtCommit:
        """The connection of a disk that is full at the very commit."""

        def __getattr__(self, name):
            return getattr(real, name)

        def execute(self, sql, *args):
            if sql == "COMMIT":
                raise sqlite3.OperationalError("database or disk is full")
            return real.execute(sql, *args)

    monkeypatch.setattr(store, "writer", FullAtCommit())
    outcomes = await asyncio.gather(
        *(note(store, f"lost {number}") for number in range(5)), return_exceptions=True
    )
    monkeypatch.setattr(store, "writer", real)
    await note(store, "after")

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 5
    assert "disk is full" in str(outcomes[0])
    assert await texts(store) == ["before", "after"]


async def test_a_transaction_the_database_gave_up_takes_its_whole_batch_and_no_other(store):
    async def loses():
        async with store.write() as tx:
            store.writer.execute("ROLLBACK")  # what SQLite does by itself on some disk errors
            with pytest.raises(ConstraintViolated):
                await tx.execute(INSERT, {"text": ""})
            with pytest.raises(StoreUnavailable):
                await tx.execute(INSERT, {"text": "would have committed by itself"})

    outcomes = await asyncio.gather(
        note(store, "lost with its batch"), loses(), note(store, "next batch"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable, type(None)]
    assert await texts(store) == ["next batch"]
