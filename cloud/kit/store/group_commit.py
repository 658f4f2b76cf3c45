"""What the use cases that share one commit wait for."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from cloud.kit.store import Postponed, Writes
from cloud.kit.store.errors import StoreUnavailable

logger = logging.getLogger(__name__)


class PostponedRows:
    """What has still to be written, by its class."""

    def __init__(self) -> None:
        self._rows: dict[type[Any], Any] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def __bool__(self) -> bool:
        """Every statement asks."""
        return bool(self._rows) and any(self._rows.values())

    def of(self, kind: type[Any]) -> Any:
        rows = self._rows.get(kind)
        if rows is None:
            rows = self._rows[kind] = kind()
        return rows

    def extend(self, later: "PostponedRows") -> None:
        for kind, rows in later._rows.items():  # noqa: SLF001  the same class
            mine: Postponed = self.of(kind)
            mine.extend(rows)

    async def write(self, tx: Writes) -> None:
        rows, self._rows = self._rows, {}
        for each in rows.values():
            await each.write(tx)


class Batch:
    """The use cases that share one commit."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.callbacks: list[Callable[[], None]] = []
        self.postponed = PostponedRows()

    def succeed(self) -> None:
        for waiter in self.waiting:
            if not waiter.done():  # a cancelled use case waits no more, though it is stored
                waiter.set_result(None)
        for callback in self.callbacks:
            callback()

    def fail(self, message: str) -> None:
        logger.error("store commit failed use_cases=%d error=%s", len(self.waiting), message)
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_exception(StoreUnavailable(message))
