"""Ed25519 over raw bytes, with the purpose of the signature in front of them.

Signed bytes: `lumengrid/v1/<purpose>` newline, then the payload exactly as sent. The prefix keeps a
signature made for one purpose from being replayed as another. Keys travel as 64 hex digits,
signatures as base64.
"""

import base64
import binascii
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.signing import SigningKey, VerifyKey

from shared.clock import rfc3339, to_micros

PublicKey = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
"""An Ed25519 public key, 64 lower-case hex digits."""


class Purpose(StrEnum):
    """What a signature is for; each has its own prefix."""

    ENERGY = "energy"
    ACK = "ack"
    COMMAND = "command"
    REQUEST = "request"
    ENROL = "enrol"
    CLAIM = "claim"
    DEPIN = "depin"
    TREE_HEAD = "tree-head"
    EXPORT = "ledger-export"


class BadSignature(ValueError):
    """The signature is malformed or does not belong to these bytes and this key."""


def signed_bytes(purpose: Purpose, payload: bytes) -> bytes:
    """What is really signed."""
    return b"lumengrid/v1/" + purpose.value.encode() + b"\n" + payload


def sign(key: SigningKey, purpose: Purpose, payload: bytes) -> str:
    """The signature, base64."""
    return base64.b64encode(key.sign(signed_bytes(purpose, payload)).signature).decode()


def verify(public_key: str, purpose: Purpose, payload: bytes, signature: str) -> None:
    """Return silently when the signature holds.

    Raises:
        BadSignature: in every other case, including a malformed key or signature.
    """
    try:
        VerifyKey(bytes.fromhex(public_key)).verify(
            signed_bytes(purpose, payload), base64.b64decode(signature, validate=True)
        )
    except (BadSignatureError, CryptoError, ValueError, TypeError, binascii.Error):
        raise BadSignature(f"bad {purpose.value} signature") from None


def public_key_of(key: SigningKey) -> str:
    """The key's public half, 64 hex digits."""
    return bytes(key.verify_key).hex()


def request_bytes(method: str, path: str, counter: int, body: bytes) -> bytes:
    """What a device signs of an HTTP request: method, path, rising counter, body, newline between them."""
    return f"{method.upper()}\n{path}\n{counter}\n".encode() + body


def tree_head_bytes(tree_size: int, root_hash: str, utc: datetime) -> bytes:
    """What the cloud signs of a tree head: size, root in hex, time in RFC 3339, newline after each."""
    return f"{tree_size}\n{root_hash}\n{rfc3339(to_micros(utc))}\n".encode()
