"""OAuth access tokens: JWTs, HS256 under the token key, good for one hour and on this platform only.

`use` and `aud` keep them apart from sign-in tokens, which are made under the same key. They are not stored:
each names its grant, and stops working with it.
"""

from typing import NamedTuple

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from msgspec import Struct

from cloud.identity.errors import TokenRefused
from cloud.identity.oauth.model import Grant
from cloud.identity.scopes import Scopes, UnknownScope, scopes_of, text_of
from shared.units import MICROS_PER_SECOND

LIFE_S = 3_600
USE = "oauth"
_ALGORITHM = "HS256"


class Claims(Struct, frozen=True, kw_only=True):
    """What an access token says."""

    grant_id: str
    client_id: str
    person_id: int
    scopes: Scopes
    issued_at_s: int
    expires_at_s: int


class _Names(NamedTuple):
    issuer: str
    audience: str


class OAuthTokens:
    """Makes and reads them."""

    def __init__(self, key: bytes, *, issuer: str, audience: str) -> None:
        self._key = OctKey.import_key(key)
        self._names = _Names(issuer, audience)

    @property
    def issuer(self) -> str:
        return self._names.issuer

    def make(self, grant: Grant, scopes: Scopes, *, jti: str, now_us: int) -> str:
        """A token of the grant from now on; `scopes` are some of the grant's."""
        now_s = now_us // MICROS_PER_SECOND
        claims = {
            "iss": self._names.issuer,
            "aud": self._names.audience,
            "use": USE,
            "sub": f"usr_{grant.person_id}",
            "client_id": grant.client_id,
            "grant": grant.id,
            "scope": text_of(scopes),
            "jti": jti,
            "iat": now_s,
            "exp": now_s + LIFE_S,
        }
        return jwt.encode({"alg": _ALGORITHM, "typ": "JWT"}, claims, self._key, algorithms=[_ALGORITHM])

    def read(self, token: str, now_us: int) -> Claims:
        """The claims of a token that is ours and has not expired.

        Raises:
            TokenRefused: every other token.
        """
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
            jwt.JWTClaimsRegistry(
                now=now_us // MICROS_PER_SECOND,
                iss={"essential": True, "value": self._names.issuer},
                aud={"essential": True, "value": self._names.audience},
                use={"essential": True, "value": USE},
                sub={"essential": True},
                exp={"essential": True},
            ).validate(claims)
            return Claims(
                grant_id=str(claims["grant"]),
                client_id=str(claims["client_id"]),
                person_id=int(str(claims["sub"]).removeprefix("usr_")),
                scopes=scopes_of(str(claims["scope"])),
                issued_at_s=int(claims["iat"]),
                expires_at_s=int(claims["exp"]),
            )
        except ExpiredTokenError:
            raise TokenRefused("the access token has expired: use the refresh token") from None
        except (JoseError, UnknownScope, ValueError, TypeError, KeyError):
            raise TokenRefused("the access token is not valid") from None
