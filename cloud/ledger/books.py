"""What the public may read of the books: totals, lists, and whether everything still adds up."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from cloud.kit.paging import page_range
from cloud.kit.store import ReadTx, Store
from cloud.ledger import storage
from cloud.ledger.chain import Chain
from cloud.ledger.double_entry import Holding
from cloud.ledger.model import (
    MINTS,
    Anchor,
    Asset,
    BooksCheck,
    EntryKind,
    EntryPage,
    EntryRecord,
    LeafRow,
    Supply,
    SystemAccount,
)
from shared.clock import Clock

CHECK_AGE_S_MAX = 60.0
"""The public figure comes from a recount at most this old; recounting reads every posting."""
DISCREPANCIES_MAX = 20


class Books:
    """The reading side of the ledger; it never writes."""

    def __init__(self, store: Store, clock: Clock, chain: Chain | None = None) -> None:
        self._store = store
        self._clock = clock
        self._chain = chain
        self._checked: tuple[float, BooksCheck] | None = None
        self._checking = asyncio.Lock()

    async def supply(self) -> Supply:
        """Totals of everything made and burned."""
        async with self._store.read() as tx:
            return await supply(tx)

    async def entry_total(self) -> int:
        """Entries of both books."""
        async with self._store.read() as tx:
            return await storage.entry_total(tx)

    async def entries(self, kind: EntryKind, *, page: int, limit: int) -> EntryPage:
        """Public entries of one kind, newest first."""
        async with self._store.read() as tx:
            total = await storage.kind_total(tx, kind)
            above, through = page_range(total, page, limit)
            found = await self._hashed(
                tx, await storage.records_of_kind(tx, kind, above=above, through=through)
            )
        return EntryPage(entries=tuple(found), total=total)

    async def leaves(self, *, first: int, end: int) -> Sequence[LeafRow]:
        """The leaves [first, end) of the log; fewer where it is shorter."""
        async with self._store.read() as tx:
            return await storage.leaves(tx, first=first, end=end)

    async def supply_in(self, tx: ReadTx) -> Supply:
        """Totals, within the caller's snapshot."""
        return await supply(tx)

    async def statement(self, account: str, asset: Asset, *, page: int, limit: int) -> EntryPage:
        """The public entries behind an account's postings, newest first, one for each.

        `total` counts both books.
        """
        holding = Holding(account, asset)
        async with self._store.read() as tx:
            total = await storage.posting_total(tx, holding)
            above, through = page_range(total, page, limit)
            found = await self._hashed(
                tx, await storage.records_of_holding(tx, holding, above=above, through=through)
            )
        return EntryPage(entries=tuple(found), total=total)

    async def tx_hashes(self, entry_ids: Collection[int]) -> Mapping[int, str]:
        """The transaction in force for each entry that minted or burned."""
        if self._chain is None:
            return {}
        async with self._store.read() as tx:
            return await self._chain.hashes(tx, entry_ids)

    async def last_anchor(self) -> Anchor | None:
        """The newest head of the log that was written to the chain; None before the first."""
        if self._chain is None:
            return None
        async with self._store.read() as tx:
            return await self._chain.last_anchor(tx)

    async def _hashed(self, tx: ReadTx, records: Sequence[EntryRecord]) -> list[EntryRecord]:
        """The same, with the transaction in force for each."""
        if self._chain is None:
            return list(records)
        hashes = await self._chain.hashes(tx, [record.id for record in records])
        return [replace(record, tx_hash=hashes.get(record.id)) for record in records]

    @property
    def last_check(self) -> BooksCheck | None:
        """The newest recount; None before the first."""
        return None if self._checked is None else self._checked[1]

    async def check(self) -> BooksCheck:
        """The outcome of a recount not older than CHECK_AGE_S_MAX; callers who come together share it."""
        async with self._checking:
            now_s = self._clock.monotonic()
            if self._checked is None or now_s - self._checked[0] > CHECK_AGE_S_MAX:
                async with self._store.read() as tx:
                    self._checked = (now_s, await verify_books(tx, at_us=self._clock.now_us()))
            return self._checked[1]


async def supply(tx: ReadTx) -> Supply:
    """Totals, within the caller's snapshot."""

    async def held(account: SystemAccount, asset: Asset) -> int:
        return await storage.balance(tx, account, asset)

    return Supply(
        minted=-sum([await held(account, Asset.LT) for account in MINTS]),
        burned=await held(SystemAccount.BURNED, Asset.LT),
        energy_mwh=await held(SystemAccount.MINTED, Asset.ENERGY),
        co2_saved_mg=-await held(SystemAccount.CARBON_SOURCE, Asset.CO2_SAVED),
        carbon_credit=-await held(SystemAccount.CARBON_SOURCE, Asset.CARBON)
        - await held(SystemAccount.BURNED, Asset.CARBON),
        mints=await storage.kind_total(tx, EntryKind.MINT),
        burns=await storage.kind_total(tx, EntryKind.BURN),
        trades=await storage.kind_total(tx, EntryKind.TRADE),
    )


async def verify_books(tx: ReadTx, *, at_us: int) -> BooksCheck:
    """Recount every balance and every entry from the postings."""
    found = [
        f"{row.account} in {row.asset}: stored {row.amount} after {row.postings} postings,"
        f" derived {row.derived} from {row.counted}"
        for row in await storage.balance_mismatches(tx, DISCREPANCIES_MAX)
    ]
    found += [f"the balances in {row.asset} sum to {row.total}" for row in await storage.asset_sums(tx)]
    found += [
        f"entry {row.entry_id} sums to {row.total} in {row.asset}"
        for row in await storage.entry_sums(tx, DISCREPANCIES_MAX)
    ]
    return BooksCheck(discrepancies=tuple(found), entries=await storage.entry_total(tx), at_us=at_us)
