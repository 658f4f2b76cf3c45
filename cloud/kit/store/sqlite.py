"""The store on stdlib sqlite3: WAL, `synchronous=FULL`, one writer with group commit, a pool of readers.

Statements of a use case run at once on the event loop's thread (microseconds each: a hop to another thread
costs more than the statement, and hands the interpreter lock around); the commit with its fsync runs in the
writer's thread. Use cases that arrive while a commit is under way wait, run one after the other, each
inside its own savepoint, and share the next commit. A use case is answered only when its commit is on disk.

Two rules for callers: await nothing but `tx` inside `write()` (the writer waits with you), and keep long
queries in `read()`, whose statements run in the readers' threads.
"""

import asyncio
import logging
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from cloud.kit.store import Params
from cloud.kit.store.errors import ConstraintViolated, StoreUnavailable
from cloud.kit.store.migrations import Migration, pending

logger = logging.getLogger(__name__)

T = TypeVar("T")

READERS = 4
BUSY_TIMEOUT_MS = 5_000
CACHE_KIB = 32_768
STATEMENTS_CACHED = 512

_MIGRATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL
) STRICT
"""


def _dialect(statement: str) -> str:
    """The schema in SQLite's words: its STRICT tables know 64-bit integers as INTEGER only."""
    return re.sub(r"\bBIGINT\b", "INTEGER", statement)


def _into(into: type[T], row: sqlite3.Row) -> T:
    return msgspec.convert(dict(row), into, strict=False)  # 0 and 1 are the booleans of SQLite


