"""A new password: by whoever knows the old one, or with a one-use code that an administrator made.

There is no mail server, so the administrator hands the code over. Either way every other sign-in ends.
"""

import hashlib
import logging
import secrets

from cloud.errors import BadRequest, InvalidFields
from cloud.identity import storage
from cloud.identity.email_sign_in import EmailSession
from cloud.identity.errors import ResetRefused, WrongPassword
from cloud.identity.model import Person
from cloud.identity.passwords import Passwords
from cloud.identity.registration import PASSWORD_LENGTH_MIN
from cloud.identity.service import Identity
from cloud.identity.storage import EmailLogin
from cloud.identity.tokens import EMAIL_LIFE_S
from cloud.kit.store import Store, WriteTx
from shared.clock import Clock

logger = logging.getLogger(__name__)

RESET_LIFE_S = 24 * 3_600


class PasswordChange:
    """The use cases of changing a password."""

    def __init__(self, store: Store, clock: Clock, identity: Identity, passwords: Passwords) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._passwords = passwords

    async def change(self, person: Person, old: str, new: str) -> EmailSession:
        """The only sign-in that is left afterwards.

        Raises:
            InvalidFields: the new one is too short.
            BadRequest: the person has no password, for they come by wallet.
            WrongPassword: the old one is another.
        """
        _check(new)
        async with self._store.read() as tx:
            login = await storage.email_login_of(tx, person.id)
        if login is None:
            raise BadRequest("old_password: this account has none; link an email to it first")
        if not await self._passwords.matches(login.password_hash, old):
            raise WrongPassword("old_password: is another")
        password_hash = await self._passwords.hash(new)
        async with self._store.write() as tx:
            if await storage.email_login_of(tx, person.id) != login:
                raise WrongPassword("old_password: was changed meanwhile")
            session = await self._set(tx, person, login, password_hash)
        logger.info("password changed person_id=%d", person.id)
        return session

    async def make_reset(self, who: str) -> tuple[Person, str]:
        """A code with which the person may set a password within a day; for the command line only.

        It takes the place of an earlier one. `who`: a wallet, email or `usr_…`.

        Raises:
            UnknownPerson: nobody signed up so.
            BadRequest: more than one person by this email, or the person has no email.
        """
        code = secrets.token_urlsafe(24)
        async with self._store.write() as tx:
            person = await self._identity.known(tx, who)
            if await storage.email_login_of(tx, person.id) is None:
                raise BadRequest(f"{who}: comes by wallet and has no password")
            expires_at_us = self._clock.now_us() + RESET_LIFE_S * 1_000_000
            await storage.put_reset(tx, person.id, code_hash=_hash(code), expires_at_us=expires_at_us)
        logger.info("password reset made person_id=%d", person.id)
        return person, code

    async def reset(self, code: str, new: str) -> EmailSession:
        """The only sign-in that is left afterwards; the code is spent.

        Raises:
            InvalidFields: the new one is too short; the code stays good.
            ResetRefused: the code is unknown, used or expired.
        """
        _check(new)
        async with self._store.read() as tx:
            self._resettable(await storage.reset_row(tx, _hash(code)))
        password_hash = await self._passwords.hash(new)
        async with self._store.write() as tx:
            row = self._resettable(await storage.reset_row(tx, _hash(code)))
            person = await self._identity.person(tx, row.person_id)
            login = await storage.email_login_of(tx, person.id)
            assert login is not None  # noqa: S101  a code is made for nobody else, and emails stay
            session = await self._set(tx, person, login, password_hash)
        logger.info("password reset person_id=%d", person.id)
        return session

    def _resettable(self, row: storage.ResetRow | None) -> storage.ResetRow:
        if row is None or row.expires_at_us <= self._clock.now_us():
            raise ResetRefused("code: unknown, used or expired; ask your administrator for another")
        return row

    async def _set(self, tx: WriteTx, person: Person, login: EmailLogin, password_hash: str) -> EmailSession:
        await storage.set_password(tx, person.id, password_hash)
        await storage.drop_reset(tx, person.id)
        await self._identity.end_sign_ins(tx, person)
        claims = await self._identity.open_sign_in(tx, person)
        return EmailSession(
            access_token=self._identity.access_token(claims, life_s=EMAIL_LIFE_S),
            person_id=person.id,
            user_type=login.user_type,
        )


def _check(new: str) -> None:
    if len(new) < PASSWORD_LENGTH_MIN:
        raise InvalidFields({"new_password": [f"Password must be at least {PASSWORD_LENGTH_MIN} characters"]})


def _hash(code: str) -> str:
    """What is stored of a code: 192 random bits need no slow hash."""
    return hashlib.sha256(code.encode()).hexdigest()
