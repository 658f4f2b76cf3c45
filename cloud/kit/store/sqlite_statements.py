"""The port's statements on a connection of SQLite: a reader's, a lookup's, the writer's."""

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from cloud.kit.store import Dialect, Params
from cloud.kit.store.errors import ConstraintViolated, StoreUnavailable

T = TypeVar("T")


def _into(into: type[T], row: sqlite3.Row) -> T:
    return msgspec.convert(dict(row), into, strict=False)  # 0 and 1 are the booleans of SQLite


def translated(error: Exception) -> Exception:
    """A database error as ours; what only a wrong statement or value can cause stays as it is."""
    if isinstance(error, sqlite3.IntegrityError):
        return ConstraintViolated(str(error))
    if isinstance(error, sqlite3.OperationalError) and not _is_defect(str(error)):
        return StoreUnavailable(str(error))
    return error


def _is_defect(message: str) -> bool:
    return any(
        sign in message for sign in ("syntax error", "no such ", "readonly database", "incomplete input")
    )


class _Reading(ABC):
    """The port's reading calls over the rows that `_rows` finds."""

    dialect: Dialect = "sqlite"

    @abstractmethod
    async def _rows(self, sql: str, params: Params | None, *, many: bool) -> list[sqlite3.Row]:
        """All rows; the first is enough where not `many` are wanted."""

    async def fetch_one(self, into: type[T], sql: str, params: Params | None = None) -> T | None:
        rows = await self._rows(sql, params, many=False)
        return _into(into, rows[0]) if rows else None

    async def fetch_all(self, into: type[T], sql: str, params: Params | None = None) -> list[T]:
        return [_into(into, row) for row in await self._rows(sql, params, many=True)]

    async def fetch_value(self, sql: str, params: Params | None = None) -> Any:
        rows = await self._rows(sql, params, many=False)
        return rows[0][0] if rows else None


class Reader(_Reading):
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
            raise translated(error) from error


class Lookup(_Reading):
    """`ReadTx` whose statements run where they are called, each read to its end so that no snapshot stays."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def _rows(self, sql: str, params: Params | None, *, many: bool) -> list[sqlite3.Row]:  # noqa: ARG002
        try:
            return self._connection.execute(sql, params or {}).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from error


class Statements:
    """Statements on the writer's connection, run where they are called.

    Plain calls instead of generators and context managers per statement: this is the path of every posting.
    """

    dialect: Dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch_one(self, into: type[T], sql: str, params: Params | None = None) -> T | None:
        row = (await self._run(sql, params)).fetchone()
        return _into(into, row) if row is not None else None

    async def fetch_all(self, into: type[T], sql: str, params: Params | None = None) -> list[T]:
        return [_into(into, row) for row in await self._run(sql, params)]

    async def fetch_value(self, sql: str, params: Params | None = None) -> Any:
        row = (await self._run(sql, params)).fetchone()
        return row[0] if row is not None else None

    async def execute(self, sql: str, params: Params | None = None) -> int:
        return (await self._run(sql, params)).rowcount

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        self._connection.executemany(sql, rows)

    async def _run(self, sql: str, params: Params | None) -> sqlite3.Cursor:
        return self._connection.execute(sql, params or {})
