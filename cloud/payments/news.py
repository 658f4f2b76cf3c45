"""What news from a provider change. News come late, twice and in any order: the outcome is the same."""

from msgspec import structs

from cloud.payments.model import (
    Intent,
    Payment,
    PaymentState,
    Payout,
    PayoutNews,
    PayoutState,
    Refund,
    RefundNews,
    RefundState,
)

_REFUND_RANK = {
    RefundState.WAITING: 0,
    RefundState.PENDING: 1,
    RefundState.SUCCEEDED: 2,
    RefundState.FAILED: 3,
    RefundState.CANCELED: 3,
}
_PAYOUT_RANK = {
    PayoutState.WAITING: 0,
    PayoutState.PENDING: 1,
    PayoutState.IN_TRANSIT: 2,
    PayoutState.PAID: 3,
    PayoutState.FAILED: 4,
    PayoutState.CANCELED: 4,
}


class Contradiction(ValueError):
    """News that cannot be about this payment: nothing is changed by them."""


def payment_after(payment: Payment, intent: Intent) -> Payment:
    """What is known after the news; the same payment where they are old.

    Succeeded and canceled are for ever, but where the provider had not answered when it was given up: money
    that came all the same is not denied. Before, the provider's time decides which news are newer.

    Raises:
        Contradiction: another intent, currency or amount than was asked for.
    """
    if payment.intent_id not in {None, intent.id}:
        raise Contradiction(f"intent {intent.id}, but {payment.intent_id} was opened")
    if (intent.amount_minor, intent.currency) != (payment.amount_minor, payment.currency):
        raise Contradiction(f"{intent.amount_minor} {intent.currency} instead of what was asked for")
    if intent.state is PaymentState.SUCCEEDED and intent.received_minor != payment.amount_minor:
        raise Contradiction(f"succeeded with {intent.received_minor} of {payment.amount_minor} received")
    known = structs.replace(
        payment, intent_id=intent.id, client_secret=intent.client_secret or payment.client_secret
    )
    if payment.state.is_final and payment.intent_id is not None:
        return known
    if not intent.state.is_final and intent.at_us < payment.told_at_us:
        return known
    return structs.replace(
        known,
        state=intent.state,
        redirect_url=None if intent.state.is_final else intent.redirect_url,
        decline_code=None if intent.state is PaymentState.SUCCEEDED else intent.decline_code,
        told_at_us=max(intent.at_us, payment.told_at_us),
    )


def refund_after(refund: Refund, news: RefundNews) -> Refund:
    """What is known after the news. A refund that succeeded may still fail, and not the other way round.

    Raises:
        Contradiction: another refund of the provider.
    """
    if None not in {refund.provider_id, news.id} and refund.provider_id != news.id:
        raise Contradiction(f"refund {news.id}, but {refund.provider_id} was sent")
    known = structs.replace(refund, provider_id=news.id or refund.provider_id)
    if _REFUND_RANK[news.state] <= _REFUND_RANK[refund.state]:
        return known
    return structs.replace(known, state=news.state, failure=news.failure)


def payout_after(payout: Payout, news: PayoutNews) -> Payout:
    """What is known after the news. A bank may send back what was paid.

    Raises:
        Contradiction: another payout of the provider.
    """
    if None not in {payout.provider_id, news.id} and payout.provider_id != news.id:
        raise Contradiction(f"payout {news.id}, but {payout.provider_id} was sent")
    known = structs.replace(payout, provider_id=news.id or payout.provider_id)
    if _PAYOUT_RANK[news.state] <= _PAYOUT_RANK[payout.state]:
        return known
    return structs.replace(known, state=news.state, failure=news.failure)
