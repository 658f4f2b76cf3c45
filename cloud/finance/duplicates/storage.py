"""The SQL of matching: rows that may be the same purchase, and pairs that a person took apart."""

from collections.abc import Sequence

from msgspec import Struct

from cloud.finance.duplicates.purchases import Pair, pair
from cloud.finance.transactions.model import Transaction
from cloud.finance.transactions.storage import COLUMNS
from cloud.kit.store import ReadTx, WriteTx


class PairRow(Struct, frozen=True, kw_only=True):
    low_id: int
    high_id: int


async def same_amount(tx: ReadTx, like: Transaction, *, from_us: int, to_us: int) -> list[Transaction]:
    """The person's rows of the same amount and direction in [from, to) that are not rejected."""
    return await tx.fetch_all(
        Transaction,
        f"SELECT {COLUMNS} FROM transactions WHERE person_id = :person_id AND amount_minor = :amount_minor"
        " AND currency = :currency AND direction = :direction AND at_us >= :from_us AND at_us < :to_us"
        " AND (confirmed IS NULL OR confirmed = 1)"
        " AND (merged_into IS NULL OR merged_into NOT IN"
        " (SELECT id FROM transactions WHERE person_id = :person_id AND confirmed = 0))"
        " ORDER BY at_us, id",
        {
            "person_id": like.person_id,
            "amount_minor": like.amount_minor,
            "currency": like.currency,
            "direction": like.direction.value,
            "from_us": from_us,
            "to_us": to_us,
        },
    )


async def told_by(tx: ReadTx, person_id: int, transaction_id: int) -> list[Transaction]:
    """The rows merged into one."""
    return await tx.fetch_all(
        Transaction,
        f"SELECT {COLUMNS} FROM transactions WHERE merged_into = :id AND person_id = :person_id ORDER BY id",
        {"id": transaction_id, "person_id": person_id},
    )


async def keep_apart(tx: WriteTx, person_id: int, pairs: Sequence[Pair]) -> None:
    await tx.execute_many(
        "INSERT INTO transactions_apart (person_id, low_id, high_id) VALUES (:person_id, :low_id, :high_id)"
        " ON CONFLICT (low_id, high_id) DO NOTHING",
        [
            {"person_id": person_id, "low_id": low, "high_id": high}
            for low, high in (pair(*ids) for ids in pairs)
        ],
    )


async def apart(tx: ReadTx, person_id: int) -> frozenset[Pair]:
    """What the person took apart by hand, and what sealing must not join."""
    rows = await tx.fetch_all(
        PairRow,
        "SELECT low_id, high_id FROM transactions_apart WHERE person_id = :person_id",
        {"person_id": person_id},
    )
    return frozenset((row.low_id, row.high_id) for row in rows)
