"""What is to be done at the provider: each thing once, whatever crashes.

    due → taken (lease, `sent_at_us`, committed) → asked of the provider → its answer stored, listeners told

Something is stored as sent before it is sent. What was taken before is never just sent again: the provider is
asked for it first, and only where it has none it is sent, under the same key, so that even a request that is
still on its way cannot happen a second time.
"""

import asyncio
import logging

from cloud.kit.store import Store, WriteTx
from cloud.payments import storage
from cloud.payments.errors import NotYet, ProviderRefused, ProviderUnavailable
from cloud.payments.intake import Intake
from cloud.payments.model import Payment, Payout, PayoutState, Refund, RefundState
from cloud.payments.pace import next_try_us
from cloud.payments.ports import Keep, PaymentProvider
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

BATCH = 50
LEASE_S = 120
"""Longer than any call to a provider takes."""
FAILURES_MAX = 3
"""So many calls without an answer, one after another, end a round."""


def lease_end_us(now_us: int) -> int:
    """Until when what is taken now is its taker's."""
    return now_us + LEASE_S * MICROS_PER_SECOND


class Errands:
    """Goes to the provider, from a job or for a caller who waits."""

    def __init__(self, store: Store, clock: Clock, intake: Intake, provider: PaymentProvider) -> None:
        self._store = store
        self._clock = clock
        self._intake = intake
        self._provider = provider
        self._opening: dict[str, asyncio.Task[Payment | None]] = {}

    async def open_within(self, tx: WriteTx, payment: Payment) -> Payment:
        """See `PaymentPort`."""
        try:
            intent = await self._provider.open_within(tx, payment)
        except ProviderRefused as refusal:
            return await self._refused(tx, payment, refusal) or payment
        if intent is None:
            return payment
        return await self._intake.learn_payment(tx, intent) or payment

    async def open(self, payment: Payment, keep: Keep | None) -> Payment | None:
        """Ask the provider for a payment, as it was before it was taken; callers who come meanwhile wait.

        None where there is nothing to ask, or nothing was answered.
        """
        if payment.intent_id is not None or payment.state.is_final:
            return None
        task = self._opening.get(payment.id)
        if task is None:
            was_sent = payment.sent_at_us is not None
            task = asyncio.create_task(self._try(payment, was_sent=was_sent, keep=keep))
            self._opening[payment.id] = task
            task.add_done_callback(lambda _: self._opening.pop(payment.id, None))
        return await asyncio.shield(task)

    async def look(self, payment: Payment) -> None:
        """Ask the provider how a payment stands, if it is under way there."""
        if payment.intent_id is not None and not payment.state.is_final:
            await self._try(payment, was_sent=True)

    async def run_due(self) -> int:
        """Everything that is due; how many things were done. Again and again from a job.

        Raises:
            ProviderUnavailable: the provider answers nothing; what is left stays due.
        """
        now_us, provider = self._clock.now_us(), self._provider.name
        async with self._store.read() as tx:
            due: list[Payment | Refund | Payout] = [
                *await storage.due(tx, Payment, provider, now_us=now_us, limit=BATCH),
                *await storage.due(tx, Refund, provider, now_us=now_us, limit=BATCH),
                *await storage.due(tx, Payout, provider, now_us=now_us, limit=BATCH),
            ]
        done = failures = 0
        for one in due:
            try:
                done += await self._run(one)
                failures = 0
            except NotYet as error:
                logger.info("not yet id=%s reason=%s", one.id, error)
            except ProviderUnavailable:
                failures += 1
                if failures == FAILURES_MAX:
                    raise
        return done

    async def _run(self, one: Payment | Refund | Payout) -> bool:
        """Whether it was still there to be done."""
        now_us = self._clock.now_us()
        async with self._store.write() as tx:
            before = await storage.take(
                tx, type(one), one.id, now_us=now_us, lease_until_us=lease_end_us(now_us)
            )
        if before is None:
            return False
        was_sent = before.sent_at_us is not None
        if isinstance(before, Payment):
            await self._payment(before, was_sent=was_sent)
        elif isinstance(before, Refund):
            await self._refund(before, was_sent=was_sent)
        else:
            await self._payout(before, was_sent=was_sent)
        return True

    async def _try(self, payment: Payment, *, was_sent: bool, keep: Keep | None = None) -> Payment | None:
        try:
            return await self._payment(payment, was_sent=was_sent, keep=keep)
        except ProviderUnavailable as error:
            logger.warning("payment not answered yet id=%s error=%s", payment.id, error)
            return None

    async def _payment(self, payment: Payment, *, was_sent: bool, keep: Keep | None = None) -> Payment | None:
        """As it is after what the provider said."""
        try:
            intent = await self._provider.find_intent(payment) if was_sent else None
            if payment.is_cancel_wanted and intent is not None and not intent.state.is_final:
                intent = await self._provider.cancel_intent(payment, intent_id=intent.id)
            elif intent is None and not payment.is_cancel_wanted:
                intent = await self._provider.open_intent(payment)
        except ProviderRefused as refusal:
            async with self._store.write() as tx:
                return await _kept(tx, await self._refused(tx, payment, refusal), keep)
        except ProviderUnavailable:
            await self._postpone(payment)
            raise
        async with self._store.write() as tx:
            if intent is None:
                after = await self._intake.refuse_payment(tx, payment, "canceled")
            else:
                after = await self._intake.learn_payment(tx, intent)
            return await _kept(tx, after, keep)

    async def _refused(self, tx: WriteTx, payment: Payment, refusal: ProviderRefused) -> Payment | None:
        logger.warning("payment refused id=%s code=%s", payment.id, refusal.code)
        return await self._intake.refuse_payment(tx, payment, refusal.code)

    async def _refund(self, refund: Refund, *, was_sent: bool) -> None:
        try:
            news = await self._provider.find_refund(refund) if was_sent else None
            if news is None and refund.state is RefundState.WAITING:
                news = await self._provider.send_refund(refund)
        except ProviderRefused as refusal:
            logger.error("refund refused id=%s code=%s", refund.id, refusal.code)  # noqa: TRY400
            async with self._store.write() as tx:
                await self._intake.refuse_refund(tx, refund, refusal.code)
            return
        except ProviderUnavailable:
            await self._postpone(refund)
            raise
        if news is not None:
            async with self._store.write() as tx:
                await self._intake.learn(tx, news)

    async def _payout(self, payout: Payout, *, was_sent: bool) -> None:
        try:
            news = await self._provider.find_payout(payout) if was_sent else None
            if news is None and payout.state is PayoutState.WAITING:
                news = await self._provider.send_payout(payout)
        except ProviderRefused as refusal:
            logger.error("payout refused id=%s code=%s", payout.id, refusal.code)  # noqa: TRY400
            async with self._store.write() as tx:
                await self._intake.refuse_payout(tx, payout, refusal.code)
            return
        except ProviderUnavailable:
            await self._postpone(payout)
            raise
        if news is not None:
            async with self._store.write() as tx:
                await self._intake.learn(tx, news)

    async def _postpone(self, one: Payment | Refund | Payout) -> None:
        due_at_us = next_try_us(one.created_at_us, self._clock.now_us())
        async with self._store.write() as tx:
            await storage.postpone(tx, type(one), one.id, due_at_us=due_at_us)


async def _kept(tx: WriteTx, payment: Payment | None, keep: Keep | None) -> Payment | None:
    if payment is not None and keep is not None:
        await keep(tx, payment)
    return payment
