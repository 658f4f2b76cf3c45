"""The store on stdlib sqlite3: WAL, `synchronous=FULL`, one writer with group commit, a pool of readers.

Statements of a use case run at once on the event loop's thread (microseconds each: a hop to another thread
costs more than the statement, and hands the interpreter lock around); the commit with its fsync runs in the
writer's thread. Use cases that arrive while a commit is under way wait, run one after the other, each
behind its own savepoint, and share the next commit. A use case is answered only when its commit is on disk.

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
from typing import Self

from cloud.kit.store import P, Params
from cloud.kit.store.errors import StoreUnavailable
from cloud.kit.store.group_commit import Batch, PostponedRows
from cloud.kit.store.migrations import Migration, pending
from cloud.kit.store.sqlite_statements import Lookup, Reader, Statements, translated

logger = logging.getLogger(__name__)

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


class _UseCase(Statements):
    """`WriteTx`, and the context manager of one use case: a savepoint behind its first statement."""

    def __init__(self, store: "SqliteStore") -> None:
        super().__init__(store.writer)
        self._store = store
        self._callbacks: list[Callable[[], None]] = []
        self._postponed = PostponedRows()
        self._open = False
        self._behind_savepoint = False
        self._changed = False
        self._failure: Exception | None = None

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
            if error is not None or self._failure is not None:
                self._store.undo(to_savepoint=self._behind_savepoint, changed=self._changed)
                if error is None:
                    raise StoreUnavailable(f"nothing was stored: {self._failure}") from self._failure
                return
            durable = self._store.keep(
                self._callbacks, self._postponed, behind_savepoint=self._behind_savepoint
            )
        finally:
            self._store.turn.release()
        await durable

    async def execute(self, sql: str, params: Params | None = None) -> int:
        self._changed = True
        return (await self._run(sql, params)).rowcount

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        self._changed = True
        await self._make_ready()
        try:
            self._connection.executemany(sql, rows)
        except Exception as error:
            raise self._failed(error) from error

    def after_commit(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def postpone(self, rows: type[P]) -> P:
        self._check_open()
        self._changed = True
        found: P = self._postponed.of(rows)
        return found

    async def epoch(self) -> object:
        self._check_open()
        return self._store.epoch

    async def _run(self, sql: str, params: Params | None) -> sqlite3.Cursor:
        if not (self._open and self._behind_savepoint) or self._postponed:
            await self._make_ready()
        try:
            return self._connection.execute(sql, params or {})
        except Exception as error:
            raise self._failed(error) from error

    async def _make_ready(self) -> None:
        """Whatever was postponed is written before a statement could miss it."""
        self._check_open()
        try:
            if not self._behind_savepoint:
                await self._store.open_savepoint()
                self._behind_savepoint = True
            if self._postponed:
                await self._postponed.write(Statements(self._connection))
        except Exception as error:
            raise self._failed(error) from error

    def _check_open(self) -> None:
        if not self._open:
            raise StoreUnavailable("this use case is over: nothing more can be read or written in it")

    def _failed(self, error: Exception) -> Exception:
        # PostgreSQL goes on with no use case after an error, so neither does SQLite.
        self._open = False
        self._failure = error
        return translated(error)


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
        # A savepoint keeps the pages it changes aside: in a temporary file that was two calls for each page.
        self.writer.execute("PRAGMA temp_store = MEMORY")
        self.writer.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self.writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        path.chmod(0o600)
        self.turn = asyncio.Lock()
        self._commit_thread = ThreadPoolExecutor(1, thread_name_prefix="store-commit")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._idle_readers: asyncio.LifoQueue[sqlite3.Connection] = asyncio.LifoQueue()
        for _ in range(READERS):
            self._idle_readers.put_nowait(self._connect_reader())
        self._lookups = self._connect_reader()
        self._batch: Batch | None = None
        self._committer: asyncio.Task[None] | None = None
        self._closed = False
        self._data_version = -1
        self.epoch = object()
        """What `WriteTx.epoch` tells."""
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

    def _connect_reader(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def write(self) -> _UseCase:
        return _UseCase(self)

    # Those below belong to `_UseCase`, which calls them while it has the turn.

    def begin(self) -> None:
        """With the first use case of a batch, open its transaction."""
        if self._batch is not None:
            return
        try:
            self.writer.execute("BEGIN IMMEDIATE")
            version = self.writer.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            if self.writer.in_transaction:
                self.writer.execute("ROLLBACK")
            raise translated(error) from error
        if version != self._data_version:  # somebody else wrote to the file
            self._data_version = version
            self.epoch = object()
        self._batch = Batch()
        self._committer = asyncio.create_task(self._commit_soon(), name="store-commit")

    async def open_savepoint(self) -> None:
        """Behind everything that earlier use cases of the batch postponed."""
        assert self._batch is not None  # noqa: S101  made by begin, taken by a commit or a loss only
        try:
            await self._batch.postponed.write(Statements(self.writer))
        except Exception:  # also what cannot even be sent: whoever postponed it waits to be told
            logger.exception("store postponed rows lost")
            if self.writer.in_transaction:
                self.writer.execute("ROLLBACK")
            self._give_up_batch_if_lost()
            raise
        self.writer.execute("SAVEPOINT use_case")

    def keep(
        self,
        callbacks: Iterable[Callable[[], None]],
        postponed: PostponedRows,
        *,
        behind_savepoint: bool,
    ) -> asyncio.Future[None]:
        """Let the use case become part of its batch; the future is done when that is on disk."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            if not self.writer.in_transaction:
                raise sqlite3.OperationalError("the database rolled the use case back")
            if behind_savepoint:
                self.writer.execute("RELEASE use_case")
        except sqlite3.Error as error:
            self.undo(to_savepoint=behind_savepoint, changed=True)
            raise StoreUnavailable(f"nothing was stored: {error}") from error
        assert self._batch is not None  # noqa: S101  as above
        self._batch.waiting.append(durable)
        self._batch.callbacks += callbacks
        if postponed:
            self._batch.postponed.extend(postponed)
        return durable

    def undo(self, *, to_savepoint: bool, changed: bool) -> None:
        """Roll back this use case alone, where the database has not rolled back the whole batch."""
        if changed:
            self.epoch = object()
        try:
            if to_savepoint and self.writer.in_transaction:
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
            self.epoch = object()
            batch.fail("nothing was stored: the database rolled the batch back")

    async def _commit_soon(self) -> None:
        """Wait for the turn behind every use case that waits already, then commit them together."""
        async with self.turn:
            batch, self._batch = self._batch, None
            if batch is None:
                return
            loop = asyncio.get_running_loop()
            try:
                await batch.postponed.write(Statements(self.writer))
                await loop.run_in_executor(self._commit_thread, self.writer.execute, "COMMIT")
            except Exception as error:  # noqa: BLE001  whatever it is, those who wait are told
                self.epoch = object()
                if self.writer.in_transaction:
                    self.writer.execute("ROLLBACK")
                batch.fail(f"nothing was stored: {error}")
                return
            self.commits += 1
            self.use_cases += len(batch.waiting)
        batch.succeed()

    @asynccontextmanager
    async def read(self, *, brief: bool = False) -> AsyncIterator[Reader | Lookup]:
        connection = await self._idle_readers.get()
        try:
            connection.execute("BEGIN")
            try:
                yield Lookup(connection) if brief else Reader(connection, self._read_threads)
            finally:
                connection.execute("ROLLBACK")
        finally:
            self._idle_readers.put_nowait(connection)

    def lookup(self) -> Lookup:
        return Lookup(self._lookups)

    async def migrate(self, folder: Path) -> list[str]:
        self.writer.execute(_MIGRATIONS_TABLE)
        applied = {
            row["number"]: row["sha256"]
            for row in self.writer.execute("SELECT number, sha256 FROM schema_migrations")
        }
        done = []
        for migration in pending(folder, applied, "sqlite"):
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
        self._lookups.close()
        self.writer.close()
        self._commit_thread.shutdown()
        self._read_threads.shutdown()
