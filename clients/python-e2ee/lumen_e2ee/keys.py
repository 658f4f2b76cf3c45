"""A device's pair of keys. The private half leaves this process only into a file under a password."""

import hashlib
import os
from pathlib import Path
from typing import Self
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

KEY_BITS = 2_048


def oaep() -> padding.OAEP:
    return padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=None)


def public_key_of(pem: str) -> rsa.RSAPublicKey:
    """Raises ValueError: no RSA key of 2048 bits."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != KEY_BITS:
        raise ValueError(f"not an RSA key of {KEY_BITS} bits")
    return key


def fingerprint_of(pem: str) -> str:
    """SHA-256 of the public key's SubjectPublicKeyInfo, in hex: what people compare on two screens."""
    der = public_key_of(pem).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


class DeviceKeys:
    """One device."""

    def __init__(self, device_id: str, private_key: rsa.RSAPrivateKey) -> None:
        self.device_id = device_id
        self._private_key = private_key

    @classmethod
    def generate(cls, device_id: str | None = None) -> Self:
        """A new pair, and a random id where none is given."""
        private_key = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
        return cls(device_id or str(uuid4()), private_key)

    @classmethod
    def load(cls, path: Path, *, password: bytes) -> Self:
        """What `save` wrote; ValueError: another password, or another kind of file."""
        device_id, _, pem = path.read_bytes().partition(b"\n")
        key = load_pem_private_key(pem, password)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("not an RSA key")  # noqa: TRY004  a wrong file is a wrong value
        return cls(device_id.decode(), key)

    def save(self, path: Path, *, password: bytes) -> None:
        """Into a new file that only its owner may read."""
        pem = self._private_key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self.device_id.encode() + b"\n" + pem)

    @property
    def public_key(self) -> str:
        """In PEM, to be registered."""
        key = self._private_key.public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.public_key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """What was wrapped for this device; ValueError: for another."""
        return self._private_key.decrypt(wrapped, oaep())
