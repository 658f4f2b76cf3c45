"""The password of the page's controls: kept in the data folder as an Argon2id hash, mode 0600.

`page.password` in the settings wins over the file; it is compared without telling by the time it takes how
much of it was right. Parameters: OWASP Password Storage Cheat Sheet, Argon2id with 19 MiB and two passes.
"""

import hashlib
import hmac
from pathlib import Path
from typing import NamedTuple

from nacl import exceptions, pwhash

from edge.config import Secret
from edge.enrol import write_private
from edge.errors import ConfigWrong

PASSWORD_FILE = "page-password"  # noqa: S105  its name
LENGTH_MIN = 8
LENGTH_MAX = 200
_MEMORY_BYTES = 19 * 1024 * 1024
_PASSES = 2


class Credential(NamedTuple):
    """What a password is compared with; exactly one of the two is given, or neither where none is set."""

    plain: Secret | None = None
    hashed: bytes | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is a password at all."""
        return self.plain is not None or self.hashed is not None

    @property
    def mark(self) -> bytes:
        """Changes whenever the password does; nothing can be learned from it."""
        text = b"" if self.plain is None else self.plain.reveal().encode()
        return hashlib.sha256(text + b"\0" + (self.hashed or b"")).digest()


def save_password(data_dir: Path, password: str) -> None:
    """Keep its hash.

    Raises:
        ConfigWrong: too short or too long, or the folder cannot be written.
    """
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise ConfigWrong(f"the page's password must have {LENGTH_MIN} to {LENGTH_MAX} characters")
    hashed = pwhash.argon2id.str(password.encode(), opslimit=_PASSES, memlimit=_MEMORY_BYTES)
    try:
        write_private(data_dir / PASSWORD_FILE, hashed + b"\n")
    except OSError as error:
        raise ConfigWrong(f"{data_dir / PASSWORD_FILE} cannot be written: {error.strerror}") from error


def load_credential(data_dir: Path, setting: Secret | None) -> Credential:
    """The password in force.

    Raises:
        ConfigWrong: the file is there and cannot be used.
    """
    if setting is not None:
        return Credential(plain=setting)
    path = data_dir / PASSWORD_FILE
    try:
        hashed = path.read_bytes().strip()
    except FileNotFoundError:
        return Credential()
    except OSError as error:
        raise ConfigWrong(f"{path} cannot be read: {error.strerror}") from error
    if not hashed.startswith(b"$argon2id$"):
        raise ConfigWrong(f"{path} is no password hash: run lumengrid edge init --page-password")
    return Credential(hashed=hashed)


def is_right(credential: Credential, password: str) -> bool:
    """Whether this is the password; takes a tenth of a second and 19 MiB where it is kept as a hash."""
    if len(password) > LENGTH_MAX:
        return False
    if credential.plain is not None:
        given, known = (
            hashlib.sha256(text.encode()).digest() for text in (password, credential.plain.reveal())
        )
        return hmac.compare_digest(given, known)
    if credential.hashed is None:
        return False
    try:
        return pwhash.argon2id.verify(credential.hashed, password.encode())
    except (exceptions.InvalidkeyError, exceptions.CryptoError):
        return False
