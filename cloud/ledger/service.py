"""The ledger: `post` is the only way a balance changes, and every public entry is a leaf of the log."""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace
from nacl.signing import SigningKey

from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger import merkle, storage
from cloud.ledger.batch import EntryBatch
from cloud.ledger.chain import Chain, Issued
from cloud.ledger.double_entry import issued
from cloud.ledger.errors import AlreadyReversed, EntryNotFound, NoSuchTree
from cloud.ledger.model import (
    Asset,
    ConsistencyProof,
    Entry,
    EntryKind,
    InclusionProof,
    Leaf,
    PostedEntry,
    Posting,
)
from cloud.ledger.posting import EntryPoster
from shared.clock import Clock
from shared.ids import new_id
from shared.messages import TreeHead
from shared.signatures import Purpose, sign, tree_head_bytes

ACCOUNT_PREFIX = "acct"


class Ledger:
    """Double entry over the store. Methods that take `tx` join the caller's use case."""

    def __init__(
        self, store: Store, clock: Clock, signing_key: SigningKey, chain: Chain | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._signing_key = signing_key
        self._chain = chain
        self._poster = EntryPoster(clock)

    async def open_account(self, tx: WriteTx, *, unlimited: bool = False) -> str:
        """A new pseudonym, with nothing on it; `unlimited` ones may fall below zero."""
        account = new_id(ACCOUNT_PREFIX, self._clock)
        await storage.insert_account(tx, account, unlimited=unlimited, at_us=self._clock.now_us())
        return account

    async def balance(self, tx: ReadTx, account: str, asset: Asset) -> int:
        """In the asset's units; 0 for an account that never held any."""
        return await storage.balance(tx, account, asset)

    async def post(self, tx: WriteTx, entry: Entry) -> PostedEntry:
        """Move balances by one entry, all of it or nothing; holds and system accounts open by themselves.

        Raises:
            Unbalanced: the postings break a rule of double entry.
            NotPublic: the public book is given what belongs into the private one.
            UnknownAccount: a posting names an account nobody opened.
            InsufficientFunds: an account would fall below zero.
            BalanceOutOfRange: a balance would leave 64 bits.
        """
        return await self._post(tx, entry, reverses=None)

    def batch(self, tx: WriteTx) -> EntryBatch:
        """For a use case of many entries; ends with its `flush`."""
        return EntryBatch(tx, self._poster, self._chain)

    async def reverse(self, tx: WriteTx, entry_id: int, reason: str) -> PostedEntry:
        """Take an entry back by posting its opposite, in the same book.

        Raises:
            EntryNotFound: there is no such entry.
            AlreadyReversed: it was taken back before.
            InsufficientFunds: what it moved is no longer there.
        """
        record = await storage.record(tx, entry_id)
        book = await storage.book_of(tx, entry_id)
        if record is None or book is None:
            raise EntryNotFound(entry_id)
        if record.reversed_by is not None:
            raise AlreadyReversed(entry_id)
        postings = msgspec.json.decode(record.document, type=Leaf).postings
        opposite = Entry(
            kind=EntryKind.REVERSAL,
            postings=tuple(Posting(p.account, p.asset, -p.amount) for p in postings),
            facts={"reason": reason, "reverses_entry": entry_id, "reverses_index": record.leaf_index},
            book=book,
        )
        return await self._post(tx, opposite, reverses=entry_id)

    async def tree_head(self) -> TreeHead:
        """Size and root of the public book now, signed with the cloud's key."""
        async with self._store.read() as tx:
            return await self.tree_head_in(tx)

    async def tree_head_in(self, tx: ReadTx) -> TreeHead:
        """The same, within the caller's snapshot."""
        size = await storage.tree_size(tx)
        root = (await _span_hashes(tx, [merkle.Span(0, size)]))[0].hex()
        utc = self._clock.now()
        signature = sign(self._signing_key, Purpose.TREE_HEAD, tree_head_bytes(size, root, utc))
        return TreeHead(tree_size=size, root_hash=root, utc=utc, signature=signature)

    async def inclusion(self, entry_id: int, tree_size: int | None = None) -> InclusionProof:
        """That a public entry is in the tree of that size, or of now.

        Raises:
            EntryNotFound: there is no such entry, or not in the public book.
            NoSuchTree: the log was never that large, or the entry came later.
        """
        async with self._store.read() as tx:
            record = await storage.public_record(tx, entry_id)
            if record is None or record.leaf_index is None or record.leaf_hash is None:
                raise EntryNotFound(entry_id)
            newest = await storage.tree_size(tx)
            size = newest if tree_size is None else tree_size
            if not record.leaf_index < size <= newest:
                raise NoSuchTree("tree_size", size, record.leaf_index + 1, newest)
            plan = merkle.inclusion_plan(record.leaf_index, size)
            *path, root = await _span_hashes(tx, [*plan, merkle.Span(0, size)])
        return InclusionProof(
            entry=record.id,
            leaf_index=record.leaf_index,
            tree_size=size,
            leaf=record.document,
            leaf_hash=record.leaf_hash,
            inclusion_path=tuple(step.hex() for step in path),
            root_hash=root.hex(),
        )

    async def consistency(self, first: int, second: int) -> ConsistencyProof:
        """That the tree of size `first` is a prefix of that of size `second`.

        Raises:
            NoSuchTree: the log was never that large, or `first` is above `second`.
        """
        async with self._store.read() as tx:
            newest = await storage.tree_size(tx)
            if not 0 <= second <= newest:
                raise NoSuchTree("second", second, 0, newest)
            if not 0 <= first <= second:
                raise NoSuchTree("first", first, 0, second)
            wanted = [*merkle.consistency_plan(first, second), merkle.Span(0, first), merkle.Span(0, second)]
            *path, first_root, second_root = await _span_hashes(tx, wanted)
        return ConsistencyProof(
            first=first,
            second=second,
            first_root=first_root.hex(),
            second_root=second_root.hex(),
            consistency_path=tuple(step.hex() for step in path),
        )

    async def _post(self, tx: WriteTx, entry: Entry, *, reverses: int | None) -> PostedEntry:
        posted = await self._poster.post(tx, entry, reverses=reverses)
        minted, burned = issued(entry.postings)
        if self._chain is None or not (minted or burned):
            return posted
        (tx_hash,) = await self._chain.record(tx, [Issued(posted.id, minted, burned)])
        return replace(posted, tx_hash=tx_hash)


async def _span_hashes(tx: ReadTx, spans: Sequence[merkle.Span]) -> list[bytes]:
    nodes = {node for span in spans for node in merkle.cover(span)}
    hashes = await storage.node_hashes(tx, nodes)
    return [merkle.fold(span, hashes) for span in spans]
