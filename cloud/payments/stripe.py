"""Payments through Stripe: PaymentIntents in, Refunds back, Transfers to connected accounts out.

A payee has an account of their own at Stripe, which pays what is transferred to it on to their bank.
Everything we send carries our id twice: as idempotency key, which Stripe keeps for a day, and as metadata or
transfer group, by which it is found again after that.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from cloud.kit.store import WriteTx
from cloud.payments.errors import NoticeRefused, NotYet, ProviderRefused, ProviderUnavailable
from cloud.payments.model import (
    Intent,
    News,
    Notice,
    Payment,
    PaymentState,
    Payout,
    PayoutNews,
    PayoutState,
    Refund,
    RefundNews,
    RefundState,
)
from cloud.payments.stripe_api import (
    Declined,
    Page,
    PaymentIntent,
    StripeApi,
    StripeRefund,
    StripeTransfer,
    read,
)
from cloud.payments.stripe_signature import check_signature
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

STRIPE = "stripe"
SKEW_S = 300
"""Stripe's clock and ours differ by less."""
PAGE = "100"

_STATES = {state.value: state for state in PaymentState} | {
    "requires_confirmation": PaymentState.REQUIRES_PAYMENT_METHOD,
    "requires_capture": PaymentState.PROCESSING,
}
_REFUND_STATES = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.CANCELED,
}
_LATER = frozenset({"balance_insufficient", "account_invalid", "insufficient_capabilities_for_transfer"})
"""Refusals of a transfer that end by themselves: money comes in, a payee completes their account."""


class _Data(Struct, frozen=True):
    object: Raw


class _Event(Struct, frozen=True, kw_only=True):
    id: str
    type: str
    created: int
    data: _Data


class _Kind(Struct, frozen=True):
    object: str = ""


class StripePayments:
    """A `PaymentProvider`."""

    name = STRIPE

    def __init__(
        self,
        api: StripeApi,
        clock: Clock,
        *,
        webhook_secret: str,
        return_url: str,
        destination: Callable[[str], Awaitable[str | None]],
    ) -> None:
        self._api = api
        self._clock = clock
        self._webhook_secret = webhook_secret
        self._return_url = return_url
        self._destination = destination

    async def open_intent(self, payment: Payment) -> Intent:
        fields = {
            "amount": str(payment.amount_minor),
            "currency": payment.currency.lower(),
            "description": payment.reference,
            "automatic_payment_methods[enabled]": "true",
            "metadata[payment_id]": payment.id,
            "metadata[reference]": payment.reference,
        }
        if payment.source is not None:
            fields |= {"payment_method": payment.source, "confirm": "true", "return_url": self._return_url}
        now_us = self._clock.now_us()
        try:
            intent = await self._api.post("/v1/payment_intents", PaymentIntent, fields, key=payment.id)
        except Declined as declined:
            intent = declined.intent
        return _intent(intent, now_us)

    async def open_within(self, tx: WriteTx, payment: Payment) -> None:
        """Never: it is asked over the network."""

    async def find_intent(self, payment: Payment) -> Intent | None:
        now_us = self._clock.now_us()
        if payment.intent_id is not None:
            intent = await self._api.get(f"/v1/payment_intents/{payment.intent_id}", PaymentIntent)
            if intent is None:
                raise ProviderUnavailable(f"Stripe: knows no {payment.intent_id}: is it the right account?")
            return _intent(intent, now_us)
        since_us = payment.created_at_us if payment.sent_at_us is None else payment.sent_at_us
        since_s = since_us // MICROS_PER_SECOND - SKEW_S
        found = await self._search(
            "/v1/payment_intents", "payment_id", payment.id, **{"created[gte]": str(since_s)}
        )
        return None if found is None else _intent(read(found, PaymentIntent), now_us)

    async def cancel_intent(self, payment: Payment, *, intent_id: str) -> Intent:
        try:
            canceled = await self._api.post(
                f"/v1/payment_intents/{intent_id}/cancel", PaymentIntent, {}, key=f"{payment.id}:cancel"
            )
        except ProviderRefused as refusal:
            if refusal.code != "payment_intent_unexpected_state":
                raise ProviderUnavailable(f"Stripe: {refusal}") from None
            now = await self._api.get(f"/v1/payment_intents/{intent_id}", PaymentIntent)
            if now is None:
                raise ProviderUnavailable(f"Stripe: knows no {intent_id}") from None
            canceled = now
        return _intent(canceled, self._clock.now_us())

    async def send_refund(self, refund: Refund) -> RefundNews:
        fields = {
            "payment_intent": refund.intent_id,
            "amount": str(refund.amount_minor),
            "metadata[refund_id]": refund.key,
            "metadata[reason]": refund.reason,
        }
        return _refund(await self._api.post("/v1/refunds", StripeRefund, fields, key=refund.key))

    async def find_refund(self, refund: Refund) -> RefundNews | None:
        found = await self._search("/v1/refunds", "refund_id", refund.key, payment_intent=refund.intent_id)
        return None if found is None else _refund(read(found, StripeRefund))

    async def send_payout(self, payout: Payout) -> PayoutNews:
        destination = await self._destination(payout.account)
        if destination is None:
            raise NotYet(f"payout {payout.id}: the payee has no account at Stripe")
        fields = {
            "amount": str(payout.amount_minor),
            "currency": payout.currency.lower(),
            "destination": destination,
            "description": payout.reference,
            "transfer_group": payout.key,
            "metadata[payout_id]": payout.key,
        }
        try:
            sent = await self._api.post("/v1/transfers", StripeTransfer, fields, key=payout.key)
        except ProviderRefused as refusal:
            if refusal.code in _LATER:
                raise NotYet(f"payout {payout.id}: {refusal}") from None
            raise
        return _payout(sent)

    async def find_payout(self, payout: Payout) -> PayoutNews | None:
        found = await self._search("/v1/transfers", "payout_id", payout.key, transfer_group=payout.key)
        return None if found is None else _payout(read(found, StripeTransfer))

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        check_signature(
            headers.get("stripe-signature", ""),
            body,
            secret=self._webhook_secret,
            now_s=self._clock.now_us() / MICROS_PER_SECOND,
        )
        try:
            event = msgspec.json.decode(body, type=_Event)
            news = _news(event)
        except (msgspec.MsgspecError, ProviderUnavailable):
            raise NoticeRefused("the event cannot be read") from None
        return Notice(id=event.id, type=event.type, news=news)

    async def close(self) -> None:
        await self._api.close()

    async def _search(self, path: str, name: str, our_id: str, **params: str) -> Raw | None:
        """The object that carries our id, on whichever page of a list."""
        params = {"limit": PAGE, **params}
        while True:
            page = await self._api.get(path, Page, **params)
            if page is None:
                return None
            last = None
            for one in page.data:
                last = read(one, _Tagged)
                if last.metadata.get(name) == our_id:
                    return one
            if not page.has_more or last is None:
                return None
            params["starting_after"] = last.id


