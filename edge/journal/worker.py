"""The journal's own thread: a slow or hanging disk never holds up the control cycle or the page."""

import logging
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from edge.journal.disk import BYTES_MAX, LOSS_S, DiskJournal
from edge.journal.memory import MemoryJournal
from edge.journal.port import HISTORY_DAYS, Journal
from edge.threads import OneThread
from shared.clock import Clock

logger = logging.getLogger(__name__)

T = TypeVar("T")


def open_journal(
    path: Path,
    *,
    clock: Clock,
    boot_id: str,
    bytes_max: int = BYTES_MAX,
    loss_s: float = LOSS_S,
    history_days: int = HISTORY_DAYS,
) -> Journal:
    """The journal on disk, or one in memory, with the reason shown, where the disk refuses altogether."""
    try:
        return DiskJournal(
            path,
            clock=clock,
            boot_id=boot_id,
            bytes_max=bytes_max,
            loss_s=loss_s,
            history_days=history_days,
        )
    except (sqlite3.Error, OSError) as error:
        logger.error("journal kept in memory error=%s", error)  # noqa: TRY400  the trace adds nothing
        return MemoryJournal(
            clock=clock,
            boot_id=boot_id,
            problem=f"kept in memory, lost at a restart: {error}",
            state=_last_state(path),
        )


def _last_state(path: Path) -> Mapping[str, bytes]:
    """The state as the unwritable file has it, so that totals do not start again at 0."""
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        try:
            return dict(db.execute("SELECT key, value FROM state"))
        finally:
            db.close()
    except sqlite3.Error:
        return {}


class JournalWorker:
    """Runs calls on the journal one after another, in the order they were made."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.waiting = 0
        self.done = 0
        """Calls finished since the start: it grows as long as the disk works."""
        self._thread = OneThread("journal")

    async def call(self, function: Callable[[Journal], T]) -> T:
        """The function's answer, from the journal's thread."""
        self.waiting += 1
        try:
            return await self._thread.call(lambda: function(self.journal))
        finally:
            self.waiting -= 1
            self.done += 1

    async def close(self) -> None:
        """Close the journal after everything that waits, and end the thread."""
        await self.call(lambda journal: journal.close())
        self._thread.close()
