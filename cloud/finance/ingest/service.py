"""Whatever comes in goes one way: kept, read, filed under a category, stored, matched, scored.

A file's bytes are on disk before its row. A source and its transactions are one commit, so a crash leaves
both or neither, and whoever sends the same again gets the first result. Of many at once some share a commit;
after a crash those that are in are the first result, and the others are read as if for the first time. What
is refused is not kept: it holds one-time passwords and offers, and may be sent again when readers know more.

Of a person with devices nothing is written that tells a merchant: what was read is sealed to the devices in
the same commit, and the original is not kept (docs/encryption.md).
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from msgspec import structs

from cloud.errors import InvalidFields
from cloud.finance.ingest import storage
from cloud.finance.ingest.answers import parsed
from cloud.finance.ingest.drafting import draft
from cloud.finance.ingest.errors import ConsentMissing, FileTooLarge
from cloud.finance.ingest.model import Message, Outcome, Source
from cloud.finance.ingest.outcomes import again, known_again, refusal, result
from cloud.finance.ingest.sources import of_file, of_message, without_content
from cloud.finance.messages.statement import STATEMENT_BYTES_MAX, read_statement
from cloud.finance.reading import Found, Reading, Refused, bookable
from cloud.finance.receipts.port import ReadsReceipts
from cloud.finance.sealed.envelope import sealed_row, with_envelope
from cloud.finance.sealed.model import Device, Envelope
from cloud.finance.sealed.service import DeviceKeys
from cloud.finance.transactions.model import SourceType, Transaction
from cloud.finance.transactions.service import BY_HAND, Transactions
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.profile import Profile
from cloud.kit.content_files import ContentFiles
from cloud.kit.store import ReadTx, Store
from shared.clock import Clock

logger = logging.getLogger(__name__)

UPLOAD_BYTES_MAX = 10 * 1_048_576
STATEMENT_LINES_MAX = 5_000
BOOKED_AT_ONCE = 100
"""Messages, payments or lines in one commit: others wait for the writer no longer than these take."""

_CONSENTS = {
    SourceType.GMAIL: "consent_gmail_ingest",
    SourceType.WHATSAPP: "consent_whatsapp_ingest",
    SourceType.UPI_FEED: "consent_upi_ingest",
    SourceType.SMS: "consent_sms_ingest",
}


class Categoriser(Protocol):
    """What purchases are for."""

    async def categories_of(self, person_id: int, readings: Sequence[Reading]) -> Sequence[Found[str]]:
        """One of the person's own names, or `Unknown`, for each reading, in order."""
        ...


class Home(NamedTuple):
    """Where a person lives and what they count in."""

    person_id: int
    zone: ZoneInfo
    currency: str
    locale: str


