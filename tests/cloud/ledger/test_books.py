"""The recount finds what a hand in the database changed."""

import pytest

from cloud.ledger.books import Books, verify_books
from cloud.ledger.model import Asset, Entry, EntryKind, Posting


@pytest.fixture
async def account(store, ledger):
    async with store.write() as tx:
        account = await ledger.open_account(tx)
        for amount in (40, 2):
            postings = Posting("faucet", Asset.XLM, -amount), Posting(account, Asset.XLM, amount)
            await ledger.post(tx, Entry(kind=EntryKind.FAUCET, postings=postings))
    return account


async def recount(store):
    async with store.read() as tx:
        return (await verify_books(tx, at_us=0)).discrepancies


async def test_honest_books_have_no_discrepancy(store, account):
    assert await recount(store) == ()


async def test_a_balance_changed_by_hand_is_found(store, account):
    async with store.write() as tx:
        await tx.execute("UPDATE balances SET amount = 43 WHERE account = :a", {"a": account})

    assert await recount(store) == (
        f"{account} in XLM: stored 43 after 2 postings, derived 42 from 2",
        "the balances in XLM sum to 1",
    )


async def test_a_lost_posting_is_found(store, account):
    async with store.write() as tx:
        await tx.execute("DELETE FROM postings WHERE account = :a AND amount = 2", {"a": account})

    assert await recount(store) == (
        f"{account} in XLM: stored 42 after 2 postings, derived 40 from 1",
        "entry 2 sums to -2 in XLM",
    )


async def test_a_recount_is_shared_for_a_minute(store, clock, account):
    books = Books(store, clock)
    first = await books.check()
    async with store.write() as tx:
        await tx.execute("UPDATE balances SET amount = 43 WHERE account = :a", {"a": account})
    clock.advance(60)
    within_the_minute = await books.check()
    clock.advance(0.001)
    after_it = await books.check()

    assert first.balance
    assert within_the_minute is first
    assert not after_it.balance


async def test_a_statement_is_numbered_pages_newest_first(store, clock, ledger, account):
    books = Books(store, clock)

    newest = await books.statement(account, Asset.XLM, page=1, limit=1)
    oldest = await books.statement(account, Asset.XLM, page=2, limit=1)
    beyond = await books.statement(account, Asset.XLM, page=3, limit=1)

    assert (newest.total, oldest.total, beyond.total) == (2, 2, 2)
    assert [entry.id for entry in newest.entries] == [2]
    assert [entry.id for entry in oldest.entries] == [1]
    assert beyond.entries == ()


async def test_a_statement_of_an_account_that_never_moved_is_empty(store, clock):
    found = await Books(store, clock).statement("acct_nobody", Asset.LT, page=1, limit=5)

    assert (found.entries, found.total) == ((), 0)


async def test_private_entries_stand_in_no_public_list(store, clock, ledger, account):
    postings = Posting(account, Asset.XLM, -1), Posting("burned", Asset.XLM, 1)
    async with store.write() as tx:
        await ledger.post(tx, Entry(kind=EntryKind.BURN, postings=postings, book="private"))
    books = Books(store, clock)

    listed = await books.entries(EntryKind.BURN, page=1, limit=5)
    statement = await books.statement(account, Asset.XLM, page=1, limit=5)

    assert (listed.entries, listed.total) == ((), 0)
    assert [entry.id for entry in statement.entries] == [2, 1]
