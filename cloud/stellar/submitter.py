"""Sends what waits in the outbox, one transaction after another, each operation once.

    built → sent → confirmed
              ├─→ failed      on the chain without effect: what it held is built anew, or given up
              └─→ replaced    can no longer land: what it held is built anew

An envelope is stored as sent before it is sent. As long as the fate of one is open no other is sent, and the
first question is always whether it is on the chain. It is sent again as it is, which cannot pay twice, until
it landed or can no longer land; only then, or before it was ever sent, is it built anew. Every change of an
envelope says in its statement which state it must be in, so two processes at once only waste time.
"""

import asyncio
import logging
from collections.abc import Sequence

from cloud.errors import CloudError
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger.service import Ledger
from cloud.stellar import storage
from cloud.stellar.batches import batch_of, crowded, with_forms
from cloud.stellar.envelopes import OPERATIONS_MAX, Envelopes
from cloud.stellar.fate import SUCCESS, Fate, fate_of, operation_codes
from cloud.stellar.horizon import Account, Horizon, HorizonRefused, HorizonUnavailable, Landed
from cloud.stellar.model import (
    Envelope,
    EnvelopeState,
    Operation,
    OperationKind,
    OperationState,
)
from cloud.stellar.outbox import LIFE_S
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

IDLE_S = 1.0
BACK_OFF_S = 1.0
BACK_OFF_S_MAX = 300.0
LEFT_S_MIN = 30
"""An envelope whose time is nearly over is built anew rather than sent."""
ATTEMPTS_MAX = 3
"""A withdrawal that the chain refused so often is given up and goes back to its owner."""
FEE_STEP = 10
"""Each bump offers so many times more: the network demands that of one that replaces another."""


