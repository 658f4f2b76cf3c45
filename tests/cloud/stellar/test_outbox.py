"""Every mint and burn has its transaction in its own commit; hashes that were answered stay valid."""

import pytest
from stellar_sdk import TransactionEnvelope

from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.stellar.envelopes import Envelopes
from cloud.stellar.errors import StellarMismatch, UnknownTransaction
from cloud.stellar.keys import Key, Keys
from cloud.stellar.networks import NETWORKS
from cloud.stellar.outbox import Outbox
from tests.cloud.stellar.world import LT, World


@pytest.fixture
async def offline(tmp_path):
    async with World.opened(tmp_path, network="offline") as world:
        yield world


async def test_offline_transactions_are_numbered_from_the_beginning_without_a_gap(offline):
    for _ in range(30):
        await offline.mint(offline.ana, LT)

    async with offline.store.read() as tx:
        numbers = [
            await tx.fetch_value(
                "SELECT COUNT(*) FROM stellar_envelopes WHERE sequence = :sequence", {"sequence": number}
            )
            for number in range(33)
        ]
    assert numbers == [0, *[1] * 31, 0]  # the trustline is the first


async def test_the_hash_of_an_entry_is_that_of_its_envelope(offline):
    posted = await offline.mint(offline.ana, 533 * LT)

    history = await offline.outbox.history(posted.tx_hash)

    envelope = TransactionEnvelope.from_xdr(history.envelope.xdr, offline.network.passphrase)
    assert envelope.hash_hex() == posted.tx_hash
    assert envelope.transaction.operations[0].amount == "533"
    (operation,) = history.operations
    assert (operation.entry_id, operation.amount, operation.kind) == (posted.id, 533 * LT, "mint")


async def test_an_entry_that_neither_mints_nor_burns_has_none(offline):
    assert (await offline.gift(offline.ana, LT)).tx_hash is None
    assert await offline.rows("stellar_envelopes") == 0


async def test_an_entry_that_mints_and_burns_has_both_in_one_transaction(offline):
    async with offline.store.write() as tx:
        posted = await offline.ledger.post(
            tx,
            Entry(
                kind=EntryKind.MINT,
                postings=(
                    Posting(SystemAccount.MINT_REWARD, Asset.LT, -5 * LT),
                    Posting(offline.ana, Asset.LT, 3 * LT),
                    Posting(SystemAccount.BURNED, Asset.LT, 2 * LT),
                ),
            ),
        )

    history = await offline.outbox.history(posted.tx_hash)

    assert [(one.kind, one.amount) for one in history.operations] == [("mint", 5 * LT), ("burn", 2 * LT)]


@pytest.mark.parametrize("source", ["mint/energy", "mint/reward", "mint/yield"])
async def test_every_source_of_lt_counts(offline, source):
    async with offline.store.write() as tx:
        posted = await offline.ledger.post(
            tx,
            Entry(
                kind=EntryKind.MINT,
                postings=(Posting(source, Asset.LT, -1), Posting(offline.ana, Asset.LT, 1)),
            ),
        )

    assert posted.tx_hash is not None


async def test_a_use_case_that_is_rolled_back_leaves_no_transaction_and_no_gap(offline):
    first = await offline.mint(offline.ana, LT)

    async def fails() -> None:
        async with offline.store.write() as tx:
            await offline.ledger.reverse(tx, first.id, "a mistake")
            raise LookupError

    with pytest.raises(LookupError):
        await fails()
    second = await offline.mint(offline.ana, LT)

    one, two = [(await offline.outbox.history(p.tx_hash)).envelope.sequence for p in (first, second)]
    assert two == one + 1


async def test_other_keys_or_another_network_stop_the_start(offline):
    await offline.mint(offline.ana, LT)
    other_keys = Envelopes(offline.network, Keys(Key(b"x" * 32), Key(b"y" * 32)))
    other_network = Envelopes(NETWORKS["testnet"], offline.envelopes.keys)

    for envelopes in (other_keys, other_network):
        with pytest.raises(StellarMismatch):
            await Outbox(offline.store, offline.clock, envelopes).open()
    await offline.outbox.open()


async def test_an_unknown_hash_is_said_to_be_unknown(offline):
    with pytest.raises(UnknownTransaction):
        await offline.outbox.history("0" * 64)


async def test_the_log_is_anchored_once_an_hour_and_only_when_it_grew(offline):
    await offline.anchoring.anchor()
    assert await offline.books.last_anchor() is None  # an empty log

    await offline.mint(offline.ana, LT)
    await offline.anchoring.anchor()
    first = await offline.books.last_anchor()
    await offline.mint(offline.ana, LT)
    await offline.anchoring.anchor()
    assert await offline.books.last_anchor() == first  # this hour has its anchor

    offline.clock.advance(3_600)
    await offline.anchoring.anchor()
    second = await offline.books.last_anchor()
    assert (first.tree_size, second.tree_size) == (1, 2)

    offline.clock.advance(3_600)
    await offline.anchoring.anchor()
    assert await offline.books.last_anchor() == second  # nothing new


async def test_an_anchor_is_the_root_of_the_signed_tree_head(offline):
    await offline.mint(offline.ana, LT)
    await offline.anchoring.anchor()

    anchor = await offline.books.last_anchor()

    head = await offline.ledger.tree_head()
    assert (anchor.tree_size, anchor.root_hash) == (head.tree_size, head.root_hash)
    envelope = (await offline.outbox.history(anchor.tx_hash)).envelope
    parsed = TransactionEnvelope.from_xdr(envelope.xdr, offline.network.passphrase)
    assert parsed.transaction.memo.memo_hash.hex() == head.root_hash


async def test_an_hour_s_anchor_on_a_network_arrives(world):
    await world.mint(world.ana, LT)
    await world.anchoring.anchor()

    await world.settle()

    assert (
        await world.outbox.history((await world.books.last_anchor()).tx_hash)
    ).envelope.state == "confirmed"


async def test_the_lists_of_the_ledger_show_the_transaction_in_force(world):
    posted = [await world.mint(world.ana, LT) for _ in range(25)]
    await world.settle()

    listed = (await world.books.entries(EntryKind.MINT, page=1, limit=25)).entries

    assert {record.tx_hash for record in listed} == {world.chain.landed[-1]["hash"]}
    for one in posted:
        history = await world.outbox.history(one.tx_hash)
        assert history.replaced_by == (world.chain.landed[-1]["hash"],)
    final = await world.outbox.history(world.chain.landed[-1]["hash"])
    assert set(final.replaces) >= {one.tx_hash for one in posted}
