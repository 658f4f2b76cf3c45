"""Webhooks in SQL."""

from collections.abc import Sequence

from msgspec import Struct

from cloud.kit.in_list import in_lists
from cloud.kit.store import ReadTx, WriteTx
from cloud.webhooks.model import Attempt, Delivery, DisabledBecause, Endpoint

_ENDPOINT = (
    "id, person_id, client_id, url, description, events, created_at_us, failing_since_us, disabled_at_us,"
    " disabled_because"
)
_DELIVERY = "endpoint_id, event_id, type, about, person_id, status, tries, due_at_us, created_at_us"
_ATTEMPT = "number, at_us, duration_ms, status_code, problem, excerpt"


class SealedSecret(Struct, frozen=True):
    sealed: str


class LastAttempt(Attempt, frozen=True, kw_only=True):
    """The newest try of a delivery."""

    event_id: int


async def insert_endpoint(tx: WriteTx, endpoint: Endpoint) -> None:
    await tx.execute(
        "INSERT INTO webhook_endpoints"
        " (id, person_id, client_id, url, description, events, created_at_us)"
        " VALUES (:id, :person_id, :client_id, :url, :description, :events, :created_at_us)",
        {
            "id": endpoint.id,
            "person_id": endpoint.person_id,
            "client_id": endpoint.client_id,
            "url": endpoint.url,
            "description": endpoint.description,
            "events": endpoint.events,
            "created_at_us": endpoint.created_at_us,
        },
    )


async def endpoint(tx: ReadTx, endpoint_id: str) -> Endpoint | None:
    return await tx.fetch_one(
        Endpoint, f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE id = :id", {"id": endpoint_id}
    )


async def endpoints_of(tx: ReadTx, person_id: int) -> list[Endpoint]:
    """The newest first."""
    return await tx.fetch_all(
        Endpoint,
        f"SELECT {_ENDPOINT} FROM webhook_endpoints WHERE person_id = :person_id ORDER BY id DESC",
        {"person_id": person_id},
    )


async def change_endpoint(tx: WriteTx, changed: Endpoint) -> None:
    """What its owner may change."""
    await tx.execute(
        "UPDATE webhook_endpoints SET url = :url, description = :description, events = :events"
        " WHERE id = :id",
        {
            "url": changed.url,
            "description": changed.description,
            "events": changed.events,
            "id": changed.id,
        },
    )


async def put_failing(tx: WriteTx, endpoint_id: str, since_us: int | None) -> None:
    await tx.execute(
        "UPDATE webhook_endpoints SET failing_since_us = :since_us WHERE id = :id",
        {"since_us": since_us, "id": endpoint_id},
    )


async def disable(tx: WriteTx, endpoint_id: str, because: DisabledBecause, now_us: int) -> None:
    """What waits for it is due no more."""
    await tx.execute(
        "UPDATE webhook_endpoints SET disabled_at_us = :now_us, disabled_because = :because WHERE id = :id",
        {"now_us": now_us, "because": because.value, "id": endpoint_id},
    )
    await tx.execute(
        "UPDATE webhook_deliveries SET due_at_us = NULL"
        " WHERE endpoint_id = :endpoint_id AND status = 'pending'",
        {"endpoint_id": endpoint_id},
    )


async def enable(tx: WriteTx, endpoint_id: str, now_us: int) -> None:
    """What waits for it is due, of each object the first."""
    await tx.execute(
        "UPDATE webhook_endpoints SET disabled_at_us = NULL, disabled_because = NULL,"
        " failing_since_us = NULL WHERE id = :id",
        {"id": endpoint_id},
    )
    await tx.execute(
        "UPDATE webhook_deliveries SET due_at_us = :now_us"
        " WHERE endpoint_id = :endpoint_id AND status = 'pending' AND event_id IN"
        " (SELECT MIN(event_id) FROM webhook_deliveries"
        " WHERE endpoint_id = :endpoint_id AND status = 'pending' GROUP BY about)",
        {"now_us": now_us, "endpoint_id": endpoint_id},
    )


async def delete_endpoint(tx: WriteTx, endpoint_id: str) -> None:
    """With all that belongs to it."""
    params = {"endpoint_id": endpoint_id}
    for table in ("webhook_attempts", "webhook_deliveries", "webhook_secrets"):
        await tx.execute(f"DELETE FROM {table} WHERE endpoint_id = :endpoint_id", params)
    await tx.execute("DELETE FROM webhook_endpoints WHERE id = :endpoint_id", params)


async def insert_secret(tx: WriteTx, id_: str, endpoint_id: str, sealed: str, now_us: int) -> None:
    await tx.execute(
        "INSERT INTO webhook_secrets (id, endpoint_id, sealed, created_at_us)"
        " VALUES (:id, :endpoint_id, :sealed, :now_us)",
        {"id": id_, "endpoint_id": endpoint_id, "sealed": sealed, "now_us": now_us},
    )


