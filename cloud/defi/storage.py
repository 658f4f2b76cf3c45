"""The SQL of the pool. Indices outgrow 64 bits, so they are kept as digits."""

from typing import TypeVar

from msgspec import Struct, structs

from cloud.defi.model import Loan, Pool, Stake, YieldRecord
from cloud.kit.store import ReadTx, WriteTx

S = TypeVar("S", bound=Struct)

_LOAN = ", ".join(Loan.__struct_fields__)
_LOAN_VALUES = ", ".join(f":{name}" for name in Loan.__struct_fields__)
_RECORD = ", ".join(YieldRecord.__struct_fields__)
_RECORD_VALUES = ", ".join(f":{name}" for name in YieldRecord.__struct_fields__)
_STAKE_FIELDS = tuple("yield_index" if name == "index" else name for name in Stake.__struct_fields__)
_STAKE = ", ".join(_STAKE_FIELDS)
_STAKE_VALUES = ", ".join(f":{name}" for name in _STAKE_FIELDS)


class PoolRow(Struct, frozen=True, kw_only=True):
    staked: int
    lent: int
    yield_index: str
    xlm_index: str
    xlm_shared: int
    at_s: int
    stakers: int


class StakeRow(Struct, frozen=True, kw_only=True):
    id: int
    account: str
    number: int
    amount: int
    yield_index: str
    xlm_index: str
    staked_at_us: int
    stake_hash: str
    unstaked_at_us: int | None
    yield_earned: int | None
    yield_minted: int | None
    xlm_income: int | None
    unstake_hash: str | None


async def pool(tx: ReadTx) -> Pool:
    row = await tx.fetch_one(
        PoolRow,
        "SELECT staked, lent, yield_index, xlm_index, xlm_shared, at_s, stakers FROM pool WHERE id = 1",
    )
    assert row is not None  # noqa: S101  the migration made it
    return _from_row(row, Pool)


async def put_pool(tx: WriteTx, pool: Pool) -> None:
    await tx.execute(
        "UPDATE pool SET staked = :staked, lent = :lent, yield_index = :yield_index, xlm_index = :xlm_index,"
        " xlm_shared = :xlm_shared, at_s = :at_s, stakers = :stakers WHERE id = 1",
        _to_row(pool),
    )


async def next_stake_id(tx: ReadTx) -> int:
    return 1 + int(await tx.fetch_value("SELECT COALESCE(MAX(id), 0) FROM stakes"))


async def stake_total(tx: ReadTx, account: str) -> int:
    """Of one account, those that ended included."""
    return int(
        await tx.fetch_value(
            "SELECT COALESCE(MAX(number), 0) FROM stakes WHERE account = :account", {"account": account}
        )
    )


async def has_open_stake(tx: ReadTx, account: str) -> bool:
    found = await tx.fetch_value(
        "SELECT 1 FROM stakes WHERE account = :account AND unstaked_at_us IS NULL LIMIT 1",
        {"account": account},
    )
    return found is not None


async def insert_stake(tx: WriteTx, stake: Stake) -> None:
    await tx.execute(f"INSERT INTO stakes ({_STAKE}) VALUES ({_STAKE_VALUES})", _to_row(stake))


async def close_stake(tx: WriteTx, stake: Stake) -> None:
    """Write down how it ended."""
    await tx.execute(
        "UPDATE stakes SET unstaked_at_us = :unstaked_at_us, yield_earned = :yield_earned,"
        " yield_minted = :yield_minted, xlm_income = :xlm_income, unstake_hash = :unstake_hash"
        " WHERE id = :id",
        {
            "id": stake.id,
            "unstaked_at_us": stake.unstaked_at_us,
            "yield_earned": stake.yield_earned,
            "yield_minted": stake.yield_minted,
            "xlm_income": stake.xlm_income,
            "unstake_hash": stake.unstake_hash,
        },
    )


