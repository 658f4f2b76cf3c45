"""Decides entries in memory, over what was read of the rows, and leaves their rows to be written together.

What is remembered holds from one use case to the next as long as the store's epoch does.
"""

from collections.abc import Iterable
from typing import Self

from cloud.kit.store import ReadTx, Writes, WriteTx
from cloud.ledger import merkle, storage
from cloud.ledger.double_entry import (
    Holding,
    Standing,
    check_book,
    check_floors,
    is_system,
    is_unlimited_system,
    movements,
    parent_of,
)
from cloud.ledger.errors import UnknownAccount
from cloud.ledger.model import Book, Entry, EntryKind, Leaf, PostedEntry
from shared.clock import Clock, rfc3339

HOLDINGS_REMEMBERED = 100_000
"""Some 30 MB; then all are forgotten, and read again as they are needed."""


class EntryRows:
    """`Postponed`: what entries add to the tables."""

    def __init__(self) -> None:
        self.opened: list[storage.NewHolding] = []
        self.entries: list[storage.EntryRow] = []
        self.postings: list[storage.NewPosting] = []

    def __len__(self) -> int:
        return len(self.opened) + len(self.entries) + len(self.postings)

    def extend(self, later: Self) -> None:
        self.opened += later.opened
        self.entries += later.entries
        self.postings += later.postings

    async def write(self, tx: Writes) -> None:
        if self.opened:
            await storage.insert_holdings(tx, self.opened)
        await storage.insert_entries(tx, self.entries)
        await storage.insert_postings(tx, self.postings)


class _Memory:
    """The ends of the log and the holdings, as this process last left them."""

    def __init__(self, epoch: object) -> None:
        self.epoch = epoch
        self.standings: dict[Holding, Standing] = {}
        self.kind_numbers: dict[tuple[Book, EntryKind], int] = {}
        self.last_id = 0
        self.leaves = 0
        self.frontier: dict[merkle.Node, bytes] = {}
        """The largest complete subtrees that make up the log."""


class EntryPoster:
    """The way of every entry into the books."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._memory = _Memory(object())

    async def post(self, tx: WriteTx, entry: Entry, *, reverses: int | None = None) -> PostedEntry:
        """Without what the chain has to do with it. Raises as `Ledger.post`."""
        check_book(entry)
        moved = movements(entry.postings)
        memory = await self._remembered(tx)
        standings = await self._look(tx, memory, moved)
        check_floors(moved, standings)
        kind_number = await self._next_kind_number(tx, memory, entry)
        at_us = self._clock.now_us() if entry.at_us is None else entry.at_us
        index = memory.leaves if entry.book == "public" else None
        document = Leaf(
            index=index, time=rfc3339(at_us), kind=entry.kind, postings=entry.postings, facts=entry.facts
        ).document()
        text = document.decode()
        neighbours = await self._neighbours(tx, memory, index)
        # Everything above only looked: from here on nothing refuses.
        rows = tx.postpone(EntryRows)
        for holding, standing in standings.items():
            if holding not in memory.standings:
                rows.opened.append(storage.NewHolding(holding, standing.unlimited, self._clock.now_us()))
                memory.standings[holding] = standing
        leaf_hash = subtrees = None
        if index is not None:
            digest = merkle.leaf_hash(document)
            leaf_hash, subtrees = digest.hex(), self._grow(memory, index, digest, neighbours)
        memory.last_id += 1
        memory.kind_numbers[entry.book, entry.kind] = kind_number
        rows.entries.append(
            storage.EntryRow(
                id=memory.last_id,
                book=entry.book,
                kind=entry.kind,
                kind_number=kind_number,
                leaf_index=index,
                at_us=at_us,
                document=text,
                leaf_hash=leaf_hash,
                subtrees=subtrees,
                reverses=reverses,
            )
        )
        for posting in entry.postings:
            holding = Holding(posting.account, posting.asset)
            amount, unlimited, number = memory.standings[holding]
            memory.standings[holding] = Standing(amount + posting.amount, unlimited, number + 1)
            rows.postings.append(storage.NewPosting(holding, number + 1, memory.last_id, posting.amount))
        return PostedEntry(
            id=memory.last_id, leaf_index=index, at_us=at_us, kind=entry.kind, leaf_hash=leaf_hash
        )

    async def _remembered(self, tx: WriteTx) -> _Memory:
        epoch = await tx.epoch()
        if self._memory.epoch is not epoch or len(self._memory.standings) > HOLDINGS_REMEMBERED:
            self._memory = _Memory(epoch)
        return self._memory

    async def _look(self, tx: ReadTx, memory: _Memory, moved: Iterable[Holding]) -> dict[Holding, Standing]:
        """How each stands; those without a row yet are not remembered.

        Raises:
            UnknownAccount: nobody opened the account.
        """
        unread = [holding for holding in moved if holding not in memory.standings]
        if unread:
            memory.standings |= await storage.standings(tx, unread)
        return {
            holding: memory.standings.get(holding)
            or Standing(0, await self._is_unlimited(tx, holding.account), 0)
            for holding in moved
        }

    async def _is_unlimited(self, tx: ReadTx, account: str) -> bool:
        if is_system(account):
            return is_unlimited_system(account)
        known = await storage.is_unlimited(tx, account)
        if known is not None:
            return known
        parent = parent_of(account)
        if parent is None or await storage.is_unlimited(tx, parent) is None:
            raise UnknownAccount(account)
        return False

    async def _next_kind_number(self, tx: ReadTx, memory: _Memory, entry: Entry) -> int:
        last = memory.kind_numbers.get((entry.book, entry.kind))
        if last is not None:
            return last + 1
        ends = await storage.ends(tx, entry.book, entry.kind)
        memory.kind_numbers[entry.book, entry.kind] = ends.kind_number
        memory.last_id = ends.entry_id
        memory.leaves = 0 if ends.leaf_index is None else ends.leaf_index + 1
        return ends.kind_number + 1

    @staticmethod
    async def _neighbours(tx: ReadTx, memory: _Memory, index: int | None) -> list[bytes]:
        """The hashes of the subtrees that the next leaf completes to larger ones, smallest first."""
        if index is None:
            return []
        nodes = merkle.neighbours(index)
        unread = [node for node in nodes if node not in memory.frontier]
        if unread:
            memory.frontier |= await storage.node_hashes(tx, unread)
        return [memory.frontier[node] for node in nodes]

    @staticmethod
    def _grow(memory: _Memory, index: int, digest: bytes, neighbours: list[bytes]) -> str:
        """Add a leaf; the hashes of the larger subtrees it completes, as they are kept."""
        larger = merkle.completed(digest, neighbours)
        for node in merkle.neighbours(index):
            del memory.frontier[node]
        level = len(larger)
        memory.frontier[merkle.Node(level, index >> level)] = larger[-1] if larger else digest
        memory.leaves = index + 1
        return b"".join(larger).hex()
