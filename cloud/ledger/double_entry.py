"""The rules of an entry: at least two postings, none of zero, per asset summing to zero, floors kept.

Values in, values or a refusal out; `service.Ledger.post` applies them.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cloud.ledger.errors import BalanceOutOfRange, InsufficientFunds, Unbalanced
from cloud.ledger.model import UNLIMITED, Asset, Posting, SystemAccount
from shared.money import AMOUNT_MAX

_SYSTEM = frozenset(SystemAccount)


class Holding(NamedTuple):
    """One account in one asset."""

    account: str
    asset: Asset


class Standing(NamedTuple):
    """How a holding stands before an entry."""

    amount: int
    unlimited: bool
    postings: int
    """How many made it up so far."""


def movements(postings: Iterable[Posting]) -> dict[Holding, int]:
    """What an entry adds to each holding, in the order of its postings.

    Raises:
        Unbalanced: fewer than two postings, one of zero or beyond 64 bits, or an asset whose sum is not zero.
    """
    moved: dict[Holding, int] = {}
    sums: dict[Asset, int] = {}
    count = 0
    for posting in postings:
        amount, asset = posting.amount, posting.asset
        if amount == 0 or not -AMOUNT_MAX <= amount <= AMOUNT_MAX:
            raise Unbalanced(
                f"a posting moves {amount} on {posting.account}: it must be 1 to 2^63-1, or minus that"
            )
        holding = Holding(posting.account, asset)
        moved[holding] = moved.get(holding, 0) + amount
        sums[asset] = sums.get(asset, 0) + amount
        count += 1
    if count < 2:  # noqa: PLR2004  double entry
        raise Unbalanced("an entry has at least two postings")
    for asset, total in sums.items():
        if total:
            raise Unbalanced(f"the postings in {asset.value} sum to {total}, not to zero")
    return moved


def check_floors(moved: Mapping[Holding, int], standings: Mapping[Holding, Standing]) -> None:
    """Refuse what would take a holding below its floor or out of 64 bits.

    Raises:
        InsufficientFunds: an account with a floor would fall below zero.
        BalanceOutOfRange: a balance would leave 64 bits.
    """
    for holding, change in moved.items():
        standing = standings[holding]
        amount = standing.amount + change
        if amount < 0 and change < 0 and not standing.unlimited:
            raise InsufficientFunds(holding.account, holding.asset, -amount)
        if not -AMOUNT_MAX <= amount <= AMOUNT_MAX:
            raise BalanceOutOfRange(holding.account, holding.asset)


def is_system(account: str) -> bool:
    """Whether the account belongs to no one; such accounts need no opening."""
    return account in _SYSTEM


def is_unlimited_system(account: str) -> bool:
    """Whether it is a system account without a floor."""
    return account in UNLIMITED


def parent_of(account: str) -> str | None:
    """The account a hold belongs to (`acct_x/orders` → `acct_x`); None where the name is no hold's."""
    parent, slash, purpose = account.partition("/")
    return parent if slash and purpose and parent else None