async def stake(tx: ReadTx, stake_id: int) -> Stake | None:
    row = await tx.fetch_one(StakeRow, f"SELECT {_STAKE} FROM stakes WHERE id = :id", {"id": stake_id})
    return None if row is None else _from_row(row, Stake)


async def stakes_of(tx: ReadTx, account: str, *, above: int, through: int) -> list[Stake]:
    """Those with numbers in (above, through], newest first."""
    rows = await tx.fetch_all(
        StakeRow,
        f"SELECT {_STAKE} FROM stakes WHERE account = :account AND number > :above AND number <= :through"
        " ORDER BY number DESC",
        {"account": account, "above": above, "through": through},
    )
    return [_from_row(row, Stake) for row in rows]


async def next_loan_id(tx: ReadTx) -> int:
    return 1 + int(await tx.fetch_value("SELECT COALESCE(MAX(id), 0) FROM loans"))


async def loan_total(tx: ReadTx, account: str) -> int:
    """Of one account, those that ended included."""
    return int(
        await tx.fetch_value(
            "SELECT COALESCE(MAX(number), 0) FROM loans WHERE account = :account", {"account": account}
        )
    )


async def insert_loan(tx: WriteTx, loan: Loan) -> None:
    await tx.execute(f"INSERT INTO loans ({_LOAN}) VALUES ({_LOAN_VALUES})", structs.asdict(loan))


async def close_loan(tx: WriteTx, loan: Loan) -> None:
    """Write down how it ended."""
    await tx.execute(
        "UPDATE loans SET status = :status, closed_at_us = :closed_at_us, closing_hash = :closing_hash"
        " WHERE id = :id",
        {
            "id": loan.id,
            "status": loan.status,
            "closed_at_us": loan.closed_at_us,
            "closing_hash": loan.closing_hash,
        },
    )


async def loan(tx: ReadTx, loan_id: int) -> Loan | None:
    return await tx.fetch_one(Loan, f"SELECT {_LOAN} FROM loans WHERE id = :id", {"id": loan_id})


async def loans_of(tx: ReadTx, account: str, *, above: int, through: int) -> list[Loan]:
    """Those with numbers in (above, through], newest first."""
    return await tx.fetch_all(
        Loan,
        f"SELECT {_LOAN} FROM loans WHERE account = :account AND number > :above AND number <= :through"
        " ORDER BY number DESC",
        {"account": account, "above": above, "through": through},
    )


async def overdue_loans(tx: ReadTx, now_us: int) -> list[Loan]:
    """Active ones whose time is over, in the order in which they were due."""
    return await tx.fetch_all(
        Loan,
        f"SELECT {_LOAN} FROM loans WHERE status = 'active' AND due_at_us <= :now_us ORDER BY due_at_us, id",
        {"now_us": now_us},
    )


async def record_total(tx: ReadTx) -> int:
    return int(await tx.fetch_value("SELECT COALESCE(MAX(id), 0) FROM yield_records"))


async def insert_record(tx: WriteTx, record: YieldRecord) -> None:
    await tx.execute(
        f"INSERT INTO yield_records ({_RECORD}) VALUES ({_RECORD_VALUES})", structs.asdict(record)
    )


async def records(tx: ReadTx, *, above: int, through: int) -> list[YieldRecord]:
    """Those with ids in (above, through], newest first."""
    return await tx.fetch_all(
        YieldRecord,
        f"SELECT {_RECORD} FROM yield_records WHERE id > :above AND id <= :through ORDER BY id DESC",
        {"above": above, "through": through},
    )


def _to_row(value: Pool | Stake) -> dict[str, object]:
    row = structs.asdict(value)
    row["yield_index"] = str(row.pop("index"))
    row["xlm_index"] = str(row["xlm_index"])
    return row


def _from_row(row: PoolRow | StakeRow, into: type[S]) -> S:
    values = structs.asdict(row)
    values["index"] = int(values.pop("yield_index"))
    values["xlm_index"] = int(values["xlm_index"])
    return into(**values)
