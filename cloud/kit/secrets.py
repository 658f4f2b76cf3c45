"""Keys that are made on first start and kept in the data folder: 32 random bytes, mode 0600, hex text."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


class SecretUnusable(ValueError):
    """A key file that exists but cannot be trusted: the service must not start, nor make another."""


def load_or_make(path: Path) -> bytes:
    """The 32 bytes kept in `path`; made on the first call, the same ever after.

    The file appears whole or not at all, also when two processes start together.

    Raises:
        SecretUnusable: the file is not 64 hex digits, or others than its owner may read it.
    """
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise SecretUnusable(f"{path}: readable by others; set its mode to 0600")
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise SecretUnusable(f"{path}: must hold {2 * SECRET_BYTES} hex digits; restore it from a backup")
    return secret


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename, it never replaces a key that another process just made
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink()
