"""The SQL of what people said their purchases are for."""

from cloud.finance.categories.choice import Correction
from cloud.kit.store import ReadTx, WriteTx


async def corrections(tx: ReadTx, person_id: int) -> list[Correction]:
    """The newest first, one a seller."""
    return await tx.fetch_all(
        Correction,
        "SELECT name_key, merchant, category FROM category_corrections WHERE person_id = :person_id"
        " ORDER BY at_us DESC, name_key",
        {"person_id": person_id},
    )


async def learn(tx: WriteTx, person_id: int, correction: Correction, now_us: int) -> None:
    """Instead of what was said of the seller before."""
    await tx.execute(
        "INSERT INTO category_corrections (person_id, name_key, merchant, category, at_us)"
        " VALUES (:person_id, :name_key, :merchant, :category, :at_us)"
        " ON CONFLICT (person_id, name_key) DO UPDATE SET"
        " merchant = excluded.merchant, category = excluded.category, at_us = excluded.at_us",
        {
            "person_id": person_id,
            "name_key": correction.name_key,
            "merchant": correction.merchant,
            "category": correction.category,
            "at_us": now_us,
        },
    )
