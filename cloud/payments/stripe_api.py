"""Stripe's HTTP interface: form-encoded requests with idempotency keys, JSON answers.

https://docs.stripe.com/api. What an answer means for the fate of a call that does something: 2xx it happened;
402 a card was declined, which is an answer too; 400 and 404 it certainly did not; everything else, and no
answer, is open.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from cloud.payments.errors import ProviderRefused, ProviderUnavailable

VERSION = "2024-06-20"
TIMEOUT_S = 30.0

T = TypeVar("T")


class RedirectToUrl(Struct, frozen=True, kw_only=True):
    url: str | None = None


class NextAction(Struct, frozen=True, kw_only=True):
    type: str
    redirect_to_url: RedirectToUrl | None = None


class PaymentError(Struct, frozen=True, kw_only=True):
    code: str | None = None
    decline_code: str | None = None


class PaymentIntent(Struct, frozen=True, kw_only=True):
    id: str
    status: str
    amount: int
    currency: str
    """In lower case."""
    amount_received: int = 0
    client_secret: str | None = None
    metadata: Mapping[str, str] = {}
    next_action: NextAction | None = None
    last_payment_error: PaymentError | None = None


class StripeRefund(Struct, frozen=True, kw_only=True):
    id: str
    status: str | None = None
    failure_reason: str | None = None
    metadata: Mapping[str, str] = {}


class StripeTransfer(Struct, frozen=True, kw_only=True):
    id: str
    reversed: bool = False
    metadata: Mapping[str, str] = {}


class Page(Struct, frozen=True, kw_only=True):
    """A list, newest first."""

    data: tuple[msgspec.Raw, ...]
    has_more: bool = False


class _Error(Struct, frozen=True, kw_only=True):
    type: str = "api_error"
    code: str | None = None
    message: str = ""
    payment_intent: PaymentIntent | None = None


class _Failure(Struct, frozen=True, kw_only=True):
    error: _Error


class Declined(Exception):
    """402: the intent as it stands after the try."""

    def __init__(self, intent: PaymentIntent) -> None:
        super().__init__(intent.id)
        self.intent = intent


class StripeApi:
    """One account at Stripe."""

    def __init__(self, url: str, secret_key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret_key}", "Stripe-Version": VERSION}
        self._session: aiohttp.ClientSession | None = None

    async def get(self, path: str, into: type[T], **params: str) -> T | None:
        """None where there is none.

        Raises:
            ProviderUnavailable: also where the question is refused, for that says nothing of its object.
        """
        try:
            return await self._call("GET", path, into, params=params)
        except ProviderRefused as refusal:
            if refusal.code == "resource_missing":
                return None
            raise ProviderUnavailable(f"Stripe: GET {path}: {refusal}") from None

    async def post(self, path: str, into: type[T], fields: Mapping[str, str], *, key: str) -> T:
        """Do something once for each key.

        Raises:
            Declined, ProviderRefused, ProviderUnavailable
        """
        return await self._call("POST", path, into, data=fields, headers={"Idempotency-Key": key})

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(
        self, method: str, path: str, into: type[T], *, headers: Mapping[str, str] | None = None, **how: Any
    ) -> T:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        try:
            async with self._session.request(
                method,
                self._url + path,
                headers={**self._headers, **(headers or {})},
                allow_redirects=False,
                **how,
            ) as response:
                status, body = response.status, await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ProviderUnavailable(f"Stripe: {method} {path}: {type(error).__name__}") from None
        if 200 <= status < 300:  # noqa: PLR2004
            return read(body, into)
        raise _failure(f"Stripe: {method} {path}: {status}", status, body)


def read(body: bytes | msgspec.Raw, into: type[T]) -> T:
    """An answer of Stripe.

    Raises:
        ProviderUnavailable: it cannot be read, so nothing is known.
    """
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.MsgspecError as error:
        raise ProviderUnavailable(f"Stripe: an answer that cannot be read: {error}") from None


def _failure(call: str, status: int, body: bytes) -> Exception:
    try:
        error = msgspec.json.decode(body, type=_Failure).error
    except msgspec.MsgspecError:
        return ProviderUnavailable(call)
    if status == 402 and error.payment_intent is not None:  # noqa: PLR2004
        return Declined(error.payment_intent)
    if (
        status in {400, 402, 404} and error.type != "idempotency_error"
    ):  # the same key, other fields: it was sent
        return ProviderRefused(error.code or error.type, error.message)
    return ProviderUnavailable(f"{call} {error.code or error.type}")