class _Tagged(Struct, frozen=True, kw_only=True):
    id: str
    metadata: Mapping[str, Any] = {}


def _news(event: _Event) -> News | None:
    """None: nothing that was asked for by us."""
    raw = event.data.object
    kind = read(raw, _Kind).object
    if kind == "payment_intent" and event.type.startswith("payment_intent."):
        intent = _intent(read(raw, PaymentIntent), event.created * MICROS_PER_SECOND)
        return intent if intent.payment_id else None
    if kind == "refund":
        refund = _refund(read(raw, StripeRefund))
        return refund if refund.refund_id else None
    if kind == "transfer":
        payout = _payout(read(raw, StripeTransfer))
        return payout if payout.payout_id else None
    return None


def _intent(intent: PaymentIntent, at_us: int) -> Intent:
    state = _STATES.get(intent.status)
    if state is None:
        raise ProviderUnavailable(f"Stripe: a status {intent.status!r} that is not known")
    error, action = intent.last_payment_error, intent.next_action
    redirect = action.redirect_to_url if action else None
    return Intent(
        id=intent.id,
        payment_id=intent.metadata.get("payment_id", ""),
        state=state,
        amount_minor=intent.amount,
        received_minor=intent.amount_received,
        currency=intent.currency.upper(),
        at_us=at_us,
        client_secret=intent.client_secret,
        redirect_url=redirect.url if redirect else None,
        decline_code=(error.decline_code or error.code) if error else None,
    )


def _refund(refund: StripeRefund) -> RefundNews:
    return RefundNews(
        id=refund.id,
        refund_id=refund.metadata.get("refund_id", ""),
        state=_REFUND_STATES.get(refund.status or "pending", RefundState.PENDING),
        failure=refund.failure_reason,
    )


def _payout(transfer: StripeTransfer) -> PayoutNews:
    return PayoutNews(
        id=transfer.id,
        payout_id=transfer.metadata.get("payout_id", ""),
        state=PayoutState.FAILED if transfer.reversed else PayoutState.PAID,
        failure="reversed" if transfer.reversed else None,
    )
