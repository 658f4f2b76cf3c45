"""The store's promises, on both back ends: all or nothing, shared commits, what was acknowledged is kept."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from msgspec import Struct

from cloud.errors import CloudError
from cloud.kit.store import ReadTx, Store
from cloud.kit.store.database_url import SQLITE, open_store
from cloud.kit.store.errors import ConstraintViolated, StoreUnavailable
from tests.cloud.databases import empty_database

SCHEMA = """
CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL CHECK (text <> '')) STRICT;
CREATE TABLE replies (
    note_id BIGINT REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED,
    weight REAL, amount BIGINT
) STRICT;
"""
INSERT = "INSERT INTO notes (text) VALUES (:text)"


class Note(Struct, frozen=True):
    id: int
    text: str


@pytest.fixture
async def url(back_end):
    if back_end == "sqlite":
        yield SQLITE
    else:
        async with empty_database() as url:
            yield url


@pytest.fixture
async def store(url, tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_notes.sql").write_text(SCHEMA)
    store = open_store(url, tmp_path)
    await store.migrate(folder)
    yield store
    await store.close()


async def note(store, text):
    async with store.write() as tx:
        await tx.execute(INSERT, {"text": text})


async def texts(store):
    async with store.read() as tx:
        return [row.text for row in await tx.fetch_all(Note, "SELECT id, text FROM notes ORDER BY id")]


async def test_it_is_the_port(store):
    assert isinstance(store, Store)


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


async def test_a_constraint_speaks_as_a_conflict_and_ends_the_use_case(store):
    async def swallows():
        async with store.write() as tx:
            await tx.execute(INSERT, {"text": "never"})
            with pytest.raises(ConstraintViolated):
                await tx.execute(INSERT, {"text": ""})
            with pytest.raises(StoreUnavailable, match="over"):
                await tx.execute(INSERT, {"text": "never"})

    with pytest.raises(StoreUnavailable, match="nothing was stored"):
        await swallows()
    await note(store, "next")

    assert await texts(store) == ["next"]


async def test_a_failure_that_its_use_case_swallows_takes_no_other_of_its_batch(store):
    async def swallows():
        async with store.write() as tx:
            with pytest.raises(ConstraintViolated):
                await tx.execute(INSERT, {"text": ""})

    outcomes = await asyncio.gather(
        note(store, "before"), swallows(), note(store, "after"), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), StoreUnavailable, type(None)]
    assert await texts(store) == ["before", "after"]


async def test_a_wrong_statement_is_no_outage(store):
    with pytest.raises(Exception, match="absent") as caught:
        async with store.write() as tx:
            await tx.execute("INSERT INTO absent VALUES (1)")

    assert not isinstance(caught.value, CloudError)


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


@pytest.mark.parametrize("brief", [False, True])
async def test_a_reader_sees_one_snapshot(store, brief):
    await note(store, "before")

    async with store.read(brief=brief) as tx:
        first = await tx.fetch_value("SELECT COUNT(*) FROM notes")
        await note(store, "meanwhile")
        second = await tx.fetch_value("SELECT COUNT(*) FROM notes")

    assert (first, second) == (1, 1)
    assert len(await texts(store)) == 2


async def test_a_reader_sees_nothing_that_is_not_committed(store):
    async with store.write() as tx:
        await tx.execute(INSERT, {"text": "open"})

        assert await texts(store) == []


@pytest.mark.parametrize("brief", [False, True])
async def test_a_reader_cannot_write(store, brief):
    with pytest.raises(Exception, match=r"read-?only"):
        async with store.read(brief=brief) as tx:
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


async def test_closing_twice_is_closing(store):
    await store.close()
    await store.close()


async def test_a_commit_that_fails_fails_every_use_case_of_its_batch(store):
    async def replies_to_nothing():
        async with store.write() as tx:
            await tx.execute("INSERT INTO replies (note_id) VALUES (:id)", {"id": 99})

    outcomes = await asyncio.gather(
        note(store, "lost"), replies_to_nothing(), note(store, "lost"), return_exceptions=True
    )
    await note(store, "after")

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert "nothing was stored" in str(outcomes[0])
    assert await texts(store) == ["after"]


async def test_the_first_the_middle_and_the_last_of_a_batch_roll_back_alone(store):
    async def fails(text):
        async with store.write() as tx:
            await tx.execute(INSERT, {"text": text})
            raise LookupError

    await asyncio.gather(
        *(fails("first") for _ in range(2)),
        note(store, "a"),
        fails("middle"),
        fails("middle"),
        note(store, "b"),
        note(store, "c"),
        fails("last"),
        return_exceptions=True,
    )

    assert await texts(store) == ["a", "b", "c"]
    assert (store.commits, store.use_cases) == (1, 3)


async def test_a_use_case_without_a_statement_is_one(store):
    seen = []
    async with store.write() as tx:
        tx.after_commit(lambda: seen.append("done"))

    assert seen == ["done"]


async def test_one_cancelled_before_its_first_statement_was_sent_harms_nobody(store):
    async def slow(text):
        async with store.write() as tx:
            await tx.execute(INSERT, {"text": text})

    running = [asyncio.create_task(slow(f"note {number}")) for number in range(40)]
    for number in range(0, 40, 3):
        for _ in range(number % 5):
            await asyncio.sleep(0)
        running[number].cancel()
    outcomes = await asyncio.gather(*running, return_exceptions=True)
    await note(store, "after")

    kept = {f"note {number}" for number, outcome in enumerate(outcomes) if outcome is None}
    found = await texts(store)
    assert not any(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert kept <= set(found), "whoever was told yes is there"
    assert found[-1] == "after"


async def test_numbers_keep_their_kind(store):
    async with store.write() as tx:
        await tx.execute_many(
            "INSERT INTO replies (weight, amount) VALUES (:weight, :amount)",
            [{"weight": 1, "amount": 2**40}, {"weight": 0.5, "amount": -(2**40) + 1}],
        )
    async with store.read() as tx:
        total = await tx.fetch_value("SELECT SUM(amount) FROM replies")
        mean = await tx.fetch_value("SELECT AVG(amount) FROM replies WHERE amount < :below", {"below": 0})
        weight = await tx.fetch_value("SELECT SUM(weight) FROM replies")

    assert (total, type(total)) == (1, int)
    assert (mean, type(mean)) == (float(-(2**40) + 1), float)
    assert (weight, type(weight)) == (1.5, float)


async def test_a_number_that_no_column_holds_is_refused_and_nothing_is_stored(store):
    async def too_large():
        async with store.write() as tx:
            await tx.execute(INSERT, {"text": "never"})
            await tx.execute("INSERT INTO replies (amount) VALUES (:amount)", {"amount": 2**63})

    async def grows_too_large():
        async with store.write() as tx:
            await tx.execute(INSERT, {"text": "never"})
            await tx.execute("INSERT INTO replies (amount) VALUES (:amount)", {"amount": 2**63 - 1})
            await tx.execute("UPDATE replies SET amount = amount + 1")

    with pytest.raises(OverflowError):
        await too_large()
    with pytest.raises(ConstraintViolated):
        await grows_too_large()

    assert await texts(store) == []


async def test_text_is_ordered_by_its_bytes(store):
    for text in ("b", "B", "a", "_", "\u00e4", "Z", "a b", "a-b"):
        await note(store, text)
    async with store.read() as tx:
        rows = await tx.fetch_all(Note, "SELECT id, text FROM notes ORDER BY text")

    assert [row.text for row in rows] == ["B", "Z", "_", "a", "a b", "a-b", "b", "\u00e4"]


async def test_a_colon_that_names_no_parameter_stays_one(store):
    async with store.write() as tx:
        await tx.execute("INSERT INTO notes (text) VALUES (':text' || :text || ':''x:y')", {"text": "-"})

    assert await texts(store) == [":text-:'x:y"]


async def test_a_closed_store_takes_nothing(store):
    await note(store, "kept")
    await store.close()

    with pytest.raises(Exception, match="closed"):
        await note(store, "never")


CHILD = """
import asyncio, sys
from pathlib import Path
from cloud.kit.store.database_url import open_store

async def main():
    store = open_store(sys.argv[1], Path(sys.argv[2]))
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


async def test_whatever_was_acknowledged_before_a_kill_is_kept(store, url, tmp_path):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, url, str(tmp_path), stdout=PIPE, cwd=Path(__file__).parents[3]
    )
    acknowledged = [await child.stdout.readline() for _ in range(500)]
    child.kill()
    acknowledged += (await child.stdout.read()).splitlines()[:-1]  # the last line may be torn
    await child.wait()
    async with store.write() as tx:  # behind what the dead process may still have under way
        del tx
    async with store.read() as tx:
        found = {row.id for row in await tx.fetch_all(Note, "SELECT id, text FROM notes")}

    assert len(acknowledged) >= 500
    assert {int(line) for line in acknowledged} <= found
