"""Linked phones in SQL."""

from msgspec import Struct

from cloud.kit.store import ReadTx, WriteTx


class Phone(Struct, frozen=True, kw_only=True):
    """A phone whose messages are its person's."""

    phone: str
    """E.164."""
    person_id: int
    asked_about: int | None
    """The transaction it was last told of."""


async def phone(tx: ReadTx, number: str) -> Phone | None:
    return await tx.fetch_one(
        Phone,
        "SELECT phone, person_id, asked_about FROM whatsapp_phones WHERE phone = :phone",
        {"phone": number},
    )


async def phones_of(tx: ReadTx, person_id: int) -> list[Phone]:
    return await tx.fetch_all(
        Phone,
        "SELECT phone, person_id, asked_about FROM whatsapp_phones WHERE person_id = :person_id"
        " ORDER BY phone",
        {"person_id": person_id},
    )


async def set_code(tx: WriteTx, person_id: int, code_hash: str, expires_at_us: int) -> None:
    """Instead of the one before."""
    await tx.execute(
        "INSERT INTO whatsapp_codes (person_id, code_hash, expires_at_us)"
        " VALUES (:person_id, :code_hash, :expires_at_us) ON CONFLICT (person_id) DO UPDATE"
        " SET code_hash = excluded.code_hash, expires_at_us = excluded.expires_at_us",
        {"person_id": person_id, "code_hash": code_hash, "expires_at_us": expires_at_us},
    )


async def take_code(tx: WriteTx, code_hash: str, now_us: int) -> int | None:
    """Whose it is, once; None: unknown, used or expired."""
    person_id = await tx.fetch_value(
        "SELECT person_id FROM whatsapp_codes WHERE code_hash = :code_hash AND expires_at_us > :now_us",
        {"code_hash": code_hash, "now_us": now_us},
    )
    await tx.execute("DELETE FROM whatsapp_codes WHERE code_hash = :code_hash", {"code_hash": code_hash})
    return None if person_id is None else int(person_id)


async def link(tx: WriteTx, number: str, person_id: int, now_us: int) -> None:
    """The phone is theirs from now on, whosever it was."""
    await tx.execute(
        "INSERT INTO whatsapp_phones (phone, person_id, linked_at_us) VALUES (:phone, :person_id, :now_us)"
        " ON CONFLICT (phone) DO UPDATE SET person_id = excluded.person_id,"
        " linked_at_us = excluded.linked_at_us, asked_about = NULL",
        {"phone": number, "person_id": person_id, "now_us": now_us},
    )


async def unlink(tx: WriteTx, person_id: int) -> int:
    """All phones of a person; how many."""
    await tx.execute("DELETE FROM whatsapp_codes WHERE person_id = :person_id", {"person_id": person_id})
    return await tx.execute(
        "DELETE FROM whatsapp_phones WHERE person_id = :person_id", {"person_id": person_id}
    )


async def set_asked(tx: WriteTx, number: str, transaction_id: int) -> None:
    await tx.execute(
        "UPDATE whatsapp_phones SET asked_about = :transaction_id WHERE phone = :phone",
        {"transaction_id": transaction_id, "phone": number},
    )
