"""Questions answered, sessions that follow-ups refer to, and what a person asked to be remembered."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, structs

from cloud.errors import InvalidFields
from cloud.finance.anomalies.explanation import Manner, explain
from cloud.finance.anomalies.service import Anomalies
from cloud.finance.chat import storage
from cloud.finance.chat.answers import say
from cloud.finance.chat.conversation import polite, refusal
from cloud.finance.chat.discretion import NOT_KEPT, nameless
from cloud.finance.chat.errors import ForeignSession, NoSuchSession, TooMuchToRemember
from cloud.finance.chat.exact import Asked, bounds, is_exact, problems
from cloud.finance.chat.lookup import DOCUMENTS_MAX, Lookup
from cloud.finance.chat.model import MEMORIES_MAX, PREFERRED_NAME, Memory, Message, Role, Session
from cloud.finance.chat.names import Known, Names
from cloud.finance.chat.query import Intent, Measure, Query, Selection, Talk, Unclear
from cloud.finance.chat.relevance import confidence, relevance
from cloud.finance.chat.spans import TooLong, whole_time
from cloud.finance.chat.times import Today
from cloud.finance.chat.understanding import understood
from cloud.finance.sealed.service import DeviceKeys
from cloud.finance.transactions.errors import NoSuchTransaction
from cloud.finance.transactions.model import Transaction
from cloud.finance.transactions.service import Transactions
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.identity.profile import Profile
from cloud.kit.store import ReadTx, Store, WriteTx
from shared.clock import Clock, from_micros

LOOKUP_MAX = 100


class Document(NamedTuple):
    """A transaction that an answer rests on."""

    transaction: Transaction
    relevance: float
    """0 to 1."""


class Answer(Struct, frozen=True, kw_only=True):
    """What is said, and what it rests on."""

    text: str
    intent: Intent
    ids: Sequence[int] = ()
    confidence: float = 0.0
    """0 to 1: how sure it is that these transactions are the ones meant, and read right."""
    documents: Sequence[Document] = ()
    names: Sequence[str] = ()
    """Of the person's categories and merchants."""
    query: Query | None = None
    """To which the next question may refer."""


class Said(NamedTuple):
    """An answer as it is kept."""

    session_id: int
    message_id: int
    answer: Answer
    at_us: int


class Rephraser(Protocol):
    """Says an answer in other words, or gives it back."""

    async def rephrased(self, question: str, answer: str, names: Iterable[str]) -> str:
        """The same facts; `answer` itself where it fails. `names`: those that may stand in it."""
        ...


