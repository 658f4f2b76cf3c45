"""A batch leaves exactly what single posts would have left, and refuses what they would have refused."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from nacl.signing import SigningKey

from cloud.errors import CloudError
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.errors import InsufficientFunds, UnknownAccount
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.ledger.service import Ledger
from shared.clock import ManualClock
from tests.cloud.databases import migrated_file

ACCOUNTS = ["acct_a", "acct_b", "acct_a/orders", "acct_b/orders", "mint/energy", "burned", "acct_nobody"]

entries = st.lists(
    st.builds(
        lambda kind, source, target, asset, amount, book: Entry(
            kind=kind,
            postings=(Posting(source, asset, -amount), Posting(target, asset, amount)),
            facts={"n": amount},
            book=book,
        ),
        kind=st.sampled_from([EntryKind.MINT, EntryKind.HOLD, EntryKind.TRADE]),
        source=st.sampled_from(ACCOUNTS),
        target=st.sampled_from(ACCOUNTS),
        asset=st.sampled_from([Asset.LT, Asset.XLM]),
        amount=st.integers(0, 40),
        book=st.sampled_from(["public", "public", "private"]),
    ),
    max_size=25,
)


class Row(Struct, frozen=True):
    text: str


class Chain:
    """Remembers what was to be put on the chain."""

    def __init__(self) -> None:
        self.recorded: list[tuple[int, int, int]] = []

    async def record(self, _tx, issued):
        self.recorded += [(one.entry_id, one.minted, one.burned) for one in issued]
        return [""] * len(issued)


TABLES = (
    (
        "SELECT id || ' ' || book || ' ' || kind || ' ' || kind_number || ' ' || document || ' '"
        " || COALESCE(leaf_hash, '') || COALESCE(subtrees, '') AS text FROM entries ORDER BY id"
    ),
    (
        "SELECT account || ' ' || asset || ' ' || number || ' ' || entry_id || ' ' || amount AS text"
        " FROM postings ORDER BY account, asset, number"
    ),
    (
        "SELECT account || ' ' || asset || ' ' || amount || ' ' || postings AS text"
        " FROM balances ORDER BY account, asset"
    ),
    "SELECT account || ' ' || unlimited AS text FROM accounts ORDER BY account",
)


async def left_by(folder: Path, sequence, *, batched: bool):
    """Every row, every refusal, and what went to the chain."""
    path = folder / f"{batched}.sqlite"
    migrated_file(path)
    store = SqliteStore(path)
    chain = Chain()
    ledger = Ledger(store, ManualClock(), SigningKey(bytes(32)), chain)
    refusals = []
    async with store.write() as tx:
        for account in ("acct_a", "acct_b"):
            await tx.execute(
                "INSERT INTO accounts (account, unlimited, opened_at_us) VALUES (:account, 0, 0)",
                {"account": account},
            )
    for part in (sequence[:10], sequence[10:]):
        async with store.write() as tx:
            batch = ledger.batch(tx)
            for entry in part:
                try:
                    await (batch.post(entry) if batched else ledger.post(tx, entry))
                except CloudError as error:
                    refusals.append((type(error), str(error)))
            await batch.flush()
    async with store.read() as tx:
        rows = [[row.text for row in await tx.fetch_all(Row, sql)] for sql in TABLES]
    await store.close()
    return rows, refusals, sorted(chain.recorded)


@given(sequence=entries)
@settings(max_examples=40, deadline=None)
def test_a_batch_leaves_what_single_posts_leave(sequence):
    async def both(folder: Path):
        return (
            await left_by(folder, sequence, batched=True),
            await left_by(folder, sequence, batched=False),
        )

    with tempfile.TemporaryDirectory() as folder:
        batched, single = asyncio.run(both(Path(folder)))

    assert batched == single


async def test_a_refused_entry_leaves_the_batch_usable(store, ledger):
    def gift(account: str, amount: int) -> Entry:
        postings = (
            Posting(SystemAccount.MINT_ENERGY, Asset.LT, -amount),
            Posting(account, Asset.LT, amount),
        )
        return Entry(kind=EntryKind.MINT, postings=postings)

    async with store.write() as tx:
        account = await ledger.open_account(tx)
        batch = ledger.batch(tx)
        await batch.post(gift(account, 5))
        spent = Entry(
            kind=EntryKind.BURN,
            postings=(Posting(account, Asset.LT, -6), Posting(SystemAccount.BURNED, Asset.LT, 6)),
        )
        with pytest.raises(InsufficientFunds):
            await batch.post(spent)
        with pytest.raises(UnknownAccount):
            await batch.post(gift("acct_nobody", 1))
        await batch.post(gift(account, 1))
        await batch.post(spent)
        await batch.flush()
        assert await ledger.balance(tx, account, Asset.LT) == 0

    head = await ledger.tree_head()
    assert head.tree_size == 3
