"""Which rows are one purchase: a grouping that does not depend on the order in which they came."""

from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

from msgspec import structs

from cloud.finance.duplicates.likeness import SAME_FROM, likeness
from cloud.finance.transactions.model import SourceType, Transaction

RANK = (
    SourceType.MANUAL,
    SourceType.UPLOAD,
    SourceType.GMAIL,
    SourceType.WHATSAPP,
    SourceType.UPI_FEED,
    SourceType.SMS,
    SourceType.STATEMENT,
)
"""Who tells most of a purchase; the first stands for all."""

Pair = tuple[int, int]


def pair(one: int, other: int) -> Pair:
    """Of transaction ids, the same whichever comes first."""
    return min(one, other), max(one, other)


def grouped(rows: Iterable[Transaction], apart: Collection[Pair]) -> list[list[Transaction]]:
    """Each group is one purchase, the row that stands for it first; every row is in one group.

    The likeliest pairs are joined first, of equal ones the nearest in time. No group has a pair that
    contradicts, or one in `apart`, which the person took apart.
    """
    known = sorted(rows, key=_content)
    scores = {
        pair(one.transaction_id, other.transaction_id): _score(one, other)
        for one, other in combinations(known, 2)
    }
    place = {row.transaction_id: number for number, row in enumerate(known)}
    at_us = {row.transaction_id: row.at_us for row in known}
    group_of = {row.transaction_id: [row] for row in known}

    def apart_us(one: int, other: int) -> int:
        return abs(at_us[one] - at_us[other])

    likeliest = sorted(
        (ids for ids, score in scores.items() if score >= SAME_FROM and ids not in apart),
        key=lambda ids: (-scores[ids], apart_us(*ids), *sorted((place[ids[0]], place[ids[1]]))),
    )
    for one, other in likeliest:
        group, added = group_of[one], group_of[other]
        if group is added or any(
            scores[ids] == 0 or ids in apart
            for ids in (pair(a.transaction_id, b.transaction_id) for a in group for b in added)
        ):
            continue
        group.extend(added)
        for row in added:
            group_of[row.transaction_id] = group
    found = {id(group): sorted(group, key=_standing) for group in group_of.values()}
    return list(found.values())


def around(start: Transaction, rows: Sequence[Transaction], reach_us: int) -> list[Transaction]:
    """Those no further off in time, but none of a group that reaches further: it stays as it is."""
    far = {_group(row) for row in rows if abs(row.at_us - start.at_us) > reach_us}
    return [row for row in rows if _group(row) not in far]


def reach(start: Transaction, rows: Sequence[Transaction]) -> list[Transaction]:
    """Whatever hangs together with one row, itself first: alike pair by pair, or merged already."""
    found = [start]
    left = [row for row in rows if row.transaction_id != start.transaction_id]
    for row in found:  # grows as it goes
        near = [other for other in left if _group(row) == _group(other) or likeness(row, other) >= SAME_FROM]
        found += near
        left = [other for other in left if other not in near]
    return found


def parted_by_sealing(start: Transaction, rows: Iterable[Transaction]) -> list[Pair]:
    """With which rows one is no purchase by what will be sealed of it, and would be one without that."""
    veiled = structs.replace(start, merchant_id=None, merchant_name_raw=None, invoice_no=None)
    return [
        pair(start.transaction_id, row.transaction_id)
        for row in rows
        if row.transaction_id != start.transaction_id
        and likeness(start, row) < SAME_FROM <= likeness(veiled, row)
    ]


def _score(one: Transaction, other: Transaction) -> float:
    """Their likeness; what was found one purchase before it was sealed stays so."""
    found = likeness(one, other)
    was_found = _group(one) == _group(other) and (one.is_veiled or other.is_veiled)
    return max(found, SAME_FROM) if was_found else found


def _group(row: Transaction) -> int:
    """The id of the row that stands for it."""
    return row.transaction_id if row.merged_into is None else row.merged_into


def _content(row: Transaction) -> tuple[object, ...]:
    """What the row says, and only between equal ones when we heard of it."""
    return (
        row.at_us,
        RANK.index(row.source_type),
        row.merchant_name_raw or "",
        row.invoice_no or "",
        row.payment_channel or "",
        row.account_digits or "",
        row.transaction_id,
    )


def _standing(row: Transaction) -> tuple[object, ...]:
    """What the person decided on stands before all."""
    return (row.confirmed is None, RANK.index(row.source_type), *_content(row))
