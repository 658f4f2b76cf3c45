"""Browser sessions in SQL."""

from cloud.kit.store import ReadTx, WriteTx


async def add(tx: WriteTx, *, token_hash: str, person_id: int, now_us: int, expires_at_us: int) -> None:
    """A new session; the person's expired ones go."""
    await tx.execute(
        "DELETE FROM browser_sessions WHERE person_id = :person_id AND expires_at_us <= :now_us",
        {"person_id": person_id, "now_us": now_us},
    )
    await tx.execute(
        "INSERT INTO browser_sessions (token_hash, person_id, created_at_us, expires_at_us)"
        " VALUES (:token_hash, :person_id, :now_us, :expires_at_us)",
        {
            "token_hash": token_hash,
            "person_id": person_id,
            "now_us": now_us,
            "expires_at_us": expires_at_us,
        },
    )


async def person_of(tx: ReadTx, token_hash: str, now_us: int) -> int | None:
    """The person's id; None where there is no such session any more."""
    found: int | None = await tx.fetch_value(
        "SELECT person_id FROM browser_sessions WHERE token_hash = :token_hash AND expires_at_us > :now_us",
        {"token_hash": token_hash, "now_us": now_us},
    )
    return found


async def end(tx: WriteTx, token_hash: str) -> None:
    await tx.execute(
        "DELETE FROM browser_sessions WHERE token_hash = :token_hash", {"token_hash": token_hash}
    )


async def end_all_of(tx: WriteTx, person_id: int) -> None:
    await tx.execute("DELETE FROM browser_sessions WHERE person_id = :person_id", {"person_id": person_id})
