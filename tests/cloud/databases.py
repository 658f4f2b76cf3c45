"""Databases of PostgreSQL for tests: made once by each worker, emptied for each test, dropped at the end.

The server is the one of LUMENGRID_TEST_POSTGRES_URL, or the one on 127.0.0.1:5432 if it lets `postgres` in
without a password. Without either the tests run on SQLite alone; with CI=true that is a failure.
"""

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from cloud.app import MIGRATIONS
from cloud.kit.store import Store
from cloud.kit.store.database_url import FILE
from cloud.kit.store.migrations import Migration, load
from cloud.kit.store.postgres import PostgresStore
from cloud.kit.store.sqlite import SqliteStore

VARIABLE = "LUMENGRID_TEST_POSTGRES_URL"
SERVER = os.environ.get(VARIABLE, "postgresql://postgres@127.0.0.1:5432/postgres")
PREFIX = "lumengrid_test_"

Files = tuple[tuple[str, int, int], ...]
"""Name, time and size of each."""

_free: dict[Files, list[str]] = {}
"""By the migrations they were made with: those in the working tree may change while tests run."""
_made: list[str] = []
_made_files: dict[Files, bytes] = {}
"""Of SQLite, whole, by the same."""

# What the migrations themselves put in comes back; `pristine` is no part of the product.
_REMEMBER = """
CREATE SCHEMA pristine;
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
    LOOP
        EXECUTE format('CREATE TABLE pristine.%1$I AS TABLE public.%1$I', one.name);
    END LOOP;
END $$;
CREATE FUNCTION pristine.restore() RETURNS void LANGUAGE plpgsql AS $$
DECLARE one record;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
    LOOP
        EXECUTE format('DELETE FROM public.%I', one.name);
    END LOOP;
    FOR one IN SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'pristine'::regnamespace AND relkind = 'r'
    LOOP
        EXECUTE format('INSERT INTO public.%1$I SELECT * FROM pristine.%1$I', one.name);
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename), 1, false)
    FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$;
"""


def on_server(database: str) -> str:
    parts = urlsplit(SERVER)
    return urlunsplit(parts._replace(path=f"/{database}"))


@cache
def is_there() -> bool:
    async def ask() -> bool:
        try:
            connection = await asyncpg.connect(SERVER, timeout=3)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    return asyncio.run(ask())


def back_ends() -> list[str]:
    wanted = os.environ.get("CI") == "true" or VARIABLE in os.environ or is_there()
    return ["sqlite", "postgres"] if wanted else ["sqlite"]


async def _run(database: str, *statements: str) -> None:
    connection = await asyncpg.connect(on_server(database))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def run_on_server(statement: str) -> None:
    """From outside any event loop."""
    asyncio.run(_run("postgres", statement))


@asynccontextmanager
async def empty_database() -> AsyncIterator[str]:
    """The url of a database without a table, dropped afterwards."""
    name = f"{PREFIX}{os.getpid()}_{os.urandom(4).hex()}"
    await _run("postgres", f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        await _run("postgres", f"ALTER DATABASE {name} SET synchronous_commit = off")
        yield on_server(name)
    finally:
        await _run("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def migrations_read_once(folder: Path) -> list[Migration]:
    """For `cloud.kit.store.migrations.load`: the files again only when they changed."""
    return list(_loaded(folder, _files_of(folder)))


@lru_cache(8)
def _loaded(folder: Path, _files: Files) -> tuple[Migration, ...]:
    return tuple(load(folder))


def _files_of(folder: Path) -> Files:
    with os.scandir(folder) as found:
        stats = [(one.name, one.stat()) for one in found]
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats))


def migrated_file(path: Path) -> None:
    """Puts a store of SQLite there as the migrations leave it."""
    made_with = _files_of(MIGRATIONS)
    if made_with not in _made_files:
        with ThreadPoolExecutor(1) as thread:  # the caller may be in an event loop
            _made_files[made_with] = thread.submit(asyncio.run, _migrated_bytes()).result()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_made_files[made_with])


def steps_of(connection: sqlite3.Connection) -> list[int]:
    """Its only item counts how often SQLite does ten steps of a statement on the connection from now on."""
    counted = [0]

    def count() -> None:
        counted[0] += 1

    connection.set_progress_handler(count, 10)
    return counted


async def _migrated_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / FILE)
        await store.migrate(MIGRATIONS)
        await store.close()
        return (Path(folder) / FILE).read_bytes()


@asynccontextmanager
async def migrated_database() -> AsyncIterator[str]:
    """The url of a database as the migrations leave it; another test has it afterwards."""
    made_with = _files_of(MIGRATIONS)
    free = _free.setdefault(made_with, [])
    if free:
        name = free.pop()
        await _run(
            name,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid(); SELECT pristine.restore()",
        )
    else:
        name = f"{PREFIX}{os.getpid()}_{len(_made)}"
        _made.append(name)
        await _run(
            "postgres",
            f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'",
            f"ALTER DATABASE {name} SET synchronous_commit = off",
        )
        store = PostgresStore(on_server(name))
        await store.migrate(MIGRATIONS)
        await store.close()
        await _run(name, _REMEMBER)
    yield on_server(name)
    free.append(name)


def drop_all() -> None:
    async def drop() -> None:
        for name in _made:
            await _run("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    if _made:
        asyncio.run(drop())


async def dump(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, sorted, under the table's name; the same on both back ends."""
    async with store.write() as tx:
        del tx  # behind whoever still writes
    async with store.read() as tx:
        names = await tx.fetch_value(
            "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'table'"
            if tx.dialect == "sqlite"
            else "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public'"
        )
        found = {}
        for name in sorted(set(names.split(",")) - {"schema_migrations", "sqlite_sequence"}):
            rows = await tx.fetch_all(dict, f"SELECT * FROM {name}")
            found[name] = sorted((tuple(row.values()) for row in rows), key=repr)
    return found
