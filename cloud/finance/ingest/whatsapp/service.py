"""What is done with a message from a phone, and what is answered. Answers are for the phone's owner alone."""

import hashlib
import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from msgspec import Struct

from cloud.errors import CloudError
from cloud.finance.anomalies.explanation import Manner
from cloud.finance.ingest.errors import ConsentMissing, FileTooLarge, NotFromTwilio, NotSetUp
from cloud.finance.ingest.model import Message, Outcome, Status
from cloud.finance.ingest.service import UPLOAD_BYTES_MAX, Home, Ingestion
from cloud.finance.ingest.whatsapp import storage
from cloud.finance.ingest.whatsapp.media import Media
from cloud.finance.ingest.whatsapp.periods import covered_us
from cloud.finance.messages.command import Confirm, Help, Link, Period, Reject, Summary, read_command
from cloud.finance.messages.note import read_note
from cloud.finance.reading import Direction
from cloud.finance.transactions.filters import Filter
from cloud.finance.transactions.model import SourceType, Transaction
from cloud.finance.transactions.service import Decision, Transactions
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.identity.service import Identity
from cloud.kit.store import Store
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

CODE_LIFE = timedelta(minutes=10)
CODE_LENGTH = 8
_LETTERS = "ACDEFGHJKLMNPQRTUVWXY"
_DIGITS = "34679"
MEDIA_MAX = 10
TEXT_LENGTH_MAX = 4_096

HELP = (
    "Send a photo of a receipt, or tell me what you paid: paid 250 to Ravi for lunch.\n"
    "yes or no: confirm or reject the last one; yes 12 or no 12: that number.\n"
    "summary: what you spent this month; also summary today, last week, this year."
)
UNLINKED = "This phone is not linked. Ask for a code in your account, then send: link CODE"
_NO_CODE = "This code is unknown, used or expired. Ask for a new one in your account."
_NO_CONSENT = "Your account does not let me read WhatsApp messages. Allow it in your account first."
_NOTHING_ASKED = "I asked about nothing. Send yes or no with the number of a transaction."
_LINKED = "This phone is linked. " + HELP


class LinkCode(NamedTuple):
    """Shown in the account, to be sent from the phone."""

    code: str
    number: str
    """Whom to send it to."""
    expires_at_us: int


class Inbound(Struct, frozen=True, kw_only=True):
    """A message as Twilio passes it on."""

    sid: str
    phone: str
    """E.164."""
    text: str
    media_urls: Sequence[str] = ()


