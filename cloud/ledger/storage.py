"""The ledger's rows. A writer adds; nothing here changes or removes an entry."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from msgspec import Struct

from cloud.kit.store import ReadTx, Writes, WriteTx
from cloud.ledger.double_entry import Holding, Standing
from cloud.ledger.merkle import HASH_BYTES, Node
from cloud.ledger.model import Asset, Book, EntryKind, EntryRecord, LeafRow

HEX_DIGITS = 2 * HASH_BYTES

_INSERT_ENTRY = (
    "INSERT INTO entries"
    " (id, book, kind, kind_number, leaf_index, at_us, document, leaf_hash, subtrees, reverses)"
    " VALUES (:id, :book, :kind, :kind_number, :leaf_index, :at_us, :document, :leaf_hash, :subtrees,"
    " :reverses)"
)
_INSERT_POSTING = (
    "INSERT INTO postings (account, asset, number, entry_id, amount)"
    " VALUES (:account, :asset, :number, :entry_id, :amount)"
)
_ADD_TO_BALANCE = (
    "UPDATE balances SET amount = amount + :amount, postings = postings + :postings"
    " WHERE account = :account AND asset = :asset"
)
_INSERT_ACCOUNT = (
    "INSERT INTO accounts (account, unlimited, opened_at_us) VALUES (:account, :unlimited, :at_us)"
    " ON CONFLICT (account) DO NOTHING"
)
_INSERT_BALANCE = (
    "INSERT INTO balances (account, asset, amount, unlimited, postings)"
    " VALUES (:account, :asset, 0, :unlimited, 0)"
)
_RECORD = (
    "SELECT e.id, e.leaf_index, e.at_us, e.kind, e.leaf_hash, e.document, r.id AS reversed_by"
    " FROM entries e LEFT JOIN entries r ON r.reverses = e.id"
)


class Ends(Struct, frozen=True):
    """The last numbers given so far; 0, and None for the leaf, at the very beginning."""

    entry_id: int
    leaf_index: int | None
    kind_number: int


class BalanceRow(Struct, frozen=True):
    account: str
    asset: Asset
    amount: int
    unlimited: bool
    postings: int


async def ends(tx: ReadTx, book: Book, kind: EntryKind) -> Ends:
    found = await tx.fetch_one(
        Ends,
        "SELECT (SELECT COALESCE(MAX(id), 0) FROM entries) AS entry_id,"
        " (SELECT MAX(leaf_index) FROM entries WHERE leaf_index IS NOT NULL) AS leaf_index,"
        " (SELECT COALESCE(MAX(kind_number), 0) FROM entries WHERE book = :book AND kind = :kind)"
        " AS kind_number",
        {"book": book, "kind": str(kind)},
    )
    assert found is not None  # noqa: S101  a select without a table always has its row
    return found


async def standings(tx: ReadTx, holdings: Iterable[Holding]) -> dict[Holding, Standing]:
    """Those that have a row."""
    params: dict[str, object] = {}
    count = 0
    for account, asset in holdings:
        params[f"account{count}"] = account
        params[f"asset{count}"] = str(asset)
        count += 1
    rows = await tx.fetch_all(BalanceRow, _standings_sql(count), params)
    return {
        Holding(row.account, row.asset): Standing(row.amount, row.unlimited, row.postings) for row in rows
    }


@cache
def _standings_sql(count: int) -> str:
    terms = " OR ".join(f"(account = :account{n} AND asset = :asset{n})" for n in range(count))
    return f"SELECT account, asset, amount, unlimited, postings FROM balances WHERE {terms}"


async def balance(tx: ReadTx, account: str, asset: Asset) -> int:
    found = await tx.fetch_value(
        "SELECT amount FROM balances WHERE account = :account AND asset = :asset",
        {"account": account, "asset": str(asset)},
    )
    return int(found or 0)


async def is_unlimited(tx: ReadTx, account: str) -> bool | None:
    """None for an account nobody opened."""
    found = await tx.fetch_value(
        "SELECT unlimited FROM accounts WHERE account = :account", {"account": account}
    )
    return None if found is None else bool(found)


async def insert_account(tx: WriteTx, account: str, *, unlimited: bool, at_us: int) -> None:
    await tx.execute(
        _INSERT_ACCOUNT,
        {"account": account, "unlimited": int(unlimited), "at_us": at_us},
    )


class NewHolding(NamedTuple):
    """One that has no row yet."""

    holding: Holding
    unlimited: bool
    at_us: int


async def insert_holdings(tx: Writes, opened: Sequence[NewHolding]) -> None:
    """Holds and system accounts open with their first holding."""
    await tx.execute_many(
        _INSERT_ACCOUNT,
        [
            {"account": new.holding.account, "unlimited": int(new.unlimited), "at_us": new.at_us}
            for new in opened
        ],
    )
    await tx.execute_many(
        _INSERT_BALANCE,
        [
            {
                "account": new.holding.account,
                "asset": new.holding.asset.value,
                "unlimited": int(new.unlimited),
            }
            for new in opened
        ],
    )


class EntryRow(NamedTuple):
    """A new entry."""

    id: int
    book: Book
    kind: EntryKind
    kind_number: int
    leaf_index: int | None
    at_us: int
    document: str
    leaf_hash: str | None
    subtrees: str | None
    reverses: int | None


async def insert_entries(tx: Writes, rows: Iterable[EntryRow]) -> None:
    await tx.execute_many(_INSERT_ENTRY, [row._asdict() | {"kind": row.kind.value} for row in rows])


class NewPosting(NamedTuple):
    """A posting, numbered behind those of its holding."""

    holding: Holding
    number: int
    entry_id: int
    amount: int


async def insert_postings(tx: Writes, postings: Sequence[NewPosting]) -> None:
    """And move the balances with them."""
    moves: dict[Holding, list[int]] = {}
    for posting in postings:
        move = moves.setdefault(posting.holding, [0, 0])
        move[0] += posting.amount
        move[1] += 1
    await tx.execute_many(
        _ADD_TO_BALANCE,
        [
            {"account": account, "asset": asset.value, "amount": amount, "postings": count}
            for (account, asset), (amount, count) in moves.items()
        ],
    )
    await tx.execute_many(
        _INSERT_POSTING,
        [
            {
                "account": posting.holding.account,
                "asset": posting.holding.asset.value,
                "number": posting.number,
                "entry_id": posting.entry_id,
                "amount": posting.amount,
            }
            for posting in postings
        ],
    )


class SubtreeRow(Struct, frozen=True):
    leaf_index: int
    leaf_hash: str
    subtrees: str


async def node_hashes(tx: ReadTx, nodes: Iterable[Node]) -> dict[Node, bytes]:
    """The hash of each node; every one must be complete."""
    by_leaf: dict[int, list[Node]] = {}
    for node in nodes:
        by_leaf.setdefault(node.last_leaf, []).append(node)
    if not by_leaf:
        return {}
    params = {f"leaf{number}": leaf for number, leaf in enumerate(by_leaf)}
    rows = await tx.fetch_all(SubtreeRow, _subtrees_sql(len(params)), params)
    found = {}
    for row in rows:
        for node in by_leaf[row.leaf_index]:
            start = (node.level - 1) * HEX_DIGITS
            text = row.leaf_hash if node.level == 0 else row.subtrees[start : start + HEX_DIGITS]
            found[node] = bytes.fromhex(text)
    return found


@cache
def _subtrees_sql(count: int) -> str:
    wanted = ", ".join(f":leaf{number}" for number in range(count))
    return f"SELECT leaf_index, leaf_hash, subtrees FROM entries WHERE leaf_index IN ({wanted})"


async def tree_size(tx: ReadTx) -> int:
    last = await tx.fetch_value("SELECT MAX(leaf_index) FROM entries WHERE leaf_index IS NOT NULL")
    return 0 if last is None else int(last) + 1


async def record(tx: ReadTx, entry_id: int) -> EntryRecord | None:
    return await tx.fetch_one(EntryRecord, f"{_RECORD} WHERE e.id = :id", {"id": entry_id})


async def public_record(tx: ReadTx, entry_id: int) -> EntryRecord | None:
    return await tx.fetch_one(
        EntryRecord, f"{_RECORD} WHERE e.id = :id AND e.book = 'public'", {"id": entry_id}
    )


async def book_of(tx: ReadTx, entry_id: int) -> Book | None:
    found: Book | None = await tx.fetch_value("SELECT book FROM entries WHERE id = :id", {"id": entry_id})
    return found


async def kind_total(tx: ReadTx, kind: EntryKind) -> int:
    """How many public entries of a kind there are."""
    return (await ends(tx, "public", kind)).kind_number


async def records_of_kind(tx: ReadTx, kind: EntryKind, *, above: int, through: int) -> list[EntryRecord]:
    """Public entries whose number within the kind is in (above, through], newest first."""
    return await tx.fetch_all(
        EntryRecord,
        f"{_RECORD} WHERE e.book = 'public' AND e.kind = :kind"
        " AND e.kind_number > :above AND e.kind_number <= :through ORDER BY e.kind_number DESC",
        {"kind": str(kind), "above": above, "through": through},
    )


async def leaves(tx: ReadTx, *, first: int, end: int) -> list[LeafRow]:
    """The leaves [first, end), in the order of the log."""
    return await tx.fetch_all(
        LeafRow,
        "SELECT id, leaf_index, document, leaf_hash FROM entries"
        " WHERE leaf_index >= :first AND leaf_index < :end ORDER BY leaf_index",
        {"first": first, "end": end},
    )


class BalanceMismatch(Struct, frozen=True):
    account: str
    asset: str
    amount: int
    derived: int
    postings: int
    counted: int


async def balance_mismatches(tx: ReadTx, limit: int) -> list[BalanceMismatch]:
    """Balances that are not the sum, or not the number, of their postings."""
    return await tx.fetch_all(
        BalanceMismatch,
        "SELECT b.account, b.asset, b.amount, b.postings,"
        " COALESCE(SUM(p.amount), 0) AS derived, COUNT(p.amount) AS counted"
        " FROM balances b LEFT JOIN postings p ON p.account = b.account AND p.asset = b.asset"
        " GROUP BY b.account, b.asset, b.amount, b.postings"
        " HAVING b.amount <> COALESCE(SUM(p.amount), 0) OR b.postings <> COUNT(p.amount) LIMIT :limit",
        {"limit": limit},
    )


class AssetSum(Struct, frozen=True):
    asset: str
    total: int


async def asset_sums(tx: ReadTx) -> list[AssetSum]:
    """Assets whose balances do not sum to zero."""
    return await tx.fetch_all(
        AssetSum,
        "SELECT asset, SUM(amount) AS total FROM balances"
        " GROUP BY asset HAVING SUM(amount) <> 0 ORDER BY asset",
    )


class EntrySum(Struct, frozen=True):
    entry_id: int
    asset: str
    total: int


async def entry_sums(tx: ReadTx, limit: int) -> list[EntrySum]:
    """Entries whose postings do not sum to zero."""
    return await tx.fetch_all(
        EntrySum,
        "SELECT entry_id, asset, SUM(amount) AS total FROM postings"
        " GROUP BY entry_id, asset HAVING SUM(amount) <> 0 ORDER BY entry_id LIMIT :limit",
        {"limit": limit},
    )


async def entry_total(tx: ReadTx) -> int:
    """Of both books."""
    return int(await tx.fetch_value("SELECT COALESCE(MAX(id), 0) FROM entries"))


async def posting_total(tx: ReadTx, holding: Holding) -> int:
    found = await tx.fetch_value(
        "SELECT postings FROM balances WHERE account = :account AND asset = :asset",
        {"account": holding.account, "asset": str(holding.asset)},
    )
    return int(found or 0)


async def records_of_holding(tx: ReadTx, holding: Holding, *, above: int, through: int) -> list[EntryRecord]:
    """The public entries behind a holding's postings numbered in (above, through], newest first."""
    return await tx.fetch_all(
        EntryRecord,
        "SELECT e.id, e.leaf_index, e.at_us, e.kind, e.leaf_hash, e.document, r.id AS reversed_by"
        " FROM postings p JOIN entries e ON e.id = p.entry_id LEFT JOIN entries r ON r.reverses = e.id"
        " WHERE p.account = :account AND p.asset = :asset AND p.number > :above AND p.number <= :through"
        " AND e.book = 'public' ORDER BY p.number DESC",
        {"account": holding.account, "asset": str(holding.asset), "above": above, "through": through},
    )
