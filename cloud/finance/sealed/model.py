"""A device that reads sealed fields, and sealed fields as they travel and are kept."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

DEVICES_MAX = 10
"""Of one person at a time: each costs every transaction a wrapped key."""

DeviceId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")]


class DeviceStatus(StrEnum):
    PENDING = "pending"
    """Nothing is sealed to it until a device that reads already lets it in."""
    ACTIVE = "active"
    REVOKED = "revoked"
    """For good: its id and its key are never taken again."""


class Device(Struct, frozen=True, kw_only=True):
    """One device of one person. The private half of its key never comes here."""

    person_id: int
    device_id: str
    public_key: str
    """SubjectPublicKeyInfo of an RSA-2048 key, in PEM."""
    key_sha256: str
    """In hex, of the SubjectPublicKeyInfo in DER: what people compare on two screens."""
    device_name: str
    device_type: str
    status: DeviceStatus
    created_at_us: int
    approved_at_us: int | None
    revoked_at_us: int | None


class SealedField(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AES-256-GCM, both in Base64: the ciphertext with its tag of 16 bytes, and a nonce of 12."""

    ciphertext: str
    nonce: str


class EncryptedData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The three sensitive fields under one key, which is wrapped for each device."""

    merchant_name_raw: SealedField
    """Empty text: none is known, as with `invoice_no`."""
    invoice_no: SealedField
    parsed_fields: SealedField
    """A JSON object."""


class Envelope(Struct, frozen=True, kw_only=True):
    """What stands in the place of the sensitive fields."""

    encrypted_data: EncryptedData
    wrapped_deks: Mapping[str, str]
    """Device id to the key of `encrypted_data`, wrapped with RSA-OAEP and SHA-256, in Base64."""
