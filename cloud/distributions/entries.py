"""Distributions as entries of the private book.

The operator's money comes from `payments`, the world outside, and lies in `<project>/distributions`. A claim
moves a share to `<holder>/payouts`, where it lies until the bank transfer is made.
"""

from cloud.distributions.model import Distribution, Share
from cloud.investments.model import Issue
from cloud.ledger.model import Entry, EntryKind, Posting, SystemAccount, fiat

_UNCLAIMED = "distributions"
_OWED = "payouts"


def distribution_entry(distribution: Distribution, issue: Issue) -> Entry:
    return _moved(
        EntryKind.DISTRIBUTION,
        distribution,
        distribution.total_minor,
        source=SystemAccount.PAYMENTS,
        target=_unclaimed(issue),
    )


def claim_entry(distribution: Distribution, issue: Issue, share: Share) -> Entry:
    return _moved(
        EntryKind.CLAIM,
        distribution,
        share.amount_minor,
        source=_unclaimed(issue),
        target=_owed(share),
    )


def payout_entry(distribution: Distribution, share: Share) -> Entry:
    """The money has left."""
    return _moved(
        EntryKind.PAYOUT,
        distribution,
        share.amount_minor,
        source=_owed(share),
        target=SystemAccount.PAYMENTS,
    )


def returned_entry(distribution: Distribution, share: Share) -> Entry:
    """The bank sent it back: it is owed again."""
    return _moved(
        EntryKind.REFUND,
        distribution,
        share.amount_minor,
        source=SystemAccount.PAYMENTS,
        target=_owed(share),
    )


def _moved(
    kind: EntryKind, distribution: Distribution, amount_minor: int, *, source: str, target: str
) -> Entry:
    money = fiat(distribution.currency)
    return Entry(
        kind=kind,
        postings=(Posting(source, money, -amount_minor), Posting(target, money, amount_minor)),
        facts={"distribution_id": distribution.id},
        book="private",
    )


def _unclaimed(issue: Issue) -> str:
    return f"{issue.account}/{_UNCLAIMED}"


def _owed(share: Share) -> str:
    return f"{share.account}/{_OWED}"
