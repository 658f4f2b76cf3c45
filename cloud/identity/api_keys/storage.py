"""API keys in SQL."""

from msgspec import Struct

from cloud.identity.api_keys.key import Mode
from cloud.kit.store import ReadTx, WriteTx

_KEY = "id, person_id, name, mode, beginning, scopes, created_at_us, used_at_us, expires_at_us, revoked_at_us"


class KeyRow(Struct, frozen=True, kw_only=True):
    id: str
    person_id: int
    name: str
    mode: Mode
    beginning: str
    scopes: str
    """Separated by spaces."""
    created_at_us: int
    used_at_us: int | None
    expires_at_us: int | None
    revoked_at_us: int | None


async def add(tx: WriteTx, row: KeyRow, *, key_hash: str) -> None:
    await tx.execute(
        "INSERT INTO api_keys (id, key_hash, person_id, name, mode, beginning, scopes, created_at_us)"
        " VALUES (:id, :key_hash, :person_id, :name, :mode, :beginning, :scopes, :created_at_us)",
        {
            "id": row.id,
            "key_hash": key_hash,
            "person_id": row.person_id,
            "name": row.name,
            "mode": row.mode.value,
            "beginning": row.beginning,
            "scopes": row.scopes,
            "created_at_us": row.created_at_us,
        },
    )


async def by_hash(tx: ReadTx, key_hash: str) -> KeyRow | None:
    return await tx.fetch_one(
        KeyRow, f"SELECT {_KEY} FROM api_keys WHERE key_hash = :key_hash", {"key_hash": key_hash}
    )


async def by_id(tx: ReadTx, person_id: int, key_id: str) -> KeyRow | None:
    """None as well where it is another person's."""
    return await tx.fetch_one(
        KeyRow,
        f"SELECT {_KEY} FROM api_keys WHERE id = :id AND person_id = :person_id",
        {"id": key_id, "person_id": person_id},
    )


async def of_person(tx: ReadTx, person_id: int, now_us: int) -> list[KeyRow]:
    """Those that work, the newest first."""
    return await tx.fetch_all(
        KeyRow,
        f"SELECT {_KEY} FROM api_keys WHERE person_id = :person_id AND revoked_at_us IS NULL"
        " AND (expires_at_us IS NULL OR expires_at_us > :now_us) ORDER BY id DESC",
        {"person_id": person_id, "now_us": now_us},
    )


async def expire(tx: WriteTx, key_id: str, at_us: int) -> None:
    """Never later than it would anyway."""
    await tx.execute(
        "UPDATE api_keys SET expires_at_us = :at_us"
        " WHERE id = :id AND (expires_at_us IS NULL OR expires_at_us > :at_us)",
        {"id": key_id, "at_us": at_us},
    )


async def revoke(tx: WriteTx, key_id: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE api_keys SET revoked_at_us = :now_us WHERE id = :id AND revoked_at_us IS NULL",
        {"id": key_id, "now_us": now_us},
    )


async def note_use(tx: WriteTx, key_id: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE api_keys SET used_at_us = :now_us WHERE id = :id", {"id": key_id, "now_us": now_us}
    )
