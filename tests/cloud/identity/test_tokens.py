"""Access tokens, checked and forged by hand with hmac and base64."""

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import UUID

import pytest

from cloud.identity.errors import TokenRefused
from cloud.identity.tokens import AccessClaims, AccessTokens, hash_token

KEY = bytes(range(32))
NOW_S = 1_767_225_600  # 2026-01-01T00:00:00Z
NOW_US = NOW_S * 1_000_000
GOOD = {
    "iss": "lumengrid",
    "use": "access",
    "sub": "7",
    "sid": "sess_1",
    "iat": NOW_S,
    "exp": NOW_S + 900,
}


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(claims: Any, *, header: Any = None, key: bytes = KEY) -> str:
    signed = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    mac = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_a_token_is_a_jwt_signed_with_hs256_that_lives_15_minutes() -> None:
    made = AccessTokens(KEY).make(AccessClaims(person_id=7, sign_in_id="sess_1"), NOW_US + 999_999)

    header, claims, signature = made.split(".")
    mac = hmac.new(KEY, f"{header}.{claims}".encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=") == mac
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"typ": "JWT", "alg": "HS256"}
    assert json.loads(base64.urlsafe_b64decode(claims + "==")) == GOOD


def test_a_token_made_elsewhere_with_the_key_is_read() -> None:
    claims = AccessTokens(KEY).read(token(GOOD), NOW_US)

    assert claims == AccessClaims(person_id=7, sign_in_id="sess_1")


def test_a_token_ends_at_its_fifteenth_minute() -> None:
    tokens = AccessTokens(KEY)

    tokens.read(token(GOOD), (NOW_S + 900) * 1_000_000 - 1)
    with pytest.raises(TokenRefused, match="expired"):
        tokens.read(token(GOOD), (NOW_S + 900) * 1_000_000)


@pytest.mark.parametrize(
    "forged",
    [
        token(GOOD, key=bytes(32)),
        token(GOOD, header={"alg": "none"}),
        f"{part({'alg': 'none'})}.{part(GOOD)}.",
        token(GOOD, header={"alg": "HS512"}),
        token(GOOD, header={"alg": "HS256", "crit": ["exp"]}),
        token(GOOD)[:-2],
        token(GOOD) + ".",
        token(GOOD).replace(".", "", 1),
        token({**GOOD, "use": "refresh"}),
        token({**GOOD, "iss": "another"}),
        token({**GOOD, "sub": "seven"}),
        token({**GOOD, "sub": 7}),
        token({**GOOD, "exp": None}),
        token({**GOOD, "exp": "never"}),
        token({key: value for key, value in GOOD.items() if key != "exp"}),
        token({key: value for key, value in GOOD.items() if key != "sid"}),
        token({key: value for key, value in GOOD.items() if key != "use"}),
        token({**GOOD, "use": "access-sep10"}),
        token({**GOOD, "use": "access-sep10", "person": "seven"}),
        token([GOOD]),
        token("7"),
        "",
        ".",
        "..",
        "a.b.c",
        "ä.ö.ü",
        "\ud800",
        "x" * 100_000,
    ],
)
def test_a_forged_or_broken_token_is_refused(forged: str) -> None:
    with pytest.raises(TokenRefused):
        AccessTokens(KEY).read(forged, NOW_US)


def test_a_refresh_token_is_stored_as_its_sha_256() -> None:
    # printf 12345678-1234-5678-1234-567812345678 | sha256sum
    stored = hash_token(UUID("{12345678-1234-5678-1234-567812345678}"))

    assert stored == hashlib.sha256(b"12345678-1234-5678-1234-567812345678").hexdigest()
