"""The store port: plain SQL in the common subset of SQLite and PostgreSQL, with `:named` parameters.

`async with store.write() as tx` is one use case: all of it or nothing, durable when the block is left.
`async with store.read() as tx` sees one consistent snapshot and cannot write.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")

Params = Mapping[str, object]


class ReadTx(Protocol):
    """A consistent view."""

    async def fetch_one(self, into: type[T], sql: str, params: Params | None = None) -> T | None:
        """The first row as a Struct whose fields are the column names; None when there is no row."""
        ...

    async def fetch_all(self, into: type[T], sql: str, params: Params | None = None) -> list[T]:
        """All rows, in the order of the statement; may be empty."""
        ...

    async def fetch_value(self, sql: str, params: Params | None = None) -> Any:
        """The first column of the first row; None when there is no row (or it holds null)."""
        ...


class WriteTx(ReadTx, Protocol):
    """One use case's writes."""

    async def execute(self, sql: str, params: Params | None = None) -> int:
        """Run one statement; the number of rows it changed."""
        ...

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one statement for each row."""
        ...

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once this use case is durable; never when it is rolled back."""
        ...


@runtime_checkable
class Store(Protocol):
    """Where everything durable lives."""

    def write(self) -> AbstractAsyncContextManager[WriteTx]:
        """One use case. An exception inside rolls back this use case alone.

        Raises:
            StoreUnavailable: the commit failed (disk full, connection lost); nothing was stored.
        """
        ...

    def read(self) -> AbstractAsyncContextManager[ReadTx]:
        """One snapshot."""
        ...

    async def migrate(self, folder: Path) -> Sequence[str]:
        """Apply the numbered files that are new, in order, each in its own transaction; their names."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the files."""
        ...