class Chat:
    """One person's questions about their own transactions."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        people: EmailSignIn,
        *,
        transactions: Transactions,
        anomalies: Anomalies,
        device_keys: DeviceKeys,
        rephraser: Rephraser | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._transactions = transactions
        self._anomalies = anomalies
        self._device_keys = device_keys
        self._rephraser = rephraser

    async def start(self, person: Person, metadata: dict[str, object]) -> Session:
        """A new session."""
        async with self._store.write() as tx:
            return await self._new_session(tx, person, msgspec.json.encode(metadata).decode())

    async def ask(self, person: Person, text: str, session_id: int | None) -> Said:
        """The answer, kept with the question; without a session a new one is begun.

        Of somebody with devices that seal, neither is kept: a question may name what is sealed.

        Raises:
            NoSuchSession, ForeignSession
        """
        async with self._store.read() as tx:
            session = None if session_id is None else await self._session(tx, person, session_id)
            answer, told = await self._answer(tx, person, text, session)
            seals = bool(await self._device_keys.active(tx, person.id))
        if answer.query is not None and answer.query.measure is Measure.WHY:
            answer = await self._why(person, answer)
        if self._rephraser is not None and answer.documents and not seals:
            wording = await self._rephraser.rephrased(text, answer.text, answer.names)
            answer = structs.replace(answer, text=wording)
        async with self._store.write() as tx:
            if session_id is not None:
                session = await self._session(tx, person, session_id)
            return await self._keep(tx, person, session, text, answer, told)

    async def history(self, person: Person, session_id: int) -> list[Message]:
        """What was said in a session, from the beginning.

        Raises:
            NoSuchSession, ForeignSession
        """
        async with self._store.read() as tx:
            await self._session(tx, person, session_id)
            return await storage.messages(tx, session_id)

    async def remember(self, person: Person, key: str, value: str, source: str) -> Memory:
        """The newest word on a key counts.

        Raises:
            TooMuchToRemember
        """
        async with self._store.write() as tx:
            known = await storage.memories(tx, person.id)
            if len(known) >= MEMORIES_MAX and all(memory.key != key for memory in known):
                raise TooMuchToRemember(MEMORIES_MAX)
            return await storage.remember(tx, person.id, key, value, source, self._clock.now_us())

    async def look_up(self, person: Person, asked: Asked) -> list[tuple[Transaction, bool]]:
        """Up to a hundred that fit, the newest first, and whether each needs no tolerance.

        Raises:
            InvalidFields: what cannot be looked up.
        """
        zone = ZoneInfo((await self._people.profile(person)).timezone)
        wrong = problems(asked)
        if wrong:
            raise InvalidFields(wrong)
        try:
            wanted = bounds(asked, zone)
        except OverflowError:
            raise InvalidFields({"date": ["Outside of the calendar"]}) from None
        async with self._store.read() as tx:
            rows = await storage.exact(tx, person.id, wanted, limit=LOOKUP_MAX)
        return [(row, is_exact(row, asked, zone)) for row in rows]

    async def _answer(
        self, tx: ReadTx, person: Person, text: str, session: Session | None
    ) -> tuple[Answer, Talk | None]:
        profile = await self._people.profile_of(tx, person.id)
        zone = ZoneInfo(profile.timezone)
        manner = Manner(profile.locale, profile.currency, zone)
        now = from_micros(self._clock.now_us()).astimezone(zone).date()
        memories = {memory.key: memory.value for memory in await storage.memories(tx, person.id)}
        known = await self._known(tx, person, profile)
        previous = None if session is None else _query_of(session)
        today = Today(now, is_indian=_is_indian(profile), is_month_first=_is_month_first(profile))
        meant = await asyncio.to_thread(_understood, text, known, today, profile.currency, previous)
        if isinstance(meant, Talk):
            text = polite(meant, memories, known.categories)
            return Answer(text=text, intent=Intent.CONVERSATIONAL, confidence=1.0, query=previous), meant
        if isinstance(meant, Unclear):
            return Answer(text=refusal(meant), intent=Intent.UNKNOWN, query=previous), None
        if meant.measure is Measure.WHY:
            return await self._flagged(tx, person, meant, session, zone), None
        names = [*known.categories, *(merchant.name for merchant in known.merchants)]
        return structs.replace(await self._found(tx, person, meant, manner, zone, now), names=names), None

    async def _found(
        self, tx: ReadTx, person: Person, query: Query, manner: Manner, zone: ZoneInfo, now: date
    ) -> Answer:
        lookup = Lookup(tx, person.id, zone=zone, home=manner.currency, today=now)
        try:
            found = await lookup.find(query)
        except TooLong as error:
            return Answer(text=refusal(Unclear(str(error))), intent=Intent.UNKNOWN)
        documents = [
            Document(row, relevance(row, side.selection))
            for side in found.sides
            for row in side.rows[:DOCUMENTS_MAX]
        ]
        return Answer(
            text=say(found, manner),
            intent=query.intent,
            ids=list(dict.fromkeys(one for side in found.sides for one in side.ids)),
            confidence=confidence([side.selection for side in found.sides], [d.relevance for d in documents]),
            documents=documents[: 2 * DOCUMENTS_MAX],
            query=query,
        )

    async def _flagged(
        self, tx: ReadTx, person: Person, query: Query, session: Session | None, zone: ZoneInfo
    ) -> Answer:
        """The one that is meant: by its number, by what is told of it, or the one shown last."""
        wanted = query.selections[0]
        shown = [] if session is None else msgspec.json.decode(session.last_ids, type=list[int])
        chosen = wanted.transaction_id
        if chosen is None and wanted == Selection() and shown:
            rows = [await self._transactions.of(tx, person.id, one) for one in shown[:DOCUMENTS_MAX]]
            chosen = next((row.transaction_id for row in rows if row.flagged), shown[0])
        if chosen is None:
            found = await storage.rows(
                tx,
                person.id,
                structs.replace(wanted, flagged=True),
                whole_time(zone, wanted.period),
                order="newest",
                limit=1,
            )
            chosen = found[0].transaction_id if found else None
        if chosen is None:
            return Answer(text="I found no flagged transaction like that.", intent=Intent.EXACT_LOOKUP)
        return Answer(text="", intent=Intent.EXACT_LOOKUP, ids=[chosen], query=query)

    async def _why(self, person: Person, answer: Answer) -> Answer:
        if not answer.ids:
            return structs.replace(answer, query=None)
        try:
            told = await self._anomalies.explained(person, answer.ids[0])
        except NoSuchTransaction:
            text = f"You have no transaction {answer.ids[0]}."
            return Answer(text=text, intent=Intent.EXACT_LOOKUP)
        profile = told.profile
        manner = Manner(profile.locale, profile.currency, ZoneInfo(profile.timezone))
        text = explain(told.transaction, told.evidence, manner, forest_installed=told.forest_installed)
        documents = [Document(told.transaction, 1.0)]
        return structs.replace(answer, text=text, confidence=1.0, documents=documents)

    async def _known(self, tx: ReadTx, person: Person, profile: Profile) -> Known:
        filed = await storage.categories(tx, person.id)
        return Known(
            categories=tuple(dict.fromkeys([*profile.categories, *filed])),
            merchants=tuple(await storage.merchants(tx, person.id)),
        )

    async def _keep(
        self,
        tx: WriteTx,
        person: Person,
        session: Session | None,
        text: str,
        answer: Answer,
        told: Talk | None,
    ) -> Said:
        now_us = self._clock.now_us()
        if session is None:
            session = await self._new_session(tx, person, "{}")
        if told is not None and told.kind == "name_told" and told.name is not None:
            await storage.remember(tx, person.id, PREFERRED_NAME, told.name, Role.USER.value, now_us)
        elif told is not None and told.kind == "name_forgotten":
            await storage.forget(tx, person.id, PREFERRED_NAME)
        query, question, said = answer.query, text, answer.text
        if await self._device_keys.active(tx, person.id):
            query, question, said = nameless(query), NOT_KEPT, NOT_KEPT
        shown = [document.transaction.transaction_id for document in answer.documents]
        await storage.set_context(
            tx,
            session.id,
            None if query is None else msgspec.json.encode(query).decode(),
            msgspec.json.encode(shown).decode() if shown else session.last_ids,
            now_us,
        )
        await storage.add_message(tx, session.id, Role.USER, question, now_us)
        message_id = await storage.add_message(tx, session.id, Role.ASSISTANT, said, now_us)
        return Said(session.id, message_id, answer, now_us)

    async def _new_session(self, tx: WriteTx, person: Person, metadata: str) -> Session:
        return await storage.add_session(tx, person.id, metadata, self._clock.now_us())

    async def _session(self, tx: ReadTx, person: Person, session_id: int) -> Session:
        found = await storage.session(tx, session_id)
        if found is None:
            raise NoSuchSession(session_id)
        if found.person_id != person.id:
            raise ForeignSession(session_id)
        return found


def _understood(
    text: str, known: Known, today: Today, home: str, previous: Query | None
) -> Query | Talk | Unclear:
    """In a thread: people with thousands of merchants would hold others up."""
    return understood(text, Names(known), today, home, previous)


def _query_of(session: Session) -> Query | None:
    try:
        return None if session.last_query is None else msgspec.json.decode(session.last_query, type=Query)
    except msgspec.DecodeError:  # kept by an older version
        return None


def _is_indian(profile: Profile) -> bool:
    return profile.locale.endswith("-IN") or ("-" not in profile.locale and profile.currency == "INR")


def _is_month_first(profile: Profile) -> bool:
    return profile.locale.endswith("-US") or ("-" not in profile.locale and profile.currency == "USD")
