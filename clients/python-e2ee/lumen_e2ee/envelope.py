"""Sealing and opening what a transaction says of its merchant; nothing here speaks to the service."""

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lumen_e2ee.keys import DeviceKeys, fingerprint_of, oaep, public_key_of

DEK_BYTES = 32
NONCE_BYTES = 12
_PROOF_DOMAIN = b"lumen-e2ee approve v1\n"


class NotReadable(ValueError):
    """Not sealed for this device, or not what was sealed."""


@dataclass(frozen=True)
class DecryptedData:
    """What a transaction's sealed fields say; None: nothing is known."""

    merchant: str | None
    invoice_no: str | None
    parsed_fields: dict[str, Any]


def encrypt_transaction_data(
    public_keys: Mapping[str, str],
    *,
    merchant: str | None,
    invoice_no: str | None = None,
    parsed_fields: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`encrypted_data` and `wrapped_deks` of a transaction. `public_keys`: PEM by active device."""
    dek = os.urandom(DEK_BYTES)
    cipher = AESGCM(dek)
    return {
        "encrypted_data": {
            "merchant_name_raw": _sealed(cipher, merchant or ""),
            "invoice_no": _sealed(cipher, invoice_no or ""),
            "parsed_fields": _sealed(cipher, json.dumps(dict(parsed_fields or {}))),
        },
        "wrapped_deks": {device_id: _wrapped(dek, pem) for device_id, pem in public_keys.items()},
    }


def decrypt_transaction_data(transaction: Mapping[str, Any], keys: DeviceKeys) -> DecryptedData:
    """Of a transaction as the service shows it.

    Raises:
        NotReadable
    """
    cipher = AESGCM(_dek(transaction, keys))
    data = transaction["encrypted_data"]
    try:
        opened = {name: _opened(cipher, data[name]) for name in data}
        return DecryptedData(
            merchant=opened["merchant_name_raw"] or None,
            invoice_no=opened["invoice_no"] or None,
            parsed_fields=json.loads(opened["parsed_fields"]),
        )
    except (InvalidTag, ValueError, KeyError) as error:
        raise NotReadable("altered, or sealed under another key") from error


def rewrap_dek(transaction: Mapping[str, Any], keys: DeviceKeys, public_key: str) -> str:
    """The transaction's key wrapped for another device, by one that reads it.

    Raises:
        NotReadable
    """
    return _wrapped(_dek(transaction, keys), public_key)


def approval_proof(challenge: str, keys: DeviceKeys, *, device_id: str, public_key: str) -> str:
    """The answer to a challenge: this device wants `device_id` in, with this very key.

    Raises:
        NotReadable: the challenge is for another device.
    """
    try:
        secret = keys.unwrap(base64.b64decode(challenge))
    except ValueError as error:
        raise NotReadable("the challenge is for another device") from error
    said = _PROOF_DOMAIN + f"{device_id}\n{fingerprint_of(public_key)}".encode()
    return _base64(hmac.new(secret, said, hashlib.sha256).digest())


def _dek(transaction: Mapping[str, Any], keys: DeviceKeys) -> bytes:
    wrapped = (transaction.get("wrapped_deks") or {}).get(keys.device_id)
    if wrapped is None:
        raise NotReadable(f"no key for device {keys.device_id}")
    try:
        dek = keys.unwrap(base64.b64decode(wrapped))
    except ValueError as error:
        raise NotReadable("the key was wrapped for another device") from error
    if len(dek) != DEK_BYTES:
        raise NotReadable("no key of 256 bits")
    return dek


def _wrapped(dek: bytes, pem: str) -> str:
    return _base64(public_key_of(pem).encrypt(dek, oaep()))


def _sealed(cipher: AESGCM, text: str) -> dict[str, str]:
    nonce = os.urandom(NONCE_BYTES)
    return {"ciphertext": _base64(cipher.encrypt(nonce, text.encode(), None)), "nonce": _base64(nonce)}


def _opened(cipher: AESGCM, field: Mapping[str, str]) -> str:
    ciphertext, nonce = base64.b64decode(field["ciphertext"]), base64.b64decode(field["nonce"])
    return cipher.decrypt(nonce, ciphertext, None).decode()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