class Ingestion:
    """Every source's way in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        people: EmailSignIn,
        *,
        transactions: Transactions,
        categories: Categoriser,
        receipts: ReadsReceipts,
        device_keys: DeviceKeys,
        folder: Path,
        key: bytes,
    ) -> None:
        """`key` makes the digests of texts: without it nobody can try what a message may have said."""
        self._store = store
        self._clock = clock
        self._people = people
        self._transactions = transactions
        self._categories = categories
        self._receipts = receipts
        self._device_keys = device_keys
        self._folder = folder
        self._key = key

    def now_us(self) -> int:
        return self._clock.now_us()

    async def home(self, person_id: int, source_type: SourceType) -> Home:
        """What readers need to know of a person who lets this source be read.

        Raises:
            ConsentMissing: they do not.
        """
        async with self._store.read() as tx:
            profile = await self._people.profile_of(tx, person_id)
        flag = _CONSENTS.get(source_type)
        if flag is not None and not getattr(profile, flag):
            raise ConsentMissing(flag)
        return _home(person_id, profile)

    async def file(
        self,
        home: Home,
        content: bytes,
        *,
        source_type: SourceType,
        name: str | None = None,
        reference: str | None = None,
        metadata: str | None = None,
    ) -> Outcome:
        """A receipt as a picture or PDF, by its content.

        Raises:
            FileTooLarge
            ReaderUnavailable: nothing is wrong with the file.
        """
        if len(content) > UPLOAD_BYTES_MAX:
            raise FileTooLarge(UPLOAD_BYTES_MAX)
        source = of_file(
            content,
            person_id=home.person_id,
            source_type=source_type,
            now_us=self._clock.now_us(),
            name=name,
            reference=reference,
            metadata=metadata,
        )
        async with self._store.read() as tx:
            before = await self._first(tx, source)
        if before is not None:
            return before
        found = bookable(
            await self._receipts.read(
                content, timezone=home.zone, currency_hint=home.currency, locale=home.locale
            )
        )
        if isinstance(found, Refused):
            return refusal(found)
        files = self.files_of(home.person_id)
        if not await self._is_sealed(home.person_id):
            await files.put(content)
        (outcome,) = await self._booked(home, [(source, found)])
        if outcome.transaction is not None and outcome.transaction.encrypted_data is not None:
            await files.drop(source.sha256)  # the first device came meanwhile
        return outcome

    async def message(self, home: Home, message: Message, *, source_type: SourceType) -> Outcome:
        """As `messages`, one."""
        (outcome,) = await self.messages(home, [message], source_type=source_type)
        return outcome

    async def messages(
        self, home: Home, messages: Sequence[Message], *, source_type: SourceType
    ) -> list[Outcome]:
        """What became of each, in order; some in one commit."""
        outcomes: list[Outcome] = []
        for first in range(0, len(messages), BOOKED_AT_ONCE):
            some = [(one, bookable(one.found)) for one in messages[first : first + BOOKED_AT_ONCE]]
            readable = [
                (self._source_of(home, one, source_type), found)
                for one, found in some
                if isinstance(found, Reading)
            ]
            booked = iter(await self._booked(home, readable))
            for one, found in some:
                outcome = refusal(found) if isinstance(found, Refused) else next(booked)
                outcomes.append(structs.replace(outcome, number=one.number))
        return outcomes

    async def statement(self, person_id: int, content: bytes, *, name: str | None = None) -> list[Outcome]:
        """A bank statement, CSV or OFX, line by line; one that was cut short goes on where it stopped.

        Raises:
            FileTooLarge
            InvalidFields: no statement, or more lines than are taken at once.
        """
        if len(content) > STATEMENT_BYTES_MAX:
            raise FileTooLarge(STATEMENT_BYTES_MAX)
        home = await self.home(person_id, SourceType.STATEMENT)
        lines = await asyncio.to_thread(read_statement, content, zone=home.zone, currency=home.currency)
        if isinstance(lines, Refused):
            raise InvalidFields({"file": [lines.detail]})
        if len(lines) > STATEMENT_LINES_MAX:
            raise InvalidFields({"file": [f"At most {STATEMENT_LINES_MAX} lines; send it in parts"]})
        found = [(line.number, bookable(line.result)) for line in lines]
        readable = [(number, one) for number, one in found if isinstance(one, Reading)]
        refused = [refusal(one, number) for number, one in found if isinstance(one, Refused)]
        if not readable:
            return refused
        source = await self._statement_source(home, content, name)
        files = self.files_of(person_id)
        if source.kept:
            await files.put(content)
        booked = await self._lines(home, source, readable)
        async with self._store.read() as tx:
            now = await storage.source_like(tx, person_id, source.source_type, source.sha256)
        if now is not None and not now.kept:
            await files.drop(source.sha256)  # the first device came before the last line
        return sorted([*refused, *booked], key=lambda outcome: outcome.number or 0)

    async def record(
        self,
        person_id: int,
        reading: Reading,
        category: str | None,
        notes: str | None,
        envelope: Envelope | None = None,
    ) -> Transaction:
        """A purchase or income as the person tells it; None: filed as others are.

        `envelope` is what a device sealed of it.

        Raises:
            InvalidFields: the envelope is not whole, or not for the person's active devices.
        """
        home = await self.home(person_id, SourceType.MANUAL)
        filed = Found(category, BY_HAND) if category else await self._category(home, reading)
        now_us = self._clock.now_us()
        row = draft(
            reading,
            filed,
            person_id=person_id,
            source_type=SourceType.MANUAL,
            came_at_us=now_us,
            now_us=now_us,
            zone=home.zone,
        )
        row = structs.replace(row, ocr_confidence=None, notes=notes)
        async with self._store.write() as tx:
            if envelope is not None:
                await self._device_keys.check_sent(tx, person_id, envelope)
                row = with_envelope(row, envelope)
            elif devices := await self._device_keys.active(tx, person_id):
                row = sealed_row(row, devices, parsed(row))
            return await self._transactions.add(tx, row)

    def files_of(self, person_id: int) -> ContentFiles:
        """A folder of their own, so that what one person takes back another keeps."""
        return ContentFiles(self._folder / str(person_id))

    async def _statement_source(self, home: Home, content: bytes, name: str | None) -> Source:
        source = of_file(
            content,
            person_id=home.person_id,
            source_type=SourceType.STATEMENT,
            now_us=self._clock.now_us(),
            name=name,
        )
        async with self._store.write() as tx:
            known = await storage.source_like(tx, source.person_id, source.source_type, source.sha256)
            if known is not None:
                return known
            is_sealed = bool(await self._device_keys.active(tx, source.person_id))
            return await storage.insert_source(tx, without_content(source) if is_sealed else source)

    async def _lines(self, home: Home, source: Source, lines: Sequence[tuple[int, Reading]]) -> list[Outcome]:
        """What became of each. Where the statement came before, or comes twice at once, none is booked twice:
        rows of a source are its lines in order.
        """
        booked: list[Outcome] = []
        while left := lines[len(booked) :]:
            async with self._store.read() as tx:
                known = await self._transactions.of_source(tx, home.person_id, source.id, skip=len(booked))
            if not known:
                some = left[:BOOKED_AT_ONCE]
                filed = await self._categories.categories_of(home.person_id, [one for _, one in some])
                booked += await self._next_lines(home, source, len(booked), some, filed)
            booked += [
                known_again(source, row, number) for row, (number, _) in zip(known, left, strict=False)
            ]
        return booked

    async def _next_lines(
        self,
        home: Home,
        source: Source,
        booked: int,
        lines: Sequence[tuple[int, Reading]],
        filed: Sequence[Found[str]],
    ) -> list[Outcome]:
        """In one commit; none where somebody else booked them meanwhile."""
        async with self._store.write() as tx:
            if await self._transactions.of_source(tx, home.person_id, source.id, skip=booked):
                return []
            devices = await self._device_keys.active(tx, home.person_id)
            if devices and source.kept:
                await storage.forget_content(tx, without_content(source))
            rows = [
                self._row(home, source, reading, category, devices)
                for (_, reading), category in zip(lines, filed, strict=True)
            ]
            added = await self._transactions.add_all(tx, rows)
        return [
            result(source, row, reading, number) for (number, reading), row in zip(lines, added, strict=True)
        ]

    def _source_of(self, home: Home, message: Message, source_type: SourceType) -> Source:
        return of_message(
            message,
            person_id=home.person_id,
            source_type=source_type,
            now_us=self._clock.now_us(),
            key=self._key,
        )

    async def _first(self, tx: ReadTx, source: Source) -> Outcome | None:
        """What the same content came to when it came first."""
        known = await storage.source_like(tx, source.person_id, source.source_type, source.sha256)
        if known is None:
            return None
        rows = await self._transactions.of_source(tx, source.person_id, known.id)
        return known_again(known, rows[0])

    async def _booked(self, home: Home, told: Sequence[tuple[Source, Reading]]) -> list[Outcome]:
        """What became of each, in one commit; of one that came before, what it came to then."""
        known: dict[str, Outcome] = {}
        new: dict[str, tuple[Source, Reading]] = {}
        async with self._store.read() as tx:
            for source, reading in told:
                before = await self._first(tx, source)
                if before is not None:
                    known[source.sha256] = before
                else:
                    new.setdefault(source.sha256, (source, reading))
        outcomes = await self._new(home, list(new.values())) if new else []
        fresh = dict(zip(new, outcomes, strict=True))
        found = []
        for source, _ in told:
            outcome = known.get(source.sha256) or fresh.pop(source.sha256)
            known[source.sha256] = again(outcome)
            found.append(outcome)
        return found

    async def _new(self, home: Home, told: Sequence[tuple[Source, Reading]]) -> list[Outcome]:
        """Each once."""
        filed = await self._categories.categories_of(home.person_id, [reading for _, reading in told])
        before: list[Outcome | None] = []
        kept: list[tuple[Source, Reading]] = []
        rows: list[Transaction] = []
        async with self._store.write() as tx:
            devices = await self._device_keys.active(tx, home.person_id)
            for (source, reading), category in zip(told, filed, strict=True):
                before.append(await self._first(tx, source))  # it may have come twice at once
                if before[-1] is None:
                    stored = await storage.insert_source(tx, without_content(source) if devices else source)
                    kept.append((stored, reading))
                    whole = structs.replace(source, id=stored.id)
                    rows.append(self._row(home, whole, reading, category, devices))
            added = await self._transactions.add_all(tx, rows) if rows else []
        logger.info("sources read person_id=%d rows=%d", home.person_id, len(added))
        booked = iter(
            [result(source, row, reading) for (source, reading), row in zip(kept, added, strict=True)]
        )
        return [known or next(booked) for known in before]

    async def _category(self, home: Home, reading: Reading) -> Found[str]:
        (category,) = await self._categories.categories_of(home.person_id, [reading])
        return category

    async def _is_sealed(self, person_id: int) -> bool:
        async with self._store.read() as tx:
            return bool(await self._device_keys.active(tx, person_id))

    def _row(
        self,
        home: Home,
        source: Source,
        reading: Reading,
        category: Found[str],
        devices: Sequence[Device],
    ) -> Transaction:
        """Sealed to the devices, if there are any, with all that the source says."""
        row = draft(
            reading,
            category,
            person_id=home.person_id,
            source_type=source.source_type,
            source_id=source.id,
            came_at_us=source.received_at_us,
            now_us=self._clock.now_us(),
            zone=home.zone,
        )
        if devices:
            told = {"text": source.text, "file_name": source.name, "metadata": source.metadata}
            row = sealed_row(row, devices, parsed(row) | told)
        return row


def _home(person_id: int, profile: Profile) -> Home:
    return Home(person_id, ZoneInfo(profile.timezone), profile.currency, profile.locale)
