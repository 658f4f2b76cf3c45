"""The store's promises: all or nothing, shared commits, nothing acknowledged that is not on disk."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from cloud.kit.store import ReadTx, Store
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


def test_it_is_the_port(tmp_path):
    assert isinstance(SqliteStore(tmp_path / "x.sqlite"), Store)


def test_the_file_is_for_its_owner_alone(tmp_path):
    SqliteStore(tmp_path / "x.sqlite")

    assert (tmp_path / "x.sqlite").stat().st_mode & 0o777 == 0o600


async def test_use_cases_that_come_together_share_a_commit(store):
    await asyncio.gather(*(note(store, f"note {number}") for number in range(200)))

    assert store.use_cases == 200
    assert store.commits <= 3
    assert len(await texts(store)) == 200


async def test_a_use_case_alone_has_its_own_commit(store):
    await note(store, "one")
    await note(store, "two")

    assert (store.commits, store.use_cases) == (2, 2)


async def test_a_failing_use_case_rolls_back_alone(store):
    async def fails():
        async with store.write() as tx:
            await tx.execute(INSERT, {"text": "never"})
            raise LookupError

    outcomes = await asyncio.gather(
        note(store, "before"), fails(), note(store, "after"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), LookupError, type(None)]
    assert await texts(store) == ["before", "after"]


async def test_a_use_case_cancelled_in_its_middle_leaves_nothing_and_holds_up_nobody(store):
    inside, never = asyncio.Event(), asyncio.Event()

    async def hangs():
        async with store.write() as tx:
            await tx.execute(INSERT, {"text": "never"})
            inside.set()
            await never.wait()

    hanging = asyncio.create_task(hangs())
    await inside.wait()
    waiting = asyncio.create_task(note(store, "after"))
    hanging.cancel()
    await asyncio.wait({hanging})
    await waiting

    assert hanging.cancelled()
    assert await texts(store) == ["after"]


async def test_one_cancelled_while_it_waits_for_its_turn_never_ran(store):
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def holds():
        async with store.write():
            inside.set()
            await go_on.wait()

    holding = asyncio.create_task(holds())
    await inside.wait()
    waiting = asyncio.create_task(note(store, "never"))
    await asyncio.sleep(0)
    waiting.cancel()
    go_on.set()
    await asyncio.gather(holding, waiting, return_exceptions=True)

    assert waiting.cancelled()
    assert await texts(store) == []


async def test_callbacks_run_after_the_commit_and_never_after_a_rollback(store):
    seen = []

    async def fails():
        async with store.write() as tx:
            tx.after_commit(lambda: seen.append("never"))
            raise LookupError

    async with store.write() as tx:
        await tx.execute(INSERT, {"text": "kept"})
        tx.after_commit(lambda: seen.append(store.commits))
        assert seen == []
    await asyncio.gather(fails(), return_exceptions=True)

    assert seen == [1]


async def test_a_constraint_speaks_as_a_conflict_and_the_use_case_may_go_on(store):
    async with store.write() as tx:
        with pytest.raises(ConstraintViolated):
            await tx.execute(INSERT, {"text": ""})
        await tx.execute(INSERT, {"text": "kept"})

    assert await texts(store) == ["kept"]


async def test_a_wrong_statement_is_no_outage(store):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        async with store.write() as tx:
            await tx.execute("INSERT INTO absent VALUES (1)")


async def test_execute_tells_how_many_rows_changed(store):
    async with store.write() as tx:
        await tx.execute_many(INSERT, [{"text": "a"}, {"text": "b"}])

        assert await tx.execute("UPDATE notes SET text = 'c'") == 2
        assert await tx.fetch_value("SELECT COUNT(*) FROM notes") == 2
        assert await tx.fetch_one(Note, "SELECT id, text FROM notes WHERE id = 9") is None


async def test_a_use_case_that_is_over_can_do_nothing_more(store):
    async with store.write() as tx:
        pass

    with pytest.raises(StoreUnavailable, match="over"):
        await tx.execute(INSERT, {"text": "too late"})


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


async def test_a_reader_sees_one_snapshot(store):
    await note(store, "before")

    async with store.read() as tx:
        first = await tx.fetch_value("SELECT COUNT(*) FROM notes")
        await note(store, "meanwhile")
        second = await tx.fetch_value("SELECT COUNT(*) FROM notes")

    assert (first, second) == (1, 1)
    assert len(await texts(store)) == 2


async def test_a_reader_sees_nothing_that_is_not_committed(store):
    async with store.write() as tx:
        await tx.execute(INSERT, {"text": "open"})

        assert await texts(store) == []


async def test_a_reader_cannot_write(store):
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        async with store.read() as tx:
            await tx.fetch_value("INSERT INTO notes (text) VALUES ('sly') RETURNING id")

    assert not hasattr(ReadTx, "execute")
    assert await texts(store) == []


async def test_a_cancelled_query_is_stopped_and_its_connection_serves_again(store):
    endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n"

    async def asks():
        async with store.read() as tx:
            await tx.fetch_value(endless)

    for _ in range(6):  # more often than there are readers
        asking = asyncio.create_task(asks())
        done, _ = await asyncio.wait({asking}, timeout=0.05)
        assert not done
        asking.cancel()
        await asyncio.wait({asking})
        assert asking.cancelled()

    assert await texts(store) == []


CHILD = """
import asyncio, sys
from pathlib import Path
from cloud.kit.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    async def notes(worker):
        for number in range(1_000_000):
            async with store.write() as tx:
                id = await tx.fetch_value(
                    "INSERT INTO notes (text) VALUES (:text) RETURNING id", {"text": f"{worker} {number}"}
                )
            sys.stdout.write(f"{id}\\n")
            sys.stdout.flush()
    await asyncio.gather(*(notes(worker) for worker in range(20)))

asyncio.run(main())
"""


async def test_closing_twice_is_closing(store):
    await store.close()
    await store.close()


def test_whatever_was_acknowledged_before_a_kill_is_on_disk(tmp_path):
    path = tmp_path / "notes.sqlite"
    with sqlite3.connect(path) as fresh:
        fresh.executescript(SCHEMA)
    fresh.close()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    )
    acknowledged = [child.stdout.readline() for _ in range(500)]
    os.kill(child.pid, signal.SIGKILL)
    acknowledged += child.stdout.read().splitlines()[:-1]  # the last line may be torn
    child.wait()

    reopened = sqlite3.connect(path)
    found = {row[0] for row in reopened.execute("SELECT id FROM notes")}
    whole = reopened.execute("PRAGMA integrity_check").fetchone()[0]
    reopened.close()

    assert len(acknowledged) >= 500
    assert {int(line) for line in acknowledged} <= found
    assert whole == "ok"
