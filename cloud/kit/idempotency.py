"""A POST that is repeated under one `Idempotency-Key` acts once and is answered as the first time.

A key belongs to one account, one route and what the path names, stands for one raw body, and is remembered
for 24 hours. The result is written in the transaction of what it stands for, so after a crash there are both
or neither. Writers go one after another, so a repeat that comes meanwhile waits for the first and finds its
result. What was refused left nothing behind: its repeat is tried afresh.
"""

import hashlib
from typing import Any, NamedTuple, TypeVar

import msgspec
from litestar import Request
from msgspec import Struct

from cloud.errors import BadRequest, Unprocessable
from cloud.kit.store import ReadTx, Store, WriteTx
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

HEADER = "idempotency-key"
KEY_LENGTH_MAX = 255
LIFE_S = 24 * 3_600

T = TypeVar("T")

_encode = msgspec.json.Encoder(decimal_format="number").encode


class IdempotencyConflict(Unprocessable):
    """The key stands for another body."""

    def __init__(self) -> None:
        super().__init__("Idempotency-Key: was used with another body; take a new key for a new request")


class Call(NamedTuple):
    """What makes two requests the same one."""

    account: str
    """Whose key it is."""
    route: str
    key: str
    body_sha256: str
    at_us: int
    """When the request came."""


class _Row(Struct, frozen=True):
    body_sha256: str
    result: str
    at_us: int


class Once:
    """One request under its key; without a key every request is a new one."""

    def __init__(self, call: Call | None) -> None:
        self._call = call

    async def kept(self, tx: ReadTx, into: type[T]) -> T | None:
        """The result of the same request before; None where there was none.

        Raises:
            IdempotencyConflict: the key came with another body.
        """
        if self._call is None:
            return None
        row = await tx.fetch_one(
            _Row,
            "SELECT body_sha256, result, at_us FROM idempotency_keys"
            " WHERE account = :account AND route = :route AND key = :key",
            {"account": self._call.account, "route": self._call.route, "key": self._call.key},
        )
        if row is None or row.at_us <= _oldest_us(self._call.at_us):
            return None
        if row.body_sha256 != self._call.body_sha256:
            raise IdempotencyConflict
        return msgspec.json.decode(row.result, type=into)

    async def keep(self, tx: WriteTx, result: object) -> None:
        """Remember the result, in the transaction of what was done."""
        if self._call is None:
            return
        await tx.execute(
            "INSERT INTO idempotency_keys (account, route, key, body_sha256, result, at_us)"
            " VALUES (:account, :route, :key, :body_sha256, :result, :at_us)"
            " ON CONFLICT (account, route, key) DO UPDATE SET"
            " body_sha256 = excluded.body_sha256, result = excluded.result, at_us = excluded.at_us",
            {**self._call._asdict(), "result": _encode(result).decode()},
        )


NO_KEY = Once(None)
"""For callers inside the service, which have no request."""


async def once_of(request: Request[Any, Any, Any], account: str, clock: Clock) -> Once:
    """The request under the key that its header names, if it names one.

    Raises:
        BadRequest: the key is empty, longer than 255 characters or not printable ASCII.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return NO_KEY
    if not (1 <= len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable()):
        raise BadRequest(f"Idempotency-Key: must be 1 to {KEY_LENGTH_MAX} printable ASCII characters")
    named = request.path_params.values()  # the same body claims one distribution or another
    route = " ".join([request.method, request.scope["path_template"], *map(str, named)])
    body_sha256 = hashlib.sha256(await request.body()).hexdigest()
    return Once(Call(account, route, key, body_sha256, clock.now_us()))


async def forget_old(store: Store, clock: Clock) -> int:
    """Drop the keys that are older than a day; how many went."""
    async with store.write() as tx:
        return await tx.execute(
            "DELETE FROM idempotency_keys WHERE at_us <= :oldest_us",
            {"oldest_us": _oldest_us(clock.now_us())},
        )


def _oldest_us(now_us: int) -> int:
    return now_us - LIFE_S * MICROS_PER_SECOND
