"""Writes the export: what the log and the prices were at one moment, read page by page.

Leaves and prices are only ever added, so the counts of one moment are a snapshot: no transaction stays open
while a slow reader takes its time, and writers never wait.
"""

from collections.abc import AsyncIterator
from hashlib import sha256

from msgspec import Struct
from nacl.signing import SigningKey

from cloud.audit.lines import (
    FORMAT,
    Header,
    HeaderLine,
    PriceLine,
    Trailer,
    TrailerLine,
    leaf_line,
    line_of,
    trailer_bytes,
)
from cloud.kit.store import Store
from cloud.ledger.books import Books
from cloud.ledger.errors import NoSuchTree
from cloud.ledger.service import Ledger
from cloud.pricing.service import Pricing
from cloud.settings import Settings
from shared.signatures import Purpose, public_key_of, sign

PAGE = 250
"""Rows in memory at once."""


class _Snapshot(Struct, frozen=True):
    header: Header
    prices: int


class Export:
    """The public book as a file."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        books: Books,
        pricing: Pricing,
        signing_key: SigningKey,
        settings: Settings,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._books = books
        self._pricing = pricing
        self._signing_key = signing_key
        self._network = settings.network

    async def open(self, after: int | None = None) -> AsyncIterator[bytes]:
        """The file in pieces, from its beginning or with the leaves behind an index.

        Raises:
            NoSuchTree: the log has no leaf with that index.
        """
        snapshot = await self._snapshot(after)
        size = snapshot.header.head.tree_size
        if after is not None and after >= size:
            raise NoSuchTree("after", after, 0, size - 1)
        return self._pieces(snapshot)

    async def _snapshot(self, after: int | None) -> _Snapshot:
        async with self._store.read() as tx:
            header = Header(
                format=FORMAT,
                network=self._network,
                public_key=public_key_of(self._signing_key),
                head=await self._ledger.tree_head_in(tx),
                after=after,
                supply=await self._books.supply_in(tx),
            )
            return _Snapshot(header, await self._pricing.total_in(tx))

    async def _pieces(self, snapshot: _Snapshot) -> AsyncIterator[bytes]:
        digest = sha256()
        leaves = prices = 0
        async for piece, leaves_in, prices_in in self._signed_part(snapshot):
            digest.update(piece)
            leaves += leaves_in
            prices += prices_in
            yield piece
        found = digest.hexdigest()
        signature = sign(self._signing_key, Purpose.EXPORT, trailer_bytes(leaves, prices, found))
        trailer = Trailer(leaves=leaves, prices=prices, sha256=found, signature=signature)
        yield line_of(TrailerLine(trailer=trailer))

    async def _signed_part(self, snapshot: _Snapshot) -> AsyncIterator[tuple[bytes, int, int]]:
        """Pieces, each with how many leaves and prices it holds."""
        header = snapshot.header
        yield line_of(HeaderLine(header=header)), 0, 0
        size = header.head.tree_size
        for first in range(0 if header.after is None else header.after + 1, size, PAGE):
            rows = await self._books.leaves(first=first, end=min(first + PAGE, size))
            yield b"".join(leaf_line(r.id, r.document.encode(), r.leaf_hash) for r in rows), len(rows), 0
        for above in range(0, snapshot.prices, PAGE):
            found = await self._pricing.numbered(above=above, through=min(above + PAGE, snapshot.prices))
            yield b"".join(line_of(PriceLine(price=price)) for price in found), 0, len(found)
