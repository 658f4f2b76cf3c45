"""The sealing itself, as a device does it: a fresh key for each transaction, wrapped for every device.

AES-256-GCM with a random nonce a field, and RSA-OAEP with SHA-256 for the key; nothing of the key is kept.
"""

import base64
import os
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import structs

from cloud.finance.sealed.device_key import public_key_of
from cloud.finance.sealed.model import Device, EncryptedData, Envelope, SealedField
from cloud.finance.transactions.model import Transaction

DEK_BYTES = 32
NONCE_BYTES = 12

_json = msgspec.json.Encoder(decimal_format="number").encode


def sealed_row(row: Transaction, devices: Iterable[Device], parsed_fields: Mapping[str, Any]) -> Transaction:
    """With its envelope beside what it seals, for `Transactions.add`, which stores the envelope alone."""
    envelope = seal(
        merchant_name_raw=row.merchant_name_raw or "",
        invoice_no=row.invoice_no or "",
        parsed_fields=_json(parsed_fields).decode(),
        devices=devices,
    )
    return with_envelope(row, envelope)


def with_envelope(row: Transaction, envelope: Envelope) -> Transaction:
    """As the columns keep it."""
    return structs.replace(
        row,
        encrypted_data=_json(envelope.encrypted_data).decode(),
        wrapped_deks=_json(envelope.wrapped_deks).decode(),
    )


def seal(
    *, merchant_name_raw: str, invoice_no: str, parsed_fields: str, devices: Iterable[Device]
) -> Envelope:
    """Under a key that only these devices can unwrap."""
    dek = os.urandom(DEK_BYTES)
    cipher = AESGCM(dek)
    return Envelope(
        encrypted_data=EncryptedData(
            merchant_name_raw=_sealed(cipher, merchant_name_raw),
            invoice_no=_sealed(cipher, invoice_no),
            parsed_fields=_sealed(cipher, parsed_fields),
        ),
        wrapped_deks={
            device.device_id: base64_of(wrap(public_key_of(device.public_key), dek)) for device in devices
        },
    )


def wrap(key: RSAPublicKey, secret: bytes) -> bytes:
    """256 bytes that the key's private half opens."""
    return key.encrypt(secret, OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None))


def _sealed(cipher: AESGCM, text: str) -> SealedField:
    nonce = os.urandom(NONCE_BYTES)
    return SealedField(
        ciphertext=base64_of(cipher.encrypt(nonce, text.encode(), None)), nonce=base64_of(nonce)
    )


def base64_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
