"""What applications get and use: codes, access and refresh tokens, and the person behind them.

A code or a refresh token that comes twice was stolen, from one side or the other: all that came of the same
consent ends.
"""

import hmac
import logging
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidGrantError, InvalidRequestError, OAuth2Error

from cloud.errors import BadRequest
from cloud.identity import storage as people
from cloud.identity.errors import TokenRefused
from cloud.identity.model import Person
from cloud.identity.oauth import storage
from cloud.identity.oauth.access_tokens import LIFE_S, Claims, OAuthTokens
from cloud.identity.oauth.authorization_server import (
    Answer,
    Issued,
    Known,
    Server,
    Wish,
    exchange,
    given_code,
    proven_client,
    wish_of,
)
from cloud.identity.oauth.client_request import ClientRequest, query_parameters
from cloud.identity.oauth.model import Application, Code, Grant, RefreshToken
from cloud.identity.oauth.storage import AllowedRow
from cloud.identity.principal import Credential, Principal
from cloud.identity.scopes import Scope, Scopes, role_scopes, scopes_of, text_of
from cloud.identity.token_hash import new_token, token_hash
from cloud.kit.store import ReadTx, Store, WriteTx
from shared.clock import Clock
from shared.ids import new_id
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

CODE_LIFE_S = 300
REFRESH_LIFE_S = 30 * 24 * 3_600
REFRESH_PREFIX = "tl_refresh_"
NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class AuthorizationRefused(BadRequest):
    """An authorization request that does not hold."""

    def __init__(self, message: str, location: str | None) -> None:
        super().__init__(message)
        self.location = location
        """Where the application is told; None where it is not known to be its address."""


