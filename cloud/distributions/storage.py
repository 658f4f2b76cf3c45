"""Distributions and their shares in SQL."""

from collections.abc import Iterable, Sequence

from msgspec import Struct, structs

from cloud.distributions.model import Distribution, Share, ShareFilter
from cloud.investments.model import InvestmentReturn, Received
from cloud.kit.cursors import Keyset, SortKeys
from cloud.kit.in_list import in_lists
from cloud.kit.store import ReadTx, WriteTx

_DISTRIBUTION = ", ".join(Distribution.__struct_fields__)
_DISTRIBUTION_VALUES = ", ".join(f":{name}" for name in Distribution.__struct_fields__)
_SHARE = ", ".join(Share.__struct_fields__)
_SHARE_VALUES = ", ".join(f":{name}" for name in Share.__struct_fields__)
_NEWEST_FIRST = Keyset((("declared_at_us", True), ("distribution_id", True)))


def _condition(filter_: ShareFilter) -> tuple[str, dict[str, object]]:
    given: dict[str, object] = {}
    if filter_.project_id is not None:
        given["project_id"] = filter_.project_id
    if filter_.is_claimed is not None:
        given["is_claimed"] = int(filter_.is_claimed)
    return "".join(f" AND {name} = :{name}" for name in given), given


async def distribution(tx: ReadTx, distribution_id: str) -> Distribution | None:
    return await tx.fetch_one(
        Distribution, f"SELECT {_DISTRIBUTION} FROM distributions WHERE id = :id", {"id": distribution_id}
    )


async def distributions(tx: ReadTx, ids: Sequence[str]) -> dict[str, Distribution]:
    """Those that there are, by id."""
    found: dict[str, Distribution] = {}
    for names, params in in_lists(ids):
        rows = await tx.fetch_all(
            Distribution, f"SELECT {_DISTRIBUTION} FROM distributions WHERE id IN ({names})", params
        )
        found |= {row.id: row for row in rows}
    return found


async def insert_distribution(tx: WriteTx, distribution: Distribution) -> None:
    await tx.execute(
        f"INSERT INTO distributions ({_DISTRIBUTION}) VALUES ({_DISTRIBUTION_VALUES})",
        structs.asdict(distribution),
    )


async def insert_shares(tx: WriteTx, shares: Sequence[Share]) -> None:
    await tx.execute_many(
        f"INSERT INTO distribution_shares ({_SHARE}) VALUES ({_SHARE_VALUES})", map(_to_row, shares)
    )
    await tx.execute_many(
        "INSERT INTO distribution_totals (account, project_id, is_claimed, total)"
        " VALUES (:account, :project_id, 0, 1) ON CONFLICT (account, project_id, is_claimed)"
        " DO UPDATE SET total = distribution_totals.total + 1",
        [{"account": share.account, "project_id": share.project_id} for share in shares],
    )


class PartRow(Struct, frozen=True):
    investment_id: str
    distribution_id: str
    amount_minor: int


async def insert_parts(tx: WriteTx, rows: Iterable[PartRow]) -> None:
    await tx.execute_many(
        "INSERT INTO distribution_parts (investment_id, distribution_id, amount_minor)"
        " VALUES (:investment_id, :distribution_id, :amount_minor)",
        [structs.asdict(row) for row in rows],
    )


async def share(tx: ReadTx, distribution_id: str, account: str) -> Share | None:
    return await tx.fetch_one(
        Share,
        f"SELECT {_SHARE} FROM distribution_shares"
        " WHERE distribution_id = :distribution_id AND account = :account",
        {"distribution_id": distribution_id, "account": account},
    )


async def share_by_payout(tx: ReadTx, payout_id: str) -> Share | None:
    return await tx.fetch_one(
        Share,
        f"SELECT {_SHARE} FROM distribution_shares WHERE payout_id = :payout_id",
        {"payout_id": payout_id},
    )


async def next_claim_number(tx: ReadTx) -> int:
    return 1 + int(
        await tx.fetch_value(
            "SELECT COALESCE(MAX(claim_number), 0) FROM distribution_shares WHERE claim_number IS NOT NULL"
        )
    )


