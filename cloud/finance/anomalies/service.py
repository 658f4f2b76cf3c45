"""Scores kept true as purchases come, are decided on and change category.

What a purchase is judged by lies in the 90 days before it, so a change reaches the 90 days after it and no
further. Amount, hour and invoice are judged in the commit of the change itself. The forest takes longer, so
that commit only marks the days it reaches; `Forests` asks it about them soon after.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from msgspec import structs

from cloud.finance.anomalies import storage
from cloud.finance.anomalies.evidence import WINDOW_US, Assessment, Evidence, Past, assess, moment
from cloud.finance.anomalies.features import Purchase
from cloud.finance.anomalies.forest import Question
from cloud.finance.anomalies.forest_process import ForestFailed, is_installed
from cloud.finance.reading import Direction
from cloud.finance.transactions.follower import Change
from cloud.finance.transactions.model import Transaction
from cloud.finance.transactions.service import Transactions
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.identity.profile import Profile
from cloud.kit.store import ReadTx, Store, WriteTx
from shared.clock import from_micros

logger = logging.getLogger(__name__)

DAYS_AT_ONCE = 30
IDLE_S = 120.0
"""So long without work the forest's process is kept, which holds some 140 MB."""


class Flagged(NamedTuple):
    """Part of the flagged transactions, the newest first."""

    rows: Sequence[tuple[Transaction, Evidence]]
    total: int
    """How many the whole list has."""
    pending: int
    """How many nobody decided on, in all."""


class Explained(NamedTuple):
    """All that an explanation needs."""

    transaction: Transaction
    evidence: Evidence
    profile: Profile
    forest_installed: bool


class Forest(Protocol):
    """Who grows forests: `ForestProcess`."""

    async def decisions(self, questions: Sequence[Question]) -> Mapping[int, float]:
        """By transaction id, for those that could be judged.

        Raises:
            ForestFailed: no answer; the next question may get one.
        """
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class Anomalies:
    """Which purchases are unusual, and why."""

    def __init__(self, store: Store, transactions: Transactions, people: EmailSignIn) -> None:
        self._store = store
        self._transactions = transactions
        self._people = people
        self._news = asyncio.Event()

    @property
    def news(self) -> asyncio.Event:
        """Set when days wait for the forest."""
        return self._news

    async def changed(self, tx: WriteTx, changes: Sequence[Change]) -> None:
        """Judge them, and again, once for all, whatever came after and is held against them."""
        paid = [
            Change(before, after)
            for before, after in changes
            if after.direction is Direction.DEBIT and (before is None or _weight(before) != _weight(after))
        ]
        if not paid:
            return
        person_id = paid[0][1].person_id
        reached = {after.transaction_id: after for _, after in paid if after.counts}
        for row in [*await self._held_against(tx, paid), *await self._with_numbers(tx, paid)]:
            reached.setdefault(row.transaction_id, row)
        await self._judge(tx, person_id, reached.values())
        for first_us, last_us in _together(after.at_us for _, after in paid):
            await storage.mark_days(
                tx,
                person_id,
                from_us=first_us // storage.DAY_US * storage.DAY_US,
                to_us=last_us // storage.DAY_US * storage.DAY_US + WINDOW_US + storage.DAY_US,
            )
        tx.after_commit(self._news.set)

    async def _held_against(self, tx: WriteTx, paid: Sequence[Change]) -> list[Transaction]:
        """What lies in the 90 days after each, in its category and in the one it had before."""
        moments: dict[tuple[str, str], set[int]] = {}
        for before, after in paid:
            for row in (before, after):
                if row is not None:
                    moments.setdefault((row.category, row.currency), set()).add(row.at_us)
        found = []
        for (category, currency), at_us in moments.items():
            for first_us, last_us in _together(at_us):
                found += await storage.paid(
                    tx,
                    paid[0].after.person_id,
                    from_us=first_us,
                    to_us=last_us + WINDOW_US + 1,
                    category=category,
                    currency=currency,
                )
        return found

    async def _with_numbers(self, tx: WriteTx, paid: Sequence[Change]) -> list[Transaction]:
        """What has the invoice number of one of them in the 90 days after it."""
        same = await storage.with_invoices(
            tx, paid[0].after.person_id, {after.invoice_no for _, after in paid} - {None}
        )
        return [
            row
            for _, after in paid
            for row in same.get(after.invoice_no or "", ())
            if after.at_us <= row.at_us <= after.at_us + WINDOW_US
        ]

    async def forest_decided(self, tx: WriteTx, due: storage.Due, decisions: Mapping[int, float]) -> None:
        """Put the forest's word on a day's purchases into their scores."""
        start_us, end_us = _day(due.day)
        rows = await storage.paid(tx, due.person_id, from_us=start_us, to_us=end_us)
        await self._judge(tx, due.person_id, rows, decisions)

    async def flagged(self, person: Person, *, unconfirmed_only: bool, limit: int, offset: int) -> Flagged:
        """A page of what asks for a look."""
        async with self._store.read() as tx:
            rows = await storage.flagged(
                tx, person.id, unconfirmed_only=unconfirmed_only, limit=limit, offset=offset
            )
            return Flagged(
                [(row, storage.evidence_of(row)) for row in rows],
                await storage.flagged_count(tx, person.id, unconfirmed_only=unconfirmed_only),
                await storage.flagged_count(tx, person.id, unconfirmed_only=True),
            )

    async def explained(self, person: Person, transaction_id: int) -> Explained:
        """What there is to say about one of the person's transactions.

        Raises:
            NoSuchTransaction: unknown, or someone else's.
        """
        transaction = await self._transactions.get(person, transaction_id)
        profile = await self._people.profile(person)
        return Explained(transaction, storage.evidence_of(transaction), profile, is_installed())

    async def _judge(
        self,
        tx: WriteTx,
        person_id: int,
        rows: Iterable[Transaction],
        decisions: Mapping[int, float] | None = None,
    ) -> None:
        """Write anew what changed of their scores. `decisions`: of the forest; None: as they were."""
        rows = list(rows)
        zone = ZoneInfo((await self._people.profile_of(tx, person_id)).timezone)
        same = await storage.with_invoices(tx, person_id, {row.invoice_no for row in rows} - {None})
        found: list[tuple[int, Assessment]] = []
        for (category, currency), group in _groups(rows).items():
            past = Past(
                await storage.paid(
                    tx,
                    person_id,
                    from_us=min(row.at_us for row in group) - WINDOW_US,
                    to_us=max(row.at_us for row in group) + 1,
                    category=category,
                    currency=currency,
                )
            )
            for row in group:
                kept = storage.evidence_of(row)
                if decisions is not None:
                    kept = structs.replace(kept, decision=decisions.get(row.transaction_id))
                judged = assess(
                    row, past=past, same_invoice=same.get(row.invoice_no or "", ()), zone=zone, kept=kept
                )
                if not _says(row, judged):
                    found.append((row.transaction_id, judged))
        await storage.set_assessments(tx, found)


