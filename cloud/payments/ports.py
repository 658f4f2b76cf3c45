"""What payments need of a provider, and what they tell those who asked for them.

A provider raises `ProviderUnavailable` where the fate of a call is not known, and `ProviderRefused` where it
certainly had no effect.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from cloud.kit.store import ReadTx, WriteTx
from cloud.payments.model import (
    Charge,
    Intent,
    Notice,
    Payment,
    Payout,
    PayoutNews,
    PayoutWish,
    Refund,
    RefundNews,
)


class PaymentProvider(Protocol):
    """Each `open_…` and `send_…` is repeated only under the same id, which the provider takes as its key."""

    @property
    def name(self) -> str: ...

    async def open_intent(self, payment: Payment) -> Intent:
        """Ask for the money; with a source, try it at once. A declined try is an answer, not an error."""
        ...

    async def open_within(self, tx: WriteTx, payment: Payment) -> Intent | None:
        """`open_intent` as part of the asker's use case. None: its books are not in this store."""
        ...

    async def find_intent(self, payment: Payment) -> Intent | None:
        """As it is now, by `intent_id` or, where that is not known, by our id; None: it does not exist."""
        ...

    async def cancel_intent(self, payment: Payment, *, intent_id: str) -> Intent:
        """As it is afterwards: also succeeded, where the money came first."""
        ...

    async def send_refund(self, refund: Refund) -> RefundNews: ...

    async def find_refund(self, refund: Refund) -> RefundNews | None: ...

    async def send_payout(self, payout: Payout) -> PayoutNews: ...

    async def find_payout(self, payout: Payout) -> PayoutNews | None: ...

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """A webhook's content; header names in lower case.

        Raises:
            NoticeRefused: not signed by the provider, too old, or not readable.
        """
        ...

    async def close(self) -> None: ...


class PaymentListener(Protocol):
    """Told in the transaction of the news, once for each change. Raising undoes the news; it comes again.

    It may be told the same state twice and must then do nothing. Succeeded may follow canceled, where the
    provider had not answered when the payment was given up: then the money is to be refunded.
    """

    async def payment_changed(self, tx: WriteTx, payment: Payment) -> None: ...

    async def refund_changed(self, tx: WriteTx, refund: Refund, payment: Payment) -> None: ...


class PayoutListener(Protocol):
    """As `PaymentListener`, for those who pay money out."""

    async def payout_changed(self, tx: WriteTx, payout: Payout) -> None: ...


Keep = Callable[[WriteTx, Payment], Awaitable[None]]
"""What else is to be written down with the provider's answer."""


class PaymentPort(Protocol):
    """What other domains ask of payments. Everything with `tx` joins the caller's transaction."""

    async def charge(self, tx: WriteTx, charge: Charge) -> Payment:
        """Write down what shall be paid; nothing is sent. The same reference: the same payment.

        A new one is the caller's to `open`, as it comes back; a job does where that is not done in time.
        """
        ...

    async def open_within(self, tx: WriteTx, payment: Payment) -> Payment:
        """Open one that was just charged in the same use case, where the provider's books are in this store.

        Those who listen are told before it comes back. Of any other provider it comes back as it was
        (`intent_id` None), to be opened after the commit.
        """
        ...

    async def open(self, payment: Payment, keep: Keep | None = None) -> Payment:
        """After the commit: ask the provider now, so that the answer can say where to pay.

        `keep` joins the transaction in which the provider's first answer is written down, after those who
        listen; callers who wait for the same answer are not asked. Where the provider does not answer, the
        payment comes back as it was (`intent_id` None), and a job goes on asking.
        """
        ...

    async def cancel(self, tx: WriteTx, payment_id: str) -> None:
        """No longer wanted. The listener hears `canceled`, or `succeeded` where the money came first."""
        ...

    async def refund(self, tx: WriteTx, payment_id: str, *, reason: str) -> Refund:
        """Send all of a succeeded payment back, once."""
        ...

    async def pay_out(self, tx: WriteTx, wish: PayoutWish) -> Payout:
        """Send money, once for each reference."""
        ...

    async def payment(self, tx: ReadTx, payment_id: str) -> Payment:
        """One that was charged."""
        ...

    async def payment_of(self, tx: ReadTx, reference: str) -> Payment | None:
        """The payment for something."""
        ...

    def tell(self, listener: PaymentListener) -> None: ...

    def tell_of_payouts(self, listener: PayoutListener) -> None: ...
