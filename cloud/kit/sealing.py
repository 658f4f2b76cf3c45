"""Secrets at rest that must be read again: sealed under a key beside the database, worthless without it."""

import base64

from nacl.secret import SecretBox


class Seal:
    def __init__(self, key: bytes) -> None:
        self._box = SecretBox(key)

    def close(self, secret: str) -> str:
        return base64.b64encode(bytes(self._box.encrypt(secret.encode()))).decode()

    def open(self, sealed: str) -> str:
        """The text.

        Raises:
            nacl.exceptions.CryptoError: sealed under another key.
        """
        return self._box.decrypt(base64.b64decode(sealed)).decode()
