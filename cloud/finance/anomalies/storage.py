"""The SQL of scores and of the days whose forest is to be asked.

Only what was paid is judged: income stands apart.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from cloud.finance.anomalies.evidence import Assessment, Evidence
from cloud.finance.transactions.model import Transaction
from cloud.finance.transactions.storage import COLUMNS
from cloud.kit.in_list import in_lists
from cloud.kit.store import ReadTx, WriteTx

DAY_US = 86_400_000_000
_PAID = (
    "person_id = :person_id AND direction = 'debit' AND merged_into IS NULL"
    " AND (confirmed IS NULL OR confirmed = 1)"
)
_FLAGGED = "person_id = :person_id AND flagged = 1 AND merged_into IS NULL"
_PENDING = f"{_FLAGGED} AND confirmed IS NULL"


class Due(Struct, frozen=True, kw_only=True):
    """A day on which purchases wait for their forest."""

    person_id: int
    day: int
    """Since the epoch, UTC."""
    mark: int
    """Rises with each reason to ask again."""


async def paid(
    tx: ReadTx,
    person_id: int,
    *,
    from_us: int,
    to_us: int,
    category: str | None = None,
    currency: str | None = None,
) -> list[Transaction]:
    """What counts in [from, to), in the order of events."""
    narrow = "".join(
        f" AND {name} = :{name}"
        for name, value in (("category", category), ("currency", currency))
        if value is not None
    )
    return await tx.fetch_all(
        Transaction,
        f"SELECT {COLUMNS} FROM transactions WHERE {_PAID} AND at_us >= :from_us AND at_us < :to_us{narrow}"
        " ORDER BY at_us, id",
        {
            "person_id": person_id,
            "from_us": from_us,
            "to_us": to_us,
            **({} if category is None else {"category": category}),
            **({} if currency is None else {"currency": currency}),
        },
    )


async def with_invoices(
    tx: ReadTx, person_id: int, invoice_nos: Iterable[str | None]
) -> dict[str, list[Transaction]]:
    """What counts under each of these invoice numbers."""
    found: dict[str, list[Transaction]] = {}
    for names, params in in_lists(list(invoice_nos)):
        for row in await tx.fetch_all(
            Transaction,
            f"SELECT {COLUMNS} FROM transactions WHERE {_PAID} AND invoice_no IN ({names})",
            params | {"person_id": person_id},
        ):
            found.setdefault(row.invoice_no or "", []).append(row)
    return found


async def set_assessments(tx: WriteTx, found: Iterable[tuple[int, Assessment]]) -> None:
    """By transaction id."""
    await tx.execute_many(
        "UPDATE transactions SET flagged = :flagged, anomaly_score = :score, anomaly_reason = :reason,"
        " anomaly_evidence = :evidence WHERE id = :id",
        [
            {
                "id": transaction_id,
                "flagged": int(assessment.verdict.flagged),
                "score": assessment.verdict.score,
                "reason": assessment.verdict.reason,
                "evidence": msgspec.json.encode(assessment.evidence).decode(),
            }
            for transaction_id, assessment in found
        ],
    )


def evidence_of(transaction: Transaction) -> Evidence:
    """What it was judged by; nothing for one that never was."""
    if transaction.anomaly_evidence is None:
        return Evidence()
    return msgspec.json.decode(transaction.anomaly_evidence, type=Evidence)


async def flagged(
    tx: ReadTx, person_id: int, *, unconfirmed_only: bool, limit: int, offset: int
) -> list[Transaction]:
    """The newest first."""
    return await tx.fetch_all(
        Transaction,
        f"SELECT {COLUMNS} FROM transactions WHERE {_PENDING if unconfirmed_only else _FLAGGED}"
        " ORDER BY at_us DESC, id DESC LIMIT :limit OFFSET :offset",
        {"person_id": person_id, "limit": limit, "offset": offset},
    )


async def flagged_count(tx: ReadTx, person_id: int, *, unconfirmed_only: bool) -> int:
    return int(
        await tx.fetch_value(
            f"SELECT COUNT(*) FROM transactions WHERE {_PENDING if unconfirmed_only else _FLAGGED}",
            {"person_id": person_id},
        )
    )


async def mark_days(tx: WriteTx, person_id: int, *, from_us: int, to_us: int) -> None:
    """Each day in [from, to) on which something was paid is due."""
    await tx.execute(
        "INSERT INTO forest_days (person_id, day, mark)"
        f" SELECT DISTINCT person_id, at_us / {DAY_US}, 1 FROM transactions"
        f" WHERE {_PAID} AND at_us >= :from_us AND at_us < :to_us"
        " ON CONFLICT (person_id, day) DO UPDATE SET mark = forest_days.mark + 1",
        {"person_id": person_id, "from_us": from_us, "to_us": to_us},
    )


async def next_due(tx: ReadTx, limit: int) -> list[Due]:
    """The newest days of one person who waits; empty: nobody does."""
    person_id = await tx.fetch_value("SELECT person_id FROM forest_days ORDER BY day DESC, person_id LIMIT 1")
    return await tx.fetch_all(
        Due,
        "SELECT person_id, day, mark FROM forest_days WHERE person_id = :person_id"
        " ORDER BY day DESC LIMIT :limit",
        {"person_id": -1 if person_id is None else person_id, "limit": limit},
    )


async def take(tx: WriteTx, due: Due) -> bool:
    """Whether it was still due for this reason alone; it no longer is."""
    return (
        await tx.execute(
            "DELETE FROM forest_days WHERE person_id = :person_id AND day = :day AND mark = :mark",
            {"person_id": due.person_id, "day": due.day, "mark": due.mark},
        )
        == 1
    )
