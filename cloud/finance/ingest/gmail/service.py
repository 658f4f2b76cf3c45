"""A mailbox is connected by its person, looked through once, and then followed by its history.

Mails are read one at a time, as long as the person lets us. A mail that is booked comes in once, by its id.
How far we are is written when all is read, so after a crash, or where receipts cannot be read for now, mails
come again: those booked are passed over, and reading the others again changes nothing.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
from typing import NamedTuple

from cloud.finance.ingest.errors import (
    ConnectRefused,
    ConsentMissing,
    GmailNotConnected,
    NeighbourFailed,
    NotSetUp,
)
from cloud.finance.ingest.gmail import storage
from cloud.finance.ingest.gmail.api import AccessRevoked, GmailApi, HistoryGone, MailIds
from cloud.finance.ingest.gmail.storage import Account, Visit
from cloud.finance.ingest.model import Message, Status
from cloud.finance.ingest.service import UPLOAD_BYTES_MAX, Home, Ingestion
from cloud.finance.messages.mail import read_mail
from cloud.finance.messages.mime import Mail, parse_mail
from cloud.finance.reading import Reading, Refusal, Refused
from cloud.finance.receipts.port import ReaderUnavailable
from cloud.finance.transactions.model import SourceType
from cloud.identity.model import Person
from cloud.kit.content_files import media_type_of
from cloud.kit.sealing import Seal
from cloud.kit.store import Store
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

VISIT_S = 15 * 60
SYNC_EVERY_S = 10 * 60
RETRY_S_MAX = 6 * 3_600
ACCOUNTS_AT_ONCE = 5
FIRST_MAILS_MAX = 2_000
"""Of the first look through a mailbox."""
FIRST_QUERY = (
    "newer_than:90d {receipt invoice order payment paid debited credited spent refund booking statement"
    " transaction purchase}"
)
"""Mails that may tell a purchase, in Gmail's own search words."""
ATTACHMENTS_MAX = 3
TEXT_KEPT_MAX = 20_000

_WITH_A_FILE = frozenset({Refusal.NO_AMOUNT, Refusal.NO_MOVEMENT, Refusal.UNCLEAR})
"""Why a mail's text says nothing though its attachment may."""


class Begun(NamedTuple):
    """A way to Google. `browser` is for a cookie of the browser that asked."""

    auth_url: str
    browser: str


