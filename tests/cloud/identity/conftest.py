"""Wallets that sign without the code under test: SHA-256 and Ed25519 straight from hashlib and PyNaCl."""

import base64
import hashlib
from pathlib import Path

import pytest
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from cloud.settings import Settings


class Wallet:
    """A key pair and what it signs."""

    def __init__(self, seed: int) -> None:
        self._key = SigningKey(bytes([seed]) * 32)
        self.address = StrKey.encode_ed25519_public_key(bytes(self._key.verify_key))

    def sign(self, message: str = "los-tecnicos-auth") -> str:
        digest = hashlib.sha256(b"Stellar Signed Message:\n" + message.encode()).digest()
        return base64.b64encode(self._key.sign(digest).signature).decode()

    def proof(self, message: str | None = None) -> dict[str, str]:
        if message is None:
            return {"wallet_address": self.address, "signature": self.sign()}
        return {"wallet_address": self.address, "signature": self.sign(message), "message": message}


@pytest.fixture
def ana() -> Wallet:
    return Wallet(1)


@pytest.fixture
def ben() -> Wallet:
    return Wallet(2)


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """The defaults without limits, or with what `parametrize("settings", [{…}], indirect=True)` says."""
    unlimited = {"rate_limit_per_minute": 0, "sign_ins_per_minute": 0}
    return Settings(data_dir=tmp_path / "cloud", **(unlimited | getattr(request, "param", {})))
