"""The SQL of questions, and of what a chat keeps.

Figures are told apart by currency and direction always. What was rejected or merged is in none.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import Struct

from cloud.finance.chat.exact import Bounds
from cloud.finance.chat.findings import Tally
from cloud.finance.chat.model import MESSAGES_MAX, SESSIONS_MAX, Memory, Message, Role, Session
from cloud.finance.chat.query import Group, Selection
from cloud.finance.chat.spans import Span
from cloud.finance.transactions.filters import Filter
from cloud.finance.transactions.model import Merchant, Transaction
from cloud.finance.transactions.storage import COLUMNS, COUNTS, matching
from cloud.kit.store import ReadTx, WriteTx

GROUPS_MAX = 5_000
LEAST_STEP = Decimal("0.001")
"""Finer than which no currency has amounts."""
MERCHANTS_MAX = 2_000
"""So many of a person's merchants a question may name: those used last."""
_KEYS = {
    None: "''",
    Group.CATEGORY: "category",
    Group.CHANNEL: "COALESCE(payment_channel, '')",
    Group.MERCHANT: "COALESCE((SELECT name FROM merchants WHERE merchants.id = transactions.merchant_id),"
    " '')",
}
_SESSION = "id, person_id, started_at_us, last_query, last_ids"
_MESSAGE = "id, role, content, created_at_us"
_MEMORY = "id, key, value, source, created_at_us"


class Reach(Struct, frozen=True):
    """From the first transaction to the last; None: there are none."""

    first_us: int | None
    last_us: int | None


class _Id(Struct, frozen=True):
    id: int


class _Name(Struct, frozen=True):
    category: str


async def tallies(
    tx: ReadTx, person_id: int, wanted: Selection, times: Sequence[Span], group: Group | None = None
) -> list[Tally]:
    """By bucket, group, currency and direction."""
    condition, params = _selected(person_id, wanted, times)
    return await tx.fetch_all(
        Tally,
        f"WITH spans (bucket, from_us, to_us) AS (VALUES {_values(times)})"
        " SELECT bucket, name, currency, direction, COUNT(*) AS transactions,"
        " CAST(SUM(amount_minor) AS BIGINT) AS amount_minor"
        f" FROM (SELECT spans.bucket AS bucket, {_KEYS[group]} AS name, currency, direction, amount_minor"
        " FROM spans JOIN transactions ON at_us >= spans.from_us AND at_us < spans.to_us"
        f" WHERE {condition}) AS chosen"
        " GROUP BY bucket, name, currency, direction ORDER BY bucket, name, currency, direction"
        f" LIMIT {GROUPS_MAX}",
        params,
    )


async def rows(
    tx: ReadTx,
    person_id: int,
    wanted: Selection,
    times: Sequence[Span],
    *,
    order: str,
    limit: int,
) -> list[Transaction]:
    """`order`: newest, oldest, largest or smallest first."""
    condition, params = _selected(person_id, wanted, times)
    by = {
        "newest": "at_us DESC, id DESC",
        "oldest": "at_us, id",
        "largest": "amount_minor DESC, at_us DESC, id DESC",
        "smallest": "amount_minor, at_us DESC, id DESC",
    }[order]
    return await tx.fetch_all(
        Transaction,
        f"WITH spans (bucket, from_us, to_us) AS (VALUES {_values(times)})"
        f" SELECT {COLUMNS} FROM transactions WHERE {condition} AND EXISTS"
        " (SELECT 1 FROM spans WHERE at_us >= spans.from_us AND at_us < spans.to_us)"
        f" ORDER BY {by} LIMIT :limit",
        params | {"limit": limit},
    )


async def ids(
    tx: ReadTx, person_id: int, wanted: Selection, times: Sequence[Span], *, limit: int
) -> list[int]:
    """The newest first."""
    condition, params = _selected(person_id, wanted, times)
    found = await tx.fetch_all(
        _Id,
        f"WITH spans (bucket, from_us, to_us) AS (VALUES {_values(times)})"
        f" SELECT id FROM transactions WHERE {condition} AND EXISTS"
        " (SELECT 1 FROM spans WHERE at_us >= spans.from_us AND at_us < spans.to_us)"
        " ORDER BY at_us DESC, id DESC LIMIT :limit",
        params | {"limit": limit},
    )
    return [one.id for one in found]


