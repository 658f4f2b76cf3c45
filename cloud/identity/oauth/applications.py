"""The life of an application as its owner registers it: made, changed, its secret rotated, revoked."""

import logging
from collections.abc import Sequence

import msgspec
from msgspec import Struct, structs

from cloud.errors import InvalidFields, NotFound
from cloud.identity.model import Person
from cloud.identity.oauth import storage
from cloud.identity.oauth.model import Application, NewSecret
from cloud.identity.oauth.redirect_uris import redirect_uris_problem
from cloud.identity.scopes import CONSENTABLE, Scopes, text_of
from cloud.identity.token_hash import new_token, token_hash
from cloud.kit.store import ReadTx, Store, WriteTx
from shared.clock import Clock
from shared.ids import new_id
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

APPLICATIONS_MAX = 25
NAME_LENGTH_MAX = 60
SECRET_PREFIX = "tl_secret_"  # noqa: S105  it lets scanners find a leaked one
OVERLAP_S = 24 * 3_600
"""After a rotation the old secret still works for so long."""


class Carried(Struct, frozen=True, kw_only=True):
    """An application on its way from one database to another."""

    application: Application
    secret_hashes: Sequence[str]

    def __repr__(self) -> str:
        return f"Carried(client_id={self.application.client_id!r}, ***)"


class Applications:
    """The use cases of developers."""

    def __init__(self, store: Store, clock: Clock, *, id_prefix: str = "client") -> None:
        self._store = store
        self._clock = clock
        self._id_prefix = id_prefix

    async def register(
        self,
        owner: Person,
        *,
        name: str,
        is_confidential: bool,
        redirect_uris: Sequence[str],
        scopes: Scopes,
    ) -> NewSecret:
        """A new application, with a secret if it is confidential.

        Raises:
            InvalidFields: what does not hold, or too many applications.
        """
        application = Application(
            client_id=new_id(self._id_prefix, self._clock),
            owner_id=owner.id,
            name=name.strip(),
            is_confidential=is_confidential,
            redirect_uris=_json(redirect_uris),
            scopes=text_of(scopes),
            created_at_us=self._clock.now_us(),
        )
        _check(application)
        async with self._store.write() as tx:
            if len(await storage.applications_of(tx, owner.id)) >= APPLICATIONS_MAX:
                raise InvalidFields({"name": [f"At most {APPLICATIONS_MAX} applications; revoke one first"]})
            await storage.add_application(tx, application)
            secret = await self._new_secret(tx, application) if is_confidential else None
        logger.info("application registered client_id=%s owner_id=%d", application.client_id, owner.id)
        return NewSecret(application=application, secret=secret)

    async def applications_of(self, owner: Person) -> list[Application]:
        """Those that work, the newest first."""
        async with self._store.read() as tx:
            return await storage.applications_of(tx, owner.id)

    async def application(self, owner: Person, client_id: str) -> Application:
        """One of the owner's.

        Raises:
            NotFound: unknown, revoked or somebody else's.
        """
        async with self._store.read() as tx:
            return await _own(tx, owner, client_id)

    async def change(
        self, owner: Person, client_id: str, *, name: str, redirect_uris: Sequence[str], scopes: Scopes
    ) -> Application:
        """The application with another name, redirect URIs and scopes. What people allowed it stays.

        Raises:
            NotFound: unknown, revoked or somebody else's.
            InvalidFields: what does not hold; nothing is changed then.
        """
        async with self._store.write() as tx:
            known = await _own(tx, owner, client_id)
            changed = structs.replace(
                known, name=name.strip(), redirect_uris=_json(redirect_uris), scopes=text_of(scopes)
            )
            _check(changed)
            await storage.change_application(tx, changed)
        return changed

    async def rotate_secret(self, owner: Person, client_id: str) -> NewSecret:
        """A new secret; the old one works for another day.

        Raises:
            NotFound: unknown, revoked, somebody else's, or public and without a secret.
        """
        async with self._store.write() as tx:
            application = await _own(tx, owner, client_id)
            if not application.is_confidential:
                raise NotFound(f"application {client_id}: has no secret")
            until_us = self._clock.now_us() + OVERLAP_S * MICROS_PER_SECOND
            await storage.expire_secrets(tx, client_id, until_us)
            secret = await self._new_secret(tx, application)
        logger.info("application secret rotated client_id=%s", client_id)
        return NewSecret(application=application, secret=secret)

    async def revoke(self, owner: Person, client_id: str) -> None:
        """End the application and every token it has.

        Raises:
            NotFound: unknown, revoked or somebody else's.
        """
        async with self._store.write() as tx:
            await _own(tx, owner, client_id)
            await storage.revoke_application(tx, client_id, self._clock.now_us())
        logger.info("application revoked client_id=%s", client_id)

    async def carried(self, owner: Person) -> list[Carried]:
        """All that `bring` needs to have them work elsewhere."""
        async with self._store.read() as tx:
            return [
                Carried(
                    application=one,
                    secret_hashes=await storage.secret_hashes(tx, one.client_id, self._clock.now_us()),
                )
                for one in await storage.applications_of(tx, owner.id)
            ]

    async def bring(self, carried: Sequence[Carried]) -> None:
        """Applications that worked elsewhere, ids and secrets included; their owner has the same id here."""
        async with self._store.write() as tx:
            for one in carried:
                await storage.add_application(tx, one.application)
                for secret_hash in one.secret_hashes:
                    await storage.add_secret(
                        tx, one.application.client_id, secret_hash=secret_hash, now_us=self._clock.now_us()
                    )

    async def _new_secret(self, tx: WriteTx, application: Application) -> str:
        secret = SECRET_PREFIX + new_token()
        await storage.add_secret(
            tx, application.client_id, secret_hash=token_hash(secret), now_us=self._clock.now_us()
        )
        return secret


async def _own(tx: ReadTx, owner: Person, client_id: str) -> Application:
    found = await storage.application(tx, client_id)
    if found is None or found.owner_id != owner.id:
        raise NotFound(f"application {client_id}: unknown")
    return found


def _check(wish: Application) -> None:
    problems: dict[str, list[str]] = {}
    if not 1 <= len(wish.name) <= NAME_LENGTH_MAX or not wish.name.isprintable():
        problems["name"] = [f"Must be 1 to {NAME_LENGTH_MAX} printable characters"]
    problem = redirect_uris_problem(wish.redirect_uri_list, is_confidential=wish.is_confidential)
    if problem is not None:
        problems["redirect_uris"] = [problem]
    if not wish.scope_set:
        problems["scopes"] = ["Choose at least one"]
    elif not wish.scope_set <= CONSENTABLE:
        problems["scopes"] = ["No application may have admin"]
    if problems:
        raise InvalidFields(problems)


def _json(redirect_uris: Sequence[str]) -> str:
    return msgspec.json.encode(list(dict.fromkeys(redirect_uris))).decode()
