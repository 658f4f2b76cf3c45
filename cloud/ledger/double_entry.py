"""The rules of an entry: at least two postings, none of zero, per asset summing to zero, floors kept.

Values in, values or a refusal out; `service.Ledger.post` applies them.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cloud.ledger.errors import BalanceOutOfRange, InsufficientFunds, NotPublic, Unbalanced
from cloud.ledger.model import MINTS, PRIVATE_KINDS, UNLIMITED, Asset, Entry, Posting, SystemAccount
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


def check_book(entry: Entry) -> None:
    """Refuse to publish money of people.

    Raises:
        NotPublic: an entry of the public book has a kind, or moves an asset, of the private one.
    """
    if entry.book == "private":
        return
    if entry.kind in PRIVATE_KINDS:
        raise NotPublic(f"an entry of kind {entry.kind} belongs into the private book")
    for posting in entry.postings:
        if posting.asset.is_private:
            raise NotPublic(f"{posting.asset} moves in the private book only")


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


def issued(postings: Iterable[Posting]) -> tuple[int, int]:
    """How many LT an entry makes and unmakes, 10^-7 units, each from 0; a mint taken back is a burn."""
    changes: dict[str, int] = {}
    for posting in postings:
        account = posting.account
        if posting.asset is Asset.LT and (account in MINTS or account == SystemAccount.BURNED):
            changes[account] = changes.get(account, 0) + posting.amount
    # LT leave `mint/*` when they are made, and `burned` when a burn is taken back.
    minted = sum(max(-change, 0) for change in changes.values())
    return minted, sum(max(change, 0) for change in changes.values())


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