async def sealed_count(tx: ReadTx, person_id: int, wanted: Selection, times: Sequence[Span]) -> int:
    """How many of them have no seller that the service could read."""
    condition, params = _selected(person_id, wanted, times)
    return int(
        await tx.fetch_value(
            f"WITH spans (bucket, from_us, to_us) AS (VALUES {_values(times)})"
            f" SELECT COUNT(*) FROM transactions WHERE {condition} AND encrypted_data IS NOT NULL"
            " AND EXISTS (SELECT 1 FROM spans WHERE at_us >= spans.from_us AND at_us < spans.to_us)",
            params,
        )
    )


async def reach(tx: ReadTx, person_id: int) -> Reach:
    """Of all that counts."""
    found = await tx.fetch_one(
        Reach,
        "SELECT MIN(at_us) AS first_us, MAX(at_us) AS last_us FROM transactions"
        f" WHERE person_id = :person_id AND {COUNTS}",
        {"person_id": person_id},
    )
    return found or Reach(None, None)


async def categories(tx: ReadTx, person_id: int) -> list[str]:
    """Under which anything is filed."""
    found = await tx.fetch_all(
        _Name,
        "SELECT DISTINCT category FROM transactions WHERE person_id = :person_id ORDER BY category LIMIT 200",
        {"person_id": person_id},
    )
    return [one.category for one in found]


async def merchants(tx: ReadTx, person_id: int) -> list[Merchant]:
    """The ones made last first."""
    return await tx.fetch_all(
        Merchant,
        "SELECT id, person_id, name FROM merchants WHERE person_id = :person_id ORDER BY id DESC LIMIT"
        " :limit",
        {"person_id": person_id, "limit": MERCHANTS_MAX},
    )


async def exact(tx: ReadTx, person_id: int, wanted: Bounds, *, limit: int) -> list[Transaction]:
    """The newest first."""
    sought = unicodedata.normalize("NFC", wanted.merchant or "").lower()
    condition, params = matching(
        person_id,
        Filter(
            start_us=wanted.start_us,
            end_us=wanted.end_us,
            min_amount=wanted.low,
            max_amount=wanted.high,
        ),
    )
    if sought:
        # Not every store knows the case of letters beyond ASCII: each is any letter here, and compared below.
        pattern = re.sub(r"[^\x00-\x7f]", "_", re.sub(r"([\\%_])", r"\\\1", sought))
        condition += " AND LOWER(merchant_name_raw) LIKE :merchant ESCAPE '\\'"
        params["merchant"] = f"%{pattern}%"
    found = await tx.fetch_all(
        Transaction,
        f"SELECT {COLUMNS} FROM transactions WHERE {condition} AND {COUNTS}"
        " ORDER BY at_us DESC, id DESC LIMIT :limit",
        params | {"limit": limit},
    )
    return [row for row in found if sought in (row.merchant_name_raw or "").lower()]


def _selected(person_id: int, wanted: Selection, times: Sequence[Span]) -> tuple[str, dict[str, object]]:
    condition, params = matching(
        person_id,
        Filter(
            start_us=min((span.from_us for span in times), default=0),
            end_us=max((span.to_us for span in times), default=0),
            min_amount=_bound(wanted.low, LEAST_STEP if not wanted.low_is_in else Decimal(0)),
            max_amount=_bound(wanted.high, -LEAST_STEP if not wanted.high_is_in else Decimal(0)),
            source_type=wanted.source,
            payment_channel=wanted.channel,
            direction=wanted.direction,
            currency=wanted.currency,
            flagged_only=wanted.flagged,
        ),
    )
    conditions = [condition, COUNTS]
    params |= {f"from_{n}": span.from_us for n, span in enumerate(times)}
    params |= {f"to_{n}": span.to_us for n, span in enumerate(times)}
    names: list[str] = []
    if wanted.categories:
        names.append(_in("category", "category", wanted.categories, params))
    if wanted.sellers:
        of = [one for seller in wanted.sellers for one in seller.ids]
        names.append(_in("merchant_id", "merchant", of, params))
    if names:
        conditions.append(f"({' AND '.join(names)})")
    if wanted.without_categories:
        conditions.append(f"NOT {_in('category', 'but_category', wanted.without_categories, params)}")
    if wanted.without_sellers:
        of = [one for seller in wanted.without_sellers for one in seller.ids]
        conditions.append(f"(merchant_id IS NULL OR NOT {_in('merchant_id', 'but_merchant', of, params)})")
    if wanted.transaction_id is not None:
        conditions.append("id = :transaction_id")
        params["transaction_id"] = wanted.transaction_id
    return " AND ".join(conditions), params


def _bound(value: Decimal | None, step: Decimal) -> Decimal | None:
    return None if value is None else value + step


