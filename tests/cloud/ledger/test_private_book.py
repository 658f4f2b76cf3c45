"""Money of people and parts of projects: balanced as all else, and never in the public log."""

import msgspec
import pytest

from cloud.kit.store.errors import ConstraintViolated
from cloud.ledger.books import verify_books
from cloud.ledger.errors import InsufficientFunds, NotPublic, Unbalanced
from cloud.ledger.model import PRIVATE_KINDS, Asset, Entry, EntryKind, Posting, fiat, ownership

USD = fiat("USD")
OWN = ownership("prj_sunrise_solar")


def an_entry(*moves, kind=EntryKind.INVESTMENT, book="private"):
    return Entry(kind=kind, postings=tuple(Posting(*move) for move in moves), book=book)


@pytest.fixture
async def ana(store, ledger):
    async with store.write() as tx:
        account = await ledger.open_account(tx)
        await ledger.post(tx, an_entry(("payments", USD, -50_000), (account, USD, 50_000)))
    return account


@pytest.mark.parametrize("name", ["fiat/USD", "fiat/EUR", "own/prj_a", "own/prj_sunrise_solar_2"])
def test_a_private_asset_is_read_and_written_as_its_name(name):
    posting = msgspec.json.decode(f'{{"account":"a","asset":"{name}","amount":1}}', type=Posting)

    assert posting.asset is Asset(name)
    assert msgspec.json.encode(posting.asset) == f'"{name}"'.encode()
    assert posting.asset.is_private


@pytest.mark.parametrize("name", ["", "USD", "fiat/usd", "fiat/USDX", "own/", "own/sun", "own/prj_A", "x/LT"])
def test_what_is_no_asset_is_refused(name):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(name), type=Asset)
    with pytest.raises(ValueError, match="is not a valid Asset"):
        Asset(name)


def test_an_open_set_leaves_the_public_assets_as_they_were():
    assert [asset.value for asset in Asset] == ["LT", "XLM", "kWh", "CO2", "kgCO2"]
    assert not any(asset.is_private for asset in Asset)


def test_money_has_two_decimals_and_ownership_seven():
    assert (USD.decimals, OWN.decimals, Asset.LT.decimals) == (2, 7, 7)


@pytest.mark.parametrize(
    "asset,kind",
    [(USD, EntryKind.TRADE), (OWN, EntryKind.TRADE)] + [(Asset.XLM, kind) for kind in sorted(PRIVATE_KINDS)],
)
async def test_the_public_book_takes_nothing_private(store, ledger, ana, asset, kind):
    entry = an_entry((ana, asset, -1), ("faucet", asset, 1), kind=kind, book="public")

    with pytest.raises(NotPublic):
        async with store.write() as tx:
            await ledger.post(tx, entry)
    with pytest.raises(NotPublic):
        async with store.write() as tx:
            await ledger.batch(tx).post(entry)
    async with store.read() as tx:
        assert await ledger.balance(tx, ana, USD) == 50_000


async def test_a_private_entry_is_no_leaf_and_is_counted_by_the_recount(store, ledger, ana):
    async with store.write() as tx:
        posted = await ledger.post(
            tx, an_entry(("issued", OWN, -7), (ana, OWN, 7), (ana, USD, -50_000), ("fees", USD, 50_000))
        )

        assert (posted.leaf_index, posted.leaf_hash, posted.tx_hash) == (None, None, None)
        assert (await verify_books(tx, at_us=0)).balance
    assert (await ledger.tree_head()).tree_size == 0


async def test_each_currency_and_each_project_balances_for_itself(store, ledger, ana):
    euro = fiat("EUR")

    with pytest.raises(Unbalanced, match="fiat/"):
        async with store.write() as tx:
            await ledger.post(tx, an_entry((ana, USD, -5), ("fees", euro, 5)))


async def test_nobody_spends_money_that_is_not_there(store, ledger, ana):
    with pytest.raises(InsufficientFunds, match=r"0\.01 fiat/USD are missing") as refused:
        async with store.write() as tx:
            await ledger.post(tx, an_entry((ana, USD, -50_001), ("fees", USD, 50_001)))

    assert refused.value.short == 1


async def test_a_balance_changed_by_hand_is_found(store, ledger, ana):
    async with store.write() as tx:
        await tx.execute("UPDATE balances SET amount = 1 WHERE asset = 'fiat/USD' AND account = 'payments'")

    async with store.read() as tx:
        found = (await verify_books(tx, at_us=0)).discrepancies
    assert any(line.startswith("payments in fiat/USD: stored 1") for line in found)
    with pytest.raises(ConstraintViolated):
        async with store.write() as tx:
            await tx.execute(
                "UPDATE balances SET amount = -1 WHERE asset = 'fiat/USD' AND account = :account",
                {"account": ana},
            )
