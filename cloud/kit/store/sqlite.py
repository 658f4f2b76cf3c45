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
from typing import Any, Self, TypeVar

import msgspec

from cloud.kit.store import Params
from cloud.kit.store.errors import ConstraintViolated, StoreUnavailable
from cloud.kit.store.migrations import Migration, pending

logger = logging.getLogger(__name__)

T = TypeVar("T")

READERS = 4
BUSY_TIMEOUT_MS = 5_000
CACHE_KIB = 32_768
CHECKPOINT_PAGES = 4_000
"""16 MiB of log between checkpoints: pages that many commits touch are copied back once for all of them."""
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
    """`ReadTx` over one connection, whose statements run in the readers' threads."""

    def __init__(self, connection: sqlite3.Connection, executor: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._executor = executor

    async def _rows(self, sql: str, params: Params | None, *, many: bool) -> list[sqlite3.Row]:
        def run() -> list[sqlite3.Row]:
            cursor = self._connection.execute(sql, params or {})
            return cursor.fetchall() if many else cursor.fetchmany(1)

        running = asyncio.get_running_loop().run_in_executor(self._executor, run)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # The thread may still be inside the statement; the connection goes back only when it is out.
            self._connection.interrupt()
            await asyncio.wait({running})
            if not running.cancelled():
                running.exception()  # seen: it was interrupted because nobody wants its rows
            raise
        except sqlite3.Error as error:
            raise _translated(error) from error

    async def fetch_one(self, into: type[T], sql: str, params: Params | None = None) -> T | None:
        rows = await self._rows(sql, params, many=False)
        return _into(into, rows[0]) if rows else None

    async def fetch_all(self, into: type[T], sql: str, params: Params | None = None) -> list[T]:
        return [_into(into, row) for row in await self._rows(sql, params, many=True)]

    async def fetch_value(self, sql: str, params: Params | None = None) -> Any:
        rows = await self._rows(sql, params, many=False)
        return rows[0][0] if rows else None


def _translated(error: sqlite3.Error) -> Exception:
    """A database error as ours; what only a wrong statement can cause stays as it is."""
    if isinstance(error, sqlite3.IntegrityError):
        return ConstraintViolated(str(error))
    if isinstance(error, sqlite3.OperationalError) and not _is_defect(str(error)):
        return StoreUnavailable(str(error))
    return error


def _is_defect(message: str) -> bool:
    return any(
        sign in message for sign in ("syntax error", "no such ", "readonly database", "incomplete input")
    )


class _Batch:
    """The use cases that share one commit."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.callbacks: list[Callable[[], None]] = []

    def succeed(self) -> None:
        for waiter in self.waiting:
            if not waiter.done():  # a cancelled use case waits no more, though it is stored
                waiter.set_result(None)
        for callback in self.callbacks:
            callback()

    def fail(self, reason: str) -> None:
        logger.error("store commit failed use_cases=%d error=%s", len(self.waiting), reason)
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_exception(StoreUnavailable(f"nothing was stored: {reason}"))


class _UseCase:
    """`WriteTx`, and the context manager of one use case: a savepoint on the writer's connection.

    Classes and plain calls instead of generators and context managers per statement: this is the path of
    every posting.
    """

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store
        self._connection = store.writer
        self._callbacks: list[Callable[[], None]] = []
        self._open = False

    async def __aenter__(self) -> Self:
        await self._store.turn.acquire()
        try:
            self._store.begin()
            self._open = True
        finally:
            if not self._open:
                self._store.turn.release()
        return self

    async def __aexit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        self._open = False
        try:
            if error is not None:
                self._store.undo()
                return
            durable = self._store.keep(self._callbacks)
        finally:
            self._store.turn.release()
        await durable

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
        self._check_open()
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def after_commit(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def _run(self, sql: str, params: Params | None) -> sqlite3.Cursor:
        self._check_open()
        try:
            return self._connection.execute(sql, params or {})
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _check_open(self) -> None:
        if not self._open:
            raise StoreUnavailable("this use case is over: nothing more can be read or written in it")

    def _failed(self, error: sqlite3.Error) -> Exception:
        # Out of its transaction, a further statement would commit by itself, whoever swallows this error.
        self._open = self._connection.in_transaction
        return _translated(error)


class SqliteStore:
    """The `Store` in one file. Open it inside a running event loop."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.writer = self._connect()
        self.writer.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        self.writer.execute("PRAGMA journal_mode = WAL")
        self.writer.execute("PRAGMA synchronous = FULL")
        self.writer.execute("PRAGMA foreign_keys = ON")
        self.writer.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self.writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        path.chmod(0o600)
        self.turn = asyncio.Lock()
        self._commit_thread = ThreadPoolExecutor(1, thread_name_prefix="store-commit")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._idle_readers: asyncio.LifoQueue[sqlite3.Connection] = asyncio.LifoQueue()
        for _ in range(READERS):
            reader = self._connect()
            reader.execute("PRAGMA query_only = ON")
            self._idle_readers.put_nowait(reader)
        self._batch: _Batch | None = None
        self._committer: asyncio.Task[None] | None = None
        self._closed = False
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

    def write(self) -> _UseCase:
        return _UseCase(self)

    # The three below belong to `_UseCase`, which calls them while it has the turn.

    def begin(self) -> None:
        """Open a savepoint, and with the first one of a batch its transaction."""
        try:
            if self._batch is None:
                self.writer.execute("BEGIN IMMEDIATE")
                self._batch = _Batch()
                self._committer = asyncio.create_task(self._commit_soon(), name="store-commit")
            self.writer.execute("SAVEPOINT use_case")
        except sqlite3.Error as error:
            self._give_up_batch_if_lost()
            raise _translated(error) from error

    def keep(self, callbacks: Iterable[Callable[[], None]]) -> asyncio.Future[None]:
        """Let the use case become part of its batch; the future is done when that is on disk."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            if not self.writer.in_transaction:
                raise sqlite3.OperationalError("the database rolled the use case back")
            self.writer.execute("RELEASE use_case")
        except sqlite3.Error as error:
            self.undo()
            raise StoreUnavailable(f"nothing was stored: {error}") from error
        assert self._batch is not None  # noqa: S101  made by begin, taken by a commit or a loss only
        self._batch.waiting.append(durable)
        self._batch.callbacks += callbacks
        return durable

    def undo(self) -> None:
        """Roll back this use case alone, where the database has not rolled back the whole batch."""
        try:
            if self.writer.in_transaction:
                self.writer.execute("ROLLBACK TO use_case")
                self.writer.execute("RELEASE use_case")
        except sqlite3.Error:
            logger.exception("store savepoint lost")
            if self.writer.in_transaction:
                self.writer.execute("ROLLBACK")
        self._give_up_batch_if_lost()

    def _give_up_batch_if_lost(self) -> None:
        # A full disk may make SQLite roll back everything: then every use case before this one in the batch
        # is lost too, and a savepoint opened now would commit by itself. Tell them, and begin afresh.
        if self._batch is not None and not self.writer.in_transaction:
            batch, self._batch = self._batch, None
            batch.fail("the database rolled the batch back")

    async def _commit_soon(self) -> None:
        """Wait for the turn behind every use case that waits already, then commit them together."""
        async with self.turn:
            batch, self._batch = self._batch, None
            if batch is None:
                return
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(self._commit_thread, self.writer.execute, "COMMIT")
            except sqlite3.Error as error:
                if self.writer.in_transaction:
                    self.writer.execute("ROLLBACK")
                batch.fail(str(error))
                return
            self.commits += 1
            self.use_cases += len(batch.waiting)
        batch.succeed()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[_Reader]:
        connection = await self._idle_readers.get()
        try:
            connection.execute("BEGIN")
            try:
                yield _Reader(connection, self._read_threads)
            finally:
                connection.execute("ROLLBACK")
        finally:
            self._idle_readers.put_nowait(connection)

    async def migrate(self, folder: Path) -> list[str]:
        self.writer.execute(_MIGRATIONS_TABLE)
        applied = {
            row["number"]: row["sha256"]
            for row in self.writer.execute("SELECT number, sha256 FROM schema_migrations")
        }
        done = []
        for migration in pending(folder, applied):
            self._apply(migration)
            done.append(migration.name)
        return done

    def _apply(self, migration: Migration) -> None:
        self.writer.execute("BEGIN IMMEDIATE")
        try:
            for statement in migration.statements:
                self.writer.execute(_dialect(statement))
            self.writer.execute(
                "INSERT INTO schema_migrations (number, name, sha256) VALUES (:number, :name, :sha256)",
                {"number": migration.number, "name": migration.name, "sha256": migration.sha256},
            )
            self.writer.execute("COMMIT")
        except sqlite3.Error:
            self.writer.execute("ROLLBACK")
            raise

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._committer is not None:
            await asyncio.gather(self._committer, return_exceptions=True)
        for _ in range(READERS):
            (await self._idle_readers.get()).close()
        self.writer.close()
        self._commit_thread.shutdown()
        self._read_threads.shutdown()
