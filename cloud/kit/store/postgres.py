"""The store on PostgreSQL through asyncpg: one writer with group commit, a pool of readers.

Write use cases run one after the other on one connection, each behind its own savepoint, and share the
next commit with those that arrive meanwhile. Nobody before it in the transaction: no savepoint; no statement
of its own: none either. The step from one use case to the next (RELEASE and SAVEPOINT in one round trip) is
under way while Python ends the one and begins the other. Each batch begins with an advisory lock, so that a
second process on the same database takes turns with this one, and with a number, which tells whether it did.

Two rules for callers: await nothing but `tx` inside `write()` (the writer waits with you), and keep long
queries in `read()`, whose connections are others.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from cloud.kit.store import P, Params
from cloud.kit.store.errors import StoreUnavailable
from cloud.kit.store.group_commit import Batch, PostponedRows
from cloud.kit.store.migrations import Migration, MigrationError, pending
from cloud.kit.store.postgres_connections import (
    CONNECT_TIMEOUT_S,
    LOST,
    READER,
    WRITER,
    begun,
    connected,
)
from cloud.kit.store.postgres_statements import PostponedWriting, Statements, Writing
from cloud.kit.store.postgres_words import ours, schema

logger = logging.getLogger(__name__)

READERS = 4
ROWS_WRITTEN_EARLY = 640
WRITERS_TURN = 0x4C554D45
"""The key of the advisory lock: only one process of a database writes at a time."""

_MIGRATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number BIGINT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL
)
"""


def _succeeded(step: asyncio.Task[None]) -> bool:
    return step.done() and step.exception() is None


async def _to_its_end(step: Coroutine[Any, Any, None]) -> None:
    """Run a step whole, though whoever waits for it may be cancelled meanwhile."""
    await asyncio.shield(asyncio.create_task(step))