async def expire_secrets(tx: WriteTx, endpoint_id: str, at_us: int) -> None:
    """Never later than they would anyway."""
    await tx.execute(
        "UPDATE webhook_secrets SET expires_at_us = :at_us"
        " WHERE endpoint_id = :endpoint_id AND (expires_at_us IS NULL OR expires_at_us > :at_us)",
        {"endpoint_id": endpoint_id, "at_us": at_us},
    )


async def secrets(tx: ReadTx, endpoint_id: str, now_us: int) -> list[SealedSecret]:
    """Those that are good, the newest first."""
    return await tx.fetch_all(
        SealedSecret,
        "SELECT sealed FROM webhook_secrets WHERE endpoint_id = :endpoint_id"
        " AND (expires_at_us IS NULL OR expires_at_us > :now_us)"
        # Only the newest has no end, and several may be made within a microsecond.
        " ORDER BY CASE WHEN expires_at_us IS NULL THEN 0 ELSE 1 END, created_at_us DESC, id DESC",
        {"endpoint_id": endpoint_id, "now_us": now_us},
    )


async def is_wanted(tx: ReadTx, type_: str) -> bool:
    """Whether anybody's endpoint asked for such events."""
    found = await tx.fetch_value(
        "SELECT 1 FROM webhook_endpoints WHERE disabled_at_us IS NULL"
        " AND (' ' || events || ' ') LIKE :pattern LIMIT 1",
        {"pattern": f"% {type_} %"},
    )
    return found is not None


async def insert_deliveries(tx: WriteTx, wanted: Delivery, client_ids: Sequence[str]) -> int:
    """One for each endpoint that asked for such events, and how many; `wanted` is for no endpoint yet.

    A public event goes to everybody, another to its person and to the applications.
    """
    params: dict[str, object] = {
        "event_id": wanted.event_id,
        "type": wanted.type,
        "about": wanted.about,
        "person_id": wanted.person_id,
        "now_us": wanted.created_at_us,
        "pattern": f"% {wanted.type} %",
    }
    if wanted.person_id is None:
        return await tx.execute(_INSERT + _ONCE, params)
    own = " AND e.client_id IS NULL AND e.person_id = CAST(:person_id AS BIGINT)"
    made = await tx.execute(_INSERT + own + _ONCE, params)
    for names, clients in in_lists(client_ids):
        made += await tx.execute(f"{_INSERT} AND e.client_id IN ({names}){_ONCE}", params | clients)
    return made


_INSERT = (
    f"INSERT INTO webhook_deliveries ({_DELIVERY})"
    " SELECT e.id, CAST(:event_id AS BIGINT), CAST(:type AS TEXT), CAST(:about AS TEXT),"
    " CAST(:person_id AS BIGINT), 'pending', 0,"
    " CASE WHEN EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = e.id"
    " AND d.about = CAST(:about AS TEXT) AND d.status = 'pending')"
    " THEN NULL ELSE CAST(:now_us AS BIGINT) END, CAST(:now_us AS BIGINT)"
    " FROM webhook_endpoints e WHERE e.disabled_at_us IS NULL"
    " AND (' ' || e.events || ' ') LIKE CAST(:pattern AS TEXT)"
)
_ONCE = " ON CONFLICT (endpoint_id, event_id) DO NOTHING"


async def delivery(tx: ReadTx, endpoint_id: str, event_id: int) -> Delivery | None:
    return await tx.fetch_one(
        Delivery,
        f"SELECT {_DELIVERY} FROM webhook_deliveries"
        " WHERE endpoint_id = :endpoint_id AND event_id = :event_id",
        {"endpoint_id": endpoint_id, "event_id": event_id},
    )


async def deliveries(tx: ReadTx, endpoint_id: str, *, before: int, limit: int) -> list[Delivery]:
    """Of events below an id, the newest first."""
    return await tx.fetch_all(
        Delivery,
        f"SELECT {_DELIVERY} FROM webhook_deliveries"
        " WHERE endpoint_id = :endpoint_id AND event_id < :before ORDER BY event_id DESC LIMIT :limit",
        {"endpoint_id": endpoint_id, "before": before, "limit": limit},
    )


async def delivery_total(tx: ReadTx, endpoint_id: str) -> int:
    return int(
        await tx.fetch_value(
            "SELECT COUNT(*) FROM webhook_deliveries WHERE endpoint_id = :endpoint_id",
            {"endpoint_id": endpoint_id},
        )
    )


async def put_delivery(tx: WriteTx, changed: Delivery) -> None:
    await tx.execute(
        "UPDATE webhook_deliveries SET status = :status, tries = :tries, due_at_us = :due_at_us"
        " WHERE endpoint_id = :endpoint_id AND event_id = :event_id",
        {
            "status": changed.status.value,
            "tries": changed.tries,
            "due_at_us": changed.due_at_us,
            "endpoint_id": changed.endpoint_id,
            "event_id": changed.event_id,
        },
    )


