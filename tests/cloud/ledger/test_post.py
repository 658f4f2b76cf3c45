"""`Ledger.post`: the only way a balance changes."""

import asyncio
import hashlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from cloud.kit.store.errors import ConstraintViolated
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.books import verify_books
from cloud.ledger.errors import (
    AlreadyReversed,
    BalanceOutOfRange,
    EntryNotFound,
    InsufficientFunds,
    Unbalanced,
    UnknownAccount,
)
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.ledger.service import Ledger
from shared.clock import ManualClock
from tests.cloud.databases import dump, migrated_file, steps_of

LT = Asset.LT
XLM = Asset.XLM


def an_entry(*moves, kind=EntryKind.TRADE, facts=None, book="public"):
    """`("a", LT, -5), ("b", LT, 5)` as an entry."""
    return Entry(kind=kind, postings=tuple(Posting(*move) for move in moves), facts=facts or {}, book=book)


def a_gift(account, amount, asset=XLM):
    return an_entry(("faucet", asset, -amount), (account, asset, amount), kind=EntryKind.FAUCET)


def give_up():
    raise LookupError


@pytest.fixture
async def two(store, ledger):
    """Two accounts, the first with 100."""
    async with store.write() as tx:
        first, second = await ledger.open_account(tx), await ledger.open_account(tx)
        await ledger.post(tx, a_gift(first, 100))
    return first, second


async def test_an_entry_moves_both_balances(store, ledger, two):
    first, second = two

    async with store.write() as tx:
        posted = await ledger.post(tx, an_entry((first, XLM, -30), (second, XLM, 30)))

        assert await ledger.balance(tx, first, XLM) == 70
        assert await ledger.balance(tx, second, XLM) == 30
    assert (posted.id, posted.leaf_index, posted.kind) == (2, 1, EntryKind.TRADE)


async def test_an_account_is_a_pseudonym_that_says_nothing(store, ledger):
    async with store.write() as tx:
        account = await ledger.open_account(tx)

    assert account.startswith("acct_")
    assert len(account) == len("acct_") + 26


async def test_the_leaf_is_canonical_json_and_its_hash_is_the_rfcs(store, ledger, two):
    first, second = two
    facts = {"z": 1, "a": {"d": 2, "c": 3}}

    async with store.write() as tx:
        posted = await ledger.post(tx, an_entry((first, XLM, -30), (second, XLM, 30), facts=facts))
    proof = await ledger.inclusion(posted.id)

    assert proof.leaf == (
        '{"index":1,"time":"2026-01-01T00:00:00Z","kind":"trade","postings":['
        f'{{"account":"{first}","asset":"XLM","amount":-30}},'
        f'{{"account":"{second}","asset":"XLM","amount":30}}],"facts":{{"a":{{"c":3,"d":2}},"z":1}}}}'
    )
    assert posted.leaf_hash == hashlib.sha256(b"\x00" + proof.leaf.encode()).hexdigest()
    assert proof.leaf_hash == posted.leaf_hash


async def test_numbers_rise_by_one_and_the_private_book_has_no_leaves(store, ledger, two):
    first, second = two
    move = (first, XLM, -1), (second, XLM, 1)

    async with store.write() as tx:
        posted = [
            await ledger.post(tx, an_entry(*move, book=book)) for book in ("public", "private", "public")
        ]

    assert [entry.id for entry in posted] == [2, 3, 4]
    assert [entry.leaf_index for entry in posted] == [1, None, 2]
    assert posted[1].leaf_hash is None


async def test_a_hold_opens_by_itself_below_its_account(store, ledger, two):
    first, _ = two
    hold = f"{first}/orders"

    async with store.write() as tx:
        await ledger.post(tx, an_entry((first, XLM, -40), (hold, XLM, 40), kind=EntryKind.HOLD))

        assert await ledger.balance(tx, hold, XLM) == 40
        with pytest.raises(InsufficientFunds):
            await ledger.post(tx, an_entry((hold, XLM, -41), (first, XLM, 41), kind=EntryKind.RELEASE))


