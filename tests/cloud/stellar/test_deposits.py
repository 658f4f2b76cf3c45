"""What custody receives is credited once to whom its memo names, and never lost."""

import tempfile
from pathlib import Path

import pytest

from cloud.ledger.model import Asset, SystemAccount
from cloud.stellar import storage
from cloud.stellar.errors import DepositAssigned, DepositsClosed, UnknownDeposit
from cloud.stellar.model import Form
from tests.cloud.stellar.world import ANA, CUSTODY, ISSUER, LT, Died, Life, World

ME = CUSTODY.public_key


async def memo(world, account):
    return (await world.deposits.address_of(account)).memo


async def test_a_payment_with_one_s_memo_is_credited_once(tmp_path, store):
    async with World.opened(tmp_path, store=store) as world:
        await credited_once(world)


async def credited_once(world):
    world.chain.deposit(ME, 25 * LT, memo=await memo(world, world.ana))

    for _ in range(3):
        await world.watcher.step()

    assert await world.balance(world.ana, Asset.XLM) == 25 * LT
    assert await world.balance(SystemAccount.OUTSIDE, Asset.XLM) == -25 * LT
    assert await world.deposits.unmatched() == []


async def test_each_account_keeps_a_memo_of_its_own(world):
    first = await world.deposits.address_of(world.ana)

    assert first == await world.deposits.address_of(world.ana)
    assert first.address == ME
    assert first.issuer == ISSUER.public_key
    assert first.memo != await memo(world, world.ben)
    assert 0 < first.memo < 2**53


async def test_lt_come_back_the_way_they_went(world):
    world.chain.fund(ANA, 0)
    world.chain.trust(ANA, ISSUER.public_key)
    await world.mint(world.ana, 100 * LT)
    await world.withdraw(world.ana, Asset.LT, 40 * LT, ANA)
    await world.settle()
    world.chain.deposit(ME, 15 * LT, memo=await memo(world, world.ben), issuer=ISSUER.public_key)

    await world.watcher.step()

    assert await world.balance(world.ben, Asset.LT) == 15 * LT
    assert await world.balance(SystemAccount.OUTSIDE, Asset.LT) == 25 * LT


@pytest.mark.parametrize("memo_type", ["id", "text"])
async def test_a_memo_of_digits_counts_whatever_its_type(world, memo_type):
    world.chain.deposit(ME, LT, memo=await memo(world, world.ana), memo_type=memo_type)

    await world.watcher.step()

    assert await world.balance(world.ana, Asset.XLM) == LT


async def test_the_id_of_a_muxed_address_is_a_memo(world):
    world.chain.deposit(ME, LT, to_muxed_id=str(await memo(world, world.ana)))

    await world.watcher.step()

    assert await world.balance(world.ana, Asset.XLM) == LT


@pytest.mark.parametrize("said", [None, "1", "hello", "-5", "9" * 30, "٣", "1.0", ""])
async def test_a_payment_that_names_nobody_is_kept_and_credited_by_an_administrator(world, said):
    number = world.chain.deposit(ME, 7 * LT, memo=said)
    await world.watcher.step()
    (kept,) = await world.deposits.unmatched()
    assert (kept.operation_id, kept.amount, kept.memo) == (number, 7 * LT, said)

    assigned = await world.deposits.assign(number, world.ben)

    assert assigned.account == world.ben
    assert await world.balance(world.ben, Asset.XLM) == 7 * LT
    assert await world.deposits.unmatched() == []
    with pytest.raises(DepositAssigned):
        await world.deposits.assign(number, world.ana)


async def test_a_memo_that_a_database_cannot_keep_holds_up_nobody_behind_it(tmp_path, store):
    async with World.opened(tmp_path, store=store) as world:
        world.chain.deposit(ME, 7 * LT, memo="a\0b", memo_type="text")
        world.chain.deposit(ME, 25 * LT, memo=await memo(world, world.ana))

        await world.watcher.step()

        assert await world.balance(world.ana, Asset.XLM) == 25 * LT
        assert [(kept.amount, kept.memo) for kept in await world.deposits.unmatched()] == [
            (7 * LT, "a\ufffdb")
        ]


async def test_what_never_came_cannot_be_assigned(world):
    with pytest.raises(UnknownDeposit):
        await world.deposits.assign(4096, world.ana)


@pytest.mark.parametrize(
    "more",
    [
        {"transaction_successful": False},
        {"to": ANA},
        {"from": ME},
        {"asset_type": "credit_alphanum4", "asset_code": "LT", "asset_issuer": ANA},
        {"asset_type": "credit_alphanum4", "asset_code": "USDC", "asset_issuer": ISSUER.public_key},
        {"type": "create_account", "to": None, "from": None, "amount": None},
        {
            "asset_type": "credit_alphanum4",
            "asset_code": "LT",
            "asset_issuer": ISSUER.public_key,
            "from": ISSUER.public_key,
        },
    ],
    ids=["failed", "to another", "own", "LT of another", "another asset", "custody's birth", "a mint"],
)
async def test_what_is_no_deposit_is_none_and_is_not_read_again(world, more):
    world.chain.deposit(ME, LT, memo=await memo(world, world.ana), **more)

    await world.watcher.step()

    assert await world.balance(world.ana, Asset.XLM) == 0
    assert await world.balance(world.ana, Asset.LT) == 0
    assert await world.rows("deposits") == 0
    assert await world.rows("deposit_cursors") == 1


