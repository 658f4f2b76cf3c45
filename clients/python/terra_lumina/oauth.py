"""OAuth 2.0 for applications that act for their users: the code flow with PKCE (RFC 6749, 7636, 9207)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
from msgspec import Struct

from terra_lumina.errors import OAuthError, UnexpectedAnswerError

RENEWED_BEFORE_END_S = 30.0
"""A token is renewed while it still works for so long, so that it does not end on its way."""


class Token(Struct, frozen=True, kw_only=True):
    """Keep it as secretly as a password."""

    access_token: str
    expires_at: float
    """Epoch seconds."""
    refresh_token: str | None = None
    scope: str = ""

    def __repr__(self) -> str:
        return f"Token(expires_at={self.expires_at}, scope={self.scope!r}, ***)"

    def is_ending(self, now_s: float) -> bool:
        return now_s >= self.expires_at - RENEWED_BEFORE_END_S


class AuthorizationRequest(Struct, frozen=True, kw_only=True):
    """Where to send the person, and what to keep in their session until they come back."""

    url: str
    state: str
    code_verifier: str

    def __repr__(self) -> str:
        return "AuthorizationRequest(***)"


class OAuthApp(Struct, frozen=True, kw_only=True):
    """An application as it was registered."""

    client_id: str
    redirect_uri: str
    client_secret: str | None = None
    """None: a public client, which keeps no secret."""
    authorize_url: str = "https://terralumina.org/oauth/authorize"

    def __repr__(self) -> str:
        return f"OAuthApp(client_id={self.client_id!r}, ***)"

    def authorization_request(self, scopes: Iterable[str]) -> AuthorizationRequest:
        """A new one for each person and try."""
        verifier = secrets.token_urlsafe(48)
        state = secrets.token_urlsafe(24)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return AuthorizationRequest(
            url=f"{self.authorize_url}?{urlencode(query)}", state=state, code_verifier=verifier
        )

    def code_of(self, callback_url: str, request: AuthorizationRequest) -> str:
        """The code that a person came back with.

        Raises:
            OAuthError: they refused, or they did not come back from this request.
        """
        sent = {name: values[0] for name, values in parse_qs(urlsplit(callback_url).query).items()}
        if not hmac.compare_digest(sent.get("state", "").encode(), request.state.encode()):
            raise OAuthError("invalid_state", "the answer belongs to another request")
        if "error" in sent:
            raise OAuthError(sent["error"], sent.get("error_description"))
        if "code" not in sent:
            raise OAuthError("invalid_response", "there is no code")
        return sent["code"]

    def exchange_form(self, code: str, code_verifier: str) -> dict[str, str]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": code_verifier,
        }
        return form | self._client()

    def refresh_form(self, token: Token) -> dict[str, str]:
        """Raises:
        OAuthError: it cannot be renewed.
        """
        if token.refresh_token is None:
            raise OAuthError("invalid_grant", "the token has ended, and there is no refresh token")
        return {"grant_type": "refresh_token", "refresh_token": token.refresh_token} | self._client()

    def revoke_form(self, token: Token) -> dict[str, str]:
        """With the refresh token all that came of the same consent ends."""
        return {"token": token.refresh_token or token.access_token} | self._client()

    def _client(self) -> dict[str, str]:
        secret = {} if self.client_secret is None else {"client_secret": self.client_secret}
        return {"client_id": self.client_id} | secret


class _Issued(Struct):
    access_token: str
    expires_in: float
    refresh_token: str | None = None
    scope: str = ""


def token_of(body: bytes, now_s: float, before: Token | None = None) -> Token:
    """The token that the endpoint answered with; what it does not say anew stays as it was `before`.

    Raises:
        UnexpectedAnswerError: it is none.
    """
    try:
        told = msgspec.json.decode(body, type=_Issued)
    except msgspec.MsgspecError as error:
        raise UnexpectedAnswerError(f"token endpoint: {error}") from error
    return Token(
        access_token=told.access_token,
        expires_at=now_s + told.expires_in,
        refresh_token=told.refresh_token or (before.refresh_token if before else None),
        scope=told.scope or (before.scope if before else ""),
    )
