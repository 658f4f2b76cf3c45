"""Investments, positions and their history in SQL."""

from collections.abc import Sequence

from msgspec import structs

from cloud.investments.model import (
    Investment,
    InvestmentFilter,
    Issue,
    Position,
    Step,
    TokenHolding,
)
from cloud.kit.cursors import Keyset, SortKeys
from cloud.kit.store import ReadTx, WriteTx

_INVESTMENT = ", ".join(Investment.__struct_fields__)
_INVESTMENT_VALUES = ", ".join(f":{name}" for name in Investment.__struct_fields__)
_NEWEST_FIRST = Keyset((("created_at_us", True), ("id", True)))


def _condition(filter_: InvestmentFilter) -> tuple[str, dict[str, object]]:
    given = {name: str(value) for name, value in structs.asdict(filter_).items() if value is not None}
    return "".join(f" AND {name} = :{name}" for name in given), dict(given)


async def issue(tx: ReadTx, project_id: str) -> Issue | None:
    return await tx.fetch_one(
        Issue,
        "SELECT project_id, account, tokens FROM token_issues WHERE project_id = :project_id",
        {"project_id": project_id},
    )


async def issues(tx: ReadTx) -> list[Issue]:
    return await tx.fetch_all(
        Issue, "SELECT project_id, account, tokens FROM token_issues ORDER BY project_id"
    )


async def insert_issue(tx: WriteTx, issue: Issue) -> None:
    await tx.execute(
        "INSERT INTO token_issues (project_id, account, tokens) VALUES (:project_id, :account, :tokens)",
        structs.asdict(issue),
    )


async def insert(tx: WriteTx, investment: Investment) -> None:
    await tx.execute(
        f"INSERT INTO investments ({_INVESTMENT}) VALUES ({_INVESTMENT_VALUES})", _to_row(investment)
    )
    await _add_to_total(tx, investment, 1)


async def put(tx: WriteTx, before: Investment, after: Investment) -> None:
    """How it went on."""
    await tx.execute(
        "UPDATE investments SET status = :status, completed_at_us = :completed_at_us, failure = :failure,"
        " refund = :refund WHERE id = :id",
        {
            name: value
            for name, value in _to_row(after).items()
            if name in {"id", "status", "completed_at_us", "failure", "refund"}
        },
    )
    if after.status is not before.status:
        await _add_to_total(tx, before, -1)
        await _add_to_total(tx, after, 1)


async def investment(tx: ReadTx, investment_id: str) -> Investment | None:
    return await tx.fetch_one(
        Investment, f"SELECT {_INVESTMENT} FROM investments WHERE id = :id", {"id": investment_id}
    )


async def page(
    tx: ReadTx, account: str, filter_: InvestmentFilter, *, after: SortKeys | None, limit: int
) -> list[Investment]:
    """One row more than the limit where there are more; newest first."""
    wanted, params = _condition(filter_)
    behind, keys = _NEWEST_FIRST.after(after)
    return await tx.fetch_all(
        Investment,
        f"SELECT {_INVESTMENT} FROM investments WHERE account = :account{wanted} AND {behind}"
        f" ORDER BY {_NEWEST_FIRST.order_by} LIMIT :rows",
        {"account": account, **params, **keys, "rows": limit + 1},
    )


async def total(tx: ReadTx, account: str, filter_: InvestmentFilter) -> int:
    wanted, params = _condition(filter_)
    return int(
        await tx.fetch_value(
            f"SELECT COALESCE(SUM(total), 0) FROM investment_totals WHERE account = :account{wanted}",
            {"account": account, **params},
        )
    )


async def overdue(tx: ReadTx, now_us: int, limit: int) -> list[Investment]:
    """Pending ones whose room is for others now, the longest overdue first."""
    return await tx.fetch_all(
        Investment,
        f"SELECT {_INVESTMENT} FROM investments WHERE status = 'pending' AND room_until_us <= :now_us"
        " ORDER BY room_until_us, id LIMIT :rows",
        {"now_us": now_us, "rows": limit},
    )


