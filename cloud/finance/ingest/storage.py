"""Sources in SQL."""

from msgspec import structs

from cloud.finance.ingest.model import Source
from cloud.finance.transactions.model import SourceType
from cloud.kit.store import ReadTx, WriteTx

_FIELDS = tuple(name for name in Source.__struct_fields__ if name != "id")
_SOURCE = ", ".join(Source.__struct_fields__)


async def insert_source(tx: WriteTx, source: Source) -> Source:
    """As stored, with its id."""
    row = structs.asdict(source)
    del row["id"]
    stored = await tx.fetch_one(
        Source,
        f"INSERT INTO finance_sources ({', '.join(_FIELDS)})"
        f" VALUES ({', '.join(f':{name}' for name in _FIELDS)}) RETURNING {_SOURCE}",
        row | {"source_type": source.source_type.value, "kept": int(source.kept)},
    )
    assert stored is not None  # noqa: S101  RETURNING gives the row it inserted
    return stored


async def source_like(tx: ReadTx, person_id: int, source_type: SourceType, sha256: str) -> Source | None:
    """The one of the person that came in with the same content."""
    return await tx.fetch_one(
        Source,
        f"SELECT {_SOURCE} FROM finance_sources"
        " WHERE person_id = :person_id AND source_type = :source_type AND sha256 = :sha256",
        {"person_id": person_id, "source_type": source_type.value, "sha256": sha256},
    )


async def forget_content(tx: WriteTx, source: Source) -> None:
    """Only what `without_content` leaves of it stays."""
    await tx.execute(
        "UPDATE finance_sources SET text = NULL, name = NULL, metadata = NULL, kept = 0,"
        " reference = :reference WHERE id = :id AND person_id = :person_id",
        {"reference": source.reference, "id": source.id, "person_id": source.person_id},
    )
