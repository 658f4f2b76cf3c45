"""Transactions and merchants in SQL."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import structs

from cloud.finance.currencies import CODES, decimals_of
from cloud.finance.transactions.figures import Group
from cloud.finance.transactions.filters import Filter
from cloud.finance.transactions.model import Merchant, Transaction
from cloud.kit.store import ReadTx, WriteTx
from shared.money import AMOUNT_MAX

_FIELDS = tuple(name for name in Transaction.__struct_fields__ if name != "transaction_id")
COLUMNS = "id AS transaction_id, " + ", ".join(_FIELDS)
"""Of a `Transaction`, for whoever selects from the table."""
_MERCHANT = "id, person_id, name"
COUNTS = "(confirmed IS NULL OR confirmed = 1) AND merged_into IS NULL"
"""Neither rejected nor told by another row."""


async def insert(tx: WriteTx, transaction: Transaction) -> Transaction:
    """As stored, with its id."""
    stored = await tx.fetch_one(
        Transaction,
        f"INSERT INTO transactions ({', '.join(_FIELDS)})"
        f" VALUES ({', '.join(f':{name}' for name in _FIELDS)}) RETURNING {COLUMNS}",
        _row(transaction),
    )
    assert stored is not None  # noqa: S101  RETURNING gives the row it inserted
    return stored


async def save(tx: WriteTx, transaction: Transaction) -> None:
    """Every column as in `transaction`, which was read in this same use case."""
    await tx.execute(
        f"UPDATE transactions SET {', '.join(f'{name} = :{name}' for name in _FIELDS)}"
        " WHERE id = :transaction_id AND person_id = :person_id",
        _row(transaction) | {"transaction_id": transaction.transaction_id},
    )


async def set_survivor(
    tx: WriteTx, person_id: int, transaction_id: int, merged_into: int | None, now_us: int
) -> None:
    await tx.execute(
        "UPDATE transactions SET merged_into = :merged_into, updated_at_us = :now_us"
        " WHERE id = :id AND person_id = :person_id",
        {"merged_into": merged_into, "now_us": now_us, "id": transaction_id, "person_id": person_id},
    )


async def transaction(tx: ReadTx, person_id: int, transaction_id: int) -> Transaction | None:
    """None as well where it is somebody else's."""
    return await tx.fetch_one(
        Transaction,
        f"SELECT {COLUMNS} FROM transactions WHERE id = :id AND person_id = :person_id",
        {"id": transaction_id, "person_id": person_id},
    )


async def of_source(tx: ReadTx, person_id: int, source_id: int, *, skip: int = 0) -> list[Transaction]:
    """What was read from it, in that order, without the first ones."""
    return await tx.fetch_all(
        Transaction,
        f"SELECT {COLUMNS} FROM transactions WHERE source_id = :source_id AND person_id = :person_id"
        " ORDER BY id LIMIT :most OFFSET :skip",
        {"source_id": source_id, "person_id": person_id, "most": AMOUNT_MAX, "skip": skip},
    )


async def page(tx: ReadTx, person_id: int, wanted: Filter, *, limit: int, offset: int) -> list[Transaction]:
    """The newest first."""
    condition, params = matching(person_id, wanted)
    return await tx.fetch_all(
        Transaction,
        f"SELECT {COLUMNS} FROM transactions WHERE {condition}"
        " ORDER BY at_us DESC, id DESC LIMIT :limit OFFSET :offset",
        params | {"limit": limit, "offset": offset},
    )


async def page_before(
    tx: ReadTx, person_id: int, wanted: Filter, *, before: tuple[int, int] | None, limit: int
) -> list[Transaction]:
    """The next ones in the same order, behind one with that time and id; None: from the beginning."""
    condition, params = matching(person_id, wanted)
    if before is not None:
        condition += " AND (at_us, id) < (:before_us, :before_id)"
        params |= {"before_us": before[0], "before_id": before[1]}
    return await tx.fetch_all(
        Transaction,
        f"SELECT {COLUMNS} FROM transactions WHERE {condition} ORDER BY at_us DESC, id DESC LIMIT :limit",
        params | {"limit": limit},
    )


async def total(tx: ReadTx, person_id: int, wanted: Filter) -> int:
    condition, params = matching(person_id, wanted)
    return int(await tx.fetch_value(f"SELECT COUNT(*) FROM transactions WHERE {condition}", params))


