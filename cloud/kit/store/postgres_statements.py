"""The port's statements on a connection of PostgreSQL, for whoever has one ready."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from cloud.kit.store import Dialect, Params
from cloud.kit.store.errors import StoreUnavailable
from cloud.kit.store.postgres_words import changed_rows, insert_of_arrays, numbered, ours

T = TypeVar("T")


def _into(into: type[T], row: Any) -> T:
    return msgspec.convert(dict(row), into, strict=False)  # 0 and 1 are the booleans of the schema


async def _execute_many(connection: Any, sql: str, rows: list[list[Any]]) -> None:
    """A plain INSERT takes all rows at once, each column as an array: planned, and answered, once."""
    if len(rows) == 1:
        await connection.execute(sql, *rows[0])
        return
    arrays = _INSERTS.get(sql)
    if arrays is None and rows:
        types = [each.name for each in (await connection.prepare(sql)).get_parameters()]
        arrays = _INSERTS[sql] = insert_of_arrays(sql, types)
    if rows and arrays:
        await connection.execute(arrays, *(list(column) for column in zip(*rows, strict=True)))
    else:
        await connection.executemany(sql, rows)


_INSERTS: dict[str, str] = {}
"""By the statement for one row; empty where it is no plain INSERT."""


class Statements:
    """The port's reading calls over a connection that `_ready` hands out; what fails ends them."""

    dialect: Dialect = "postgresql"

    def __init__(self) -> None:
        self.failure: BaseException | None = None

    async def _ready(self) -> Any:
        raise StoreUnavailable("no connection")

    async def fetch_one(self, into: type[T], sql: str, params: Params | None = None) -> T | None:
        row = await self._run("fetchrow", sql, params)
        return _into(into, row) if row is not None else None

    async def fetch_all(self, into: type[T], sql: str, params: Params | None = None) -> list[T]:
        return [_into(into, row) for row in await self._run("fetch", sql, params)]

    async def fetch_value(self, sql: str, params: Params | None = None) -> Any:
        row = await self._run("fetchrow", sql, params)
        return row[0] if row is not None else None

    async def _run(self, call: str, sql: str, params: Params | None) -> Any:
        statement = numbered(sql)
        values = [params[name] for name in statement.names] if params else ()
        connection = await self._ready()
        try:
            return await getattr(connection, call)(statement.sql, *values)
        except BaseException as error:
            self.failure = error
            raise ours(error) from error


class Writing(Statements):
    """The port's writing calls."""

    async def execute(self, sql: str, params: Params | None = None) -> int:
        return changed_rows(await self._run("execute", sql, params))

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        statement = numbered(sql)
        values = [[row[name] for name in statement.names] for row in rows]
        connection = await self._ready()
        try:
            await _execute_many(connection, statement.sql, values)
        except BaseException as error:
            self.failure = error
            raise ours(error) from error


class PostponedWriting(Writing):
    """For postponed rows: straight to the writer's connection."""

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection

    async def _ready(self) -> Any:
        return self._connection
