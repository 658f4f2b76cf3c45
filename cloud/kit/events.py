"""The event log: whatever must happen after a commit is a row of it, written in that commit.

Every stream (Server-Sent Events, MQTT, and whoever follows) reads the log behind its own cursor: nothing is
lost in a crash, and every stream resumes. Ids rise in the order of commits.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Self

import msgspec
from msgspec import Raw, Struct

from cloud.kit.store import ReadTx, Store, Writes, WriteTx
from shared.clock import Clock

BATCH = 100
"""So many events are read at once, which takes no time worth a thread."""
_encode = msgspec.json.Encoder(decimal_format="number").encode
_TYPE = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")


class Event(Struct, frozen=True, kw_only=True):
    """One row of the log."""

    id: int
    at_us: int
    type: str
    payload: str
    """JSON text. Public streams carry the types they list, whose payloads hold public fields only."""

    @property
    def raw(self) -> Raw:
        """The payload, to be put into another JSON document unchanged."""
        return Raw(self.payload.encode())


class _NewEvents:
    """`Postponed`: nobody reads an event within its use case."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def extend(self, later: Self) -> None:
        self.rows += later.rows

    async def write(self, tx: Writes) -> None:
        await tx.execute_many(
            "INSERT INTO events (at_us, type, payload) VALUES (:at_us, :type, :payload)", self.rows
        )


class EventLog:
    """Announce inside a use case; follow from anywhere."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiters: dict[asyncio.Event, Collection[str] | None] = {}
        """With the types they wait for; None: all."""

    async def announce(self, tx: WriteTx, type_: str, payload: object) -> None:
        """One more event; those who follow wake when the use case is durable."""
        row = {"at_us": self._clock.now_us(), "type": type_, "payload": _encode(payload).decode()}
        tx.postpone(_NewEvents).rows.append(row)
        tx.after_commit(partial(self._wake, type_))

    async def last_id(self) -> int:
        """The newest id; 0 in an empty log."""
        async with self._store.read() as tx:
            return int(await tx.fetch_value("SELECT MAX(id) FROM events") or 0)

    async def after(
        self, event_id: int, *, types: Collection[str] | None = None, limit: int = BATCH
    ) -> Sequence[Event]:
        """The next events above `event_id`, ascending; empty when there is none yet."""
        wanted = "" if types is None else f" AND type IN ({', '.join(_quoted(types))})"
        async with self._store.read(brief=limit <= BATCH) as tx:
            return await tx.fetch_all(
                Event,
                "SELECT id, at_us, type, payload FROM events"
                f" WHERE id > :after{wanted} ORDER BY id LIMIT :limit",
                {"after": event_id, "limit": limit},
            )

    async def one(self, event_id: int) -> Event | None:
        """None where there is none, or it was dropped."""
        async with self._store.read() as tx:
            return await tx.fetch_one(
                Event, "SELECT id, at_us, type, payload FROM events WHERE id = :id", {"id": event_id}
            )

    async def follow(
        self, event_id: int, *, types: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[Event]]:
        """Batches of events above `event_id`, for ever: what is there first, then each new one."""
        async with self._woken(types) as woken:
            while True:
                woken.clear()
                batch = await self.after(event_id, types=types)
                if batch:
                    event_id = batch[-1].id
                    yield batch
                else:
                    await woken.wait()

    async def cursor(self, reader: str) -> int:
        """Where a durable reader stands; 0 when it has never read."""
        async with self._store.read() as tx:
            return int(
                await tx.fetch_value(
                    "SELECT event_id FROM event_cursors WHERE reader = :reader", {"reader": reader}
                )
                or 0
            )

    async def lag(self, reader: str, *, types: Collection[str] | None = None) -> int:
        """How many events of these types a durable reader has still to read."""
        wanted = "" if types is None else f" AND type IN ({', '.join(_quoted(types))})"
        async with self._store.read() as tx:
            return int(
                await tx.fetch_value(
                    "SELECT COUNT(*) FROM events WHERE id > COALESCE("
                    f"(SELECT event_id FROM event_cursors WHERE reader = :reader), 0){wanted}",
                    {"reader": reader},
                )
            )

    async def move_cursor(self, tx: WriteTx, reader: str, event_id: int) -> None:
        """Remember how far a durable reader has come, in the transaction of what it did."""
        await tx.execute(
            "INSERT INTO event_cursors (reader, event_id) VALUES (:reader, :event_id)"
            " ON CONFLICT (reader) DO UPDATE SET event_id = excluded.event_id",
            {"reader": reader, "event_id": event_id},
        )

    async def trim(self, tx: WriteTx, *, before_us: int, types: Collection[str]) -> int:
        """Drop old events of the given types, which no durable reader needs; how many went.

        The newest event always stays, so that no id is ever given twice.
        """
        return await tx.execute(
            f"DELETE FROM events WHERE at_us < :before_us AND type IN ({', '.join(_quoted(types))})"
            " AND id < (SELECT MAX(id) FROM events)",
            {"before_us": before_us},
        )

    def _wake(self, type_: str) -> None:
        for waiter, types in self._waiters.items():
            if types is None or type_ in types:
                waiter.set()

    @asynccontextmanager
    async def _woken(self, types: Collection[str] | None) -> AsyncIterator[asyncio.Event]:
        waiter = asyncio.Event()
        self._waiters[waiter] = types
        try:
            yield waiter
        finally:
            del self._waiters[waiter]


async def latest(tx: ReadTx, type_: str) -> Event | None:
    """The newest event of a type."""
    return await tx.fetch_one(
        Event,
        "SELECT id, at_us, type, payload FROM events WHERE type = :type ORDER BY id DESC LIMIT 1",
        {"type": type_},
    )


def _quoted(types: Collection[str]) -> list[str]:
    bad = [type_ for type_ in types if not _TYPE.fullmatch(type_)]
    if bad:
        raise ValueError(f"event types are words of letters, digits and underscores, joined by dots: {bad}")
    return [f"'{type_}'" for type_ in types]
