"""What is sent arrives once, whatever the network answers and wherever the process ends."""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from stellar_sdk import TransactionEnvelope

from cloud.ledger.model import Asset
from cloud.stellar import storage
from cloud.stellar.model import EnvelopeState, OperationState
from tests.cloud.stellar.horizon import FAULTS
from tests.cloud.stellar.world import ANA, BEN, CAT, CUSTODY, ISSUER, LT, Died, Life, World

STEP = int(os.environ.get("CHAOS_STEP", "3"))
"""`make chaos` ends the process at every point, `make test` at every third: each use case has several."""
NETWORK_FAULTS = [fault for fault in FAULTS if fault != "none"]


def business(world):
    """Every kind of operation, by name."""
    return {
        "mint": lambda: world.mint(world.ana, 500 * LT),
        "burn": lambda: world.burn(world.ana, 50 * LT),
        "gift": lambda: world.gift(world.ben, 30 * LT),
        "to a trusting wallet": lambda: world.withdraw(world.ana, Asset.LT, 7 * LT, ANA),
        "to a new wallet": lambda: world.withdraw(world.ben, Asset.XLM, 3 * LT, BEN),
        "anchor": world.anchoring.anchor,
        "mint again": lambda: world.mint(world.ben, 11 * LT),
        "to one that cannot hold it": lambda: world.withdraw(world.ben, Asset.LT, 5 * LT, BEN),
        "refused for good": lambda: world.withdraw(world.ana, Asset.XLM, 2 * LT, CAT),
    }


async def some_business(world, done: set[str]) -> None:
    """What is not done yet, each step followed by one of the submitter's."""
    for name, step in business(world).items():
        if name in done:
            continue
        before = await stored(world)
        try:
            await step()
        finally:
            if await stored(world) != before:
                done.add(name)
        world.clock.advance(await world.submitter.try_step())


async def stored(world) -> int:
    return await world.rows("entries") + await world.rows("stellar_operations")


async def lived(world, life: Life) -> None:
    """A day's business by a process that may end; its heir does the rest."""
    for wallet in (ANA, CAT):
        world.chain.fund(wallet, 0)
        world.chain.trust(wallet, ISSUER.public_key)
    world.chain.underfunded.add(CAT)
    await world.gift(world.ana, 9 * LT)
    await world.restart(life)
    done: set[str] = set()
    try:
        await some_business(world, done)
        await world.settle()
    except Died:
        await world.restart()
        await some_business(world, done)
    await world.settle()
    assert done == set(business(world))


async def broken(world):
    return (await world.books.check()).discrepancies


async def test_all_kinds_of_operations_arrive(tmp_path, store):
    async with World.opened(tmp_path, store=store) as world:
        await all_arrive(world)


async def all_arrive(world):
    await lived(world, Life())

    await world.check()
    assert world.chain.lt(ANA) == 7 * LT
    assert world.chain.accounts[BEN].units == 3 * LT
    assert world.chain.claimable_of(BEN, "LT") == 5 * LT
    assert world.chain.lt(CUSTODY.public_key) == (500 - 50 - 7 + 11 - 5) * LT


@pytest.mark.chaos
async def test_wherever_the_process_ends_nothing_is_paid_twice_and_nothing_is_lost(tmp_path):
    async with World.opened(tmp_path) as world:
        life = Life()
        await lived(world, life)
    assert life.points > 40

    for dies_at in range(1, life.points + 1, STEP):
        with tempfile.TemporaryDirectory() as folder:
            async with World.opened(Path(folder)) as world:
                await lived(world, Life(dies_at))

                await world.check()
                assert await broken(world) == ()
                assert world.chain.lt(CUSTODY.public_key) == (500 - 50 - 7 + 11 - 5) * LT
                assert await world.balance(world.ana, Asset.XLM) == 9 * LT


async def test_a_death_while_many_wait_pays_nothing_twice(tmp_path):
    async def crowd(world, life: Life) -> None:
        for number in range(22):
            await world.mint(world.ana, (number + 1) * LT)
        await world.restart(life)
        with contextlib.suppress(Died):
            await world.settle()
        await world.restart()
        await world.mint(world.ben, LT)
        await world.settle()

    async with World.opened(tmp_path) as world:
        life = Life()
        await crowd(world, life)
    for dies_at in range(1, life.points + 1):
        with tempfile.TemporaryDirectory() as folder:
            async with World.opened(Path(folder)) as world:
                await crowd(world, Life(dies_at))

                await world.check()
                assert world.chain.lt(CUSTODY.public_key) == (253 + 1) * LT