class _UseCase(Writing):
    """`WriteTx`, and the context manager of one use case."""

    def __init__(self, store: "PostgresStore") -> None:
        super().__init__()
        self._store = store
        self._callbacks: list[Callable[[], None]] = []
        self._postponed = PostponedRows()
        self._open = False
        self._changed = False
        self._connection: Any = None
        """None until the first statement."""

    async def __aenter__(self) -> Self:
        await self._store.take_turn()
        self._open = True
        return self

    async def __aexit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        self._open = False
        ran = self._connection is not None
        if error is not None or self.failure is not None:
            await _to_its_end(self._store.undo(ran=ran, changed=self._changed))
            if error is None:
                raise StoreUnavailable(f"nothing was stored: {self.failure}") from self.failure
            return
        await self._store.keep(self._callbacks, self._postponed, ran=ran)

    async def execute(self, sql: str, params: Params | None = None) -> int:
        self._changed = True
        return await super().execute(sql, params)

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        self._changed = True
        await super().execute_many(sql, rows)

    def after_commit(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def postpone(self, rows: type[P]) -> P:
        self._check_open()
        self._changed = True
        found: P = self._postponed.of(rows)
        return found

    async def epoch(self) -> object:
        self._check_open()
        try:
            return await self._store.begun_epoch()
        except BaseException as error:
            self.failure = error
            raise ours(error) from error

    async def _ready(self) -> Any:
        self._check_open()
        try:
            if self._connection is None:
                self._connection = await self._store.stepped()
            if self._postponed:
                await self._postponed.write(PostponedWriting(self._connection))
        except BaseException as error:
            self.failure = error
            raise ours(error) from error
        return self._connection

    def _check_open(self) -> None:
        if not self._open or self.failure is not None:
            raise StoreUnavailable("this use case is over: nothing more can be read or written in it")


class _Reader(Statements):
    """`ReadTx`: one snapshot, taken with the first statement."""

    def __init__(self, url: str, connection: Any) -> None:
        super().__init__()
        self._url = url
        self.connection = connection
        self.began = False

    async def _ready(self) -> Any:
        if not self.began:
            try:
                self.connection = await begun(self.connection, self._url, READER)
            except Exception as error:
                raise ours(error) from error
            self.began = True
        return self.connection


class _Lookup(Statements):
    """`ReadTx`: every statement in a reading of its own."""

    def __init__(self, store: "PostgresStore") -> None:
        super().__init__()
        self._store = store

    async def _run(self, call: str, sql: str, params: Params | None) -> Any:
        async with self._store.read() as tx:
            return await tx._run(call, sql, params)  # noqa: SLF001  the same class


class PostgresStore:
    """The `Store` in a database, which it first speaks to when it is first used."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = asyncio.Lock()
        self._wanting = 0
        """Use cases that wait for their turn."""
        self._writer: Any = None
        self._batch: Batch | None = None
        self._committer: asyncio.Task[None] | None = None
        self._step: asyncio.Task[None] | None = None
        """Makes the writer ready for a use case; None where one was kept since."""
        self._transaction: str | None = None
        """The number of the batch's transaction; None before its first statement."""
        self._savepoint = False
        self._kept = False
        """Whether the transaction holds what use cases that are over have written."""
        self._epoch = object()
        self._turn_number = 0
        self._idle_readers: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
        for _ in range(READERS):
            self._idle_readers.put_nowait(None)  # connected when it is first wanted
        self._closed = False
        self.commits = 0
        self.use_cases = 0

    def write(self) -> _UseCase:
        return _UseCase(self)

    # Those from here to `undo` belong to `_UseCase`.

    async def take_turn(self) -> None:
        """Wait behind those who came before; whoever opens a batch has it committed."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        self._wanting += 1
        try:
            await self._turn.acquire()
        finally:
            self._wanting -= 1
        if self._batch is None:
            self._batch = Batch()
            self._committer = asyncio.create_task(self._commit_soon(), name="store-commit")

    async def begun_epoch(self) -> object:
        """What `WriteTx.epoch` tells, with the turn taken, so that it stays true until the commit."""
        if self._transaction is None:
            await self._stepped_through(again=False)
        return self._epoch

    async def stepped(self) -> Any:
        """The writer's connection, in the batch's transaction and behind a savepoint where one is needed."""
        assert self._batch is not None  # noqa: S101  made with the turn, taken by a commit or a loss only
        await self._stepped_through(again=bool(self._batch.postponed))
        return self._writer

    async def _stepped_through(self, *, again: bool) -> None:
        if self._step is None or (again and _succeeded(self._step)):
            self._step = asyncio.create_task(self._make_ready())
        if not _succeeded(self._step):
            await asyncio.shield(self._step)  # whole even where the use case is cancelled meanwhile

    def keep(
        self, callbacks: Iterable[Callable[[], None]], postponed: PostponedRows, *, ran: bool
    ) -> asyncio.Future[None]:
        """Let the use case become part of its batch; the future is done when that is on disk."""
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        assert self._batch is not None  # noqa: S101  made with the turn, taken by a commit or a loss only
        self._batch.waiting.append(durable)
        self._batch.callbacks += callbacks
        if postponed:
            self._batch.postponed.extend(postponed)
        if ran:
            self._kept = True
            # The next one's way is prepared while Python gets there.
            self._step = asyncio.create_task(self._make_ready()) if self._wanting else None
        elif len(self._batch.postponed) >= ROWS_WRITTEN_EARLY and (
            self._step is None or _succeeded(self._step)
        ):
            # Meanwhile Python goes on with use cases that have no statement.
            self._step = asyncio.create_task(self._make_ready())
        self._turn.release()
        return durable

    async def undo(self, *, ran: bool, changed: bool) -> None:
        """Roll back this use case alone; with the connection the whole batch is lost."""
        if changed:
            self._epoch = object()
        try:
            if self._step is not None and self._step.done() and self._step.exception() is not None:
                self._lose(str(self._step.exception()))
            elif not ran:
                return
            elif self._savepoint:
                await self._writer.execute("ROLLBACK TO SAVEPOINT use_case")
            else:
                self._transaction = self._step = None
                await self._writer.execute("ROLLBACK")
        except LOST as error:
            self._lose(str(error))
        finally:
            self._turn.release()

    async def _make_ready(self) -> None:
        """For the next use case, behind all that those before it have written or postponed."""
        if self._transaction is None:
            await self._begin()
        if self._batch is not None and self._batch.postponed:
            await self._write_postponed(self._batch)
        if self._savepoint:
            await self._writer.execute("RELEASE SAVEPOINT use_case; SAVEPOINT use_case")
        elif self._kept:
            await self._writer.execute("SAVEPOINT use_case")
            self._savepoint = True

    async def _write_postponed(self, batch: Batch) -> None:
        await batch.postponed.write(PostponedWriting(self._writer))
        self._kept = True

    async def _begin(self) -> None:
        """Open the batch's transaction and wait for the lock."""
        self._writer = await begun(self._writer, self._url, WRITER)
        # The turn first: a statement sees what was committed before it began.
        await self._writer.execute(f"SELECT pg_advisory_xact_lock({WRITERS_TURN})")
        self._transaction, turn = await self._writer.fetchrow(
            "SELECT pg_current_xact_id()::text, nextval(to_regclass('writer_turns'))"
        )
        if turn is None or turn != self._turn_number + 1:  # another process had its turn between
            self._epoch = object()
        self._turn_number = turn or 0

    def _lose(self, reason: str) -> None:
        """Give up the connection and with it every use case of the batch; the next one begins afresh."""
        batch, self._batch = self._batch, None
        self._let_go()
        if batch is not None:
            batch.fail(f"nothing was stored: {reason}")

    def _let_go(self) -> None:
        if self._writer is not None:
            self._writer.terminate()
        self._writer = self._transaction = self._step = None
        self._savepoint = self._kept = False
        self._epoch = object()

    async def _commit_soon(self) -> None:
        """Wait for the turn behind every use case that waits already, then commit them together."""
        async with self._turn:
            batch, self._batch = self._batch, None
            if batch is None:
                return
            try:
                await self._commit(batch)
            except Exception as error:  # noqa: BLE001  whatever it is, those who wait are told
                transaction = self._transaction
                self._let_go()
                if not await self._was_committed(transaction, batch, str(error)):
                    return
            self.commits += 1
            self.use_cases += len(batch.waiting)
        batch.succeed()

    async def _commit(self, batch: Batch) -> None:
        if self._step is not None:
            await self._step
        if batch.postponed:
            if self._transaction is None:
                await self._begin()
            await self._write_postponed(batch)
        if self._transaction is None:
            return  # nobody had a statement, or only those who were undone
        status = await self._writer.execute("COMMIT")
        if status != "COMMIT":
            raise StoreUnavailable("PostgreSQL rolled the batch back")
        self._transaction = self._step = None
        self._savepoint = self._kept = False

    async def _was_committed(self, transaction: str | None, batch: Batch, reason: str) -> bool:
        """Whether a commit whose answer was lost took place all the same; if not, its batch has failed."""
        if transaction is None:
            batch.fail(f"nothing was stored: {reason}")
            return False
        try:
            self._writer = await connected(self._url, WRITER)
            # Its turn is over when the database has made up its mind about it.
            await self._writer.execute(f"SELECT pg_advisory_lock({WRITERS_TURN})")
            await self._writer.execute(f"SELECT pg_advisory_unlock({WRITERS_TURN})")
            found = await self._writer.fetchval("SELECT pg_xact_status($1::text::xid8)", transaction)
        except (*LOST, StoreUnavailable) as error:
            self._let_go()
            batch.fail(f"it is not known whether this was stored: {reason}; then: {error}")
            return False
        if found != "committed":
            batch.fail(f"nothing was stored: {reason}")
        return bool(found == "committed")

    @asynccontextmanager
    async def read(self, *, brief: bool = False) -> AsyncIterator[_Reader]:  # noqa: ARG002  all is far
        reader = _Reader(self._url, await self._idle_readers.get())
        try:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            yield reader
        finally:
            await _to_its_end(self._end_reading(reader))

    async def _end_reading(self, reader: _Reader) -> None:
        try:
            if reader.began:
                await reader.connection.execute("ROLLBACK")
        except LOST:
            reader.connection.terminate()
        finally:
            self._idle_readers.put_nowait(reader.connection)

    def lookup(self) -> _Lookup:
        return _Lookup(self)

    async def migrate(self, folder: Path) -> list[str]:
        async with self._turn:
            if self._writer is None or self._writer.is_closed():
                self._writer = await connected(self._url, WRITER)
            writer = self._writer
            if await writer.fetchval("SHOW server_encoding") != "UTF8":
                raise MigrationError("the database must be made with ENCODING 'UTF8'")
            await writer.execute(f"SELECT pg_advisory_lock({WRITERS_TURN})")
            try:
                await writer.execute(_MIGRATIONS_TABLE)
                rows = await writer.fetch("SELECT number, sha256 FROM schema_migrations")
                new = pending(folder, {row["number"]: row["sha256"] for row in rows}, "postgresql")
                for migration in new:
                    await self._apply(migration)
            finally:
                await writer.execute(f"SELECT pg_advisory_unlock({WRITERS_TURN})")
            await writer.reload_schema_state()
        return [migration.name for migration in new]

    async def _apply(self, migration: Migration) -> None:
        async with self._writer.transaction():
            for statement in migration.statements:
                await self._writer.execute(statement if migration.dialect else schema(statement))
            await self._writer.execute(
                "INSERT INTO schema_migrations (number, name, sha256) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.sha256,
            )

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._committer is not None:
            await asyncio.gather(self._committer, return_exceptions=True)
        connections = [await self._idle_readers.get() for _ in range(READERS)]
        for connection in [*connections, self._writer]:
            if connection is not None:
                await connection.close(timeout=CONNECT_TIMEOUT_S)
        for _ in connections:
            self._idle_readers.put_nowait(None)  # who reads now is told that the store is closed
