"""People, sign-ins, refresh tokens and used challenges in SQL."""

from msgspec import Struct

from cloud.identity.model import Person, Role
from cloud.identity.tokens import ACCESS_LIFE_S
from cloud.kit.store import ReadTx, WriteTx

_PERSON = "id, wallet_address, role, is_admin, kyc_status, location, account, created_at_us"


class RefreshRow(Struct, frozen=True, kw_only=True):
    """A refresh token with its sign-in."""

    sign_in_id: str
    person_id: int
    expires_at_us: int
    rotated_at_us: int | None
    replaced_at_us: int | None
    revoked_at_us: int | None


async def person_by_id(tx: ReadTx, person_id: int) -> Person | None:
    return await tx.fetch_one(
        Person, f"SELECT {_PERSON} FROM people WHERE id = :person_id", {"person_id": person_id}
    )


async def person_by_wallet(tx: ReadTx, wallet_address: str) -> Person | None:
    return await tx.fetch_one(
        Person,
        f"SELECT {_PERSON} FROM people WHERE wallet_address = :wallet_address",
        {"wallet_address": wallet_address},
    )


async def person_of_sign_in(tx: ReadTx, person_id: int, sign_in_id: str) -> Person | None:
    """None as well where the sign-in was revoked or is another person's."""
    return await tx.fetch_one(
        Person,
        f"SELECT {_PERSON} FROM people WHERE id = :person_id AND EXISTS (SELECT 1 FROM sign_ins"
        " WHERE sign_ins.id = :sign_in_id AND person_id = people.id AND revoked_at_us IS NULL)",
        {"person_id": person_id, "sign_in_id": sign_in_id},
    )


async def add_person(tx: WriteTx, *, wallet_address: str, account: str, now_us: int) -> Person:
    person = await tx.fetch_one(
        Person,
        "INSERT INTO people (wallet_address, role, is_admin, kyc_status, location, account, created_at_us)"
        f" VALUES (:wallet_address, :role, 0, 'pending', '', :account, :now_us) RETURNING {_PERSON}",
        {
            "wallet_address": wallet_address,
            "role": Role.RECIPIENT.value,
            "account": account,
            "now_us": now_us,
        },
    )
    assert person is not None  # noqa: S101  RETURNING gives the row it inserted
    return person


async def set_role(tx: WriteTx, person_id: int, role: Role) -> None:
    await tx.execute(
        "UPDATE people SET role = :role WHERE id = :person_id", {"role": role.value, "person_id": person_id}
    )


async def set_admin(tx: WriteTx, person_id: int, *, is_admin: bool) -> None:
    await tx.execute(
        "UPDATE people SET is_admin = :is_admin WHERE id = :person_id",
        {"is_admin": int(is_admin), "person_id": person_id},
    )


async def add_sign_in(tx: WriteTx, *, sign_in_id: str, person_id: int, now_us: int) -> None:
    """A new sign-in, which replaces the person's earlier ones; what can no longer matter of them goes."""
    await tx.execute(
        "DELETE FROM refresh_tokens WHERE expires_at_us <= :now_us"
        " AND sign_in_id IN (SELECT id FROM sign_ins WHERE person_id = :person_id)",
        {"now_us": now_us, "person_id": person_id},
    )
    await tx.execute(
        "DELETE FROM sign_ins WHERE person_id = :person_id AND replaced_at_us <= :ended_before_us"
        " AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE sign_in_id = sign_ins.id)",
        {"person_id": person_id, "ended_before_us": now_us - ACCESS_LIFE_S * 1_000_000},
    )
    await tx.execute(
        "UPDATE sign_ins SET replaced_at_us = :now_us WHERE person_id = :person_id"
        " AND replaced_at_us IS NULL",
        {"now_us": now_us, "person_id": person_id},
    )
    await tx.execute(
        "INSERT INTO sign_ins (id, person_id, created_at_us) VALUES (:id, :person_id, :now_us)",
        {"id": sign_in_id, "person_id": person_id, "now_us": now_us},
    )


async def revoke_sign_in(tx: WriteTx, sign_in_id: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE sign_ins SET revoked_at_us = :now_us WHERE id = :id AND revoked_at_us IS NULL",
        {"now_us": now_us, "id": sign_in_id},
    )


async def revoke_sign_ins_of(tx: WriteTx, person_id: int, now_us: int) -> None:
    await tx.execute(
        "UPDATE sign_ins SET revoked_at_us = :now_us WHERE person_id = :person_id AND revoked_at_us IS NULL",
        {"now_us": now_us, "person_id": person_id},
    )


async def add_refresh_token(tx: WriteTx, *, token_hash: str, sign_in_id: str, expires_at_us: int) -> None:
    await tx.execute(
        "INSERT INTO refresh_tokens (token_hash, sign_in_id, expires_at_us)"
        " VALUES (:token_hash, :sign_in_id, :expires_at_us)",
        {"token_hash": token_hash, "sign_in_id": sign_in_id, "expires_at_us": expires_at_us},
    )


async def refresh_row(tx: ReadTx, token_hash: str) -> RefreshRow | None:
    return await tx.fetch_one(
        RefreshRow,
        "SELECT sign_in_id, person_id, expires_at_us, rotated_at_us, replaced_at_us, revoked_at_us"
        " FROM refresh_tokens JOIN sign_ins ON sign_ins.id = sign_in_id WHERE token_hash = :token_hash",
        {"token_hash": token_hash},
    )


async def mark_rotated(tx: WriteTx, token_hash: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE refresh_tokens SET rotated_at_us = :now_us WHERE token_hash = :token_hash",
        {"now_us": now_us, "token_hash": token_hash},
    )


async def use_challenge(tx: WriteTx, *, nonce: str, expires_at_us: int, now_us: int) -> bool:
    """Whether this is its first use. Those that have expired are forgotten on the way."""
    await tx.execute("DELETE FROM used_challenges WHERE expires_at_us <= :now_us", {"now_us": now_us})
    return bool(
        await tx.execute(
            "INSERT INTO used_challenges (nonce, expires_at_us) VALUES (:nonce, :expires_at_us)"
            " ON CONFLICT (nonce) DO NOTHING",
            {"nonce": nonce, "expires_at_us": expires_at_us},
        )
    )
