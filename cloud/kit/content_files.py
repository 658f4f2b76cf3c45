"""Bytes that people sent, in a folder under their SHA-256: what is there once is never changed."""

import asyncio
import hashlib
import os
import secrets
from pathlib import Path

from cloud.errors import CloudError

MEDIA_TYPES = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
"""By what a file begins with; its name says nothing."""


class FileDamaged(CloudError):
    """The file is gone, or is not what was uploaded: a backup has to be restored."""


def media_type_of(content: bytes) -> str | None:
    """None for what is neither PDF, PNG nor JPEG."""
    return next((kind for start, kind in MEDIA_TYPES.items() if content.startswith(start)), None)


class ContentFiles:
    """Files appear whole or not at all. One that no row names after a crash does no harm."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, content: bytes) -> str:
        """Durable when this returns; its SHA-256 in hex."""
        return await asyncio.to_thread(self._put, content)

    async def get(self, sha256: str) -> bytes:
        """Raises FileDamaged."""
        return await asyncio.to_thread(self._get, sha256)

    async def drop(self, sha256: str) -> None:
        """Gone when this returns, also where it never was."""
        await asyncio.to_thread(lambda: self._path(sha256).unlink(missing_ok=True))

    def _put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if path.exists():
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{sha256}.{secrets.token_hex(8)}.new")
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return sha256

    def _get(self, sha256: str) -> bytes:
        try:
            content = self._path(sha256).read_bytes()
        except OSError as error:
            raise FileDamaged(f"file {sha256}: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise FileDamaged(f"file {sha256}: is not what was uploaded")
        return content

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256
