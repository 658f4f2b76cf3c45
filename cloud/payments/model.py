"""Payments, refunds and payouts, and how a provider tells of them. Amounts are minor units of `currency`."""

from enum import StrEnum

from msgspec import Struct


class PaymentState(StrEnum):
    """As Stripe's PaymentIntent."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    """Not yet tried, or the last try was declined."""
    REQUIRES_ACTION = "requires_action"
    """The payer must confirm on the provider's page."""
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        return self in {PaymentState.SUCCEEDED, PaymentState.CANCELED}


class RefundState(StrEnum):
    WAITING = "waiting"
    """Not known to have reached the provider."""
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class PayoutState(StrEnum):
    WAITING = "waiting"
    """Not known to have reached the provider."""
    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    FAILED = "failed"
    """The money came back to the platform; also after `paid`, when a bank returns it."""
    CANCELED = "canceled"


class Charge(Struct, frozen=True, kw_only=True):
    """Money that somebody shall pay."""

    reference: str
    """What it is for, such as an investment's id; one payment each."""
    account: str
    """The payer's pseudonym."""
    amount_minor: int
    """Above 0."""
    currency: str
    """ISO 4217, two decimals."""
    source: str | None = None
    """The provider's payment method, `pm_…`, tried at once; None: the payer chooses on the hosted page."""


class Payment(Struct, frozen=True, kw_only=True):
    """A charge on its way."""

    id: str
    """`pay_…`, also the idempotency key at the provider."""
    reference: str
    account: str
    amount_minor: int
    currency: str
    source: str | None
    provider: str
    state: PaymentState
    created_at_us: int
    sent_at_us: int | None = None
    """When the provider was first asked for it; None: never."""
    intent_id: str | None = None
    """`pi_…`; None until the provider has answered."""
    client_secret: str | None = None
    redirect_url: str | None = None
    """Where the payer goes on; None: nowhere, or with the client secret in the provider's own library."""
    decline_code: str | None = None
    """Of the last try, such as `card_declined`."""
    told_at_us: int = 0
    """The provider's time of what is known."""
    is_cancel_wanted: bool = False

    def __repr__(self) -> str:
        return f"Payment(id={self.id!r}, state={self.state.value!r}, intent_id={self.intent_id!r}, ***)"


class Refund(Struct, frozen=True, kw_only=True):
    """Money of a payment on its way back."""

    id: str
    """`ref_…`"""
    payment_id: str
    intent_id: str
    amount_minor: int
    currency: str
    provider: str
    reason: str
    state: RefundState
    created_at_us: int
    sent_at_us: int | None = None
    provider_id: str | None = None
    failure: str | None = None
    attempt: int = 1
    """Rises when it is sent again after it failed."""

    @property
    def key(self) -> str:
        """Our id at the provider, and the idempotency key there."""
        return _key(self.id, self.attempt)

    @property
    def purpose(self) -> str:
        return self.payment_id


class PayoutWish(Struct, frozen=True, kw_only=True):
    """Money that somebody shall get."""

    reference: str
    """What it is for, such as `TL-DIST-Q3-2025-123`; one payout each. The payee's bank may show it."""
    account: str
    """The payee's pseudonym."""
    amount_minor: int
    """Above 0."""
    currency: str


class Payout(Struct, frozen=True, kw_only=True):
    """A bank transfer to a person."""

    id: str
    """`po_…`"""
    reference: str
    account: str
    amount_minor: int
    currency: str
    provider: str
    state: PayoutState
    created_at_us: int
    sent_at_us: int | None = None
    provider_id: str | None = None
    failure: str | None = None
    attempt: int = 1
    """Rises when it is sent again after it failed."""

    @property
    def key(self) -> str:
        """Our id at the provider, and the idempotency key there."""
        return _key(self.id, self.attempt)

    @property
    def purpose(self) -> str:
        return self.reference


class Intent(Struct, frozen=True, kw_only=True):
    """A payment as the provider tells it."""

    id: str
    payment_id: str
    state: PaymentState
    amount_minor: int
    received_minor: int
    currency: str
    at_us: int
    """The provider's time of the news."""
    client_secret: str | None = None
    redirect_url: str | None = None
    decline_code: str | None = None

    def __repr__(self) -> str:
        return f"Intent(id={self.id!r}, state={self.state.value!r}, ***)"


class RefundNews(Struct, frozen=True, kw_only=True):
    """A refund as the provider tells it."""

    id: str | None
    """None where it never reached the provider."""
    refund_id: str
    """The refund's `key`."""
    state: RefundState
    failure: str | None = None


class PayoutNews(Struct, frozen=True, kw_only=True):
    """A payout as the provider tells it."""

    id: str | None
    """None where it never reached the provider."""
    payout_id: str
    """The payout's `key`."""
    state: PayoutState
    failure: str | None = None


def _key(id_: str, attempt: int) -> str:
    return id_ if attempt == 1 else f"{id_}.{attempt}"


News = Intent | RefundNews | PayoutNews


class Notice(Struct, frozen=True, kw_only=True):
    """One event that a provider sent; the same id may come any number of times."""

    id: str
    type: str
    news: News | None
    """None: nothing of ours."""