@pytest.mark.parametrize("fault", NETWORK_FAULTS)
async def test_a_fault_of_the_network_pays_nothing_twice(world, fault):
    await world.mint(world.ana, 100 * LT)
    await world.settle()
    world.chain.fund(ANA, 0)
    world.chain.trust(ANA, ISSUER.public_key)
    await world.withdraw(world.ana, Asset.LT, 40 * LT, ANA)

    world.chain.faults.extend([fault])
    await world.settle()

    await world.check()
    assert world.chain.lt(ANA) == 40 * LT


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking a failure would take an hour
)
@given(
    faults=st.lists(st.sampled_from(FAULTS), max_size=12),
    queries=st.lists(st.sampled_from(("none", "none", "internal", "rate_limit")), max_size=20),
    dies_at=st.integers(1, 60),
)
async def test_any_sequence_of_faults_and_one_death_end_well(faults, queries, dies_at):
    with tempfile.TemporaryDirectory() as folder:
        async with World.opened(Path(folder)) as world:
            world.chain.faults.extend(faults)
            world.chain.query_faults.extend(queries)

            await lived(world, Life(dies_at))

            await world.check()


async def test_the_hash_is_stored_as_sent_before_anything_is_sent(world):
    await world.mint(world.ana, LT)
    await world.submitter.step()  # built anew with custody's real sequence number
    submit = world.horizon.submit
    seen = []

    async def watched(xdr):
        async with world.store.read() as tx:
            seen.append(await tx.fetch_value("SELECT hash FROM stellar_envelopes WHERE state = 'sent'"))
        return await submit(xdr)

    world.horizon.submit = watched
    await world.submitter.step()

    (sent,) = world.chain.sent
    assert seen == [TransactionEnvelope.from_xdr(sent, world.network.passphrase).hash_hex()]


async def test_after_a_crash_the_hash_is_asked_for_before_anything_is_sent_again(world):
    await world.mint(world.ana, LT)
    world.chain.faults.append("applied_lost")
    await world.submitter.try_step()
    await world.submitter.try_step()
    assert len(world.chain.sent) == 1

    await world.restart()
    world.server.asked.clear()
    await world.settle()

    assert world.server.asked == [f"/transactions/{world.chain.landed[0]['hash']}"]
    assert len(world.chain.sent) == 1
    await world.check()


async def test_what_may_still_land_is_sent_again_as_it_is(world):
    await world.mint(world.ana, LT)
    world.chain.faults.append("lost")

    await world.settle()

    first, second = world.chain.sent
    assert first == second
    await world.check()


async def test_once_its_time_bound_passed_it_is_built_anew(world):
    await world.mint(world.ana, LT)
    world.chain.faults.append("lost")
    await world.submitter.step()
    await world.submitter.try_step()
    world.clock.advance(301)  # over, but a Horizon that lags may not know yet what landed
    await world.submitter.try_step()
    assert await world.rows("stellar_replaced") == 2  # by the first build with the real number
    world.clock.advance(65)

    await world.settle()

    first, *_, last = world.chain.sent
    assert first != last
    assert await world.rows("stellar_replaced") == 4
    await world.check()


async def test_a_sequence_number_taken_by_the_operator_is_noticed(world):
    await world.mint(world.ana, LT)
    await world.settle()
    world.chain.accounts[CUSTODY.public_key].sequence += 5
    await world.mint(world.ana, LT)

    await world.settle()

    await world.check()


async def test_when_more_than_20_wait_they_travel_in_batches_of_up_to_100(tmp_path, store):
    async with World.opened(tmp_path, store=store) as world:
        await in_batches(world)


async def in_batches(world):
    entries = [await world.mint(world.ana, (number + 1) * LT) for number in range(130)]

    await world.settle()

    sizes = [
        len(TransactionEnvelope.from_xdr(xdr, world.network.passphrase).transaction.operations)
        for xdr in world.chain.sent
    ]
    assert sizes == [100, 31]  # the trustline, and 130 mints
    await world.check()
    now = await world.outbox.history(entries[7].tx_hash)
    assert now.envelope.state == "replaced"
    (in_force,) = now.replaced_by
    assert (await world.outbox.history(in_force)).envelope.state == "confirmed"


