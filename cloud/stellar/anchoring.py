"""Once an hour the root of the log goes to the chain, where it cannot be changed by anybody."""

import logging

from cloud.kit.store import Store
from cloud.ledger.service import Ledger
from cloud.stellar.model import Operation, OperationKind
from cloud.stellar.outbox import Outbox
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

HOUR_US = 3_600 * MICROS_PER_SECOND


class Anchoring:
    """A job; it may run at any time."""

    def __init__(self, store: Store, clock: Clock, ledger: Ledger, outbox: Outbox) -> None:
        self._store = store
        self._clock = clock
        self._ledger = ledger
        self._outbox = outbox

    async def anchor(self) -> None:
        """Anchor the head of now, unless this hour has its anchor or nothing was appended since the last."""
        async with self._store.write() as tx:
            last = await self._outbox.last_anchor(tx)
            head = await self._ledger.tree_head_in(tx)
            if head.tree_size == (0 if last is None else last.tree_size):
                return
            if last is not None and last.at_us // HOUR_US == self._clock.now_us() // HOUR_US:
                return
            operation = Operation(
                kind=OperationKind.ANCHOR, root_hash=head.root_hash, tree_size=head.tree_size
            )
            signed, _ = await self._outbox.add(tx, operation)
        logger.info("log anchored tree_size=%d tx_hash=%s", head.tree_size, signed.hash)
