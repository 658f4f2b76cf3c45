"""Refunds and payouts that failed, and the way out: an administrator has one sent again.

What failed is over at the provider, so it goes out under a new key. It is asked about first: only what the
provider never had, or calls failed itself, may go out a second time.
"""

import logging
from collections.abc import Sequence

from cloud.errors import Conflict, NotFound
from cloud.kit.store import ReadTx, Store
from cloud.payments import storage
from cloud.payments.model import Payout, PayoutNews, PayoutState, Refund, RefundNews, RefundState
from cloud.payments.ports import PaymentProvider
from shared.clock import Clock

logger = logging.getLogger(__name__)

_OVER = frozenset({RefundState.FAILED, RefundState.CANCELED, PayoutState.FAILED, PayoutState.CANCELED})


class NotFailed(Conflict):
    """Sent again, it might be paid twice."""


class Retries:
    """For an administrator, beside the running service."""

    def __init__(self, store: Store, clock: Clock, provider: PaymentProvider) -> None:
        self._store = store
        self._clock = clock
        self._provider = provider

    async def failed(self) -> Sequence[Refund | Payout]:
        """See `Payments`."""
        async with self._store.read() as tx:
            return [*await storage.failed(tx, Refund), *await storage.failed(tx, Payout)]

    async def retry(self, id_: str) -> Refund | Payout:
        """See `Payments`."""
        async with self._store.read() as tx:
            failed = await _known(tx, id_)
        if failed.state not in _OVER:
            raise NotFailed(f"{id_}: is {failed.state}, not failed")
        if failed.provider != self._provider.name:
            raise NotFailed(f"{id_}: was sent by {failed.provider}, and {self._provider.name} is in use")
        news = await self._at_provider(failed)
        if news is None and failed.provider_id is not None:
            raise NotFailed(
                f"{id_}: {failed.provider} no longer knows {failed.provider_id}: another account?"
            )
        if news is not None and news.state not in _OVER:
            raise NotFailed(f"{id_}: {failed.provider} has it as {news.id}, which is {news.state}")
        async with self._store.write() as tx:
            if not await storage.begin_again(tx, failed, due_at_us=self._clock.now_us()):
                raise NotFailed(f"{id_}: changed meanwhile")
            again = await _known(tx, id_)
        logger.warning(
            "sent again id=%s key=%s earlier=%s failure=%s",
            id_,
            again.key,
            failed.provider_id,
            failed.failure,
        )
        return again

    async def _at_provider(self, failed: Refund | Payout) -> RefundNews | PayoutNews | None:
        if isinstance(failed, Refund):
            return await self._provider.find_refund(failed)
        return await self._provider.find_payout(failed)


async def _known(tx: ReadTx, id_: str) -> Refund | Payout:
    found = await storage.refund(tx, id_) or await storage.payout(tx, id_)
    if found is None:
        raise NotFound(f"{id_}: no such refund or payout")
    return found