class _Reader:
    """`ReadTx` over one connection; `run` decides in which thread a statement executes."""

    def __init__(self, connection: sqlite3.Connection, executor: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._executor = executor

    async def _rows(self, sql: str, params: Params | None, *, many: bool) -> list[sqlite3.Row]:
        def run() -> list[sqlite3.Row]:
            cursor = self._connection.execute(sql, params or {})
            return cursor.fetchall() if many else cursor.fetchmany(1)

        return await asyncio.get_running_loop().run_in_executor(self._executor, run)

    async def fetch_one(self, into: type[T], sql: str, params: Params | None = None) -> T | None:
        rows = await self._rows(sql, params, many=False)
        return _into(into, rows[0]) if rows else None

    async def fetch_all(self, into: type[T], sql: str, params: Params | None = None) -> list[T]:
        return [_into(into, row) for row in await self._rows(sql, params, many=True)]

    async def fetch_value(self, sql: str, params: Params | None = None) -> Any:
        rows = await self._rows(sql, params, many=False)
        return rows[0][0] if rows else None


class _Writer:
    """`WriteTx` of one use case, inside a savepoint on the writer's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.callbacks: list[Callable[[], None]] = []

    async def fetch_one(self, into: type[T], sql: str, params: Params | None = None) -> T | None:
        row = self._run(sql, params).fetchone()
        return _into(into, row) if row is not None else None

    async def fetch_all(self, into: type[T], sql: str, params: Params | None = None) -> list[T]:
        return [_into(into, row) for row in self._run(sql, params)]

    async def fetch_value(self, sql: str, params: Params | None = None) -> Any:
        row = self._run(sql, params).fetchone()
        return row[0] if row is not None else None

    async def execute(self, sql: str, params: Params | None = None) -> int:
        return self._run(sql, params).rowcount

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        with _translated():
            self._connection.executemany(sql, rows)

    def after_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def _run(self, sql: str, params: Params | None) -> sqlite3.Cursor:
        with _translated():
            return self._connection.execute(sql, params or {})


class _translated:  # noqa: N801  reads as a phrase: with _translated()
    """Database errors as ours; a plain class because it is entered for every statement."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, sqlite3.IntegrityError):
            raise ConstraintViolated(str(error)) from error
        if isinstance(error, sqlite3.OperationalError) and "syntax" not in str(error):
            raise StoreUnavailable(str(error)) from error


class _Batch:
    """The use cases that share one commit."""

    def __init__(self) -> None:
        self.durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.callbacks: list[Callable[[], None]] = []
        self.size = 0

    def fail(self, error: StoreUnavailable) -> None:
        logger.error("store commit failed use_cases=%d error=%s", self.size, error)
        self.durable.set_exception(error)
        self.durable.exception()  # marks it as seen: a batch nobody waits for is no leak


class SqliteStore:
    """The `Store` in one file. Open it inside a running event loop."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._writer = self._connect()
        self._writer.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        self._writer.execute("PRAGMA journal_mode = WAL")
        self._writer.execute("PRAGMA synchronous = FULL")
        self._writer.execute("PRAGMA foreign_keys = ON")
        self._writer.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        path.chmod(0o600)
        self._turn = asyncio.Lock()
        self._commit_thread = ThreadPoolExecutor(1, thread_name_prefix="store-commit")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._idle_readers: asyncio.LifoQueue[sqlite3.Connection] = asyncio.LifoQueue()
        for _ in range(READERS):
            reader = self._connect()
            reader.execute("PRAGMA query_only = ON")
            self._idle_readers.put_nowait(reader)
        self._batch: _Batch | None = None
        self._committer: asyncio.Task[None] | None = None
        self.commits = 0
        """Commits so far; with `use_cases` it tells how well grouping works."""
        self.use_cases = 0

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_CACHED,
            timeout=BUSY_TIMEOUT_MS / 1_000,
        )
        connection.row_factory = sqlite3.Row
        return connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[_Writer]:
        tx = _Writer(self._writer)
        async with self._turn:
            batch = self._open_batch()
            self._writer.execute("SAVEPOINT use_case")
            try:
                yield tx
            except BaseException:
                self._undo_use_case()
                raise
            self._writer.execute("RELEASE use_case")
            batch.size += 1
            batch.callbacks += tx.callbacks
        await asyncio.shield(batch.durable)

    def _open_batch(self) -> _Batch:
        if self._batch is None:
            with _translated():
                self._writer.execute("BEGIN IMMEDIATE")
            self._batch = _Batch()
            self._committer = asyncio.create_task(self._commit_soon(), name="store-commit")
        return self._batch

    def _undo_use_case(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK TO use_case")
            self._writer.execute("RELEASE use_case")
        elif self._batch is not None:
            # A full disk made SQLite roll back everything: the whole batch is lost, and a savepoint
            # opened now would commit by itself. Tell the others at once and begin afresh.
            batch, self._batch = self._batch, None
            batch.fail(StoreUnavailable("nothing was stored: the database rolled the batch back"))

    async def _commit_soon(self) -> None:
        """Wait for the turn behind every use case that waits already, then commit them together."""
        async with self._turn:
            batch, self._batch = self._batch, None
            if batch is None:
                return
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._commit_thread, self._writer.execute, "COMMIT")
            except sqlite3.Error as error:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                batch.fail(StoreUnavailable(f"nothing was stored: {error}"))
                return
            self.commits += 1
            self.use_cases += batch.size
            batch.durable.set_result(None)
        for callback in batch.callbacks:
            callback()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[_Reader]:
        connection = await self._idle_readers.get()
        try:
            connection.execute("BEGIN")
            try:
                with _translated():
                    yield _Reader(connection, self._read_threads)
            finally:
                connection.execute("ROLLBACK")
        finally:
            self._idle_readers.put_nowait(connection)

    async def migrate(self, folder: Path) -> list[str]:
        self._writer.execute(_MIGRATIONS_TABLE)
        applied = {
            row["number"]: row["sha256"]
            for row in self._writer.execute("SELECT number, sha256 FROM schema_migrations")
        }
        done = []
        for migration in pending(folder, applied):
            self._apply(migration)
            done.append(migration.name)
        return done

    def _apply(self, migration: Migration) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for statement in migration.statements:
                self._writer.execute(_dialect(statement))
            self._writer.execute(
                "INSERT INTO schema_migrations (number, name, sha256) VALUES (:number, :name, :sha256)",
                {"number": migration.number, "name": migration.name, "sha256": migration.sha256},
            )
            self._writer.execute("COMMIT")
        except sqlite3.Error:
            self._writer.execute("ROLLBACK")
            raise

    async def close(self) -> None:
        if self._committer is not None:
            await asyncio.gather(self._committer, return_exceptions=True)
        for _ in range(READERS):
            (await self._idle_readers.get()).close()
        self._writer.close()
        self._commit_thread.shutdown()
        self._read_threads.shutdown()