class OAuth:
    """The use cases of applications and of people who let them in."""

    def __init__(self, store: Store, clock: Clock, tokens: OAuthTokens) -> None:
        self._store = store
        self._clock = clock
        self._tokens = tokens

    # The authorization endpoint

    async def wish(self, query: str) -> Wish:
        """What an application asks a person for; `query` is the request's, as it came.

        Raises:
            AuthorizationRefused: it does not hold.
        """
        async with self._store.read() as tx:
            return await self._wish(tx, query)

    async def allow(self, person: Person, query: str) -> str:
        """Where the person who agreed goes, with a code.

        Raises:
            AuthorizationRefused: the request does not hold.
        """
        async with self._store.write() as tx:
            wish = await self._wish(tx, query)
            role = role_scopes(is_admin=person.is_admin)
            given = given_code(Known(application=wish.application, role=role), query_parameters(query))
            expires_at_us = self._clock.now_us() + CODE_LIFE_S * MICROS_PER_SECOND
            grant = self._new_grant(wish.application, person.id, given.scopes & role, expires_at_us)
            code = Code(
                code_hash=token_hash(given.code),
                redirect_uri=given.redirect_uri,
                code_challenge=given.code_challenge,
                expires_at_us=expires_at_us,
            )
            await storage.add_grant(tx, grant)
            await storage.add_code(tx, grant.id, code)
        logger.info("application let in client_id=%s person_id=%d", grant.client_id, person.id)
        return self._back(wish.redirect_uri, [("code", given.code)], wish.state)

    async def deny(self, query: str) -> str:
        """Where the person who refused goes.

        Raises:
            AuthorizationRefused: the request does not hold.
        """
        wish = await self.wish(query)
        error = AccessDeniedError()
        told = [("error", str(error.error)), ("error_description", str(error.description))]
        return self._back(wish.redirect_uri, told, wish.state)

    async def _wish(self, tx: ReadTx, query: str) -> Wish:
        state: str | None = None
        try:
            parameters = query_parameters(query)
            state = parameters.first.get("state")
            application = await storage.application(tx, parameters.first.get("client_id", ""))
            return wish_of(Known(application=application), parameters)
        except OAuth2Error as error:
            message = error.get_error_description() or str(error.error)
            location = None
            if error.redirect_uri:
                told = [("error", str(error.error)), ("error_description", message)]
                location = self._back(error.redirect_uri, told, state)
            raise AuthorizationRefused(message, location) from None

    def _back(self, redirect_uri: str, told: list[tuple[str, str]], state: str | None) -> str:
        """With `iss`, so that a client of several servers knows who answers (RFC 9207)."""
        told = [*told, ("iss", self._tokens.issuer)]
        return str(add_params_to_uri(redirect_uri, told if state is None else [*told, ("state", state)]))

    # The endpoints of clients

    async def token(self, asked: ClientRequest) -> Answer:
        """The answer to a token request, good or bad."""
        async with self._store.write() as tx:
            known = await self._known(tx, asked)
            grant = known.grant or self._own_grant(known)
            refresh_token = REFRESH_PREFIX + new_token()

            def mint(issued: Issued) -> dict[str, Any]:
                assert grant is not None  # noqa: S101  nothing is issued for nobody
                access_token = self._tokens.make(
                    grant, issued.scopes, jti=new_id("at", self._clock), now_us=known.now_us
                )
                texts = {"access_token": access_token}
                return texts | ({"refresh_token": refresh_token} if issued.with_refresh_token else {})

            answer, server = exchange(known, asked.parameters, mint)
            if server.issued is not None and grant is not None:
                await self._write_issued(tx, known, grant, server.issued, refresh_token)
            elif grant is not None and _came_twice(known, server):
                await storage.revoke_grant(tx, grant.id, known.now_us)
                logger.warning("code or refresh token used again, grant revoked grant_id=%s", grant.id)
        return answer

    async def revoke(self, asked: ClientRequest) -> Answer:
        """End the grant that a token belongs to, all its tokens with it; silently for an unknown token.

        Raises:
            OAuth2Error: not a client's, or another client's token.
        """
        async with self._store.write() as tx:
            application = proven_client(await self._known(tx, asked))
            grant, _ = await self._grant_of_token(tx, _token_in(asked))
            if grant is not None:
                if grant.client_id != application.client_id:
                    raise InvalidGrantError("The token is another client's.")
                await storage.revoke_grant(tx, grant.id, self._clock.now_us())
        return 200, {}, NOT_KEPT

    async def introspect(self, asked: ClientRequest) -> Answer:
        """What a token of the client's own says; of others, only that they are not active.

        Raises:
            OAuth2Error: not a confidential client's.
        """
        now_us = self._clock.now_us()
        async with self._store.read() as tx:
            known = await self._known(tx, asked)
            application = proven_client(known)
            if not application.is_confidential:
                raise InvalidRequestError("Only a client with a secret may introspect tokens.")
            grant, found = await self._grant_of_token(tx, _token_in(asked))
        if grant is None or grant.client_id != application.client_id or grant.revoked_at_us is not None:
            return 200, {"active": False}, NOT_KEPT
        shown = {
            "active": True,
            "client_id": grant.client_id,
            "sub": f"usr_{grant.person_id}",
            "iss": self._tokens.issuer,
        }
        if isinstance(found, Claims):
            scope = text_of(found.scopes & grant.scope_set)
            times = {"iat": found.issued_at_s, "exp": found.expires_at_s}
            return 200, shown | {"token_type": "Bearer", "scope": scope} | times, NOT_KEPT
        if found is None or found.used_at_us is not None or found.expires_at_us <= now_us:
            return 200, {"active": False}, NOT_KEPT
        exp = found.expires_at_us // MICROS_PER_SECOND
        return 200, shown | {"token_type": "refresh_token", "scope": grant.scopes, "exp": exp}, NOT_KEPT

    async def client_owner(self, asked: ClientRequest) -> Person | None:
        """Whose application proves itself by a secret here; None for any other request."""
        async with self._store.read() as tx:
            known = await self._known(tx, asked)
            if known.application is None or not known.secret_is_right:
                return None
            return await people.person_by_id(tx, known.application.owner_id)

    # Whoever acts by a token, and what people see of it

    async def principal(self, token: str) -> Principal:
        """The person in whose name an access token acts: with the scopes asked for, allowed, and theirs.

        Raises:
            TokenRefused: malformed, expired or revoked.
        """
        claims = self._tokens.read(token, self._clock.now_us())
        async with self._store.read(brief=True) as tx:
            grant = await storage.grant(tx, claims.grant_id)
            person = None if grant is None else await people.person_by_id(tx, grant.person_id)
        if grant is None or person is None or grant.revoked_at_us is not None:
            raise TokenRefused("the access token was revoked")
        return Principal(
            person=person,
            scopes=claims.scopes & grant.scope_set & role_scopes(is_admin=person.is_admin),
            credential=Credential.OAUTH,
            credential_id=grant.client_id,
        )

    async def allowed_by(self, person: Person) -> list[AllowedRow]:
        """The applications that a person let in, each once, the newest first."""
        async with self._store.read() as tx:
            rows = await storage.allowed_by(tx, person.id, self._clock.now_us())
        return list({row.client_id: row for row in reversed(rows)}.values())[::-1]

    async def readers_of(self, tx: ReadTx, person_id: int, scope: Scope) -> list[str]:
        """The applications that a person lets read this now, by client id."""
        rows = await storage.allowed_by(tx, person_id, self._clock.now_us())
        return sorted({row.client_id for row in rows if scope in scopes_of(row.scopes)})

    async def withdraw(self, person: Person, client_id: str) -> None:
        """End all that the person allowed the application; silently where there is nothing."""
        async with self._store.write() as tx:
            await storage.revoke_grants(tx, client_id, person.id, self._clock.now_us())

    async def forget_ended(self) -> int:
        """Drop grants of which no token can work any more; how many went."""
        async with self._store.write() as tx:
            return await storage.forget_ended(tx, self._clock.now_us())

    async def _known(self, tx: ReadTx, asked: ClientRequest) -> Known:
        now_us = self._clock.now_us()
        application = await storage.application(tx, asked.client_id or "")
        hashes = [] if application is None else await storage.secret_hashes(tx, application.client_id, now_us)
        sent_hash = token_hash(asked.client_secret or "")
        known = Known(
            application=application,
            secret_came=asked.client_secret is not None,
            secret_is_right=any(hmac.compare_digest(sent_hash, known) for known in hashes),
            now_us=now_us,
        )
        return await self._with_grant(tx, known, asked)

    async def _with_grant(self, tx: ReadTx, known: Known, asked: ClientRequest) -> Known:
        code: Code | None = None
        refresh_token: RefreshToken | None = None
        grant: Grant | None = None
        grant_type = asked.parameters.get("grant_type")
        if grant_type == "authorization_code":
            found = await storage.grant_of_code(tx, token_hash(asked.parameters.get("code", "")))
            code, grant = found or (None, None)
        elif grant_type == "refresh_token":
            text = asked.parameters.get("refresh_token", "")
            held = await storage.grant_of_refresh_token(tx, token_hash(text))
            refresh_token, grant = held or (None, None)
        owner_id = known.application.owner_id if known.application is not None else None
        person_id = owner_id if grant is None else grant.person_id
        person = None if person_id is None else await people.person_by_id(tx, person_id)
        return Known(
            application=known.application,
            secret_came=known.secret_came,
            secret_is_right=known.secret_is_right,
            code=code,
            refresh_token=refresh_token,
            grant=grant,
            role=frozenset() if person is None else role_scopes(is_admin=person.is_admin),
            now_us=known.now_us,
        )

    def _new_grant(self, application: Application, person_id: int, scopes: Scopes, ends_at_us: int) -> Grant:
        return Grant(
            id=new_id("grant", self._clock),
            client_id=application.client_id,
            person_id=person_id,
            scopes=text_of(scopes),
            created_at_us=self._clock.now_us(),
            ends_at_us=ends_at_us,
        )

    def _own_grant(self, known: Known) -> Grant | None:
        """What an application is allowed in its owner's name, as long as the token it asks for lives."""
        if known.application is None:
            return None
        ends_at_us = known.now_us + LIFE_S * MICROS_PER_SECOND
        application = known.application
        return self._new_grant(application, application.owner_id, application.scope_set, ends_at_us)

    async def _write_issued(
        self, tx: WriteTx, known: Known, grant: Grant, issued: Issued, refresh_token: str
    ) -> None:
        if known.grant is None:
            await storage.add_grant(tx, grant)
        if known.code is not None:
            await storage.use_code(tx, known.code.code_hash, known.now_us)
        if known.refresh_token is not None:
            await storage.use_refresh_token(tx, known.refresh_token.token_hash, known.now_us)
        if issued.with_refresh_token:
            row = RefreshToken(
                token_hash=token_hash(refresh_token),
                expires_at_us=known.now_us + REFRESH_LIFE_S * MICROS_PER_SECOND,
            )
            await storage.add_refresh_token(tx, grant.id, row)

    async def _grant_of_token(
        self, tx: ReadTx, token: str
    ) -> tuple[Grant | None, RefreshToken | Claims | None]:
        held = await storage.grant_of_refresh_token(tx, token_hash(token))
        if held is not None:
            return held[1], held[0]
        try:
            claims = self._tokens.read(token, self._clock.now_us())
        except TokenRefused:
            return None, None
        return await storage.grant(tx, claims.grant_id), claims


def _token_in(asked: ClientRequest) -> str:
    if "token" not in asked.parameters:
        raise InvalidRequestError("Missing 'token' in request.")
    return asked.parameters["token"]


def _came_twice(known: Known, server: Server) -> bool:
    """Whether the right client sent what it used before."""
    if not server.is_proven or known.grant is None or known.application is None:
        return False
    used = [known.code, known.refresh_token]
    return known.grant.client_id == known.application.client_id and any(
        token is not None and token.used_at_us is not None for token in used
    )