async def test_up_to_20_go_one_by_one(world):
    await world.mint(world.ana, LT)
    await world.settle()
    world.chain.sent.clear()
    for _ in range(20):
        await world.mint(world.ana, LT)

    await world.settle()

    assert len(world.chain.sent) == 20
    await world.check()


async def test_from_21_on_they_travel_together_though_each_could_go_alone(world):
    await world.mint(world.ana, LT)
    await world.settle()
    world.chain.sent.clear()
    for _ in range(21):
        await world.mint(world.ana, LT)

    await world.settle()

    assert len(world.chain.sent) == 1
    await world.check()


async def test_new_mints_go_on_from_the_number_of_the_last_batch(world):
    for _ in range(30):
        await world.mint(world.ana, LT)
    await world.settle()
    world.chain.sent.clear()

    posted = await world.mint(world.ana, LT)
    await world.settle()

    (sent,) = world.chain.sent
    assert TransactionEnvelope.from_xdr(sent, world.network.passphrase).hash_hex() == posted.tx_hash


async def test_a_fee_that_does_not_suffice_is_bumped_around_the_same_transaction(world):
    await world.mint(world.ana, LT)
    await world.settle()
    posted = await world.mint(world.ana, LT)
    world.chain.faults.append("surge")

    await world.settle()

    history = await world.outbox.history(posted.tx_hash)
    assert history.envelope.state == "confirmed"
    assert history.envelope.bump_hash == world.chain.landed[-1]["hash"]
    assert history.envelope.bump_fee_stroops == 2_000  # 1,000 for the operation, 1,000 for the bump itself
    await world.check()


async def test_a_fee_is_never_raised_above_the_highest(world):
    await world.mint(world.ana, LT)
    await world.settle()
    world.start(fee_stroops_max=500)
    posted = await world.mint(world.ana, LT)
    world.chain.fee_min = 501

    for _ in range(6):
        world.clock.advance(await world.submitter.try_step())

    history = await world.outbox.history(posted.tx_hash)
    assert history.envelope.bump_fee_stroops == 1_000
    assert history.envelope.state == "sent"


async def test_a_rate_limit_is_waited_out_as_long_as_it_says(world):
    await world.mint(world.ana, LT)
    world.chain.faults.append("rate_limit")
    await world.submitter.step()

    assert await world.submitter.try_step() == 7.0


async def test_trouble_that_lasts_is_met_with_longer_and_longer_waits(world):
    await world.mint(world.ana, LT)
    await world.server.stop()

    waits = [await world.submitter.try_step() for _ in range(12)]

    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == 300.0
    await world.server.start()


async def test_before_the_accounts_are_funded_the_operator_is_told_what_to_do(tmp_path, caplog):
    async with World.opened(tmp_path, funded=False) as world:
        posted = await world.mint(world.ana, LT)
        await world.submitter.try_step()
        await world.submitter.try_step()

        assert len(posted.tx_hash) == 64
        told = [record for record in caplog.records if CUSTODY.public_key in record.getMessage()]
        assert len(told) == 1
        assert world.chain.sent == []

        world.chain.fund(ISSUER.public_key)
        world.chain.fund(CUSTODY.public_key)
        await world.settle()
        await world.check()


async def test_a_withdrawal_that_the_chain_refuses_for_good_goes_back_to_its_owner(world):
    world.chain.fund(ANA, 0)
    world.chain.trust(ANA, ISSUER.public_key)
    world.chain.underfunded.add(ANA)
    await world.mint(world.ana, 100 * LT)
    await world.withdraw(world.ana, Asset.LT, 40 * LT, ANA)
    await world.withdraw(world.ana, Asset.LT, 10 * LT, BEN)

    await world.settle()

    assert await world.balance(world.ana, Asset.LT) == 90 * LT
    (to_ben, to_ana), _ = await world.withdrawals.of(world.ana, page=1, limit=5)
    assert (to_ana.status, to_ben.status) == ("failed", "completed")
    assert world.chain.claimable_of(BEN, "LT") == 10 * LT
    assert world.chain.lt(CUSTODY.public_key) == 90 * LT
    assert [landed["successful"] for landed in world.chain.landed].count(False) == 3
    assert (await broken(world)) == ()