async def groups(tx: ReadTx, person_id: int, wanted: Filter) -> list[Group]:
    """Of those that count: neither rejected nor merged into another."""
    condition, params = matching(person_id, wanted)
    keys = "currency, direction, category, payment_channel, source_type, flagged"
    return await tx.fetch_all(
        Group,
        f"SELECT {keys}, COUNT(*) AS transactions, SUM(amount_minor) AS amount_minor FROM transactions"
        f" WHERE {condition} AND {COUNTS} GROUP BY {keys} ORDER BY category",
        params,
    )


async def merchant(tx: ReadTx, person_id: int, merchant_id: int) -> Merchant | None:
    return await tx.fetch_one(
        Merchant,
        f"SELECT {_MERCHANT} FROM merchants WHERE id = :id AND person_id = :person_id",
        {"id": merchant_id, "person_id": person_id},
    )


async def merchant_named(tx: WriteTx, person_id: int, name: str, name_key: str, now_us: int) -> Merchant:
    """The one with this key; made where there is none."""
    await tx.execute(
        "INSERT INTO merchants (person_id, name, name_key, created_at_us)"
        " VALUES (:person_id, :name, :name_key, :now_us) ON CONFLICT (person_id, name_key) DO NOTHING",
        {"person_id": person_id, "name": name, "name_key": name_key, "now_us": now_us},
    )
    found = await tx.fetch_one(
        Merchant,
        f"SELECT {_MERCHANT} FROM merchants WHERE person_id = :person_id AND name_key = :name_key",
        {"person_id": person_id, "name_key": name_key},
    )
    assert found is not None  # noqa: S101  it was there, or was made just now
    return found


async def merchants(tx: ReadTx, person_id: int) -> list[Merchant]:
    """By name."""
    return await tx.fetch_all(
        Merchant,
        f"SELECT {_MERCHANT} FROM merchants WHERE person_id = :person_id ORDER BY name_key, id",
        {"person_id": person_id},
    )


def _row(transaction: Transaction) -> dict[str, object]:
    row = structs.asdict(transaction)
    del row["transaction_id"]
    for name in ("time_known", "flagged", "confirmed"):
        row[name] = None if row[name] is None else int(row[name])
    for name in ("direction", "payment_channel", "source_type"):
        row[name] = None if row[name] is None else row[name].value
    return row


def matching(person_id: int, wanted: Filter) -> tuple[str, dict[str, object]]:
    """A filter as a condition, with its parameters; for whoever selects from the table."""
    conditions = ["person_id = :person_id"]
    params: dict[str, object] = {"person_id": person_id}
    for condition, value in (
        ("at_us >= :start_us", wanted.start_us),
        ("at_us < :end_us", wanted.end_us),
        ("category = :category", wanted.category),
        ("merchant_id = :merchant_id", wanted.merchant_id),
        ("source_type = :source_type", wanted.source_type and wanted.source_type.value),
        ("payment_channel = :payment_channel", wanted.payment_channel and wanted.payment_channel.value),
        ("direction = :direction", wanted.direction and wanted.direction.value),
        ("currency = :currency", wanted.currency),
    ):
        if value is not None:
            conditions.append(condition)
            params[condition.rpartition(":")[2]] = value
    if wanted.flagged_only:
        conditions.append("flagged = 1")
    if not wanted.include_merged:
        conditions.append("merged_into IS NULL")
    for name, amount, sign in (("min", wanted.min_amount, ">="), ("max", wanted.max_amount, "<=")):
        if amount is not None:
            conditions.append(f"amount_minor {sign} {_BOUND.format(name=name)}")
            params |= _bounds(name, amount)
    return " AND ".join(conditions), params


def _codes(decimals: int) -> str:
    return ", ".join(f"'{code}'" for code in sorted(CODES) if decimals_of(code) == decimals)


_BOUND = (
    f"CASE WHEN currency IN ({_codes(0)}) THEN CAST(:{{name}}_0 AS BIGINT)"
    f" WHEN currency IN ({_codes(3)}) THEN CAST(:{{name}}_3 AS BIGINT)"
    " ELSE CAST(:{name}_2 AS BIGINT) END"
)
"""A bound in minor units, which are not the same part of every currency."""


def _bounds(name: str, amount: Decimal) -> dict[str, object]:
    rounding = ROUND_CEILING if name == "min" else ROUND_FLOOR
    return {
        f"{name}_{decimals}": max(
            -AMOUNT_MAX,
            min(AMOUNT_MAX, int(amount.scaleb(decimals).to_integral_value(rounding=rounding))),
        )
        for decimals in (0, 2, 3)
    }
