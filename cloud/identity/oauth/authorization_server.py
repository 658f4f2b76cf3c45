"""Authlib's grants over what was looked up for them: a request in, an answer and what to write out.

Authlib calls for rows and saves them while it decides, and cannot await. So the service looks up everything a
request can refer to, and writes what was decided, in one transaction; nothing here knows a store or a clock.
"""

import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import OAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge
from msgspec import Struct

from cloud.identity.oauth.access_tokens import LIFE_S
from cloud.identity.oauth.client_request import Parameters
from cloud.identity.oauth.model import Application, Code, Grant, RefreshToken
from cloud.identity.scopes import CONSENTABLE, Scope, Scopes, scopes_of, text_of

logging.getLogger("authlib").setLevel(logging.INFO)  # at debug it would write tokens

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")

Answer = tuple[int, dict[str, Any], Mapping[str, str]]
"""Status, body, headers."""


class Known(Struct, frozen=True, kw_only=True):
    """What a request refers to, as far as it exists."""

    application: Application | None = None
    secret_is_right: bool = False
    """False as well where none came."""
    secret_came: bool = False
    code: Code | None = None
    refresh_token: RefreshToken | None = None
    grant: Grant | None = None
    """Of the code or the refresh token."""
    role: Scopes = frozenset()
    """What the person may do in whose name the token shall act."""
    now_us: int = 0


class Issued(Struct, frozen=True, kw_only=True):
    """Tokens that were promised: the access token's scopes, and whether a refresh token goes with it."""

    scopes: Scopes
    with_refresh_token: bool


class Given(Struct, frozen=True, kw_only=True):
    """A code that a person gave."""

    code: str
    redirect_uri: str
    code_challenge: str | None
    scopes: Scopes

    def __repr__(self) -> str:
        return f"Given(redirect_uri={self.redirect_uri!r}, ***)"


Mint = Callable[[Issued], dict[str, Any]]
"""The texts of promised tokens, as they stand in the answer."""


class _Payload(OAuth2Payload):
    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    @property
    def data(self) -> dict[str, str]:
        return self._parameters.first

    @property
    def datalist(self) -> Any:
        return self._parameters.every


class _Request(OAuth2Request):
    def __init__(self, method: str, parameters: Parameters) -> None:
        # Whether the transport is safe is not read off this address: the service may stand behind a proxy.
        super().__init__(method, "https://service.invalid/")
        self.payload: _Payload = _Payload(parameters)

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data


class _Client:
    """An application in Authlib's words."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def get_client_id(self) -> str:
        return self.application.client_id

    def get_default_redirect_uri(self) -> None:
        """None: a request must say where it wants to go back to."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What of it a person can be asked for; None: nothing."""
        asked = self.application.scope_set if scope is None else scopes_of(scope)
        return text_of(asked & self.application.scope_set & CONSENTABLE) or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self.application.has_redirect_uri(redirect_uri)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in GRANT_TYPES and (
            self.application.is_confidential or grant_type != "client_credentials"
        )


class _CodeInWords:
    """An authorization code in Authlib's words."""

    def __init__(self, code: Code, scopes: Scopes) -> None:
        self.code_challenge = code.code_challenge
        self.code_challenge_method = "S256"
        self._redirect_uri = code.redirect_uri
        self._scopes = scopes

    def get_redirect_uri(self) -> str:
        return self._redirect_uri

    def get_scope(self) -> str:
        return text_of(self._scopes)


class _RefreshTokenInWords:
    def __init__(self, client_id: str, scopes: Scopes) -> None:
        self._client_id = client_id
        self._scopes = scopes

    def check_client(self, client: _Client) -> bool:
        return client.get_client_id() == self._client_id

    def get_scope(self) -> str:
        return text_of(self._scopes)


