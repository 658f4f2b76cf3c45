"""Access tokens: JWTs that name a person and a sign-in, HS256 under the token key, 15 or 30 min.

Refresh tokens are random UUIDs; only their SHA-256 is kept (122 random bits need no slow hash).
"""

import hashlib
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from msgspec import Struct

from cloud.identity.errors import TokenRefused
from shared.units import MICROS_PER_SECOND

WALLET_LIFE_S = 15 * 60
EMAIL_LIFE_S = 30 * 60
ACCESS_LIFE_S_MAX = EMAIL_LIFE_S
REFRESH_LIFE_S = 7 * 24 * 3_600

_ALGORITHM = "HS256"
_ISSUER = "lumengrid"
_USE = "access"
_USE_SEP_10 = "access-sep10"
_EXPIRED = "the access token has expired: refresh it or sign in again"
REMEMBERED_MAX = 10_000


class AccessClaims(Struct, frozen=True, kw_only=True):
    """What an access token says."""

    person_id: int
    sign_in_id: str


class AccessTokens:
    """Makes and reads access tokens."""

    def __init__(self, key: bytes) -> None:
        self._key = OctKey.import_key(key)
        self._read: dict[str, tuple[AccessClaims, int]] = {}
        """Good tokens that came, with the second each expires."""

    def make(self, claims: AccessClaims, now_us: int, *, life_s: int = WALLET_LIFE_S) -> str:
        """A token that is valid from now on, for `life_s`."""
        now_s = now_us // 1_000_000
        return self._encode(
            {
                "iss": _ISSUER,
                "use": _USE,
                "sub": str(claims.person_id),
                "sid": claims.sign_in_id,
                "iat": now_s,
                "exp": now_s + life_s,
            }
        )

    def make_for_wallet(
        self, claims: AccessClaims, now_us: int, *, issuer: str, wallet_address: str, jti: str
    ) -> str:
        """A token as SEP-10 describes it: its subject is the wallet, its issuer a URL."""
        now_s = now_us // 1_000_000
        return self._encode(
            {
                "iss": issuer,
                "use": _USE_SEP_10,
                "sub": wallet_address,
                "jti": jti,
                "person": str(claims.person_id),
                "sid": claims.sign_in_id,
                "iat": now_s,
                "exp": now_s + WALLET_LIFE_S,
            }
        )

    def _encode(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": _ALGORITHM}, claims, self._key, algorithms=[_ALGORITHM])

    def read(self, token: str, now_us: int) -> AccessClaims:
        """The claims of a token that is ours and has not expired.

        Raises:
            TokenRefused: every other token, with or without a signature.
        """
        claims, expires_s = self._read.get(token) or self._checked(token, now_us)
        if now_us // MICROS_PER_SECOND >= expires_s:
            raise TokenRefused(_EXPIRED)
        return claims

    def _checked(self, token: str, now_us: int) -> tuple[AccessClaims, int]:
        """Read for the first time; what a good token says does not change, so it is remembered."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
            sep_10 = claims.get("use") == _USE_SEP_10
            person = "person" if sep_10 else "sub"
            jwt.JWTClaimsRegistry(
                now=now_us // 1_000_000,
                iss={"essential": True} if sep_10 else {"essential": True, "value": _ISSUER},
                use={"essential": True, "values": [_USE, _USE_SEP_10]},
                sub={"essential": True},
                sid={"essential": True},
                exp={"essential": True},
            ).validate(claims)
            found = (
                AccessClaims(person_id=int(claims[person]), sign_in_id=str(claims["sid"])),
                int(claims["exp"]),
            )
        except ExpiredTokenError:
            raise TokenRefused(_EXPIRED) from None
        except (JoseError, ValueError, TypeError, KeyError):
            raise TokenRefused("the access token is not valid: sign in again") from None
        if len(self._read) >= REMEMBERED_MAX:
            self._read.clear()
        self._read[token] = found
        return found


def hash_token(token: UUID) -> str:
    """What is stored of a refresh token, 64 hex digits."""
    return hashlib.sha256(str(token).encode()).hexdigest()
