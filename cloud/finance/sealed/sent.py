"""What a client sent in the place of sensitive fields: well formed, and for all who are to read it."""

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence

from msgspec import structs

from cloud.finance.sealed.envelope import NONCE_BYTES
from cloud.finance.sealed.model import EncryptedData, Envelope

TAG_BYTES = 16
WRAPPED_BYTES = 256
FIELD_BYTES_MAX = 4_096
PARSED_BYTES_MAX = 65_536


def problems_of(envelope: Envelope, active: Collection[str]) -> dict[str, Sequence[str]]:
    """By field; empty: it may be kept. `active` are the ids of the person's devices that read."""
    found: dict[str, list[str]] = {}
    data_problems = _data_problems(envelope.encrypted_data)
    if data_problems:
        found["encrypted_data"] = data_problems
    key_problems = _key_problems(envelope.wrapped_deks, active)
    if key_problems:
        found["wrapped_deks"] = key_problems
    return dict(found)


def wrapped_problem(text: str) -> str | None:
    """What is wrong with one wrapped key."""
    raw = bytes_of(text)
    if raw is None:
        return "must be Base64"
    return None if len(raw) == WRAPPED_BYTES else f"must be {WRAPPED_BYTES} bytes, not {len(raw)}"


def bytes_of(text: str) -> bytes | None:
    """Of Base64 with its padding, as browsers and libraries write it; None: something else."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None


def _data_problems(data: EncryptedData) -> list[str]:
    problems: list[str] = []
    nonces: list[bytes] = []
    for name, field in structs.asdict(data).items():
        ciphertext, nonce = bytes_of(field.ciphertext), bytes_of(field.nonce)
        bytes_max = PARSED_BYTES_MAX if name == "parsed_fields" else FIELD_BYTES_MAX
        if ciphertext is None or not TAG_BYTES <= len(ciphertext) <= bytes_max:
            problems.append(f"{name}.ciphertext: must be Base64 of {TAG_BYTES} to {bytes_max} bytes")
        if nonce is None or len(nonce) != NONCE_BYTES:
            problems.append(f"{name}.nonce: must be Base64 of {NONCE_BYTES} bytes")
        else:
            nonces.append(nonce)
    if len(set(nonces)) != len(nonces):
        problems.append("each field needs a nonce of its own: the key is the same")
    return problems


def _key_problems(wrapped: Mapping[str, str], active: Collection[str]) -> list[str]:
    if not active:
        return ["Register a device first: POST /api/v1/users/me/devices"]
    problems = [
        f"{device_id[:64]}: is none of your active devices"
        for device_id in wrapped
        if device_id not in active
    ]
    problems += [f"{device_id}: missing" for device_id in sorted(active) if device_id not in wrapped]
    for device_id, text in wrapped.items():
        problem = wrapped_problem(text)
        if device_id in active and problem is not None:
            problems.append(f"{device_id}: {problem}")
    return problems
