"""Public keys of devices as people send them: what is taken, and what is wrong with the rest."""

import base64
import binascii
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

KEY_BITS = 2_048
EXPONENT = 65_537
TEXT_LENGTH_MAX = 2_000
_PRIVATE = "This is a private key, which must never leave its device: make a new pair, send its public key"


class BadKey(ValueError):
    """Not a key that data can be sealed to; the text says why and never holds what was sent."""


def public_key_of(text: str) -> RSAPublicKey:
    """A SubjectPublicKeyInfo, as PEM or as the bare Base64 that browsers export.

    Raises:
        BadKey
    """
    if "PRIVATE KEY" in text:
        raise BadKey(_PRIVATE)
    if len(text) > TEXT_LENGTH_MAX:
        raise BadKey(f"At most {TEXT_LENGTH_MAX} characters")
    try:
        key = _loaded(text.strip())
    except BadKey:
        raise
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        raise BadKey("Must be a public key in PEM, -----BEGIN PUBLIC KEY-----") from None
    if not isinstance(key, RSAPublicKey):
        raise BadKey(f"Must be an RSA key of {KEY_BITS} bits")
    if key.key_size != KEY_BITS:
        raise BadKey(f"Must be an RSA key of {KEY_BITS} bits; this one has {key.key_size}")
    if key.public_numbers().e != EXPONENT:
        raise BadKey(f"The public exponent must be {EXPONENT}")
    return key


def pem_of(key: RSAPublicKey) -> str:
    """One spelling of each key."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_sha256(key: RSAPublicKey) -> str:
    """In hex, of the SubjectPublicKeyInfo in DER."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _loaded(text: str) -> object:
    if text.startswith("-----BEGIN"):
        if not text.startswith("-----BEGIN PUBLIC KEY-----") or text.count("-----BEGIN") != 1:
            raise BadKey("Must be one public key in PEM, -----BEGIN PUBLIC KEY-----")
        return load_pem_public_key(text.encode())
    der = base64.b64decode("".join(text.split()), validate=True)
    if _is_private(der):
        raise BadKey(_PRIVATE)
    return load_der_public_key(der)


def _is_private(der: bytes) -> bool:
    """PKCS #1 and PKCS #8 begin with a version number where a public key begins with a sequence."""
    return der[:2] == b"\x30\x82" and der[4:7] == b"\x02\x01\x00"
