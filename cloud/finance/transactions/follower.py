"""Who is told, in the same use case, that a person's transactions changed."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from cloud.finance.transactions.model import Transaction
from cloud.kit.store import WriteTx


class Change(NamedTuple):
    """One row before and after; None before: it is new."""

    before: Transaction | None
    after: Transaction


class TransactionFollower(Protocol):
    """Scores, learned categories: whatever is kept true as transactions come and change."""

    async def changed(self, tx: WriteTx, changes: Sequence[Change]) -> None:
        """All are stored already, and of one person.

        Told of every new row, decision, corrected category, merge and undone merge; not of what a follower
        itself writes (flag, score, reason).
        """
        ...