async def test_a_mint_taken_back_is_burned_and_a_burn_taken_back_is_minted(world):
    minted = await world.mint(world.ana, 100 * LT)
    burned = await world.burn(world.ana, 30 * LT)
    async with world.store.write() as tx:
        unburned = await world.ledger.reverse(tx, burned.id, "a mistake")
        unminted = await world.ledger.reverse(tx, minted.id, "a mistake")

    await world.settle()

    assert world.chain.lt(CUSTODY.public_key) == 0
    assert len({minted.tx_hash, burned.tx_hash, unburned.tx_hash, unminted.tx_hash}) == 4


async def test_two_submitters_over_one_database_pay_once(world):
    world.chain.fund(ANA, 0)
    world.chain.trust(ANA, ISSUER.public_key)
    await world.mint(world.ana, 100 * LT)
    await world.withdraw(world.ana, Asset.LT, 40 * LT, ANA)
    first = world.submitter
    world.start()
    world.chain.faults.extend(["timeout", "lost", "applied_lost"])

    for _ in range(40):
        await first.try_step()
        world.clock.advance(1 + await world.submitter.try_step())

    assert await world.waiting() == 0
    await world.check()


async def test_a_refusal_that_two_processes_see_counts_once(world):
    await world.mint(world.ana, LT)
    await world.settle()
    posted = await world.mint(world.ana, LT)
    envelope = (await world.outbox.history(posted.tx_hash)).envelope

    async with world.store.write() as tx:
        assert await storage.mark_sent(tx, envelope.id, at_us=1)
        assert not await storage.mark_sent(tx, envelope.id, at_us=1)
        assert await storage.close_sent(tx, envelope.id, EnvelopeState.FAILED, ledger=5)
        assert not await storage.close_sent(tx, envelope.id, EnvelopeState.FAILED, ledger=5)


async def test_what_was_given_up_is_never_built_anew(world):
    await world.mint(world.ana, LT)
    await world.settle()
    posted = await world.mint(world.ana, LT)
    (operation,) = (await world.outbox.history(posted.tx_hash)).operations
    move = storage.Move(operation_id=operation.id, from_id=operation.envelope_id, form=None)

    async with world.store.write() as tx:
        assert await storage.movable(tx, [move], sent_id=None)
        await storage.set_attempts(tx, operation.id, 3, OperationState.FAILED)
        assert not await storage.movable(tx, [move], sent_id=None)


async def test_what_another_process_sent_meanwhile_is_not_built_anew(world):
    """The second looks, the first sends, the second wants to put it into another envelope."""
    world.chain.fund(ANA, 0)
    world.chain.trust(ANA, ISSUER.public_key)
    await world.mint(world.ana, 100 * LT)
    await world.settle()
    await world.withdraw(world.ana, Asset.LT, 40 * LT, ANA)
    first = world.submitter
    world.start()
    unfit = world.submitter._unfit

    async def slow(*args):
        await unfit(*args)
        world.chain.faults.append("applied_timeout")
        await first.try_step()
        return "its time is nearly over"

    world.submitter._unfit = slow
    await world.submitter.step()
    world.submitter._unfit = unfit
    await world.settle()

    assert world.chain.lt(ANA) == 40 * LT
    await world.check()


@pytest.mark.parametrize("fault", ["lost", "none"])
async def test_what_another_process_built_anew_meanwhile_is_not_sent(world, fault):
    """The first looks, the second puts it into another envelope, the first wants to send it."""
    await world.mint(world.ana, LT)
    await world.settle()
    posted = await world.mint(world.ana, LT)
    first, second = world.submitter, None
    world.start()
    second = world.submitter
    unfit = first._unfit

    async def slow(head, waiting, sequence):
        await second._next_sequence()
        await second._rebuild(waiting, reason="its time is nearly over")
        world.chain.faults.append(fault)

    world.clock.advance(1)
    first._unfit = slow
    await first.try_step()
    first._unfit = unfit
    await world.settle()

    assert (await world.outbox.history(posted.tx_hash)).envelope.state == "replaced"
    hashes = {
        TransactionEnvelope.from_xdr(xdr, world.network.passphrase).hash_hex() for xdr in world.chain.sent
    }
    assert posted.tx_hash not in hashes
    await world.check()
