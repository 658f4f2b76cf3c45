"""The two accounts of the service: the issuer makes and unmakes LT, custody holds what people own.

Seeds are made on first start and kept in the data folder, or given by settings. They print as ***.
"""

from functools import cached_property
from typing import Self

from nacl.signing import SigningKey

from cloud.kit.secrets import load_or_make
from cloud.settings import Settings

ISSUER_KEY = "stellar_issuer_key"
CUSTODY_KEY = "stellar_custody_key"


class Key:
    """One account's key. stellar-sdk is imported for its address only: it costs 0.8 s and 57 MB."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._signing_key = SigningKey(seed)
        self._hint = bytes(self._signing_key.verify_key)[-4:]

    @cached_property
    def address(self) -> str:
        """`G…`."""
        from stellar_sdk import StrKey

        return StrKey.encode_ed25519_public_key(bytes(self._signing_key.verify_key))

    @property
    def seed(self) -> bytes:
        """32 bytes, for stellar-sdk's own signing."""
        return self._seed

    def decorated_signature(self, digest: bytes) -> bytes:
        """XDR of a `DecoratedSignature`: hint, length, Ed25519 signature."""
        return self._hint + b"\x00\x00\x00\x40" + self._signing_key.sign(digest).signature

    def __repr__(self) -> str:
        return "Key(***)"


class Keys:
    """Both."""

    def __init__(self, issuer: Key, custody: Key) -> None:
        self.issuer = issuer
        self.custody = custody

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Those of the settings, else of the data folder.

        Raises:
            SecretUnusable: a key file cannot be trusted.
        """

        def key(secret: str | None, file: str) -> Key:
            return Key(load_or_make(settings.data_dir / file) if secret is None else _decoded(secret))

        return cls(
            key(settings.stellar_issuer_secret, ISSUER_KEY),
            key(settings.stellar_custody_secret, CUSTODY_KEY),
        )


def _decoded(secret: str) -> bytes:
    from stellar_sdk import StrKey

    return StrKey.decode_ed25519_secret_seed(secret)