class WhatsApp:
    """Linked phones and their messages."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        identity: Identity,
        people: EmailSignIn,
        *,
        ingestion: Ingestion,
        transactions: Transactions,
        media: Media | None,
        number: str | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._people = people
        self._ingestion = ingestion
        self._transactions = transactions
        self._media = media
        self._number = number

    async def new_code(self, person: Person) -> LinkCode:
        """Replaces the one before.

        Raises:
            NotSetUp
            ConsentMissing
        """
        if self._number is None:
            raise NotSetUp("whatsapp", "twilio_account_sid")
        await self._ingestion.home(person.id, SourceType.WHATSAPP)
        code = _new_code()
        expires_at_us = self._clock.now_us() + int(CODE_LIFE.total_seconds()) * MICROS_PER_SECOND
        async with self._store.write() as tx:
            await storage.set_code(tx, person.id, _hash(code), expires_at_us)
        return LinkCode(code, self._number, expires_at_us)

    async def phones(self, person: Person) -> list[str]:
        async with self._store.read() as tx:
            return [one.phone for one in await storage.phones_of(tx, person.id)]

    async def unlink(self, person: Person) -> int:
        """All of the person's phones; how many."""
        async with self._store.write() as tx:
            return await storage.unlink(tx, person.id)

    async def answer(self, message: Inbound) -> str:
        """What to say to the phone."""
        command = read_command(message.text)
        if isinstance(command, Link) and not message.media_urls:
            return await self._link(message.phone, command.code)
        async with self._store.read() as tx:
            phone = await storage.phone(tx, message.phone)
        if phone is None:
            return UNLINKED
        try:
            home = await self._ingestion.home(phone.person_id, SourceType.WHATSAPP)
        except ConsentMissing:
            return _NO_CONSENT
        manner = Manner(home.locale, home.currency, home.zone)
        if message.media_urls:
            return await self._files(phone, home, manner, message)
        match command:
            case Help():
                return HELP
            case Summary(period=period):
                return await self._summary(home, manner, period)
            case Confirm(transaction_id=number):
                return await self._decide(phone, manner, number, confirmed=True)
            case Reject(transaction_id=number):
                return await self._decide(phone, manner, number, confirmed=False)
            case _:
                return await self._note(phone, home, manner, message)

    async def close(self) -> None:
        if self._media is not None:
            await self._media.close()

    async def _link(self, number: str, code: str) -> str:
        async with self._store.write() as tx:
            person_id = await storage.take_code(tx, _hash(code), self._clock.now_us())
            if person_id is None:
                return _NO_CODE
            await storage.link(tx, number, person_id, self._clock.now_us())
        logger.info("phone linked person_id=%d", person_id)
        return _LINKED

    async def _note(self, phone: storage.Phone, home: Home, manner: Manner, message: Inbound) -> str:
        text = message.text[:TEXT_LENGTH_MAX]
        found = read_note(text, sent_at_us=self._clock.now_us(), zone=home.zone, currency=home.currency)
        told = Message(text=text, found=found, reference=message.sid, identity=message.sid)
        outcome = await self._ingestion.message(home, told, source_type=SourceType.WHATSAPP)
        return await self._told(phone, manner, outcome)

    async def _files(self, phone: storage.Phone, home: Home, manner: Manner, message: Inbound) -> str:
        replies = []
        for url in message.media_urls[:MEDIA_MAX]:
            try:
                content = await self._fetched(url)
                outcome = await self._ingestion.file(
                    home, content, source_type=SourceType.WHATSAPP, reference=message.sid
                )
            except (NotFromTwilio, FileTooLarge) as error:
                logger.warning("media refused error=%s", error)
                replies.append("This file cannot be taken: pictures and PDF of at most 10 MB.")
            except CloudError as error:
                logger.warning("media not read error=%s", error)
                replies.append("This file cannot be read now. Please send it again later.")
            else:
                replies.append(await self._told(phone, manner, outcome))
        return "\n\n".join(replies)

    async def _fetched(self, url: str) -> bytes:
        if self._media is None:
            raise NotSetUp("whatsapp", "twilio_account_sid")
        return await self._media.fetch(url, bytes_max=UPLOAD_BYTES_MAX)

    async def _told(self, phone: storage.Phone, manner: Manner, outcome: Outcome) -> str:
        row = outcome.transaction
        if row is None:
            return f"Not booked: {outcome.message}"
        if outcome.status is Status.DUPLICATE and row.merged_into is None:
            return f"I have this already: {_line(row, manner)}."
        asked = row.merged_into or row.transaction_id
        async with self._store.write() as tx:
            await storage.set_asked(tx, phone.phone, asked)
        if row.merged_into is not None:
            return f"{_line(row, manner)}: the same purchase as {asked}, so it counts once."
        warning = f" Unusual: {row.anomaly_reason}." if row.flagged else ""
        return f"Booked as {asked}: {_line(row, manner)}.{warning} Right? yes or no"

    async def _decide(
        self, phone: storage.Phone, manner: Manner, number: int | None, *, confirmed: bool
    ) -> str:
        transaction_id = phone.asked_about if number is None else number
        if transaction_id is None:
            return _NOTHING_ASKED
        async with self._store.read() as tx:
            person = await self._identity.person(tx, phone.person_id)
        try:
            row = await self._transactions.decide(person, transaction_id, Decision(confirmed=confirmed))
        except CloudError as error:
            return error.message
        word = "Confirmed" if confirmed else "Rejected, it counts nowhere"
        return f"{word}: {_line(row, manner)}."

    async def _summary(self, home: Home, manner: Manner, period: Period) -> str:
        start_us, end_us = covered_us(period, self._clock.now_us(), home.zone)
        async with self._store.read() as tx:
            person = await self._identity.person(tx, home.person_id)
        found = await self._transactions.figures(person, Filter(start_us=start_us, end_us=end_us))

        def amount(minor: int, currency: str = found.currency) -> str:
            return manner.amount(minor, currency)

        lines = [
            f"You spent {amount(found.spent.amount_minor)} {period} ({found.spent.transactions} purchases)."
        ]
        lines += [f"{name}: {amount(minor)}" for name, minor in list(found.by_category.items())[:8]]
        if found.received.transactions:
            lines.append(f"Received: {amount(found.received.amount_minor)}")
        lines += [
            f"Also {amount(spent.amount_minor, code)} spent in {code}"
            for code, (spent, _) in found.other_currencies.items()
            if spent.transactions
        ]
        return "\n".join(lines)


def _line(row: Transaction, manner: Manner) -> str:
    word = "received" if row.direction is Direction.CREDIT else "spent"
    where = f" at {row.merchant_name_raw}" if row.merchant_name_raw else ""
    return f"{manner.amount(row.amount_minor, row.currency)} {word}{where}, {row.category}"


def _new_code() -> str:
    """Letters and digits that no eye confuses, at least one of each, so that it reads as a code."""
    letters = [secrets.choice(_LETTERS + _DIGITS) for _ in range(CODE_LENGTH - 2)]
    return secrets.choice(_LETTERS) + "".join(letters) + secrets.choice(_DIGITS)


def _hash(code: str) -> str:
    return hashlib.sha256(code.upper().encode()).hexdigest()
