"""The store port: plain SQL in the common subset of SQLite and PostgreSQL, with `:named` parameters.

`async with store.write() as tx` is one use case: all of it or nothing, durable when the block is left.
`async with store.read() as tx` sees one consistent snapshot and cannot write.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, Self, TypeVar, runtime_checkable

T = TypeVar("T")
P = TypeVar("P", bound="Postponed")

Params = Mapping[str, object]

Dialect = Literal["sqlite", "postgresql"]


class ReadTx(Protocol):
    """A consistent view."""

    @property
    def dialect(self) -> Dialect:
        """Which words of SQL are understood, for the few statements that are not common to all."""
        ...

    async def fetch_one(self, into: type[T], sql: str, params: Params | None = None) -> T | None:
        """The first row as a Struct whose fields are the column names; None when there is no row."""
        ...

    async def fetch_all(self, into: type[T], sql: str, params: Params | None = None) -> list[T]:
        """All rows, in the order of the statement; may be empty."""
        ...

    async def fetch_value(self, sql: str, params: Params | None = None) -> Any:
        """The first column of the first row; None when there is no row (or it holds null)."""
        ...


class Writes(ReadTx, Protocol):
    """Statements that change rows."""

    async def execute(self, sql: str, params: Params | None = None) -> int:
        """Run one statement; the number of rows it changed."""
        ...

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run one statement for each row."""
        ...


class WriteTx(Writes, Protocol):
    """One use case's writes. A statement that fails ends it: leave the block with the error."""

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back once this use case is durable; never when it is rolled back."""
        ...

    def postpone(self, rows: type[P]) -> P:
        """The rows of that class that this use case has still to write: add to them, and leave them here.

        The next statement of anybody finds them written; use cases without one write theirs together.
        """
        ...

    async def epoch(self) -> object:
        """The same object as long as every change to the database came through this store and stayed.

        What was read or written under it still holds: another process's turn, and whatever is undone, end it.
        """
        ...


class Postponed(Protocol):
    """Rows of one or more use cases which wait until somebody could see that they are missing.

    Nothing the database could refuse may be in them: by then it is too late to tell who asked for it.
    """

    def __init__(self) -> None: ...

    def __len__(self) -> int:
        """How many."""
        ...

    def extend(self, later: Self) -> None:
        """Take over what a later use case left."""
        ...

    async def write(self, tx: Writes) -> None:
        """Write all of it; nobody adds to it any more."""
        ...


@runtime_checkable
class Store(Protocol):
    """Where everything durable lives."""

    @property
    def commits(self) -> int:
        """Commits so far; with `use_cases` it tells how well grouping works."""
        ...

    @property
    def use_cases(self) -> int:
        """Use cases made durable by them."""
        ...

    def write(self) -> AbstractAsyncContextManager[WriteTx]:
        """One use case. An exception inside rolls back this use case alone.

        Raises:
            StoreUnavailable: the commit failed (disk full, connection lost); nothing was stored.
        """
        ...

    def read(self, *, brief: bool = False) -> AbstractAsyncContextManager[ReadTx]:
        """One snapshot.

        `brief`: of a few rows that are found by their keys, with `lookup`'s promise for each statement.
        """
        ...

    def lookup(self) -> ReadTx:
        """For what is found by its key on the way of every request.

        Each statement sees a snapshot of its own. Where the database is part of this process it runs at once
        on the event loop's thread, so it must not take longer than a hop to another one: some 50 us.
        """
        ...

    async def migrate(self, folder: Path) -> Sequence[str]:
        """Apply the numbered files that are new, in order, each in its own transaction; their names."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the files."""
        ...
