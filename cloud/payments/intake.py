"""What a provider says, by webhook or when asked, and those who are told in the same transaction."""

import logging

from msgspec import structs

from cloud.kit.notices import is_first
from cloud.kit.store import Store, WriteTx
from cloud.payments import storage
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
from cloud.payments.news import Contradiction, payment_after, payout_after, refund_after
from cloud.payments.pace import next_look_us, next_try_us
from cloud.payments.ports import PaymentListener, PayoutListener
from shared.clock import Clock

logger = logging.getLogger(__name__)


class Intake:
    """Applies news, in whatever order they come; listeners hear each change once."""

    def __init__(self, store: Store, clock: Clock, provider: str) -> None:
        self._store = store
        self._clock = clock
        self._provider = provider
        self._listeners: list[PaymentListener] = []
        self._payout_listeners: list[PayoutListener] = []

    def tell(self, listener: PaymentListener) -> None:
        self._listeners.append(listener)

    def tell_of_payouts(self, listener: PayoutListener) -> None:
        self._payout_listeners.append(listener)

    async def take(self, notice: Notice) -> bool:
        """A webhook's news, in one transaction with the note that it came; False: it had come before."""
        async with self._store.write() as tx:
            if not await is_first(tx, self._clock, provider=self._provider, id_=notice.id, type_=notice.type):
                return False
            if notice.news is not None:
                await self.learn(tx, notice.news)
        return True

    async def learn(self, tx: WriteTx, news: News) -> None:
        """Apply news and tell those who asked; news that are old, or of nothing of ours, change nothing."""
        if isinstance(news, Intent):
            await self.learn_payment(tx, news)
            return
        try:
            if isinstance(news, RefundNews):
                await self._learn_refund(tx, news)
            else:
                await self._learn_payout(tx, news)
        except Contradiction as error:
            _ignored(error)

    async def learn_payment(self, tx: WriteTx, intent: Intent) -> Payment | None:
        """`learn` for a payment, as it is then; None where there is none."""
        payment = await storage.payment(tx, intent.payment_id)
        if payment is None:
            return None
        try:
            after = payment_after(payment, intent)
        except Contradiction as error:
            _ignored(error)
            return payment
        await self._set_payment(tx, payment, after)
        return after

    async def refuse_payment(self, tx: WriteTx, payment: Payment, code: str) -> Payment | None:
        """The provider will never take it: it is canceled. As it is then; None where there is none."""
        now = await storage.payment(tx, payment.id)
        if now is None or now.state.is_final:
            return now
        after = structs.replace(now, state=PaymentState.CANCELED, decline_code=code, redirect_url=None)
        await self._set_payment(tx, now, after)
        return after

    async def refuse_refund(self, tx: WriteTx, refund: Refund, code: str) -> None:
        """The provider will never send it."""
        await self._learn_refund(
            tx,
            RefundNews(id=refund.provider_id, refund_id=refund.key, state=RefundState.FAILED, failure=code),
        )

    async def refuse_payout(self, tx: WriteTx, payout: Payout, code: str) -> None:
        """The provider will never send it."""
        await self._learn_payout(
            tx,
            PayoutNews(id=payout.provider_id, payout_id=payout.key, state=PayoutState.FAILED, failure=code),
        )

    async def _set_payment(self, tx: WriteTx, before: Payment, after: Payment) -> None:
        due_at_us = None
        if not after.state.is_final:
            now_us = self._clock.now_us()
            due_at_us = (
                next_try_us(after.created_at_us, now_us)
                if after.is_cancel_wanted
                else next_look_us(self._provider, after.created_at_us, now_us)
            )
        await storage.update_payment(tx, after, due_at_us=due_at_us)
        if (before.state, before.decline_code) == (after.state, after.decline_code):
            return
        tx.after_commit(lambda: logger.info("payment id=%s state=%s", after.id, after.state.value))
        for listener in self._listeners:
            await listener.payment_changed(tx, after)

    async def _learn_refund(self, tx: WriteTx, news: RefundNews) -> None:
        before = await storage.refund(tx, _id_of(news.refund_id))
        if before is None or before.key != news.refund_id:  # of an attempt that is over
            return
        after = refund_after(before, news)
        due_at_us = None
        if after.state in {RefundState.WAITING, RefundState.PENDING}:
            due_at_us = next_look_us(self._provider, after.created_at_us, self._clock.now_us())
        await storage.update_refund(tx, after, due_at_us=due_at_us)
        if before.state is after.state:
            return
        tx.after_commit(lambda: logger.info("refund id=%s state=%s", after.id, after.state.value))
        payment = await storage.payment(tx, after.payment_id)
        assert payment is not None  # noqa: S101  a foreign key
        for listener in self._listeners:
            await listener.refund_changed(tx, after, payment)

    async def _learn_payout(self, tx: WriteTx, news: PayoutNews) -> None:
        before = await storage.payout(tx, _id_of(news.payout_id))
        if before is None or before.key != news.payout_id:  # of an attempt that is over
            return
        after = payout_after(before, news)
        due_at_us = None
        if after.state in {PayoutState.WAITING, PayoutState.PENDING, PayoutState.IN_TRANSIT}:
            due_at_us = next_look_us(self._provider, after.created_at_us, self._clock.now_us())
        await storage.update_payout(tx, after, due_at_us=due_at_us)
        if before.state is after.state:
            return
        tx.after_commit(lambda: logger.info("payout id=%s state=%s", after.id, after.state.value))
        for listener in self._payout_listeners:
            await listener.payout_changed(tx, after)


def _id_of(key: str) -> str:
    return key.partition(".")[0]


def _ignored(error: Contradiction) -> None:
    logger.error("news contradict what was asked for, ignored error=%s", error)
