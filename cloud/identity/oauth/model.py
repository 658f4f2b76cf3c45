"""Applications and what people allowed them."""

import hmac

import msgspec
from msgspec import Struct

from cloud.identity.scopes import Scopes, scopes_of


class Application(Struct, frozen=True, kw_only=True):
    """An OAuth client, as its owner registered it."""

    client_id: str
    owner_id: int
    name: str
    is_confidential: bool
    """It can keep a secret; else it is public and proves itself by PKCE alone."""
    redirect_uris: str
    """A JSON array."""
    scopes: str
    """The most it may ask for, separated by spaces; never `admin`."""
    created_at_us: int
    revoked_at_us: int | None = None

    @property
    def redirect_uri_list(self) -> tuple[str, ...]:
        return msgspec.json.decode(self.redirect_uris, type=tuple[str, ...])

    @property
    def scope_set(self) -> Scopes:
        return scopes_of(self.scopes)

    def has_redirect_uri(self, uri: str) -> bool:
        """Exactly as registered."""
        return any(hmac.compare_digest(known.encode(), uri.encode()) for known in self.redirect_uri_list)


class Grant(Struct, frozen=True, kw_only=True):
    """What a person allowed an application, and the family of tokens that came of it."""

    id: str
    client_id: str
    person_id: int
    scopes: str
    """Separated by spaces."""
    created_at_us: int
    ends_at_us: int
    """When the last of its tokens expires."""
    revoked_at_us: int | None = None

    @property
    def scope_set(self) -> Scopes:
        return scopes_of(self.scopes)


class Code(Struct, frozen=True, kw_only=True):
    """An authorization code, of which the text is not kept."""

    code_hash: str
    redirect_uri: str
    code_challenge: str | None
    """PKCE with S256; None where a confidential application came without."""
    expires_at_us: int
    used_at_us: int | None = None


class RefreshToken(Struct, frozen=True, kw_only=True):
    """A refresh token, of which the text is not kept."""

    token_hash: str
    expires_at_us: int
    used_at_us: int | None = None


class NewSecret(Struct, frozen=True, kw_only=True):
    """An application with its secret, at the only moment it can be read."""

    application: Application
    secret: str | None
    """None for a public application."""

    def __repr__(self) -> str:
        return f"NewSecret(client_id={self.application.client_id!r}, ***)"
