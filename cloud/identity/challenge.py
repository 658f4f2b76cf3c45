"""One-use sign-in messages that need no row until they are used.

A message reads `los-tecnicos-auth <wallet or any> <expiry, epoch s> <nonce> <mac>`; the mac is HMAC-SHA256
under the token key over all before it, so anonymous callers cannot fill the database by asking.
"""

import hmac
import secrets

from msgspec import Struct

from cloud.identity.errors import ChallengeRefused
from cloud.identity.wallet import CONSTANT_MESSAGE

LIFE_S = 300
ANY_WALLET = "any"

_DOMAIN = b"lumengrid sign-in challenge\n"


class Challenge(Struct, frozen=True, kw_only=True):
    """A message that the service made."""

    nonce: str
    expires_at_us: int


def make_challenge(key: bytes, wallet_address: str | None, now_us: int) -> tuple[str, int]:
    """The message to sign, and when it expires in epoch microseconds."""
    expires_s = now_us // 1_000_000 + LIFE_S
    head = f"{CONSTANT_MESSAGE} {wallet_address or ANY_WALLET} {expires_s} {secrets.token_hex(16)}"
    return f"{head} {_mac(key, head)}", expires_s * 1_000_000


def read_challenge(key: bytes, message: str, wallet_address: str, now_us: int) -> Challenge:
    """What the message says, once it is known to be ours; whether it was used is for the store to say.

    Raises:
        ChallengeRefused: not made here, expired, or made for another wallet.
    """
    head, _, mac = message.rpartition(" ")
    if not hmac.compare_digest(_mac(key, head).encode(), mac.encode(errors="replace")):
        raise ChallengeRefused("message: not a challenge of this service; ask POST /api/v1/auth/challenge")
    _, wallet, expires_s, nonce = head.split(" ")
    expires_at_us = int(expires_s) * 1_000_000
    if expires_at_us <= now_us:
        raise ChallengeRefused("message: the challenge has expired; ask for a new one")
    if wallet not in {ANY_WALLET, wallet_address}:
        raise ChallengeRefused("message: the challenge was made for another wallet")
    return Challenge(nonce=nonce, expires_at_us=expires_at_us)


def _mac(key: bytes, head: str) -> str:
    return hmac.new(key, _DOMAIN + head.encode(errors="replace"), "sha256").hexdigest()
