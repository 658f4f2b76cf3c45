"""What a ledger remembers never makes it wrong: neither others' entries, nor what was undone."""

import asyncio
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS
from cloud.errors import CloudError
from cloud.kit.store.database_url import SQLITE, open_store
from cloud.ledger import storage
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.ledger.service import Ledger
from shared.clock import ManualClock
from tests.cloud.databases import migrated_database

ACCOUNTS = ("acct_a", "acct_b", "acct_c")
steps = st.lists(
    st.tuples(
        st.integers(0, 1),  # which of two processes
        st.lists(
            st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(ACCOUNTS), st.integers(1, 70)),
            min_size=1,
            max_size=3,
        ),
        st.sampled_from(["kept", "kept", "kept", "undone", "looked at"]),
    ),
    max_size=14,
)


class Undone(Exception):
    pass


class Leaf(Struct, frozen=True):
    id: int
    leaf_index: int
    kind_number: int
    document: str


class Held(Struct, frozen=True):
    account: str
    amount: int
    postings: int


def root_of(leaves):
    """MTH of RFC 9162, section 2.1.1, as it is written there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


def move(payer, payee, amount):
    return Entry(
        kind=EntryKind.HOLD,
        postings=(Posting(payer, Asset.LT, -amount), Posting(payee, Asset.LT, amount)),
        facts={"amount": amount},
    )


async def one_step(ledger, store, held, moves, then):
    """What is held after it, if it is kept; the script's own book-keeping, account by account."""
    after = dict(held)
    try:
        async with store.write() as tx:
            for payer, payee, amount in moves:
                if then == "looked at":
                    assert await ledger.balance(tx, payer, Asset.LT) == after[payer]
                if payer != payee and after[payer] < amount:
                    with pytest.raises(CloudError):
                        await ledger.post(tx, move(payer, payee, amount))
                    continue
                await ledger.post(tx, move(payer, payee, amount))
                after[payer] -= amount
                after[payee] += amount
            if then == "undone":
                raise Undone  # noqa: TRY301
    except Undone:
        async with store.write():
            pass  # its transaction is over then, and the other process may write
        return held
    return after


async def play(url, folder, script):
    stores = [open_store(url, folder), open_store(url, folder)]
    await stores[0].migrate(MIGRATIONS)
    ledgers = [Ledger(store, ManualClock(), SigningKey(bytes(32))) for store in stores]
    async with stores[0].write() as tx:
        for account in ACCOUNTS:
            await storage.insert_account(tx, account, unlimited=False, at_us=1)
            await ledgers[0].post(tx, move("faucet", account, 100))
    held = dict.fromkeys(ACCOUNTS, 100)
    for which, moves, then in script:
        held = await one_step(ledgers[which], stores[which], held, moves, then)

    async with stores[1].read() as tx:
        leaves = await tx.fetch_all(
            Leaf, "SELECT id, leaf_index, kind_number, document FROM entries ORDER BY id"
        )
        rows = await tx.fetch_all(
            Held, "SELECT account, amount, postings FROM balances WHERE account <> 'faucet' ORDER BY account"
        )
        mismatches = await storage.balance_mismatches(tx, 10)
    root = (await ledgers[1].tree_head()).root_hash
    for store in stores:
        await store.close()

    assert [(leaf.id, leaf.leaf_index, leaf.kind_number) for leaf in leaves] == [
        (number + 1, number, number + 1) for number in range(len(leaves))
    ]
    assert root == root_of([leaf.document.encode() for leaf in leaves]).hex()
    assert {row.account: row.amount for row in rows} == held
    assert mismatches == []


@settings(max_examples=25, deadline=None)
@given(steps)
def test_two_processes_on_one_file_keep_one_sound_ledger(script):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(SQLITE, Path(folder), script))


@settings(max_examples=8, deadline=None)
@given(steps)
def test_two_processes_on_one_server_keep_one_sound_ledger(script):
    async def on_server():
        async with migrated_database() as url:
            await play(url, Path(), script)

    asyncio.run(on_server())
