"""One purchase, however many sources tell it: settled with every row that comes, undone by the person."""

from collections.abc import Sequence

from msgspec import structs

from cloud.finance.duplicates import storage
from cloud.finance.duplicates.errors import NotMerged
from cloud.finance.duplicates.likeness import APART_US_MAX
from cloud.finance.duplicates.purchases import around, grouped, parted_by_sealing, reach
from cloud.finance.transactions.follower import Change
from cloud.finance.transactions.model import Transaction
from cloud.finance.transactions.service import Transactions
from cloud.identity.model import Person
from cloud.kit.store import Store, WriteTx

REACH_US = 2 * APART_US_MAX


class Duplicates:
    """Which rows tell the same purchase."""

    def __init__(self, store: Store, transactions: Transactions) -> None:
        self._store = store
        self._transactions = transactions

    async def changed(self, tx: WriteTx, changes: Sequence[Change]) -> None:
        """Settle what is new, or no longer rejected, with what tells the same; a merge changes nothing."""
        for before, after in changes:
            if after.counts and (before is None or before.confirmed is False):
                await self.settle(tx, after)

    async def settle(self, tx: WriteTx, transaction: Transaction) -> None:
        """Merge and unmerge whatever hangs together with one row, so that each purchase stands once."""
        rows = await self._near(tx, transaction)
        stored = next(row for row in rows if row.transaction_id == transaction.transaction_id)
        transaction = structs.replace(transaction, merged_into=stored.merged_into)  # by one before it
        if transaction.encrypted_data is not None:
            parted = parted_by_sealing(transaction, rows)
            await storage.keep_apart(tx, transaction.person_id, parted)
        together = reach(transaction, around(transaction, rows, REACH_US))
        if len(together) == 1:
            return
        apart = await storage.apart(tx, transaction.person_id)
        groups = grouped(together, apart)
        wanted = [(row, None) for group in groups for row in group[:1]]
        merged = [(row, group[0].transaction_id) for group in groups for row in group[1:]]
        for row, into in (*wanted, *merged):  # first whoever stands for others stands alone
            if row.merged_into != into:
                await self._transactions.merge(tx, row, into)

    async def unmerge(self, person: Person, transaction_id: int) -> Transaction:
        """Let a row stand for itself again, for good: as it was before it was merged.

        Raises:
            NoSuchTransaction: unknown, or someone else's.
            NotMerged: it stands for itself.
        """
        async with self._store.write() as tx:
            row = await self._transactions.of(tx, person.id, transaction_id)
            if row.merged_into is None:
                raise NotMerged(transaction_id)
            others = [row.merged_into]
            others += [
                other.transaction_id for other in await storage.told_by(tx, person.id, row.merged_into)
            ]
            pairs = [(transaction_id, other) for other in others if other != transaction_id]
            await storage.keep_apart(tx, person.id, pairs)
            return await self._transactions.merge(tx, row, None)

    async def _near(self, tx: WriteTx, transaction: Transaction) -> Sequence[Transaction]:
        """What may hang together with it, a week to both sides: a ticket a day would do so for years."""
        return await storage.same_amount(
            tx,
            transaction,
            from_us=transaction.at_us - 2 * REACH_US,
            to_us=transaction.at_us + 2 * REACH_US + 1,
        )