async def due(tx: ReadTx, *, now_us: int, limit: int, but_endpoints: Sequence[str]) -> list[Delivery]:
    """What is to be sent now, the longest due first; `but_endpoints` fit into one list."""
    others = ""
    params: dict[str, object] = {"now_us": now_us, "limit": limit}
    for names, endpoints in in_lists(but_endpoints):
        others = f" AND endpoint_id NOT IN ({names})"
        params |= endpoints
    return await tx.fetch_all(
        Delivery,
        f"SELECT {_DELIVERY} FROM webhook_deliveries WHERE due_at_us <= :now_us{others}"
        " ORDER BY due_at_us, event_id LIMIT :limit",
        params,
    )


async def next_due_us(tx: ReadTx, now_us: int) -> int | None:
    """When the next one after now is to be sent; None: nothing waits for its time."""
    found: int | None = await tx.fetch_value(
        "SELECT MIN(due_at_us) FROM webhook_deliveries WHERE due_at_us > :now_us", {"now_us": now_us}
    )
    return found


async def release_next(tx: WriteTx, endpoint_id: str, about: str, now_us: int) -> None:
    """The next event about an object is due, unless one of them is already."""
    await tx.execute(
        "UPDATE webhook_deliveries SET due_at_us = :now_us"
        " WHERE endpoint_id = :endpoint_id AND event_id ="
        " (SELECT MIN(event_id) FROM webhook_deliveries"
        " WHERE endpoint_id = :endpoint_id AND about = :about AND status = 'pending')"
        " AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.endpoint_id = :endpoint_id"
        " AND d.about = :about AND d.status = 'pending' AND d.due_at_us IS NOT NULL)",
        {"now_us": now_us, "endpoint_id": endpoint_id, "about": about},
    )


async def waiting_total(tx: ReadTx) -> int:
    return int(await tx.fetch_value("SELECT COUNT(*) FROM webhook_deliveries WHERE status = 'pending'"))


async def insert_attempt(tx: WriteTx, endpoint_id: str, event_id: int, attempt: Attempt) -> None:
    """Under the next number; the attempt's own is not looked at."""
    params = {"endpoint_id": endpoint_id, "event_id": event_id}
    last = await tx.fetch_value(
        "SELECT MAX(number) FROM webhook_attempts WHERE endpoint_id = :endpoint_id AND event_id = :event_id",
        params,
    )
    await tx.execute(
        f"INSERT INTO webhook_attempts (endpoint_id, event_id, {_ATTEMPT})"
        " VALUES (:endpoint_id, :event_id, :number, :at_us, :duration_ms, :status_code, :problem, :excerpt)",
        params
        | {
            "number": int(last or 0) + 1,
            "at_us": attempt.at_us,
            "duration_ms": attempt.duration_ms,
            "status_code": attempt.status_code,
            "problem": attempt.problem,
            "excerpt": attempt.excerpt,
        },
    )


async def attempts(tx: ReadTx, endpoint_id: str, event_id: int) -> list[Attempt]:
    """The first first."""
    return await tx.fetch_all(
        Attempt,
        f"SELECT {_ATTEMPT} FROM webhook_attempts"
        " WHERE endpoint_id = :endpoint_id AND event_id = :event_id ORDER BY number",
        {"endpoint_id": endpoint_id, "event_id": event_id},
    )


async def last_attempts(tx: ReadTx, endpoint_id: str, event_ids: Sequence[int]) -> dict[int, LastAttempt]:
    """By event; those that were never tried are absent."""
    found: list[LastAttempt] = []
    for names, params in in_lists(event_ids):
        found += await tx.fetch_all(
            LastAttempt,
            f"SELECT event_id, {_ATTEMPT} FROM webhook_attempts a"
            f" WHERE endpoint_id = :endpoint_id AND event_id IN ({names}) AND number ="
            " (SELECT MAX(number) FROM webhook_attempts b"
            " WHERE b.endpoint_id = a.endpoint_id AND b.event_id = a.event_id)",
            {"endpoint_id": endpoint_id} | params,
        )
    return {attempt.event_id: attempt for attempt in found}


async def forget_old(tx: WriteTx, before_us: int) -> int:
    """Drop deliveries that are over, with their attempts; how many went."""
    over = "status <> 'pending' AND created_at_us < :before_us"
    params = {"before_us": before_us}
    await tx.execute(
        "DELETE FROM webhook_attempts WHERE EXISTS (SELECT 1 FROM webhook_deliveries d"
        " WHERE d.endpoint_id = webhook_attempts.endpoint_id AND d.event_id = webhook_attempts.event_id"
        f" AND {over})",
        params,
    )
    await tx.execute("DELETE FROM webhook_secrets WHERE expires_at_us < :before_us", params)
    return await tx.execute(f"DELETE FROM webhook_deliveries WHERE {over}", params)