async def put_claim(tx: WriteTx, share: Share) -> None:
    """A share that was not claimed is."""
    await tx.execute(
        "UPDATE distribution_shares SET is_claimed = 1, claimed_at_us = :claimed_at_us,"
        " claim_number = :claim_number, payment_method = :payment_method, payout_id = :payout_id"
        " WHERE distribution_id = :distribution_id AND account = :account",
        {
            "distribution_id": share.distribution_id,
            "account": share.account,
            "claimed_at_us": share.claimed_at_us,
            "claim_number": share.claim_number,
            "payment_method": share.payment_method,
            "payout_id": share.payout_id,
        },
    )
    key = {"account": share.account, "project_id": share.project_id}
    await tx.execute(
        "UPDATE distribution_totals SET total = total - 1"
        " WHERE account = :account AND project_id = :project_id AND is_claimed = 0",
        key,
    )
    await tx.execute(
        "INSERT INTO distribution_totals (account, project_id, is_claimed, total)"
        " VALUES (:account, :project_id, 1, 1) ON CONFLICT (account, project_id, is_claimed)"
        " DO UPDATE SET total = distribution_totals.total + 1",
        key,
    )


async def put_paid(tx: WriteTx, share: Share, *, is_paid: bool) -> None:
    await tx.execute(
        "UPDATE distribution_shares SET is_paid = :is_paid"
        " WHERE distribution_id = :distribution_id AND account = :account",
        {"distribution_id": share.distribution_id, "account": share.account, "is_paid": int(is_paid)},
    )


async def page(
    tx: ReadTx, account: str, filter_: ShareFilter, *, after: SortKeys | None, limit: int
) -> list[Share]:
    """One row more than the limit where there are more; newest first."""
    wanted, params = _condition(filter_)
    behind, keys = _NEWEST_FIRST.after(after)
    return await tx.fetch_all(
        Share,
        f"SELECT {_SHARE} FROM distribution_shares WHERE account = :account{wanted} AND {behind}"
        f" ORDER BY {_NEWEST_FIRST.order_by} LIMIT :rows",
        {"account": account, **params, **keys, "rows": limit + 1},
    )


async def total(tx: ReadTx, account: str, filter_: ShareFilter) -> int:
    wanted, params = _condition(filter_)
    return int(
        await tx.fetch_value(
            f"SELECT COALESCE(SUM(total), 0) FROM distribution_totals WHERE account = :account{wanted}",
            {"account": account, **params},
        )
    )


class ReceivedRow(Struct, frozen=True):
    investment_id: str
    amount_minor: int
    count: int


async def received(tx: ReadTx, investment_ids: Sequence[str]) -> dict[str, Received]:
    """What was claimed for each of these."""
    found: dict[str, Received] = {}
    for names, params in in_lists(investment_ids):
        rows = await tx.fetch_all(
            ReceivedRow,
            "SELECT p.investment_id, SUM(p.amount_minor) AS amount_minor, COUNT(*) AS count"
            " FROM distribution_parts p JOIN investments i ON i.id = p.investment_id"
            " JOIN distribution_shares s ON s.distribution_id = p.distribution_id AND s.account = i.account"
            f" WHERE p.investment_id IN ({names}) AND s.is_claimed = 1 GROUP BY p.investment_id",
            params,
        )
        found |= {row.investment_id: Received(amount_minor=row.amount_minor, count=row.count) for row in rows}
    return found


async def returns_of(tx: ReadTx, investment_id: str) -> list[InvestmentReturn]:
    """Newest first."""
    return await tx.fetch_all(
        InvestmentReturn,
        "SELECT p.distribution_id, p.amount_minor, d.distribution_date, s.claimed_at_us"
        " FROM distribution_parts p JOIN investments i ON i.id = p.investment_id"
        " JOIN distributions d ON d.id = p.distribution_id"
        " JOIN distribution_shares s ON s.distribution_id = p.distribution_id AND s.account = i.account"
        " WHERE p.investment_id = :investment_id ORDER BY d.declared_at_us DESC, d.id DESC",
        {"investment_id": investment_id},
    )


def _to_row(share: Share) -> dict[str, object]:
    return structs.asdict(share) | {"is_claimed": int(share.is_claimed), "is_paid": int(share.is_paid)}