class Gmail:
    """Mailboxes that people connected."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ingestion: Ingestion,
        api: GmailApi | None,
        seal: Seal,
        *,
        redirect_uri: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ingestion = ingestion
        self._api = api
        self._seal = seal
        self._redirect_uri = redirect_uri
        self._reading = asyncio.Lock()

    async def begin(self, person: Person) -> Begun:
        """Send somebody to Google.

        Raises:
            NotSetUp
            ConsentMissing
        """
        api = self._set_up()
        await self._ingestion.home(person.id, SourceType.GMAIL)
        state, browser, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        visit = Visit(person_id=person.id, browser_hash=_hash(browser), verifier=self._seal.close(verifier))
        now_us = self._clock.now_us()
        async with self._store.write() as tx:
            await storage.begin_visit(tx, _hash(state), visit, now_us + VISIT_S * MICROS_PER_SECOND, now_us)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        url = api.consent_url(redirect_uri=self._redirect_uri, state=state, challenge=challenge)
        return Begun(url, browser)

    async def finish(
        self, state: str, code: str, *, browser: str | None = None, person: Person | None = None
    ) -> None:
        """Back from Google, in the browser that went or in the name of the person who did.

        Raises:
            ConnectRefused: the state is none, or of somebody else.
            NeighbourFailed
        """
        api = self._set_up()
        async with self._store.write() as tx:
            visit = await storage.end_visit(tx, _hash(state), self._clock.now_us())
        same_browser = browser is not None and visit is not None and _is_hash(visit.browser_hash, browser)
        same_person = person is not None and visit is not None and visit.person_id == person.id
        if visit is None or not (same_browser or same_person):
            raise ConnectRefused
        verifier = self._seal.open(visit.verifier)
        try:
            tokens = await api.tokens_of_code(code, verifier=verifier, redirect_uri=self._redirect_uri)
        except AccessRevoked:
            raise ConnectRefused from None
        if tokens.refresh_token is None:
            raise NeighbourFailed("Google: no refresh token; remove our access at Google and connect again")
        async with self._store.write() as tx:
            await storage.connect(
                tx, visit.person_id, self._seal.close(tokens.refresh_token), self._clock.now_us()
            )
        logger.info("mailbox connected person_id=%d", visit.person_id)

    async def account(self, person: Person) -> Account | None:
        """None: not connected."""
        async with self._store.read() as tx:
            return await storage.account(tx, person.id)

    async def disconnect(self, person: Person) -> None:
        """Forget how to get in; what was read stays.

        Raises:
            GmailNotConnected
        """
        async with self._store.write() as tx:
            if await storage.disconnect(tx, person.id) == 0:
                raise GmailNotConnected

    async def sync_due(self) -> None:
        """A job: read what is new in some mailboxes that are due."""
        if self._api is None:
            return
        async with self._reading:
            async with self._store.read() as tx:
                accounts = await storage.due(tx, self._clock.now_us(), ACCOUNTS_AT_ONCE)
            for account in accounts:
                await self._sync(self._api, account)

    async def close(self) -> None:
        if self._api is not None:
            await self._api.close()

    def _set_up(self) -> GmailApi:
        if self._api is None:
            raise NotSetUp("gmail", "google_client_id")
        return self._api

    async def _sync(self, api: GmailApi, account: Account) -> None:
        """One mailbox; whatever goes wrong with it holds up no other."""
        try:
            await self._home(account)
            access_token = await api.refreshed(self._seal.open(account.refresh_token))
            if account.history_id is None:
                await self._look_through(api, account, access_token)
            else:
                await self._follow(api, account, access_token, account.history_id)
        except ConsentMissing:
            await self._failed(account, SYNC_EVERY_S)
        except HistoryGone:
            await self._reached(account, None, due_in_s=0)
        except AccessRevoked:
            logger.info("mailbox closed to us person_id=%d", account.person_id)
            await self._failed(account, None)
        except (NeighbourFailed, ReaderUnavailable) as error:
            logger.warning("mailbox not read person_id=%d error=%s", account.person_id, error)
            await self._failed(account, _retry_s(account))
        except Exception:
            logger.exception("mailbox not read person_id=%d", account.person_id)
            await self._failed(account, _retry_s(account))

    async def _home(self, account: Account) -> Home:
        """Asked before each mail: reading may take long, and the person may take their word back meanwhile.

        Raises:
            ConsentMissing
            AccessRevoked: the mailbox is disconnected, or was connected anew.
        """
        async with self._store.read() as tx:
            known = await storage.account(tx, account.person_id)
        if known is None or known.refresh_token != account.refresh_token:
            raise AccessRevoked
        return await self._ingestion.home(account.person_id, SourceType.GMAIL)

    async def _look_through(self, api: GmailApi, account: Account, access_token: str) -> None:
        """The first time. What comes meanwhile is in the history from before."""
        history_id = await api.history_id(access_token)
        page, seen = None, 0
        unread: ReaderUnavailable | None = None
        while seen < FIRST_MAILS_MAX:
            found = await api.search(access_token, FIRST_QUERY, page)
            unread = await self._take(api, account, access_token, found) or unread
            seen += len(found.ids)
            page = found.next_page
            if page is None:
                break
        if unread is not None:
            raise unread
        await self._reached(account, history_id)

    async def _follow(self, api: GmailApi, account: Account, access_token: str, history_id: str) -> None:
        page: str | None = None
        unread: ReaderUnavailable | None = None
        while True:
            found = await api.added_since(access_token, history_id, page)
            unread = await self._take(api, account, access_token, found) or unread
            page = found.next_page
            if page is None:
                if unread is not None:
                    raise unread
                await self._reached(account, found.history_id or history_id)
                return

    async def _take(
        self, api: GmailApi, account: Account, access_token: str, found: MailIds
    ) -> ReaderUnavailable | None:
        """Why some of them could not be read now; the others are in."""
        async with self._store.read() as tx:
            known = await storage.known_references(tx, account.person_id, found.ids)
        emails = transactions = 0
        unread: ReaderUnavailable | None = None
        for id_ in found.ids:
            if id_ in known:
                continue
            home = await self._home(account)
            received = await api.mail(access_token, id_)
            if received is None:
                continue
            try:
                transactions += await self._mail(home, id_, received.content, received.received_at_us)
                emails += 1
            except ReaderUnavailable as error:
                unread = error
        async with self._store.write() as tx:
            await storage.count(tx, account, emails=emails, transactions=transactions)
        return unread

    async def _mail(self, home: Home, id_: str, content: bytes, received_at_us: int) -> int:
        """How many transactions it told. One that no reader stands holds up no other."""
        try:
            mail, found = await asyncio.to_thread(_read, home, content, received_at_us)
        except Exception as error:  # noqa: BLE001  whatever strangers can write; its text may hold theirs
            logger.warning(
                "mail passed over person_id=%d id=%s error=%s", home.person_id, id_, type(error).__name__
            )
            return 0
        if mail is None:
            return 0
        if isinstance(found, Refused) and found.reason in _WITH_A_FILE:
            return await self._attachments(home, id_, mail)
        text = f"{mail.subject}\n\n{mail.text}"[:TEXT_KEPT_MAX]
        told = Message(text=text, found=found, reference=id_, identity=id_)
        outcome = await self._ingestion.message(home, told, source_type=SourceType.GMAIL)
        return int(outcome.status is not Status.REFUSED)

    async def _attachments(self, home: Home, id_: str, mail: Mail) -> int:
        """Receipts as files: a shop's PDF beside a mail without a figure.

        The last one carries the mail's id, by which it is known: a crash before it loses none of the others.
        """
        told = 0
        files = [
            one
            for one in mail.attachments
            if media_type_of(one.data) is not None and len(one.data) <= UPLOAD_BYTES_MAX
        ][:ATTACHMENTS_MAX]
        for number, file in enumerate(files, 1):
            outcome = await self._ingestion.file(
                home,
                file.data,
                source_type=SourceType.GMAIL,
                name=file.name[:200] or None,
                reference=id_ if number == len(files) else f"{id_}/{number}",
            )
            told += outcome.status is not Status.REFUSED
        return told

    async def _reached(self, account: Account, history_id: str | None, due_in_s: int = SYNC_EVERY_S) -> None:
        now_us = self._clock.now_us()
        async with self._store.write() as tx:
            await storage.reached(
                tx,
                account,
                history_id=history_id,
                now_us=now_us,
                due_at_us=now_us + due_in_s * MICROS_PER_SECOND,
            )

    async def _failed(self, account: Account, due_in_s: int | None) -> None:
        due_at_us = None
        if due_in_s is not None:
            due_at_us = self._clock.now_us() + due_in_s * MICROS_PER_SECOND
        async with self._store.write() as tx:
            await storage.failed(tx, account, due_at_us)


def _read(home: Home, content: bytes, received_at_us: int) -> tuple[Mail | None, Reading | Refused]:
    """None for what is no mail that can be opened."""
    mail = parse_mail(content)
    if isinstance(mail, Refused):
        return None, mail
    return mail, read_mail(mail, received_at_us=received_at_us, zone=home.zone, currency=home.currency)


def _retry_s(account: Account) -> int:
    return min(RETRY_S_MAX, 60 << min(account.failures, 10))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _is_hash(known: str, secret: str) -> bool:
    return hmac.compare_digest(known, _hash(secret))
