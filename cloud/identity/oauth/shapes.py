"""What clients send to the OAuth endpoints and get from them, for the documents of the API."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class TokenRequest(Struct, frozen=True, kw_only=True):
    """RFC 6749, sections 4.1.3, 4.4.2 and 6; RFC 7636, section 4.5."""

    grant_type: Literal["authorization_code", "refresh_token", "client_credentials"]
    code: str | UnsetType = UNSET
    redirect_uri: str | UnsetType = UNSET
    code_verifier: str | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    client_secret: str | UnsetType = UNSET


class TokenAnswer(Struct, frozen=True, kw_only=True):
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    refresh_token: str | UnsetType = UNSET
    """Works once; the answer to it holds the next."""


class TokenQuestion(Struct, frozen=True, kw_only=True):
    """RFC 7009, section 2.1; RFC 7662, section 2.1."""

    token: str
    token_type_hint: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    client_secret: str | UnsetType = UNSET


class Revoked(Struct, frozen=True, kw_only=True):
    """Also for a token that nobody knows."""


class IntrospectionAnswer(Struct, frozen=True, kw_only=True):
    active: bool
    client_id: str | UnsetType = UNSET
    sub: str | UnsetType = UNSET
    iss: str | UnsetType = UNSET
    token_type: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    iat: int | UnsetType = UNSET
    exp: int | UnsetType = UNSET


class OAuthError(Struct, frozen=True, kw_only=True):
    """RFC 6749, section 5.2."""

    error: str
    error_description: str | UnsetType = UNSET
