"""Transactions with all who follow them, over a store."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NamedTuple

import pytest
from msgspec import structs

from cloud.finance.anomalies.forest import Question
from cloud.finance.anomalies.score import FOREST_COUNT_MIN
from cloud.finance.anomalies.service import Anomalies, Forests
from cloud.finance.categories.meaning import Meaning
from cloud.finance.categories.service import Categories
from cloud.finance.duplicates.service import Duplicates
from cloud.finance.transactions import storage
from cloud.finance.transactions.filters import Filter
from cloud.finance.transactions.model import Transaction
from cloud.finance.transactions.service import Decision, Transactions
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.identity.passwords import Passwords
from cloud.identity.service import Identity
from cloud.identity.storage import add_person
from cloud.kit.events import EventLog
from cloud.kit.store import Store
from cloud.ledger.service import Ledger
from cloud.settings import Settings
from shared.clock import ManualClock


class Deaf(Meaning):
    """As where the extra is not installed: loading the model takes seconds."""

    is_installed = False


class CountingForest:
    """Judges by how many it was given to learn from, so that a test can tell what it was given."""

    async def decisions(self, questions: Sequence[Question]) -> Mapping[int, float]:
        return {
            row.transaction_id: -len(question.learned) / 1_000
            for question in questions
            if len(question.learned) >= FOREST_COUNT_MIN
            for row in question.judged
        }

    async def close(self) -> None:
        """Nothing is held."""


class Finance(NamedTuple):
    """One person's, without routes."""

    store: Store
    transactions: Transactions
    anomalies: Anomalies
    forests: Forests
    duplicates: Duplicates
    categories: Categories
    person: Person

    async def add(self, *rows: Transaction) -> list[Transaction]:
        """Each in a use case of its own; as they stand right after."""
        found = []
        for row in rows:
            async with self.store.write() as tx:
                found.append(await self.transactions.add(tx, structs.replace(row, person_id=self.person.id)))
        return found

    async def decide(self, row: Transaction, *, confirmed: bool, category: str | None = None) -> Transaction:
        return await self.transactions.decide(
            self.person, row.transaction_id, Decision(confirmed=confirmed, corrected_category=category)
        )

    async def all(self) -> list[Transaction]:
        """Every row, in the order of events."""
        async with self.store.read() as tx:
            found = await storage.page(
                tx, self.person.id, Filter(include_merged=True), limit=10_000, offset=0
            )
        return found[::-1]


@pytest.fixture
async def finance(
    store: Store, clock: ManualClock, events: EventLog, ledger: Ledger, settings: Settings
) -> AsyncIterator[Finance]:
    people = EmailSignIn(store, clock, Identity(store, clock, ledger, bytes(32), settings), Passwords())
    transactions = Transactions(store, clock, events, people)
    anomalies = Anomalies(store, transactions, people)
    forests = Forests(store, anomalies, people, CountingForest())
    duplicates = Duplicates(store, transactions)
    categories = Categories(store, clock, people, Deaf())
    for follower in (categories, duplicates, anomalies):
        transactions.add_follower(follower)
    async with store.write() as tx:
        person = await add_person(tx, wallet_address=None, account="acc_ana", now_us=0)
    yield Finance(store, transactions, anomalies, forests, duplicates, categories, person)
    await forests.close()