async def test_an_account_that_had_nothing_to_bring_holds_nobody_up(world):
    """Where somebody else pays its reserve, it may be empty."""
    merge = {"type": "account_merge", "amount": None, "account": ANA, "into": ME, "merged": "0.0000000"}
    world.chain.deposit(ME, 0, memo=await memo(world, world.ana), **merge)
    world.chain.deposit(ME, LT, memo=await memo(world, world.ana))

    await world.watcher.step()

    assert await world.balance(world.ana, Asset.XLM) == LT
    assert await world.rows("deposits") == 1


async def test_an_account_that_merges_into_custody_brings_all_it_had(world):
    world.chain.deposit(
        ME,
        0,
        memo=await memo(world, world.ana),
        type="account_merge",
        amount=None,
        account=ANA,
        into=ME,
        merged="3.5000000",
    )

    await world.watcher.step()

    assert await world.balance(world.ana, Asset.XLM) == 35_000_000


async def test_more_lt_than_ever_left_are_not_the_ledger_s(world):
    number = world.chain.deposit(ME, LT, memo=await memo(world, world.ana), issuer=ISSUER.public_key)

    await world.watcher.step()

    assert await world.balance(world.ana, Asset.LT) == 0
    with pytest.raises(DepositsClosed):
        await world.deposits.assign(number, world.ana)


async def test_many_are_read_page_by_page(world):
    for _ in range(450):
        world.chain.deposit(ME, 1, memo=await memo(world, world.ana))

    assert await world.watcher.step() == 0.0
    assert await world.watcher.step() == 0.0
    await world.watcher.step()

    assert await world.balance(world.ana, Asset.XLM) == 450


async def test_wherever_the_watcher_ends_each_is_credited_once():
    for dies_at in (1, 2, 3, 4):
        with tempfile.TemporaryDirectory() as folder:
            async with World.opened(Path(folder)) as world:
                number = await memo(world, world.ana)
                world.chain.deposit(ME, 5 * LT, memo=number)
                world.chain.deposit(ME, 6 * LT)
                await world.restart(Life(dies_at))
                try:
                    await world.watcher.step()
                    world.chain.deposit(ME, 7 * LT, memo=number)
                    await world.watcher.step()
                except Died:
                    await world.restart()
                    world.chain.payments[2:] = []
                    world.chain.deposit(ME, 7 * LT, memo=number)
                for _ in range(3):
                    await world.watcher.step()

                assert await world.balance(world.ana, Asset.XLM) == 12 * LT
                assert len(await world.deposits.unmatched()) == 1


async def test_while_horizon_is_away_the_watcher_waits_and_takes_up_again(world):
    world.chain.query_faults.extend(["internal", "rate_limit"])
    world.chain.deposit(ME, LT, memo=await memo(world, world.ana))

    assert await world.watcher.try_step() == 30.0
    assert await world.watcher.try_step() == 7.0
    assert await world.watcher.try_step() == 5.0

    assert await world.balance(world.ana, Asset.XLM) == LT


async def test_two_watchers_over_one_database_credit_once(world):
    world.chain.deposit(ME, LT, memo=await memo(world, world.ana))
    first = world.watcher
    world.start()

    await first.step()
    await world.watcher.step()
    await first.step()

    assert await world.balance(world.ana, Asset.XLM) == LT


async def test_offline_there_are_none(tmp_path):
    async with World.opened(tmp_path, network="offline") as world:
        with pytest.raises(DepositsClosed):
            await world.deposits.address_of(world.ana)


async def test_a_withdrawal_says_in_which_form_it_arrived(world):
    await world.mint(world.ana, 10 * LT)
    await world.settle()
    made = await world.withdraw(world.ana, Asset.LT, 10 * LT, ANA)
    assert made.form is Form.PAYMENT

    await world.settle()

    ((shown,), total) = await world.withdrawals.of(world.ana, page=1, limit=20)
    assert (total, shown.form, shown.status) == (1, Form.CLAIMABLE_BALANCE, "completed")
    assert shown.tx_hash == world.chain.landed[-1]["hash"]
    assert all(landed["successful"] for landed in world.chain.landed)  # asked before, not after it failed


async def test_a_watcher_that_was_overtaken_takes_nothing_and_reads_again(world):
    world.chain.deposit(ME, LT, memo=await memo(world, world.ana))
    first = world.watcher
    world.start()
    payments = first._horizon.payments

    async def slow(*args):
        page = await payments(*args)
        await world.watcher.step()
        return page

    first._horizon.payments = slow

    assert await first.step() == 0.0

    assert await world.balance(world.ana, Asset.XLM) == LT


async def test_a_payment_that_is_read_again_is_left_as_it_is(world):
    world.chain.deposit(ME, LT, memo=await memo(world, world.ana))
    await world.watcher.step()
    async with world.store.write() as tx:
        await storage.move_cursor(tx, ME, "0")

    await world.watcher.step()

    assert await world.balance(world.ana, Asset.XLM) == LT