class Forests:
    """Asks the forest about the days that wait for it. A worker.

    Refitting: a day's purchases are judged by one forest, grown from the 90 days before that day (UTC). It is
    grown again when one of those, or one of the day, comes late, is rejected, merged or moved to another
    category; many such changes while it waits cost one growth. So a new purchase costs one, a late one at
    most 91, whatever the person's history; scores do not depend on the order in which things became known.
    """

    def __init__(self, store: Store, anomalies: Anomalies, people: EmailSignIn, forest: Forest) -> None:
        self._store = store
        self._anomalies = anomalies
        self._people = people
        self._forest = forest

    async def run(self) -> None:
        """Serve until cancelled; ends at once where the extra is not installed."""
        if not is_installed():
            logger.warning("isolation forest not installed, scores go without it: install lumengrid[finance]")
            return
        try:
            while True:
                self._anomalies.news.clear()
                await self.settle()
                try:
                    async with asyncio.timeout(IDLE_S):  # `wait_for` would not be cancelled as news come
                        await self._anomalies.news.wait()
                except TimeoutError:
                    await self._forest.close()
                    await self._anomalies.news.wait()
        finally:
            await self._forest.close()

    async def settle(self) -> None:
        """Ask about every day that waits; what fails stays due until the next change."""
        try:
            while await self._settle_some():
                pass
        except ForestFailed:
            logger.exception("isolation forest failed, days stay due")

    async def close(self) -> None:
        await self._forest.close()

    async def _settle_some(self) -> bool:
        async with self._store.read() as tx:
            dues = await storage.next_due(tx, DAYS_AT_ONCE)
            questions = await self._questions(tx, dues)
        if not dues:
            return False
        decisions = await self._forest.decisions(questions)
        async with self._store.write() as tx:
            for due in dues:
                if await storage.take(tx, due):
                    await self._anomalies.forest_decided(tx, due, decisions)
        return True

    async def _questions(self, tx: ReadTx, dues: Sequence[storage.Due]) -> list[Question]:
        """One a day; `dues` are of one person."""
        if not dues:
            return []
        person_id = dues[0].person_id
        zone = ZoneInfo((await self._people.profile_of(tx, person_id)).timezone)
        first, last = min(due.day for due in dues), max(due.day for due in dues)
        rows = [
            _purchase(row, zone)
            for row in await storage.paid(
                tx,
                person_id,
                from_us=first * storage.DAY_US - WINDOW_US,
                to_us=(last + 1) * storage.DAY_US,
            )
        ]
        return [_question(rows, due.day) for due in dues]


def _question(rows: Sequence[Purchase], day: int) -> Question:
    start_us, end_us = _day(day)
    return Question(
        tuple(row for row in rows if start_us - WINDOW_US <= row.at_us < start_us),
        tuple(row for row in rows if start_us <= row.at_us < end_us),
    )


def _purchase(row: Transaction, zone: ZoneInfo) -> Purchase:
    return Purchase(
        row.transaction_id,
        row.at_us,
        from_micros(row.at_us).astimezone(zone).hour if row.time_known else None,
        row.amount_minor,
        row.category,
        row.currency,
        None if row.merchant_id is None else str(row.merchant_id),
    )


def _day(day: int) -> tuple[int, int]:
    return day * storage.DAY_US, (day + 1) * storage.DAY_US


def _together(moments: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of those whose windows touch."""
    found: list[tuple[int, int]] = []
    for at_us in sorted(set(moments)):
        if found and at_us - found[-1][1] <= WINDOW_US:
            found[-1] = found[-1][0], at_us
        else:
            found.append((at_us, at_us))
    return found


def _weight(row: Transaction) -> tuple[bool, str]:
    """What of a row others are held against, as far as it can change."""
    return row.counts, row.category


def _groups(rows: Iterable[Transaction]) -> dict[tuple[str, str], list[Transaction]]:
    """By what is held against each other: category and currency."""
    found: dict[tuple[str, str], list[Transaction]] = {}
    for row in sorted(rows, key=moment):
        found.setdefault((row.category, row.currency), []).append(row)
    return found


def _says(row: Transaction, judged: Assessment) -> bool:
    """Whether the row already says so."""
    return (row.anomaly_score, row.flagged, row.anomaly_reason, storage.evidence_of(row)) == (
        judged.verdict.score,
        judged.verdict.flagged,
        judged.verdict.reason,
        judged.evidence,
    )
