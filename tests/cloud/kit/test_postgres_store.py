"""What only the store on PostgreSQL can meet: a connection that is lost, and another process."""

import asyncio

import asyncpg
import pytest

from cloud.kit.store.errors import StoreUnavailable, TextRefused
from cloud.kit.store.migrations import MigrationError
from cloud.kit.store.postgres import PostgresStore
from tests.cloud.databases import SERVER, back_ends, empty_database, on_server

SCHEMA = "CREATE TABLE counters (id INTEGER PRIMARY KEY, value BIGINT NOT NULL) STRICT;\n"

pytestmark = pytest.mark.skipif("postgres" not in back_ends(), reason="no PostgreSQL: see CONTRIBUTING.md")


@pytest.fixture
async def url():
    async with empty_database() as url:
        yield url


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_counters.sql").write_text(SCHEMA)
    return tmp_path


@pytest.fixture
async def store(url, folder):
    store = PostgresStore(url)
    await store.migrate(folder)
    async with store.write() as tx:
        await tx.execute("INSERT INTO counters (id, value) VALUES (1, 0)")
    yield store
    await store.close()


async def count(store, by=1):
    async with store.write() as tx:
        value = await tx.fetch_value("SELECT value FROM counters WHERE id = 1")
        await tx.execute("UPDATE counters SET value = :value WHERE id = 1", {"value": value + by})


async def value(store):
    async with store.read() as tx:
        return await tx.fetch_value("SELECT value FROM counters WHERE id = 1")


async def kill(connection):
    """As an administrator or a crash of the server would; returns when the backend is gone."""
    other = await asyncpg.connect(SERVER)
    try:
        await other.fetchval("SELECT pg_terminate_backend($1, 5000)", connection.get_server_pid())
    finally:
        await other.close()


async def test_a_connection_lost_between_use_cases_is_opened_again_unnoticed(store):
    await count(store)
    await kill(store._writer)
    await count(store)

    assert await value(store) == 2


async def test_a_connection_lost_within_a_use_case_fails_its_batch_and_no_other(store):
    async def loses():
        async with store.write() as tx:
            await tx.execute("UPDATE counters SET value = 99 WHERE id = 1")
            await kill(store._writer)
            await tx.execute("UPDATE counters SET value = 100 WHERE id = 1")

    outcomes = await asyncio.gather(count(store), loses(), return_exceptions=True)
    await count(store, by=10)

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable]
    assert await value(store) == 10


async def test_a_text_that_no_column_holds_is_its_callers_fault(store):
    with pytest.raises(TextRefused) as refused:
        async with store.read() as tx:
            await tx.fetch_value("SELECT 1 FROM schema_migrations WHERE name = :name", {"name": "\0"})

    assert refused.value.status == 400
    assert "U+0000" in refused.value.message
    assert await value(store) == 0


async def test_a_loss_that_its_use_case_swallows_is_no_success(store):
    async def swallows():
        async with store.write() as tx:
            await tx.execute("UPDATE counters SET value = 99 WHERE id = 1")
            await kill(store._writer)
            with pytest.raises(StoreUnavailable):
                await tx.execute("UPDATE counters SET value = 100 WHERE id = 1")

    with pytest.raises(StoreUnavailable, match="nothing was stored"):
        await swallows()

    assert await value(store) == 0


async def test_one_cancelled_while_its_way_is_prepared_harms_nobody(store, monkeypatch):
    prepare, begun, go_on = store._make_ready, asyncio.Event(), asyncio.Event()

    async def slowly():
        begun.set()
        await go_on.wait()
        await prepare()

    monkeypatch.setattr(store, "_make_ready", slowly)
    cancelled = asyncio.create_task(count(store))
    await begun.wait()
    cancelled.cancel()
    after = asyncio.create_task(count(store))
    await asyncio.sleep(0)
    go_on.set()
    outcomes = await asyncio.gather(cancelled, after, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, type(None)]
    assert await value(store) == 1


class AnswerLost:
    """A connection that dies at COMMIT, before or after the server did it."""

    def __init__(self, real, *, committed):
        self._real = real
        self._committed = committed

    def __getattr__(self, name):
        return getattr(self._real, name)

    async def execute(self, sql, *args):
        if sql != "COMMIT":
            return await self._real.execute(sql, *args)
        if self._committed:
            await self._real.execute(sql)
        await kill(self._real)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_whose_answer_is_lost_is_looked_up(store, committed):
    await count(store)
    store._writer = AnswerLost(store._writer, committed=committed)

    outcomes = await asyncio.gather(count(store), count(store), return_exceptions=True)

    assert await value(store) == (3 if committed else 1)
    expected = type(None) if committed else StoreUnavailable
    assert [type(outcome) for outcome in outcomes] == [expected, expected]


async def test_a_reader_whose_connection_was_lost_is_replaced_unnoticed(store):
    assert await value(store) == 0
    reader = store._idle_readers._queue[-1]
    await kill(reader)

    assert await value(store) == 0


async def test_two_stores_on_one_database_take_turns(store, url):
    other = PostgresStore(url)

    await asyncio.gather(*(count(each) for _ in range(50) for each in (store, other)))
    await other.close()

    assert await value(store) == 100


async def test_who_holds_the_turn_for_too_long_makes_others_unavailable(store, url, monkeypatch):
    monkeypatch.setattr("cloud.kit.store.postgres.WRITER", {"lock_timeout": "50ms"})
    other = PostgresStore(url)

    async with store.write() as tx:
        await tx.execute("UPDATE counters SET value = 5 WHERE id = 1")
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            await count(other)
    await count(other)
    await other.close()

    assert await value(store) == 6


async def test_two_that_migrate_at_once_apply_each_file_once(url, folder):
    stores = [PostgresStore(url) for _ in range(3)]

    done = await asyncio.gather(*(each.migrate(folder) for each in stores))
    for each in stores:
        await each.close()

    assert sorted(map(len, done)) == [0, 0, 1]


async def test_a_database_of_another_encoding_is_refused(folder):
    name = "lumengrid_test_sql_ascii"
    server = await asyncpg.connect(SERVER)
    await server.execute(f"DROP DATABASE IF EXISTS {name}")
    await server.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    store = PostgresStore(on_server(name))
    try:
        with pytest.raises(MigrationError, match="UTF8"):
            await store.migrate(folder)
    finally:
        await store.close()
        await server.execute(f"DROP DATABASE {name}")
        await server.close()


async def test_without_a_server_it_says_so_and_no_password():
    store = PostgresStore("postgresql://someone:hunter2@127.0.0.1:1/nowhere")

    with pytest.raises(StoreUnavailable, match="no connection to PostgreSQL") as caught:
        await count(store)
    await store.close()

    assert "hunter2" not in str(caught.value)
