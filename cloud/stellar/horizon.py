"""Horizon, the chain's HTTP interface, as far as the service needs it.

https://developers.stellar.org/docs/data/apis/horizon/api-reference
Every method raises `HorizonUnavailable` where the answer is not known: a time-out, a lost connection, an
error inside Horizon. What was sent may then have arrived.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

import aiohttp
import msgspec
from msgspec import Struct, field

from shared.clock import to_micros

TIMEOUT_S = 30.0
PAGE = 200
_RETRY_AFTER_S_MAX = 3_600.0


class HorizonUnavailable(Exception):
    """Ask again later; `retry_after_s` where Horizon said when."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class HorizonRefused(Exception):
    """Horizon's own words for what it did not take."""

    def __init__(self, transaction: str, operations: Sequence[str] = ()) -> None:
        super().__init__(" ".join([transaction, *operations]))
        self.transaction = transaction
        """Such as `tx_bad_seq`."""
        self.operations = tuple(operations)


class Holding(Struct, frozen=True, kw_only=True):
    """One balance of an account."""

    asset_type: str
    asset_code: str | None = None
    asset_issuer: str | None = None


class Account(Struct, frozen=True, kw_only=True):
    """An account as it stands."""

    sequence: int
    """The last used."""
    balances: tuple[Holding, ...]

    def trusts(self, code: str, issuer: str) -> bool:
        """Whether it can hold the asset."""
        return any(one.asset_code == code and one.asset_issuer == issuer for one in self.balances)


class Landed(Struct, frozen=True, kw_only=True):
    """A transaction that is on the chain, with or without effect."""

    hash: str
    """Of a fee bump: the outer one."""
    ledger: int
    successful: bool
    source_account: str
    source_account_sequence: int
    result_xdr: str
    inner_transaction: "_Inner | None" = None

    def is_of(self, tx_hash: str) -> bool:
        """Whether it is this transaction, bumped or not."""
        return tx_hash in {self.hash, self.inner_transaction.hash if self.inner_transaction else None}


class _Inner(Struct, frozen=True):
    hash: str


class _Memo(Struct, frozen=True, kw_only=True):
    memo_type: str = "none"
    memo: str | None = None


class Payment(Struct, frozen=True, kw_only=True):
    """One operation that touched an account's balance, of whatever type."""

    id: int
    paging_token: str
    type: str
    transaction_hash: str
    created_at: datetime
    transaction_successful: bool = True
    from_: str | None = field(default=None, name="from")
    to: str | None = None
    to_muxed_id: str | None = None
    asset_type: str | None = None
    asset_code: str | None = None
    asset_issuer: str | None = None
    amount: str | None = None
    account: str | None = None
    """Of an account merge: the account that went."""
    into: str | None = None
    transaction: _Memo = _Memo()

    @property
    def at_us(self) -> int:
        return to_micros(self.created_at)


class _ResultCodes(Struct, frozen=True, kw_only=True):
    transaction: str = "unknown"
    operations: tuple[str, ...] = ()


class _Extras(Struct, frozen=True, kw_only=True):
    result_codes: _ResultCodes = _ResultCodes()


class _Problem(Struct, frozen=True, kw_only=True):
    extras: _Extras = _Extras()


class _Ledger(Struct, frozen=True):
    closed_at: datetime


class _Effect(Struct, frozen=True, kw_only=True):
    type: str
    account: str
    amount: str | None = None


R = TypeVar("R")


class _Embedded(Struct, Generic[R], frozen=True):
    records: tuple[R, ...]


class _Page(Struct, Generic[R], frozen=True):
    embedded: _Embedded[R] = field(name="_embedded")


class _Answer(NamedTuple):
    status: int
    body: bytes


class Horizon:
    """One Horizon. Open it in the event loop that uses it."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def account(self, address: str) -> Account | None:
        """None where there is none."""
        answer = await self._get(f"/accounts/{address}")
        return None if answer is None else _read(answer, Account)

    async def transaction(self, tx_hash: str) -> Landed | None:
        """A transaction, by its hash or that of its inner one; None where Horizon knows none."""
        answer = await self._get(f"/transactions/{tx_hash}")
        return None if answer is None else _read(answer, Landed)

    async def recent_transactions(self, address: str) -> Sequence[Landed]:
        """The newest that touched an account, newest first, failed ones included; one snapshot."""
        answer = await self._get(
            f"/accounts/{address}/transactions", order="desc", limit=str(PAGE), include_failed="true"
        )
        return [] if answer is None else _records(answer, Landed)

    async def closed_at_us(self) -> int:
        """When the newest ledger that Horizon knows was closed."""
        answer = await self._get("/ledgers", order="desc", limit="1")
        found = [] if answer is None else _records(answer, _Ledger)
        if not found:
            raise HorizonUnavailable("no ledgers")
        return to_micros(found[0].closed_at)

    async def payments(self, address: str, cursor: str) -> Sequence[Payment]:
        """The next page behind a cursor, oldest first; empty where there is nothing new."""
        answer = await self._get(
            f"/accounts/{address}/payments",
            cursor=cursor,
            order="asc",
            limit=str(PAGE),
            join="transactions",
        )
        return [] if answer is None else _records(answer, Payment)

    async def credited(self, operation_id: int, address: str) -> str | None:
        """What an operation added to an account, as Stellar writes amounts; None where nothing."""
        answer = await self._get(f"/operations/{operation_id}/effects", limit=str(PAGE))
        for effect in [] if answer is None else _records(answer, _Effect):
            if effect.type == "account_credited" and effect.account == address:
                amount: str | None = effect.amount
                return amount
        return None

    async def submit(self, xdr: str) -> Landed:
        """Send a signed envelope and wait until it is on the chain.

        Raises:
            HorizonRefused: it was not taken, or has no effect; the hash tells which.
        """
        answer = await self._call("POST", "/transactions", data={"tx": xdr})
        if answer.status == 400:  # noqa: PLR2004
            codes = _read(answer, _Problem).extras.result_codes
            raise HorizonRefused(codes.transaction, codes.operations)
        if answer.status != 200:  # noqa: PLR2004
            raise HorizonUnavailable(f"POST /transactions: {answer.status}")
        landed: Landed = _read(answer, Landed)
        return landed

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _get(self, path: str, **params: str) -> _Answer | None:
        answer = await self._call("GET", path, params=params)
        if answer.status == 404:  # noqa: PLR2004
            return None
        if answer.status != 200:  # noqa: PLR2004
            raise HorizonUnavailable(f"GET {path}: {answer.status}")
        return answer

    async def _call(self, method: str, path: str, **how: Any) -> _Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        try:
            async with self._session.request(
                method, self._url + path, allow_redirects=False, **how
            ) as response:
                body = await response.read()
                if response.status in {429, 503}:
                    raise HorizonUnavailable(
                        f"{method} {path}: {response.status}", _seconds(response.headers.get("Retry-After"))
                    )
                return _Answer(response.status, body)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise HorizonUnavailable(f"{method} {path}: {type(error).__name__}") from error


def _seconds(text: str | None) -> float | None:
    if text is None or not text.isdecimal():
        return None
    return min(float(text), _RETRY_AFTER_S_MAX)


def _read(answer: _Answer, into: type[Any]) -> Any:
    try:
        return msgspec.json.decode(answer.body, type=into, strict=False)  # Horizon writes numbers as text
    except msgspec.MsgspecError as error:
        raise HorizonUnavailable(f"an answer that cannot be read: {error}") from error


def _records(answer: _Answer, of: type[Any]) -> list[Any]:
    page = _read(answer, _Page[of])  # type: ignore[valid-type]
    return list(page.embedded.records)
