"""The outbox: every operation is a row, in a signed envelope, in the commit of what it is about.

`offline` keeps them; elsewhere `submitter.Submitter` sends them. `tx_hash` of anything is the hash of the
envelope in force for it; those it was in before are kept.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger.chain import Issued
from cloud.ledger.model import Anchor, Asset
from cloud.stellar import storage
from cloud.stellar.envelopes import Envelopes
from cloud.stellar.errors import StellarMismatch, UnknownTransaction
from cloud.stellar.model import EnvelopeHistory, Operation, OperationKind, Signed
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

LIFE_S = 300
"""An envelope can land for so long after it was built; what did not is built anew."""


class Outbox:
    """The ledger's `Chain`, and what the rest of the domain adds to it."""

    def __init__(self, store: Store, clock: Clock, envelopes: Envelopes) -> None:
        self._store = store
        self._clock = clock
        self.envelopes = envelopes

    async def open(self) -> None:
        """Before anything is served: import what signing needs, so that no request waits for it.

        Raises:
            StellarMismatch: the database was begun with other keys or on another network.
        """
        await asyncio.to_thread(self.envelopes.warm)
        async with self._store.read() as tx:
            self._check(await storage.source(tx))

    async def record(self, tx: WriteTx, issued: Sequence[Issued]) -> list[str]:
        """See `cloud.ledger.chain.Chain`."""
        groups = [_operations_of(one) for one in issued]
        return [signed.hash for signed, _ in await self._add_all(tx, groups)]

    async def add(self, tx: WriteTx, operation: Operation) -> tuple[Signed, int]:
        """Store an operation in an envelope of its own; that, and the operation's id."""
        ((signed, (operation_id,)),) = await self._add_all(tx, [[operation]])
        return signed, operation_id

    async def hashes(self, tx: ReadTx, entry_ids: Collection[int]) -> Mapping[int, str]:
        """See `cloud.ledger.chain.Chain`."""
        if not entry_ids:
            return {}
        return {row.entry_id: row.hash for row in await storage.hashes(tx, entry_ids)}

    async def last_anchor(self, tx: ReadTx) -> Anchor | None:
        """See `cloud.ledger.chain.Chain`."""
        return await storage.last_anchor(tx)

    async def history(self, tx_hash: str) -> EnvelopeHistory:
        """An envelope, in force or not, by its hash.

        Raises:
            UnknownTransaction: there is none.
        """
        async with self._store.read() as tx:
            envelope = await storage.envelope_by_hash(tx, tx_hash)
            if envelope is None:
                raise UnknownTransaction(tx_hash)
            return EnvelopeHistory(
                envelope=envelope,
                operations=tuple(await storage.all_operations_of(tx, envelope.id)),
                replaces=tuple(await storage.hashes_before(tx, envelope.id)),
                replaced_by=tuple(await storage.hashes_in_force(tx, envelope.id)),
            )

    async def waiting_total(self) -> int:
        """Operations that are not on the chain; offline all of them."""
        async with self._store.read() as tx:
            return await storage.waiting_total(tx)

    async def _add_all(
        self, tx: WriteTx, groups: Sequence[Sequence[Operation]]
    ) -> list[tuple[Signed, list[int]]]:
        """Each group in an envelope of its own, in order; those, and the ids of their operations."""
        taken = await self._take(tx, groups)
        if taken is None:
            await self._begin(tx)
            taken = await self._take(tx, groups)
            assert taken is not None  # noqa: S101  just begun
        now_us = self._clock.now_us()
        sequence = taken.sequence - len(groups)
        id_ = taken.last_id - len(groups) - sum(map(len, groups))
        envelopes, operations, added = [], [], []
        for group in groups:
            sequence, id_ = sequence + 1, id_ + 1
            signed = self._signed(group, sequence, now_us)
            envelopes.append(storage.NewEnvelope(id_, signed))
            numbered = [
                replace(operation, id=id_ + number, envelope_id=id_, at_us=now_us)
                for number, operation in enumerate(group, 1)
            ]
            operations += numbered
            id_ += len(group)
            added.append((signed, [operation.id for operation in numbered]))
        await storage.insert_envelopes(tx, envelopes, at_us=now_us)
        await storage.insert_operations(tx, operations)
        return added

    async def _take(self, tx: WriteTx, groups: Sequence[Sequence[Operation]]) -> storage.Taken | None:
        ids = len(groups) + sum(map(len, groups))
        return await storage.take(tx, self.envelopes.keys.custody.address, sequences=len(groups), ids=ids)

    async def _begin(self, tx: WriteTx) -> None:
        """The line of sequence numbers, and the trustline without which no mint could land."""
        self._check(await storage.source(tx))
        keys = self.envelopes.keys
        source = storage.Source(
            custody=keys.custody.address,
            issuer=keys.issuer.address,
            network=self.envelopes.network.name,
        )
        await storage.insert_source(tx, source)
        await self.add(tx, Operation(kind=OperationKind.TRUSTLINE))

    def _signed(self, operations: Sequence[Operation], sequence: int, now_us: int) -> Signed:
        expires_at_us = now_us + LIFE_S * MICROS_PER_SECOND
        if len(operations) == 1:
            return self.envelopes.single(operations[0], sequence=sequence, expires_at_us=expires_at_us)
        return self.envelopes.build(operations, sequence=sequence, expires_at_us=expires_at_us)

    def _check(self, source: storage.Source | None) -> None:
        keys = self.envelopes.keys
        own = (keys.custody.address, keys.issuer.address, self.envelopes.network.name)
        if source is not None and (source.custody, source.issuer, source.network) != own:
            raise StellarMismatch(
                f"this database was begun on {source.network} with custody {source.custody} and issuer"
                f" {source.issuer}; it cannot go on on {own[2]} with {own[0]} and {own[1]}"
            )


def _operations_of(issued: Issued) -> list[Operation]:
    kinds = ((OperationKind.MINT, issued.minted), (OperationKind.BURN, issued.burned))
    return [
        Operation(kind=kind, entry_id=issued.entry_id, asset=Asset.LT, amount=amount)
        for kind, amount in kinds
        if amount
    ]