def _in(column: str, name: str, values: Iterable[object], params: dict[str, object]) -> str:
    given = {f"{name}_{n}": value for n, value in enumerate(values)}
    params |= given
    return f"{column} IN ({', '.join(f':{key}' for key in given)})"


def _values(times: Sequence[Span]) -> str:
    return ", ".join(
        f"({span.bucket}, CAST(:from_{n} AS BIGINT), CAST(:to_{n} AS BIGINT))" for n, span in enumerate(times)
    )


async def session(tx: ReadTx, session_id: int) -> Session | None:
    """Whoever's it is."""
    return await tx.fetch_one(
        Session, f"SELECT {_SESSION} FROM chat_sessions WHERE id = :id", {"id": session_id}
    )


async def add_session(tx: WriteTx, person_id: int, metadata: str, now_us: int) -> Session:
    """The person's sessions beyond the newest fifty go, with what was said in them."""
    made = await tx.fetch_one(
        Session,
        "INSERT INTO chat_sessions (person_id, started_at_us, last_at_us, metadata, last_ids)"
        f" VALUES (:person_id, :now_us, :now_us, :metadata, '[]') RETURNING {_SESSION}",
        {"person_id": person_id, "now_us": now_us, "metadata": metadata},
    )
    assert made is not None  # noqa: S101  RETURNING gives the row it inserted
    old = (
        "SELECT id FROM chat_sessions WHERE person_id = :person_id ORDER BY last_at_us DESC, id DESC"
        f" LIMIT 1000 OFFSET {SESSIONS_MAX}"
    )
    for table, column in (("chat_messages", "session_id"), ("chat_sessions", "id")):
        await tx.execute(f"DELETE FROM {table} WHERE {column} IN ({old})", {"person_id": person_id})
    return made


async def set_context(
    tx: WriteTx, session_id: int, last_query: str | None, last_ids: str, now_us: int
) -> None:
    """What the next question may refer to."""
    await tx.execute(
        "UPDATE chat_sessions SET last_query = :last_query, last_ids = :last_ids, last_at_us = :now_us"
        " WHERE id = :id",
        {"last_query": last_query, "last_ids": last_ids, "now_us": now_us, "id": session_id},
    )


async def add_message(tx: WriteTx, session_id: int, role: Role, content: str, now_us: int) -> int:
    """Its id; the session's messages beyond the newest two hundred go."""
    made = await tx.fetch_one(
        _Id,
        "INSERT INTO chat_messages (session_id, role, content, created_at_us)"
        " VALUES (:session_id, :role, :content, :now_us) RETURNING id",
        {"session_id": session_id, "role": role.value, "content": content, "now_us": now_us},
    )
    assert made is not None  # noqa: S101  RETURNING gives the row it inserted
    await tx.execute(
        "DELETE FROM chat_messages WHERE session_id = :session_id AND id IN (SELECT id FROM chat_messages"
        f" WHERE session_id = :session_id ORDER BY id DESC LIMIT 100 OFFSET {MESSAGES_MAX})",
        {"session_id": session_id},
    )
    return made.id


async def messages(tx: ReadTx, session_id: int) -> list[Message]:
    """In the order in which they were said."""
    return await tx.fetch_all(
        Message,
        f"SELECT {_MESSAGE} FROM chat_messages WHERE session_id = :session_id ORDER BY id",
        {"session_id": session_id},
    )


async def memories(tx: ReadTx, person_id: int) -> list[Memory]:
    """By key."""
    return await tx.fetch_all(
        Memory,
        f"SELECT {_MEMORY} FROM chat_memories WHERE person_id = :person_id ORDER BY key",
        {"person_id": person_id},
    )


async def remember(tx: WriteTx, person_id: int, key: str, value: str, source: str, now_us: int) -> Memory:
    """The newest word on a key counts."""
    made = await tx.fetch_one(
        Memory,
        "INSERT INTO chat_memories (person_id, key, value, source, created_at_us)"
        " VALUES (:person_id, :key, :value, :source, :now_us)"
        " ON CONFLICT (person_id, key) DO UPDATE SET value = excluded.value, source = excluded.source,"
        f" created_at_us = excluded.created_at_us RETURNING {_MEMORY}",
        {"person_id": person_id, "key": key, "value": value, "source": source, "now_us": now_us},
    )
    assert made is not None  # noqa: S101  RETURNING gives the row it inserted
    return made


async def forget(tx: WriteTx, person_id: int, key: str) -> None:
    await tx.execute(
        "DELETE FROM chat_memories WHERE person_id = :person_id AND key = :key",
        {"person_id": person_id, "key": key},
    )