async def test_what_is_missing_is_named(store, ledger, two):
    first, second = two

    with pytest.raises(InsufficientFunds, match=r"0\.0000005 XLM are missing") as caught:
        async with store.write() as tx:
            await ledger.post(tx, an_entry((first, XLM, -105), (second, XLM, 105)))

    assert (caught.value.account, caught.value.asset, caught.value.short) == (first, XLM, 5)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "moves, refusal",
    [
        ([], Unbalanced),
        ([("first", XLM, 0), ("second", XLM, 0)], Unbalanced),
        ([("first", XLM, 5)], Unbalanced),
        ([("first", XLM, -5), ("second", XLM, 4)], Unbalanced),
        ([("first", XLM, -5), ("second", LT, 5)], Unbalanced),
        ([("first", XLM, -(2**63)), ("second", XLM, 2**63)], Unbalanced),
        ([("first", XLM, -5), ("second", XLM, 5), ("second", LT, 1)], Unbalanced),
        ([("first", XLM, -101), ("second", XLM, 101)], InsufficientFunds),
        ([("faucet", XLM, -(2**63 - 1)), ("first", XLM, 2**63 - 1)], BalanceOutOfRange),
        ([("first", XLM, -5), ("acct_nobody", XLM, 5)], UnknownAccount),
        ([("first", XLM, -5), ("acct_nobody/orders", XLM, 5)], UnknownAccount),
        ([("first", XLM, -5), ("mint/unheard_of", XLM, 5)], UnknownAccount),
        ([("first", XLM, -5), ("first/", XLM, 5)], UnknownAccount),
        ([("first", XLM, -5), ("", XLM, 5)], UnknownAccount),
        ([("first/orders", XLM, -5), ("first", XLM, 5)], InsufficientFunds),
        ([("burned", LT, -1), ("first", LT, 1)], InsufficientFunds),
        (
            [("first", XLM, -5), ("second/new", XLM, 5), ("second", LT, -1), ("first", LT, 1)],
            InsufficientFunds,
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
async def test_a_refused_entry_changes_nothing_even_where_its_caller_goes_on(
    store, ledger, two, moves, refusal
):
    names = {"first": two[0], "second": two[1], "first/orders": f"{two[0]}/orders"}
    names |= {"second/new": f"{two[1]}/new", "first/": f"{two[0]}/"}
    entry = an_entry(*((names.get(name, name), asset, amount) for name, asset, amount in moves))
    before = await dump(store)

    async with store.write() as tx:  # the refusal is caught inside, so the use case commits
        with pytest.raises(refusal):
            await ledger.post(tx, entry)

    assert await dump(store) == before


async def test_an_account_may_be_moved_twice_in_one_entry(store, ledger, two):
    first, second = two

    async with store.write() as tx:
        await ledger.post(tx, an_entry((first, XLM, -60), (second, XLM, 100), (first, XLM, -40)))

        assert await ledger.balance(tx, first, XLM) == 0
        assert (await verify_books(tx, at_us=0)).balance


async def test_a_debit_that_a_credit_of_the_same_entry_covers_is_allowed(store, ledger, two):
    first, second = two
    moves = (first, XLM, -150), (second, XLM, 150), (second, XLM, -80), (first, XLM, 80)

    async with store.write() as tx:
        await ledger.post(tx, an_entry(*moves))

        assert await ledger.balance(tx, first, XLM) == 30


async def test_an_unlimited_account_may_fall_below_zero(store, ledger, two):
    async with store.write() as tx:
        source = await ledger.open_account(tx, unlimited=True)
        await ledger.post(tx, an_entry((source, LT, -7), (two[0], LT, 7)))

        assert await ledger.balance(tx, source, LT) == -7


async def test_the_database_itself_refuses_a_balance_below_zero(store, ledger, two):
    with pytest.raises(ConstraintViolated):
        async with store.write() as tx:
            await tx.execute("UPDATE balances SET amount = -1 WHERE account = :account", {"account": two[0]})


async def test_a_reversal_is_a_new_entry_with_the_opposite_postings(store, ledger, two):
    first, second = two
    async with store.write() as tx:
        posted = await ledger.post(tx, an_entry((first, XLM, -30), (second, XLM, 30)))

    async with store.write() as tx:
        reversal = await ledger.reverse(tx, posted.id, "wrong meter")

        assert await ledger.balance(tx, first, XLM) == 100
        assert await ledger.balance(tx, second, XLM) == 0
    leaf = json.loads((await ledger.inclusion(reversal.id)).leaf)
    assert leaf["facts"] == {"reason": "wrong meter", "reverses_entry": posted.id, "reverses_index": 1}
    assert sorted(posting["amount"] for posting in leaf["postings"]) == [-30, 30]
    assert reversal.kind is EntryKind.REVERSAL


async def test_a_reversal_looks_at_its_entry_and_not_through_all_postings(tmp_path, clock, signing_key):
    migrated_file(tmp_path / "l.sqlite")
    store = SqliteStore(tmp_path / "l.sqlite")
    ledger = Ledger(store, clock, signing_key)
    async with store.write() as tx:
        account = await ledger.open_account(tx)
        for _ in range(1_000):
            await ledger.post(tx, a_gift(account, 1))

    steps = steps_of(store.writer)
    async with store.write() as tx:
        await ledger.reverse(tx, 1_000, "too many")

    assert steps[0] < 100
    await store.close()


async def test_an_entry_is_reversed_once(store, ledger, two):
    async with store.write() as tx:
        await ledger.reverse(tx, 1, "first time")
        with pytest.raises(AlreadyReversed):
            await ledger.reverse(tx, 1, "second time")
        with pytest.raises(EntryNotFound):
            await ledger.reverse(tx, 99, "never posted")


async def test_what_was_spent_since_cannot_be_reversed(store, ledger, two):
    first, second = two
    async with store.write() as tx:
        await ledger.post(tx, an_entry((first, XLM, -100), (second, XLM, 100)))

        with pytest.raises(InsufficientFunds):
            await ledger.reverse(tx, 1, "too late")


async def test_a_rolled_back_entry_leaves_its_place_in_the_log_to_the_next(store, ledger, two):
    first, second = two

    async def fails():
        async with store.write() as tx:
            await ledger.post(tx, an_entry((first, XLM, -1), (second, XLM, 1), facts={"try": 1}))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails()
    async with store.write() as tx:
        posted = await ledger.post(tx, an_entry((first, XLM, -2), (second, XLM, 2)))

    assert (posted.id, posted.leaf_index) == (2, 1)


ACCOUNTS = 4
moves = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, ACCOUNTS), st.integers(-50, 50)), min_size=1, max_size=3),
        st.sampled_from([LT, XLM]),
        st.sampled_from(["keep", "roll back", "reverse"]),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(moves)
