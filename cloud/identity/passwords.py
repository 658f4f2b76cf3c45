"""Passwords as Argon2id hashes, in threads, few at once: each takes 64 MiB and some 40 ms.

Parameters: libsodium's `INTERACTIVE`, above the least of the OWASP Password Storage Cheat Sheet.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from nacl import exceptions
from nacl.pwhash import argon2id

from cloud.errors import Unavailable

T = TypeVar("T")

COST = (argon2id.OPSLIMIT_INTERACTIVE, argon2id.MEMLIMIT_INTERACTIVE)
AT_ONCE = 2
WAITING_MAX = 64

NOBODYS_HASH = (
    "$argon2id$v=19$m=65536,t=2,p=1$MlH+GMLSUZBI7QjdpyCcCA$HeeK5RJr4sBdF2vHHXWriAdLWY1/Fp1k+bCmoHVI3IM"
)
"""What a password is compared with where there is no account: never accepted, as slow as any other."""


class Passwords:
    """Hashes and compares."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """What is stored of it, salted.

        Raises:
            Unavailable: too many wait.
        """
        hashed = await self._in_turn(_hash, _bytes(password))
        return hashed.decode()

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; `stored` None: there is no account, which takes the same time.

        Raises:
            Unavailable: too many wait.
        """
        right = await self._in_turn(_verify, (stored or NOBODYS_HASH).encode(), _bytes(password))
        return right and stored is not None

    async def _in_turn(self, work: Callable[..., T], *arguments: bytes) -> T:
        if self._waiting >= WAITING_MAX:
            raise Unavailable("too many sign-ins at once; try again later")
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1


def _bytes(password: str) -> bytes:
    """The same bytes for the same characters, however a keyboard composes them."""
    return unicodedata.normalize("NFC", password).encode()


def _hash(password: bytes) -> bytes:
    return argon2id.str(password, *COST)


def _verify(stored: bytes, password: bytes) -> bool:
    try:
        return argon2id.verify(stored, password)
    except exceptions.InvalidkeyError:
        return False
