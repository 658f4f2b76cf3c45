"""Entries leave the same rows on both back ends, to the last byte."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS
from cloud.errors import CloudError
from cloud.kit.store.database_url import FILE, SQLITE, open_store
from cloud.ledger import storage
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.ledger.service import Ledger
from shared.clock import ManualClock
from tests.cloud.databases import back_ends, dump, migrated_database, migrated_file

pytestmark = pytest.mark.skipif("postgres" not in back_ends(), reason="no PostgreSQL: see CONTRIBUTING.md")

ACCOUNTS = ("acct_a", "acct_b", "acct_c", "acct_free", "acct_a/orders", "acct_b/loan", "faucet", "burned")
NOBODY = ("acct_nobody", "acct_nobody/orders", "mint/unheard_of")
LARGEST = 2**63 - 1
amounts = st.one_of(
    st.integers(-80, 80), st.sampled_from([LARGEST, -LARGEST, LARGEST - 40, 40 - LARGEST, 2**62, -(2**62)])
)
legs = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS * 4 + NOBODY), st.sampled_from([Asset.LT, Asset.LT, Asset.XLM]), amounts
    ),
    min_size=1,
    max_size=4,
)
entries = st.fixed_dictionaries(
    {
        "legs": legs,
        "against": st.sampled_from(ACCOUNTS),
        "kind": st.sampled_from([EntryKind.TRADE, EntryKind.HOLD, EntryKind.MINT]),
        "book": st.sampled_from(["public", "public", "public", "private"]),
        "facts": st.dictionaries(
            st.text(max_size=4), st.one_of(st.integers(), st.text(max_size=8)), max_size=2
        ),
        "then": st.sampled_from(["keep", "keep", "keep", "roll back", "reverse"]),
    }
)


def balanced(script):
    """The legs with one more for each asset, so that most entries balance."""
    postings = [Posting(*leg) for leg in script["legs"]]
    for asset in (Asset.LT, Asset.XLM):
        total = sum(posting.amount for posting in postings if posting.asset is asset)
        if total:
            postings.append(Posting(script["against"], asset, -total))
    return Entry(kind=script["kind"], postings=tuple(postings), facts=script["facts"], book=script["book"])


class Undone(Exception):
    pass


def give_up():
    raise Undone


async def play(url, folder, scripts):
    """What each entry was answered, then every row."""
    clock = ManualClock()
    store = open_store(url, folder)
    await store.migrate(MIGRATIONS)
    ledger = Ledger(store, clock, SigningKey(bytes(32)))
    async with store.write() as tx:
        for account in ("acct_a", "acct_b", "acct_c"):
            await storage.insert_account(tx, account, unlimited=False, at_us=1)
        await storage.insert_account(tx, "acct_free", unlimited=True, at_us=1)
        for account in ("acct_a", "acct_b"):
            gift = Posting("faucet", Asset.LT, -100), Posting(account, Asset.LT, 100)
            await ledger.post(tx, Entry(kind=EntryKind.FAUCET, postings=gift))
    answers = []
    for script in scripts:
        clock.advance(1.5)
        try:
            async with store.write() as tx:
                try:
                    posted = await ledger.post(tx, balanced(script))
                except CloudError as error:  # refused by value: the use case goes on and is kept
                    answers.append((type(error).__name__, str(error)))
                    continue
                answers.append(posted)
                if script["then"] == "reverse":
                    answers.append(await ledger.reverse(tx, posted.id, "again"))
                if script["then"] == "roll back":
                    give_up()
        except Undone:
            pass
        except CloudError as error:
            answers.append((type(error).__name__, str(error)))
    answers.append((await ledger.tree_head()).root_hash)
    rows = await dump(store)
    await store.close()
    return answers, rows


@settings(max_examples=15, deadline=None)
@given(st.lists(entries, max_size=20))
def test_whatever_is_posted_both_back_ends_answer_and_store_the_same(scripts):
    async def both():
        with tempfile.TemporaryDirectory() as folder:
            migrated_file(Path(folder) / FILE)
            ours = await play(SQLITE, Path(folder), scripts)
        async with migrated_database() as url:
            theirs = await play(url, Path(folder), scripts)
        return ours, theirs

    (answers, rows), (their_answers, their_rows) = asyncio.run(both())

    assert their_answers == answers
    for table in ("accounts", "balances", "entries", "postings"):
        assert their_rows[table] == rows[table], table


async def test_an_entry_over_known_holdings_takes_no_statement_of_its_own(monkeypatch):
    async with migrated_database() as url:
        store = open_store(url, Path())
        await store.migrate(MIGRATIONS)
        ledger = Ledger(store, ManualClock(), SigningKey(bytes(32)))
        gift = Entry(
            kind=EntryKind.FAUCET,
            postings=(Posting("faucet", Asset.LT, -5), Posting("burned", Asset.LT, 5)),
            book="private",
        )
        async with store.write() as tx:
            await ledger.post(tx, gift)  # opens both

        async with store.write() as tx:
            sent = []
            real = tx._run
            monkeypatch.setattr(tx, "_run", lambda *call: (sent.append(call), real(*call))[1])
            await ledger.post(tx, gift)
        async with store.read() as reading:
            held = await ledger.balance(reading, "burned", Asset.LT)
        await store.close()

    assert (sent, held) == ([], 10)
