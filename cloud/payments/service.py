"""Payments, refunds and payouts as other domains ask for them, and what providers tell.

Asking is a row in the caller's transaction and nothing else; `errands.py` goes to the provider afterwards,
and what the provider says, by webhook or when asked, goes through `intake.py`.
"""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from cloud.errors import Conflict, NotFound
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.payments import storage
from cloud.payments.errands import Errands, lease_end_us
from cloud.payments.intake import Intake
from cloud.payments.model import (
    Charge,
    Payment,
    PaymentState,
    Payout,
    PayoutState,
    PayoutWish,
    Refund,
    RefundState,
)
from cloud.payments.ports import Keep, PaymentListener, PaymentProvider, PayoutListener
from cloud.payments.retries import Retries
from shared.clock import Clock
from shared.ids import new_id


class NotPaid(Conflict):
    """Only what was paid can be sent back."""


class Payments:
    """The `PaymentPort`; `provider` is the name of the one in use."""

    def __init__(self, store: Store, clock: Clock, provider: PaymentProvider) -> None:
        self._store = store
        self._clock = clock
        self._provider = provider
        self._intake = Intake(store, clock, provider.name)
        self._errands = Errands(store, clock, self._intake, provider)
        self._retries = Retries(store, clock, provider)

    @property
    def provider(self) -> str:
        """Its name."""
        return self._provider.name

    def tell(self, listener: PaymentListener) -> None:
        """Tell it of every change of a payment or a refund."""
        self._intake.tell(listener)

    def tell_of_payouts(self, listener: PayoutListener) -> None:
        """Tell it of every change of a payout."""
        self._intake.tell_of_payouts(listener)

    # What shall be done: each joins the caller's transaction

    async def charge(self, tx: WriteTx, charge: Charge) -> Payment:
        """Write down what shall be paid; nothing is sent. The same reference: the same payment.

        A new one is the caller's to `open`, as it comes back; a job does where that is not done in time.
        """
        now_us = self._clock.now_us()
        payment = Payment(
            id=new_id("pay", self._clock),
            reference=charge.reference,
            account=charge.account,
            amount_minor=charge.amount_minor,
            currency=charge.currency,
            source=charge.source,
            provider=self._provider.name,
            state=PaymentState.REQUIRES_PAYMENT_METHOD,
            created_at_us=now_us,
        )
        taken = replace(payment, sent_at_us=now_us)
        is_new = await storage.insert_payment(tx, taken, due_at_us=lease_end_us(now_us))
        known = None if is_new else await storage.payment_by_reference(tx, charge.reference)
        return known or payment

    async def cancel(self, tx: WriteTx, payment_id: str) -> None:
        """No longer wanted.

        Raises:
            NotFound: no such payment.
        """
        payment = await self.payment(tx, payment_id)
        if not payment.state.is_final:
            await storage.want_cancel(tx, payment_id, due_at_us=self._clock.now_us())

    async def refund(self, tx: WriteTx, payment_id: str, *, reason: str) -> Refund:
        """Send all of a payment back, once.

        Raises:
            NotFound: no such payment.
            NotPaid: it did not succeed.
        """
        payment = await self.payment(tx, payment_id)
        known = await storage.refund_of(tx, payment_id)
        if known is not None:
            return known
        if payment.state is not PaymentState.SUCCEEDED or payment.intent_id is None:
            raise NotPaid(f"payment {payment_id}: is {payment.state}, so there is nothing to send back")
        now_us = self._clock.now_us()
        refund = Refund(
            id=new_id("ref", self._clock),
            payment_id=payment.id,
            intent_id=payment.intent_id,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            provider=payment.provider,
            reason=reason,
            state=RefundState.WAITING,
            created_at_us=now_us,
        )
        await storage.insert_refund(tx, refund, due_at_us=now_us)
        return refund

    async def pay_out(self, tx: WriteTx, wish: PayoutWish) -> Payout:
        """Send money to a person, once for each reference."""
        known = await storage.payout_by_reference(tx, wish.reference)
        if known is not None:
            return known
        now_us = self._clock.now_us()
        payout = Payout(
            id=new_id("po", self._clock),
            reference=wish.reference,
            account=wish.account,
            amount_minor=wish.amount_minor,
            currency=wish.currency,
            provider=self._provider.name,
            state=PayoutState.WAITING,
            created_at_us=now_us,
        )
        await storage.insert_payout(tx, payout, due_at_us=now_us)
        return payout

    # What is known

    async def payment(self, tx: ReadTx, payment_id: str) -> Payment:
        """One payment.

        Raises:
            NotFound: there is none.
        """
        found = await storage.payment(tx, payment_id)
        if found is None:
            raise NotFound(f"payment {payment_id}: unknown")
        return found

    async def payment_of(self, tx: ReadTx, reference: str) -> Payment | None:
        """The payment for something."""
        return await storage.payment_by_reference(tx, reference)

    async def payout_of(self, tx: ReadTx, reference: str) -> Payout | None:
        """The payout for something."""
        return await storage.payout_by_reference(tx, reference)

    async def open_within(self, tx: WriteTx, payment: Payment) -> Payment:
        """Open one that was just charged in the same use case, where the provider's books are in this store.

        Those who listen are told before it comes back. Of any other provider it comes back as it was
        (`intent_id` None), to be opened after the commit.
        """
        return await self._errands.open_within(tx, payment)

    async def open(self, payment: Payment, keep: Keep | None = None) -> Payment:
        """After the commit: ask the provider now, so that the answer can say where to pay.

        `keep` joins the transaction in which the provider's answer is written down. Where the provider does
        not answer, the payment comes back as it was (`intent_id` None), and the job goes on asking.
        """
        opened = await self._errands.open(payment, keep)
        if opened is not None:
            return opened
        async with self._store.read(brief=True) as tx:
            return await self.payment(tx, payment.id)

    async def look(self, payment_id: str) -> Payment:
        """Ask the provider how a payment stands, now; it comes back as it was where that fails."""
        async with self._store.read() as tx:
            payment = await self.payment(tx, payment_id)
        await self._errands.look(payment)
        async with self._store.read() as tx:
            return await self.payment(tx, payment_id)

    async def run_due(self) -> int:
        """Everything that is due at the provider; how many things were done. For a job.

        Raises:
            ProviderUnavailable: the provider answers nothing; what is left stays due.
        """
        return await self._errands.run_due()

    async def failed(self) -> Sequence[Refund | Payout]:
        """Refunds and payouts that ended without the money having arrived."""
        return await self._retries.failed()

    async def retry(self, id_: str) -> Refund | Payout:
        """Send a refund or payout that failed again, at the next round of the job.

        Raises:
            NotFound: no such refund or payout.
            NotFailed: it is under way or has arrived, here or at the provider.
            ProviderUnavailable: the provider does not say what became of it.
        """
        return await self._retries.retry(id_)

    async def next_due_us(self) -> int | None:
        """When `run_due` has something to do that it has not now; None: nothing waits for its time."""
        async with self._store.read() as tx:
            return await storage.next_due_us(tx, self._provider.name, self._clock.now_us())

    async def take(self, headers: Mapping[str, str], body: bytes) -> bool:
        """A webhook; False: the same event had come before.

        Raises:
            NoticeRefused: not signed by the provider, too old, or not readable.
        """
        return await self._intake.take(self._provider.read_notice(headers, body))

    async def close(self) -> None:
        """No more calls to the provider."""
        await self._provider.close()