class Submitter:
    """A worker for testnet and public."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ledger: Ledger,
        envelopes: Envelopes,
        horizon: Horizon,
        *,
        fee_stroops_max: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ledger = ledger
        self._envelopes = envelopes
        self._keys = envelopes.keys
        self._horizon = horizon
        self._fee_stroops_max = fee_stroops_max
        self._sequence: int | None = None
        """Custody's last used sequence number; None: ask Horizon."""
        self._trouble = 0
        """Steps without progress since the last one with."""
        self._said: str | None = None

    async def run(self) -> None:
        """Until cancelled; whatever the chain does, it goes on."""
        try:
            while True:
                await self._clock.sleep(await self.try_step())
        finally:
            await self._horizon.close()

    async def try_step(self) -> float:
        """`step`, and how long to wait where it could not be done."""
        try:
            return await self.step()
        except HorizonUnavailable as error:
            return self._wait(f"Horizon does not answer: {error}", error.retry_after_s)
        except CloudError as error:
            return self._wait(f"the store does not answer: {error}")

    async def step(self) -> float:
        """Do the next thing there is to do; how many seconds to wait before the one after.

        Raises:
            HorizonUnavailable: nothing is known of what was sent, if anything was.
        """
        async with self._store.read() as tx:
            sent = await storage.sent_envelope(tx)
            waiting = await storage.waiting(tx, OPERATIONS_MAX + 1)
        if sent is not None:
            return await self._settle(sent, waiting)
        if not waiting:
            return IDLE_S
        return await self._send_next(waiting)

    async def _settle(self, sent: Envelope, waiting: Sequence[Operation]) -> float:
        """Find out what became of an envelope; send it again where it may still land."""
        fate = Fate(landed=await self._horizon.transaction(sent.hash))
        if fate.landed is None:
            closed_at_us = await self._horizon.closed_at_us()
            recent = await self._horizon.recent_transactions(self._keys.custody.address)
            fate = fate_of(sent, self._keys.custody.address, recent, closed_at_us)
        if fate.landed is not None:
            return await self._landed(sent, fate.landed)
        if fate.gone is None:
            return await self._post(sent)
        self._sequence = None
        return await self._rebuild(waiting, reason=fate.gone, sent_id=sent.id)

    async def _send_next(self, waiting: Sequence[Operation]) -> float:
        sequence = await self._next_sequence()
        if sequence is None:
            return self._wait(
                f"custody {self._keys.custody.address} or issuer {self._keys.issuer.address} does not exist:"
                " send each at least 5 XLM"
            )
        async with self._store.read() as tx:
            head = await self._head(tx, waiting)
        reason = await self._unfit(head, waiting, sequence)
        if reason is not None:
            return await self._rebuild(waiting, reason=reason)
        async with self._store.write() as tx:
            if not await storage.mark_sent(tx, head.id, at_us=self._clock.now_us()):
                return 0.0
        return await self._post(head)

    async def _head(self, tx: ReadTx, waiting: Sequence[Operation]) -> Envelope:
        head = await storage.envelope(tx, waiting[0].envelope_id)
        assert head is not None  # noqa: S101  a foreign key
        return head

    async def _unfit(self, head: Envelope, waiting: Sequence[Operation], sequence: int) -> str | None:
        """Why an envelope that was never sent cannot be sent as it is; None where it can."""
        if head.state is not EnvelopeState.BUILT:
            return f"its envelope is {head.state}"
        if head.sequence != sequence:
            return f"sequence number {sequence} is due, not {head.sequence}"
        if head.expires_at_us < self._clock.now_us() + LEFT_S_MIN * MICROS_PER_SECOND:
            return "its time is nearly over"
        own = [operation for operation in waiting if operation.envelope_id == head.id]
        if crowded(waiting) and len(batch_of(waiting)) > len(own):
            return "many wait"
        if await self._formed(own) != own:
            return "a wallet can be reached in another way"
        return None

    async def _post(self, envelope: Envelope) -> float:
        try:
            landed = await self._horizon.submit(envelope.bump_xdr or envelope.xdr)
        except HorizonRefused as refused:
            return await self._refused(envelope, refused)
        return await self._landed(envelope, landed)

    async def _refused(self, envelope: Envelope, refused: HorizonRefused) -> float:
        """Not on the chain as far as this answer goes: the next step asks."""
        self._sequence = None
        if refused.transaction == "tx_insufficient_fee" and await self._bump(envelope):
            return 0.0
        return self._wait(f"Horizon refuses {envelope.hash}: {refused}")

    async def _bump(self, envelope: Envelope) -> bool:
        """Offer more; whether there is more to offer. Around the same envelope, so it cannot pay twice."""
        async with self._store.read() as tx:
            count = len(await storage.operations_of(tx, envelope.id))
        offered = (
            envelope.fee_stroops // count
            if envelope.bump_fee_stroops is None
            else envelope.bump_fee_stroops // (count + 1)
        )
        each = min(offered * FEE_STEP, self._fee_stroops_max)
        if each <= offered:
            return False
        bump = await asyncio.to_thread(self._envelopes.fee_bump, envelope.xdr, each)
        async with self._store.write() as tx:
            await storage.set_bump(tx, envelope.id, bump)
        logger.info("stellar fee raised hash=%s fee_stroops=%d", envelope.hash, bump.fee_stroops)
        return True

    async def _landed(self, envelope: Envelope, landed: Landed) -> float:
        self._sequence = envelope.sequence
        if not landed.successful:
            return await self._failed(envelope, landed)
        async with self._store.write() as tx:
            if await storage.close_sent(tx, envelope.id, EnvelopeState.CONFIRMED, ledger=landed.ledger):
                await storage.confirm_operations(tx, envelope.id)
        logger.info("stellar transaction confirmed hash=%s ledger=%d", envelope.hash, landed.ledger)
        self._trouble, self._said = 0, None
        return 0.0

    async def _failed(self, envelope: Envelope, landed: Landed) -> float:
        """On the chain without effect: each operation that was at fault has one attempt less."""
        codes = operation_codes(landed.result_xdr)
        async with self._store.write() as tx:
            operations = await storage.operations_of(tx, envelope.id)
            open_ = await storage.close_sent(
                tx, envelope.id, EnvelopeState.FAILED, ledger=landed.ledger, reason=" ".join(codes) or None
            )
            for operation, code in zip(operations, codes, strict=False) if open_ else ():
                if code != SUCCESS:
                    await self._blame(tx, operation, code)
        return self._wait(f"{envelope.hash} failed on the chain: {' '.join(codes)}")

    async def _blame(self, tx: WriteTx, operation: Operation, code: str) -> None:
        attempts = operation.attempts + 1
        given_up = operation.kind is OperationKind.WITHDRAWAL and attempts >= ATTEMPTS_MAX
        state = OperationState.FAILED if given_up else OperationState.WAITING
        await storage.set_attempts(tx, operation.id, attempts, state)
        if given_up and operation.entry_id is not None:
            await self._ledger.reverse(tx, operation.entry_id, "withdrawal_refused")
        logger.error(
            "stellar operation failed id=%d kind=%s code=%s attempts=%d given_up=%s",
            operation.id,
            operation.kind,
            code,
            attempts,
            given_up,
        )

    async def _rebuild(
        self, waiting: Sequence[Operation], *, reason: str, sent_id: int | None = None
    ) -> float:
        """Put the next operations into a new envelope.

        They come from envelopes that were never sent, or from `sent_id`, which can no longer land.
        """
        sequence = await self._next_sequence()
        if sequence is None or not waiting:
            return self._wait("custody is gone")
        batch = await self._formed(batch_of(waiting))
        now_us = self._clock.now_us()
        signed = await asyncio.to_thread(
            self._envelopes.build,
            batch,
            sequence=sequence,
            expires_at_us=now_us + LIFE_S * MICROS_PER_SECOND,
        )
        moves = [storage.Move(operation_id=o.id, from_id=o.envelope_id, form=o.form) for o in batch]
        async with self._store.write() as tx:
            if not await storage.movable(tx, moves, sent_id=sent_id):
                return 0.0
            taken = await storage.take(tx, self._keys.custody.address, sequences=0, ids=1)
            assert taken is not None  # noqa: S101  something waits
            await storage.insert_envelopes(tx, [storage.NewEnvelope(taken.last_id, signed)], at_us=now_us)
            await storage.move(tx, moves, to_id=taken.last_id, reason=reason)
            if not await storage.waiting_outside(tx, taken.last_id):
                await storage.set_sequence(tx, self._keys.custody.address, sequence)
        logger.info(
            "stellar transaction built anew hash=%s operations=%d reason=%s", signed.hash, len(batch), reason
        )
        return 0.0

    async def _formed(self, operations: Sequence[Operation]) -> list[Operation]:
        """The same, each withdrawal in the form in which its wallet can be reached now."""
        found: dict[str, Account | None] = {}
        for operation in operations:
            if operation.destination is not None and operation.destination not in found:
                found[operation.destination] = await self._horizon.account(operation.destination)
        return with_forms(operations, found, issuer=self._keys.issuer.address)

    async def _next_sequence(self) -> int | None:
        """None while custody or the issuer has no account."""
        if self._sequence is None:
            custody = await self._horizon.account(self._keys.custody.address)
            if custody is None or await self._horizon.account(self._keys.issuer.address) is None:
                return None
            self._sequence = custody.sequence
        return self._sequence + 1

    def _wait(self, problem: str, retry_after_s: float | None = None) -> float:
        if problem != self._said:  # once for each change of what is wrong
            logger.warning("stellar waits problem=%s", problem)
            self._said = problem
        self._trouble += 1
        back_off_s = min(BACK_OFF_S * 2.0 ** min(self._trouble - 1, 10), BACK_OFF_S_MAX)
        return max(back_off_s, retry_after_s or 0.0)
