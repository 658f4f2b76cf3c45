"""The journal entries that cross the border between the service and the network.

The facts name neither wallet nor transaction of a withdrawal: in the book a person is a pseudonym.
"""

import msgspec
from msgspec import Struct

from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount


class WithdrawalFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    withdrawal_id: str


class DepositFacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payment on the chain, which anybody can look up."""

    stellar_operation: int
    stellar_transaction: str


def withdrawal_entry(account: str, asset: Asset, amount: int, *, withdrawal_id: str) -> Entry:
    """From someone's account to a wallet."""
    return Entry(
        kind=EntryKind.WITHDRAWAL,
        postings=(Posting(account, asset, -amount), Posting(SystemAccount.OUTSIDE, asset, amount)),
        facts=msgspec.to_builtins(WithdrawalFacts(withdrawal_id=withdrawal_id)),
    )


def deposit_entry(account: str, asset: Asset, amount: int, *, operation_id: int, tx_hash: str) -> Entry:
    """From a wallet to someone's account."""
    return Entry(
        kind=EntryKind.DEPOSIT,
        postings=(Posting(SystemAccount.OUTSIDE, asset, -amount), Posting(account, asset, amount)),
        facts=msgspec.to_builtins(DepositFacts(stellar_operation=operation_id, stellar_transaction=tx_hash)),
    )
