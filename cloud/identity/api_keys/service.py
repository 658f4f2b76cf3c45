"""The life of an API key: made, shown once, used, rotated, revoked."""

import logging

from msgspec import Struct

from cloud.errors import InvalidFields, NotFound, Unauthenticated
from cloud.identity import storage as people
from cloud.identity.api_keys import storage
from cloud.identity.api_keys.key import BEGINNING_LENGTH, Mode, mode_of, new_key
from cloud.identity.api_keys.storage import KeyRow
from cloud.identity.model import Person
from cloud.identity.principal import Credential, Principal
from cloud.identity.scopes import Scopes, role_scopes, scopes_of, text_of
from cloud.identity.token_hash import token_hash
from cloud.kit.store import Store, WriteTx
from shared.clock import Clock
from shared.ids import new_id
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

KEYS_MAX = 50
NAME_LENGTH_MAX = 60
OVERLAP_S = 24 * 3_600
"""After a rotation the old key still works for so long."""
_USE_NOTED_EVERY_US = 3_600 * MICROS_PER_SECOND


class KeyRefused(Unauthenticated):
    """Malformed, unknown, revoked, expired, or of the other side."""


class NewKey(Struct, frozen=True, kw_only=True):
    """A key at the only moment it can be read."""

    text: str
    row: KeyRow

    def __repr__(self) -> str:
        return f"NewKey(id={self.row.id!r}, ***)"


class ApiKeys:
    """The use cases of API keys."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create(self, person: Person, *, name: str, scopes: Scopes, mode: Mode = Mode.LIVE) -> NewKey:
        """A new key of the person.

        Raises:
            InvalidFields: no name, no scope, a scope that the person does not have, or too many keys.
        """
        problems: dict[str, list[str]] = {}
        if not 1 <= len(name.strip()) <= NAME_LENGTH_MAX:
            problems["name"] = [f"Must be 1 to {NAME_LENGTH_MAX} characters"]
        if not scopes:
            problems["scopes"] = ["Choose at least one"]
        elif not scopes <= _allowed(person, mode):
            problems["scopes"] = ["Not yours to give"]
        if problems:
            raise InvalidFields(problems)
        async with self._store.write() as tx:
            if len(await storage.of_person(tx, person.id, self._clock.now_us())) >= KEYS_MAX:
                raise InvalidFields({"name": [f"At most {KEYS_MAX} keys; revoke one first"]})
            made = await self._add(tx, person.id, name.strip(), text_of(scopes), mode)
        logger.info("api key made id=%s person_id=%d mode=%s", made.row.id, person.id, mode)
        return made

    async def keys_of(self, person: Person) -> list[KeyRow]:
        """Those that work, the newest first."""
        async with self._store.read() as tx:
            return await storage.of_person(tx, person.id, self._clock.now_us())

    async def rotate(self, person: Person, key_id: str) -> NewKey:
        """A new key in the old one's place; the old one works for another day.

        Raises:
            NotFound: no such key of this person, or it was revoked.
        """
        async with self._store.write() as tx:
            row = await self._working(tx, person, key_id)
            await storage.expire(tx, row.id, self._clock.now_us() + OVERLAP_S * MICROS_PER_SECOND)
            made = await self._add(tx, person.id, row.name, row.scopes, row.mode)
        logger.info("api key rotated id=%s new_id=%s", key_id, made.row.id)
        return made

    async def revoke(self, person: Person, key_id: str) -> None:
        """The key works no more, from now on.

        Raises:
            NotFound: no such key of this person, or it was revoked.
        """
        async with self._store.write() as tx:
            row = await self._working(tx, person, key_id)
            await storage.revoke(tx, row.id, self._clock.now_us())
        logger.info("api key revoked id=%s", key_id)

    async def principal(self, text: str, *, mode: Mode = Mode.LIVE) -> Principal:
        """The key's owner with what the key and their role allow.

        Raises:
            KeyRefused: the key does not work, or not on this side.
        """
        sent = mode_of(text)
        if sent is None:
            raise KeyRefused("X-API-Key: not an API key; a character is missing or wrong")
        if sent is not mode:
            raise KeyRefused(f"X-API-Key: a {sent} key; this side takes {mode} keys only")
        now_us = self._clock.now_us()
        async with self._store.read(brief=True) as tx:
            row = await storage.by_hash(tx, token_hash(text))
            person = None if row is None else await people.person_by_id(tx, row.person_id)
        if row is None or person is None or not _works(row, now_us):
            raise KeyRefused("X-API-Key: unknown, revoked or expired")
        if row.used_at_us is None or row.used_at_us <= now_us - _USE_NOTED_EVERY_US:
            async with self._store.write() as tx:
                await storage.note_use(tx, row.id, now_us)
        return Principal(
            person=person,
            scopes=scopes_of(row.scopes) & _allowed(person, mode),
            credential=Credential.API_KEY,
            credential_id=row.id,
        )

    async def _add(self, tx: WriteTx, person_id: int, name: str, scopes: str, mode: Mode) -> NewKey:
        text = new_key(mode)
        row = KeyRow(
            id=new_id("key", self._clock),
            person_id=person_id,
            name=name,
            mode=mode,
            beginning=text[:BEGINNING_LENGTH],
            scopes=scopes,
            created_at_us=self._clock.now_us(),
            used_at_us=None,
            expires_at_us=None,
            revoked_at_us=None,
        )
        await storage.add(tx, row, key_hash=token_hash(text))
        return NewKey(text=text, row=row)

    async def _working(self, tx: WriteTx, person: Person, key_id: str) -> KeyRow:
        row = await storage.by_id(tx, person.id, key_id)
        if row is None or not _works(row, self._clock.now_us()):
            raise NotFound(f"API key {key_id}: unknown")
        return row


def _allowed(person: Person, mode: Mode) -> Scopes:
    """In a sandbox its owner is an administrator."""
    return role_scopes(is_admin=person.is_admin or mode is Mode.TEST)


def _works(row: KeyRow, now_us: int) -> bool:
    return row.revoked_at_us is None and (row.expires_at_us is None or row.expires_at_us > now_us)