async def next_overdue_us(tx: ReadTx, now_us: int) -> int | None:
    """When the room of the next pending one after now ends; None: there is none."""
    found: int | None = await tx.fetch_value(
        "SELECT MIN(room_until_us) FROM investments WHERE status = 'pending' AND room_until_us > :now_us",
        {"now_us": now_us},
    )
    return found


async def holdings(tx: ReadTx, project_id: str, *, before_us: int) -> list[TokenHolding]:
    """What was completed before that moment, in the order in which it was."""
    return await tx.fetch_all(
        TokenHolding,
        "SELECT id AS investment_id, account, person_id, tokens FROM investments"
        " WHERE project_id = :project_id AND status = 'completed' AND completed_at_us < :before_us"
        " ORDER BY completed_at_us, id",
        {"project_id": project_id, "before_us": before_us},
    )


async def add_to_position(tx: WriteTx, position: Position) -> None:
    """Everything of it on top of what there is."""
    await tx.execute(
        "INSERT INTO positions (account, project_id, currency, invested_minor, tokens, investment_count,"
        " returned_minor) VALUES (:account, :project_id, :currency, :invested_minor, :tokens,"
        " :investment_count, :returned_minor) ON CONFLICT (account, project_id) DO UPDATE SET"
        " invested_minor = positions.invested_minor + excluded.invested_minor,"
        " tokens = positions.tokens + excluded.tokens,"
        " investment_count = positions.investment_count + excluded.investment_count",
        structs.asdict(position),
    )


async def add_return(tx: WriteTx, account: str, project_id: str, amount_minor: int) -> None:
    await tx.execute(
        "UPDATE positions SET returned_minor = returned_minor + :amount_minor"
        " WHERE account = :account AND project_id = :project_id",
        {"account": account, "project_id": project_id, "amount_minor": amount_minor},
    )


async def positions(tx: ReadTx, account: str) -> list[Position]:
    return await tx.fetch_all(
        Position,
        "SELECT account, project_id, currency, invested_minor, tokens, investment_count, returned_minor"
        " FROM positions WHERE account = :account ORDER BY project_id",
        {"account": account},
    )


async def last_step(tx: ReadTx, account: str, currency: str) -> Step | None:
    return await tx.fetch_one(
        Step,
        "SELECT number, at_us, invested_minor, returned_minor FROM portfolio_steps"
        " WHERE account = :account AND currency = :currency ORDER BY number DESC LIMIT 1",
        {"account": account, "currency": currency},
    )


async def insert_step(tx: WriteTx, account: str, currency: str, step: Step) -> None:
    await tx.execute(
        "INSERT INTO portfolio_steps (account, currency, number, at_us, invested_minor, returned_minor)"
        " VALUES (:account, :currency, :number, :at_us, :invested_minor, :returned_minor)",
        {"account": account, "currency": currency, **structs.asdict(step)},
    )


async def steps(tx: ReadTx, account: str, currency: str) -> Sequence[Step]:
    """In the order in which they happened."""
    return await tx.fetch_all(
        Step,
        "SELECT number, at_us, invested_minor, returned_minor FROM portfolio_steps"
        " WHERE account = :account AND currency = :currency ORDER BY number",
        {"account": account, "currency": currency},
    )


async def _add_to_total(tx: WriteTx, investment: Investment, change: int) -> None:
    key = {
        "account": investment.account,
        "project_id": investment.project_id,
        "status": str(investment.status),
    }
    if change < 0:
        await tx.execute(
            "UPDATE investment_totals SET total = total - 1"
            " WHERE account = :account AND project_id = :project_id AND status = :status",
            key,
        )
        return
    await tx.execute(
        "INSERT INTO investment_totals (account, project_id, status, total)"
        " VALUES (:account, :project_id, :status, 1) ON CONFLICT (account, project_id, status)"
        " DO UPDATE SET total = investment_totals.total + 1",
        key,
    )


def _to_row(investment: Investment) -> dict[str, object]:
    row = structs.asdict(investment)
    for name in ("status", "failure", "refund"):
        row[name] = None if row[name] is None else str(row[name])
    return row
