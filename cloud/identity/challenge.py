"""One-use messages to sign that need no row until they are used.

One for signing in reads `los-tecnicos-auth <wallet or any> <expiry, epoch s> <nonce> <mac>`, one for linking
`lumengrid-link <wallet> <usr_…> <expiry> <nonce> <mac>`: whoever is made to sign the first has not agreed to
the second. The mac is HMAC-SHA256 under the token key over all before it, so callers cannot fill the database
by asking.
"""

import hmac
import secrets

from msgspec import Struct

from cloud.identity.errors import ChallengeRefused
from cloud.identity.wallet import CONSTANT_MESSAGE

LIFE_S = 300
ANY_WALLET = "any"

LINK = "lumengrid-link"

_SIGN_IN_DOMAIN = b"lumengrid sign-in challenge\n"
_LINK_DOMAIN = b"lumengrid link challenge\n"


class Challenge(Struct, frozen=True, kw_only=True):
    """A message that the service made."""

    nonce: str
    expires_at_us: int


def make_challenge(key: bytes, wallet_address: str | None, now_us: int) -> tuple[str, int]:
    """The message to sign, and when it expires in epoch microseconds."""
    expires_s = now_us // 1_000_000 + LIFE_S
    head = f"{CONSTANT_MESSAGE} {wallet_address or ANY_WALLET} {expires_s} {secrets.token_hex(16)}"
    return f"{head} {_mac(key, _SIGN_IN_DOMAIN, head)}", expires_s * 1_000_000


def make_link_challenge(key: bytes, wallet_address: str, person_id: int, now_us: int) -> tuple[str, int]:
    """The message that ties this wallet to this person, and when it expires in epoch microseconds."""
    expires_s = now_us // 1_000_000 + LIFE_S
    head = f"{LINK} {wallet_address} usr_{person_id} {expires_s} {secrets.token_hex(16)}"
    return f"{head} {_mac(key, _LINK_DOMAIN, head)}", expires_s * 1_000_000


def read_link_challenge(
    key: bytes, message: str, wallet_address: str, person_id: int, now_us: int
) -> Challenge:
    """As `read_challenge`.

    Raises:
        ChallengeRefused: not made here, expired, or made for another wallet or person.
    """
    head = _ours(key, _LINK_DOMAIN, message, "POST /api/v1/auth/link/challenge")
    _, wallet, person, expires_s, nonce = head.split(" ")
    if (wallet, person) != (wallet_address, f"usr_{person_id}"):
        raise ChallengeRefused("message: the challenge was made for another wallet or person")
    return _unexpired(nonce, int(expires_s) * 1_000_000, now_us)


def read_challenge(key: bytes, message: str, wallet_address: str, now_us: int) -> Challenge:
    """What the message says, once it is known to be ours; whether it was used is for the store to say.

    Raises:
        ChallengeRefused: not made here, expired, or made for another wallet.
    """
    head = _ours(key, _SIGN_IN_DOMAIN, message, "POST /api/v1/auth/challenge")
    _, wallet, expires_s, nonce = head.split(" ")
    if wallet not in {ANY_WALLET, wallet_address}:
        raise ChallengeRefused("message: the challenge was made for another wallet")
    return _unexpired(nonce, int(expires_s) * 1_000_000, now_us)


def _ours(key: bytes, domain: bytes, message: str, route: str) -> str:
    head, _, mac = message.rpartition(" ")
    if not hmac.compare_digest(_mac(key, domain, head).encode(), mac.encode(errors="replace")):
        raise ChallengeRefused(f"message: not a challenge of this service; ask {route}")
    return head


def _unexpired(nonce: str, expires_at_us: int, now_us: int) -> Challenge:
    if expires_at_us <= now_us:
        raise ChallengeRefused("message: the challenge has expired; ask for a new one")
    return Challenge(nonce=nonce, expires_at_us=expires_at_us)


def _mac(key: bytes, domain: bytes, head: str) -> str:
    return hmac.new(key, domain + head.encode(errors="replace"), "sha256").hexdigest()
