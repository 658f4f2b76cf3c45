"""A person's transactions: listed, counted, decided on; rows come through `add` and are never lost."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from msgspec import Struct, structs

from cloud.finance.transactions import storage
from cloud.finance.transactions.errors import NoSuchTransaction, ToldByAnother
from cloud.finance.transactions.figures import Figures, figures
from cloud.finance.transactions.filters import Filter
from cloud.finance.transactions.follower import Change, TransactionFollower
from cloud.finance.transactions.merchants import merchant_key, shown_name
from cloud.finance.transactions.model import Merchant, Transaction
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.kit.events import EventLog
from cloud.kit.store import ReadTx, Store, WriteTx
from shared.clock import Clock

ADDED = "finance.transaction_added"
DECIDED = "finance.transaction_decided"
EXPORTED_AT_ONCE = 500
ID_MAX = 2**63 - 1
"""What a store can hold; an address may say more."""
BY_HAND = 1.0
"""How sure a category is that the person chose."""


class Announced(Struct, frozen=True):
    """Of both events: nothing that only the person may know."""

    person_id: int
    transaction_id: int


class Decision(Struct, frozen=True, kw_only=True):
    """What a person says of a transaction; None: as it was."""

    confirmed: bool
    corrected_category: str | None = None
    notes: str | None = None


class Listed(NamedTuple):
    rows: Sequence[Transaction]
    total: int


class Transactions:
    """Everything but where rows come from."""

    def __init__(self, store: Store, clock: Clock, events: EventLog, people: EmailSignIn) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._people = people
        self._followers: list[TransactionFollower] = []

    def add_follower(self, follower: TransactionFollower) -> None:
        """In the order in which they are told."""
        self._followers.append(follower)

    async def get(self, person: Person, transaction_id: int) -> Transaction:
        """One of the person's.

        Raises:
            NoSuchTransaction: unknown, or someone else's.
        """
        async with self._store.read() as tx:
            return await self.of(tx, person.id, transaction_id)

    async def of(self, tx: ReadTx, person_id: int, transaction_id: int) -> Transaction:
        """As `get`, within a use case."""
        found = None
        if transaction_id <= ID_MAX:
            found = await storage.transaction(tx, person_id, transaction_id)
        if found is None:
            raise NoSuchTransaction(transaction_id)
        return found

    async def of_source(
        self, tx: ReadTx, person_id: int, source_id: int, *, skip: int = 0
    ) -> list[Transaction]:
        """What was read from a source, in that order, without the first ones."""
        return await storage.of_source(tx, person_id, source_id, skip=skip)

    async def listed(self, person: Person, wanted: Filter, *, limit: int, offset: int) -> Listed:
        """The newest first, and how many there are in all."""
        async with self._store.read() as tx:
            rows = await storage.page(tx, person.id, wanted, limit=limit, offset=offset)
            return Listed(rows, await storage.total(tx, person.id, wanted))

    async def figures(self, person: Person, wanted: Filter) -> Figures:
        """What was spent, in the person's own currency; rejected and merged rows count nowhere."""
        profile = await self._people.profile(person)
        async with self._store.read() as tx:
            groups = await storage.groups(tx, person.id, wanted)
        return figures(groups, profile.currency)

    async def export(self, person: Person, wanted: Filter) -> AsyncIterator[Sequence[Transaction]]:
        """All of them, the newest first, some at a time."""
        before: tuple[int, int] | None = None
        while True:
            async with self._store.read() as tx:
                rows = await storage.page_before(tx, person.id, wanted, before=before, limit=EXPORTED_AT_ONCE)
            if rows:
                yield rows
                before = (rows[-1].at_us, rows[-1].transaction_id)
            if len(rows) < EXPORTED_AT_ONCE:
                return

    async def merchants(self, person: Person) -> list[Merchant]:
        """By name."""
        async with self._store.read() as tx:
            return await storage.merchants(tx, person.id)

    async def add(self, tx: WriteTx, new: Transaction) -> Transaction:
        """As `add_all`, one."""
        (row,) = await self.add_all(tx, [new])
        return row

    async def add_all(self, tx: WriteTx, new: Sequence[Transaction]) -> list[Transaction]:
        """Store new rows of one person; as they stand after all who follow were told.

        Of one that is sealed, merchant and number are not stored: who follows is told them now or never.
        """
        added: list[Transaction] = []
        for row in new:
            name = shown_name(row.merchant_name_raw or "")
            merchant_id = None
            if name and row.encrypted_data is None:
                merchant = await storage.merchant_named(
                    tx, row.person_id, name, merchant_key(name), self._clock.now_us()
                )
                merchant_id = merchant.id
            whole = structs.replace(row, merchant_id=merchant_id, merchant_name_raw=name or None)
            stored = await storage.insert(tx, whole if whole.encrypted_data is None else _veiled(whole))
            await self._events.announce(tx, ADDED, Announced(stored.person_id, stored.transaction_id))
            added.append(
                structs.replace(
                    stored, merchant_name_raw=whole.merchant_name_raw, invoice_no=whole.invoice_no
                )
            )
        return await self._told(tx, [Change(None, row) for row in added])

    async def decide(self, person: Person, transaction_id: int, decision: Decision) -> Transaction:
        """Confirm or reject; the last word counts.

        Raises:
            NoSuchTransaction: unknown, or someone else's.
            ToldByAnother: it is merged into one that stands for it.
        """
        async with self._store.write() as tx:
            before = await self.of(tx, person.id, transaction_id)
            if before.merged_into is not None:
                raise ToldByAnother(transaction_id, before.merged_into)
            category, sure = before.category, before.classification_confidence
            if decision.corrected_category is not None:
                category, sure = decision.corrected_category, BY_HAND
            after = structs.replace(
                before,
                confirmed=decision.confirmed,
                category=category,
                classification_confidence=sure,
                notes=before.notes if decision.notes is None else decision.notes,
                updated_at_us=self._clock.now_us(),
            )
            await storage.save(tx, after)
            await self._events.announce(tx, DECIDED, Announced(person.id, transaction_id))
            return (await self._told(tx, [Change(before, after)]))[0]

    async def merge(self, tx: WriteTx, row: Transaction, into: int | None) -> Transaction:
        """Let another row stand for this one, or, with None, this one for itself again."""
        before = await self.of(tx, row.person_id, row.transaction_id)
        now_us = self._clock.now_us()
        await storage.set_survivor(tx, row.person_id, row.transaction_id, into, now_us)
        after = structs.replace(before, merged_into=into, updated_at_us=now_us)
        return (await self._told(tx, [Change(before, after)]))[0]

    async def _told(self, tx: WriteTx, changes: Sequence[Change]) -> list[Transaction]:
        """The rows once everybody was told: followers write flags and merge.

        What a sealed row is not stored with stays in what they are told, and is not in what is returned.
        """
        stored = [change.after for change in changes]
        for follower in self._followers:
            await follower.changed(tx, changes)
            stored = [await self.of(tx, row.person_id, row.transaction_id) for row in stored]
            changes = [
                Change(before, _unveiled(row, told))
                for (before, told), row in zip(changes, stored, strict=True)
            ]
        return stored


def _veiled(row: Transaction) -> Transaction:
    """Without what its envelope holds."""
    return structs.replace(row, merchant_id=None, merchant_name_raw=None, invoice_no=None)


def _unveiled(row: Transaction, told: Transaction) -> Transaction:
    """With the merchant and number that a sealed row is not stored with."""
    return structs.replace(row, merchant_name_raw=told.merchant_name_raw, invoice_no=told.invoice_no)