def test_whatever_is_posted_the_books_balance_and_the_root_is_that_of_the_leaves(script):
    asyncio.run(_play(script))


async def _play(script):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        migrated_file(path)
        store = SqliteStore(path)
        ledger = Ledger(store, ManualClock(), SigningKey.generate())
        async with store.write() as tx:
            names = [await ledger.open_account(tx) for _ in range(ACCOUNTS)]
            for name in names:
                for asset in (LT, XLM):
                    await ledger.post(tx, a_gift(name, 60, asset))
        names.append(f"{names[0]}/orders")
        expected = {(name, asset): 60 if "/" not in name else 0 for name in names for asset in (LT, XLM)}
        leaves = 2 * ACCOUNTS
        for legs, asset, then in script:
            total = sum(amount for _, amount in legs)
            postings = [(names[at], asset, amount) for at, amount in legs] + [(names[1], asset, -total)]
            after = dict(expected)
            for name, _, amount in postings:
                after[name, asset] += amount
            allowed = all(amount for _, _, amount in postings) and min(after.values()) >= 0
            try:
                async with store.write() as tx:
                    posted = await ledger.post(tx, an_entry(*postings))
                    if then == "reverse":
                        await ledger.reverse(tx, posted.id, "test")
                    if then == "roll back":
                        give_up()
            except LookupError:
                assert allowed
            except (InsufficientFunds, Unbalanced):
                assert not allowed
            else:
                assert allowed
                leaves += 2 if then == "reverse" else 1
                expected = expected if then == "reverse" else after
        async with store.read() as tx:
            assert (await verify_books(tx, at_us=0)).discrepancies == ()
            for (name, asset), amount in expected.items():
                assert await ledger.balance(tx, name, asset) == amount
        head = await ledger.tree_head()
        hashes = [
            bytes.fromhex((await ledger.inclusion(number)).leaf_hash) for number in range(1, leaves + 1)
        ]
        assert head.tree_size == leaves
        assert head.root_hash == _root(hashes).hex()
        await store.close()


def _root(hashes):
    """RFC 9162, section 2.1.1, over leaf hashes."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + _root(hashes[:k]) + _root(hashes[k:])).digest()