class Server(AuthorizationServer):
    """One request's server."""

    def __init__(self, known: Known, mint: Mint | None = None) -> None:
        super().__init__(scopes_supported=list(Scope))
        self.known = known
        self.issued: Issued | None = None
        self.given: Given | None = None
        self.is_proven = False
        """Whether the client is who it says."""
        self._mint = mint
        self.register_grant(_ByCode, [_S256(required=True)])
        self.register_grant(_ByRefreshToken)
        self.register_grant(_ByClient)

    def query_client(self, client_id: str) -> Any:
        application = self.known.application
        if application is None or application.client_id != client_id:
            return None
        return _Client(application)

    def authenticate_client(self, request: Any, methods: Any, endpoint: str = "token") -> Any:  # noqa: ARG002
        """The client, by its secret or, where it is public, by its name alone."""
        application = self.known.application
        if application is None or self.known.secret_came != application.is_confidential:
            raise InvalidClientError("The client is unknown or did not prove itself.", status_code=401)
        if application.is_confidential and not self.known.secret_is_right:
            raise InvalidClientError("The client is unknown or did not prove itself.", status_code=401)
        request.auth_method = "client_secret_post" if application.is_confidential else "none"
        self.is_proven = True
        return _Client(application)

    def generate_token(
        self,
        grant_type: Any,  # noqa: ARG002
        client: Any,
        user: Any = None,  # noqa: ARG002
        scope: Any = None,
        expires_in: Any = None,  # noqa: ARG002
        include_refresh_token: bool = True,
    ) -> dict[str, Any]:
        asked = client.application.scope_set if scope is None else scopes_of(scope)
        scopes = asked & client.application.scope_set & CONSENTABLE & self.known.role
        if not scopes:
            raise InvalidScopeError
        self.issued = Issued(scopes=scopes, with_refresh_token=include_refresh_token)
        assert self._mint is not None  # noqa: S101  the token endpoint has one
        return {
            "access_token": "",
            "token_type": "Bearer",
            "expires_in": LIFE_S,
            **self._mint(self.issued),
            "scope": text_of(scopes),
        }

    def save_token(self, token: Any, request: Any) -> None:
        """The service writes what was issued."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Any:
        return status, body, dict(headers)


class _ByCode(AuthorizationCodeGrant):
    server: Server

    def query_authorization_code(self, code: str, client: Any) -> _CodeInWords | None:  # noqa: ARG002
        known = self.server.known
        if known.code is None or known.grant is None or known.grant.revoked_at_us is not None:
            return None
        if known.grant.client_id != client.get_client_id():
            return None
        if known.code.used_at_us is not None or known.code.expires_at_us <= known.now_us:
            return None
        return _CodeInWords(known.code, known.grant.scope_set)

    def authenticate_user(self, authorization_code: Any) -> Any:  # noqa: ARG002
        return self.server.known.grant

    def save_authorization_code(self, code: str, request: Any) -> None:
        self.server.given = Given(
            code=code,
            redirect_uri=request.payload.redirect_uri,
            code_challenge=request.payload.data.get("code_challenge"),
            scopes=scopes_of(request.scope),
        )

    def delete_authorization_code(self, authorization_code: Any) -> None:
        """The service marks it as used, so that a second use is seen."""


class _ByRefreshToken(RefreshTokenGrant):
    server: Server
    TOKEN_ENDPOINT_AUTH_METHODS: Sequence[str] = ("client_secret_basic", "client_secret_post", "none")
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Any:  # noqa: ARG002
        known = self.server.known
        if known.refresh_token is None or known.grant is None or known.grant.revoked_at_us is not None:
            return None
        if known.refresh_token.used_at_us is not None or known.refresh_token.expires_at_us <= known.now_us:
            return None
        return _RefreshTokenInWords(known.grant.client_id, known.grant.scope_set)

    def authenticate_user(self, refresh_token: Any) -> Any:  # noqa: ARG002
        return self.server.known.grant

    def revoke_old_credential(self, refresh_token: Any) -> None:
        """The service marks it as used, so that a second use is seen."""


class _ByClient(ClientCredentialsGrant):
    server: Server


class _S256(CodeChallenge):
    """PKCE with S256 alone, asked of public clients at the first step already."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]  # noqa: RUF012  Authlib's declaration
    DEFAULT_CODE_CHALLENGE_METHOD = "S256"

    def validate_code_challenge(self, grant: Any, redirect_uri: Any) -> None:
        sent = grant.request.payload.data
        if "code_challenge" not in sent and not grant.request.client.application.is_confidential:
            raise InvalidRequestError("A public client must send a code_challenge.")
        if "code_challenge" in sent and sent.get("code_challenge_method") != "S256":
            raise InvalidRequestError("The code_challenge_method must be S256.")
        super().validate_code_challenge(grant, redirect_uri)


def _is_verified(code_verifier: str, code_challenge: str) -> bool:
    expected: str = create_s256_code_challenge(code_verifier)  # type: ignore[no-untyped-call]
    return hmac.compare_digest(expected.encode(), code_challenge.encode())


_S256.CODE_CHALLENGE_METHODS = {"S256": _is_verified}


def exchange(known: Known, parameters: dict[str, str], mint: Mint) -> tuple[Answer, Server]:
    """The token endpoint's answer, and the server that tells what was issued."""
    server = Server(known, mint)
    answer: Any = server.create_token_response(_Request("POST", Parameters.once(parameters)))
    return answer, server


class Wish(Struct, frozen=True, kw_only=True):
    """An authorization request that holds: what a person is asked."""

    application: Application
    scopes: Scopes
    redirect_uri: str
    state: str | None


def wish_of(known: Known, parameters: Parameters) -> Wish:
    """What an authorization request asks for.

    Raises:
        OAuth2Error: it does not hold; `redirect_uri` is set where the application may be told.
    """
    _, grant = _authorization(known, parameters)
    assert known.application is not None  # noqa: S101  the request named it and holds
    return Wish(
        application=known.application,
        scopes=scopes_of(grant.request.scope),
        redirect_uri=grant.redirect_uri,
        state=parameters.first.get("state"),
    )


def given_code(known: Known, parameters: Parameters) -> Given:
    """The code of a person who agreed.

    Raises:
        OAuth2Error: as `wish_of`.
    """
    server, grant = _authorization(known, parameters)
    grant.create_authorization_response(grant.redirect_uri, known.role)
    assert server.given is not None  # noqa: S101  it saves the code it gives
    return server.given


def _authorization(known: Known, parameters: Parameters) -> tuple[Server, Any]:
    server = Server(known)
    try:
        return server, server.get_consent_grant(_Request("GET", parameters))  # type: ignore[no-untyped-call]
    except ValueError as error:  # Authlib quotes what was sent where RFC 6749 allows no quotes
        raise InvalidRequestError("The request cannot be read.") from error


def proven_client(known: Known) -> Application:
    """The client of a revocation or introspection.

    Raises:
        InvalidClientError: it did not prove itself.
    """
    server = Server(known)
    client: _Client = server.authenticate_client(_Request("POST", Parameters.once({})), ())
    return client.application
