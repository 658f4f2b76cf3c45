"""The journal's file: opened and checked, healed when torn, written in durable transactions, read.

What is in it is the owner's business, who is called back with the connection: to `load` a file that is whole,
and to `refill` a fresh one with what could be read of a torn one.
"""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edge.journal import tables
from edge.journal.salvage import Salvaged, move_aside, salvage
from shared.clock import Clock
from shared.ids import new_id

logger = logging.getLogger(__name__)

T = TypeVar("T")


class JournalFile:
    """One open file at any moment; `db` is another one after it was healed."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        load: Callable[[sqlite3.Connection], None],
        refill: Callable[[sqlite3.Connection, Salvaged], None],
    ) -> None:
        """Open, check and if need be heal it.

        Raises:
            sqlite3.Error, OSError: the disk refuses to let it be opened at all.
        """
        self._path = path
        self._clock = clock
        self._load = load
        self._refill = refill
        self.problem: str | None = None
        """Why the disk refused the last write; None: it did not."""
        self.db: sqlite3.Connection
        self._open()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not self._path.exists()
        try:
            if self._path.is_file() and self._path.stat().st_size < tables.PAGE_BYTES:
                # SQLite would take it for a new database and write over it.
                raise tables.TornFile("shorter than one page")
            self.db = tables.connect(self._path)
            try:
                if fresh:
                    tables.create(self.db, self.new_name())
                tables.check(self.db, self._path)
                self._load(self.db)
            except BaseException:
                self.db.close()
                raise
        except sqlite3.Error as error:
            if not tables.is_torn(error):
                raise
            self._heal(error)

    def _heal(self, error: sqlite3.Error) -> None:
        """Set the torn file aside and go on in a fresh one."""
        aside = move_aside(self._path)
        logger.error("journal torn error=%s aside=%s", error, aside.name)
        found = salvage(aside)
        self.db = tables.connect(self._path)
        try:
            tables.create(self.db, self.new_name())
            self._refill(self.db, found)
        except BaseException:
            self.db.close()
            raise

    def close(self) -> None:
        self.db.close()

    def new_name(self) -> str:
        """A `journal_id` that was never used before."""
        return new_id("jrn", self._clock)

    def write(self, act: Callable[[sqlite3.Connection], object]) -> bool:
        """Act in one durable transaction; False when the disk refused or the file had to be healed."""
        try:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                act(self.db)
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
        except (sqlite3.Error, OSError) as error:
            self.failed(error)
            return False
        if self.problem is not None:
            logger.info("journal writes again")
            self.problem = None
        return True

    def read(self, find: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What is found, or `otherwise` when the file cannot be read."""
        try:
            return find(self.db)
        except (sqlite3.Error, OSError) as error:
            self.failed(error)
            return otherwise

    def rows(self, find: Callable[[sqlite3.Connection], list[T]]) -> list[T]:
        """What is found; empty when the file cannot be read."""
        empty: list[T] = []
        return self.read(find, empty)

    def failed(self, error: sqlite3.Error | OSError) -> None:
        """Heal the file where the error means that it is torn; else say that the disk refuses."""
        if isinstance(error, sqlite3.Error) and tables.is_torn(error):
            try:
                self.db.close()
                self._heal(error)
            except (sqlite3.Error, OSError) as second:
                error = second
            else:
                return
        problem = f"the disk refuses: {error}"
        if problem != self.problem:
            logger.error("journal cannot write error=%s", error)
            self.problem = problem
