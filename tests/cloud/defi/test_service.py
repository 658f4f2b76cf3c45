"""Staking, earning, lending and liquidating, with figures worked out by hand."""

import asyncio
from decimal import Decimal

import pytest

from cloud.defi.errors import AlreadyUnstaked, LentOut, LoanClosed, LoanRefused, NoSuchLoan, NoSuchStake
from cloud.defi.model import LoanStatus, YieldKind
from cloud.defi.pool import earned_by, show_apy, show_utilisation
from cloud.defi.service import Defi
from cloud.errors import BadRequest
from cloud.kit.idempotency import NO_KEY, Call, IdempotencyConflict, Once
from cloud.ledger.books import Books
from cloud.ledger.errors import InsufficientFunds
from cloud.ledger.model import Asset, SystemAccount
from tests.cloud.defi.conftest import commission, energy_mint, lt

YEAR_S = 31_536_000


async def test_a_year_at_3_percent(defi, a_person, balance, clock):
    ana = await a_person(1, lt=1_000)

    stake = await defi.stake(ana, lt(1_000), NO_KEY)
    clock.advance(YEAR_S)
    ended = await defi.unstake(ana, stake.id, NO_KEY)

    assert ended.yield_earned == ended.yield_minted == lt(30)
    assert await balance(ana.account) == lt(1_030)
    assert await balance(SystemAccount.MINT_YIELD) == -lt(30)
    assert await balance(SystemAccount.POOL) == 0


async def test_the_documents_example_38_percent_lent_is_5_1_percent_a_year(defi, a_person, balance, clock):
    ana, ben = await a_person(1, lt=50_000), await a_person(2, lt=30_000)
    stake = await defi.stake(ana, lt(50_000), NO_KEY)
    await defi.borrow(ben, lots=19_000, collateral=lt(28_500), once=NO_KEY)

    pool = await defi.now()
    assert (show_utilisation(pool), show_apy(pool)) == (Decimal("0.38"), Decimal("5.1"))

    clock.advance(299)
    await defi.repay(ben, 1, NO_KEY)
    clock.advance(1)
    ended = await defi.unstake(ana, stake.id, NO_KEY)
    # 50,000 LT: 299 s at 5.09 % and 1 s at 3 %: 50000 · (0.0509 · 299 + 0.03) / 31536000 = 0.02417729…
    assert ended.yield_earned == 241_772
    # The fee of 0.3 % of 19,000 LT is 57 LT and pays all of it.
    assert ended.yield_minted == 0
    assert await balance(SystemAccount.POOL_YIELD) == lt(57) - 241_772


async def test_5_kwh_need_7500_lt(defi, a_person, balance):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=10_000)
    await defi.stake(ana, lt(10_000), NO_KEY)

    with pytest.raises(LoanRefused, match="7500"):
        await defi.borrow(ben, lots=5_000, collateral=lt(7_500) - 1, once=NO_KEY)
    loan = await defi.borrow(ben, lots=5_000, collateral=lt(7_500), once=NO_KEY)

    assert (loan.principal, loan.fee) == (lt(5_000), lt(15))
    assert await balance(ben.account) == lt(7_500)
    assert await balance(f"{ben.account}/loan") == lt(7_500)
    assert await balance(SystemAccount.POOL) == lt(5_000)


async def test_repaid_in_time_the_pool_keeps_the_fee_and_the_borrower_the_collateral(
    defi, a_person, balance, clock
):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=8_000)
    await defi.stake(ana, lt(10_000), NO_KEY)
    loan = await defi.borrow(ben, lots=5_000, collateral=lt(7_500), once=NO_KEY)
    clock.advance(299.999999)

    repaid = await defi.repay(ben, loan.id, NO_KEY)

    assert repaid.status is LoanStatus.REPAID
    assert await balance(ben.account) == lt(8_000) - lt(15)
    assert await balance(f"{ben.account}/loan") == 0
    assert await balance(SystemAccount.POOL) == lt(10_000)
    assert await balance(SystemAccount.POOL_YIELD) == lt(15)
    with pytest.raises(LoanClosed, match="repaid before"):
        await defi.repay(ben, loan.id, NO_KEY)


async def test_overdue_the_collateral_repays_and_the_rest_is_halved_the_odd_unit_to_the_pool(
    defi, a_person, balance, clock
):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=8_000)
    await defi.stake(ana, lt(10_000), NO_KEY)
    await defi.borrow(ben, lots=5_000, collateral=lt(7_500) + 1, once=NO_KEY)

    clock.advance(299.999999)
    await defi.liquidate_due()
    assert await balance(f"{ben.account}/loan") == lt(7_500) + 1
    clock.advance(0.000001)
    await defi.liquidate_due()

    assert await balance(f"{ben.account}/loan") == 0
    assert await balance(ben.account) == lt(5_500) - 1
    assert await balance(SystemAccount.POOL) == lt(10_000)
    # 7500.0000001 - 5000 - 15 = 2485.0000001, half of it 1242.5
    assert await balance(SystemAccount.RESERVE) == lt("1242.5")
    assert await balance(SystemAccount.POOL_YIELD) == lt(15) + lt("1242.5") + 1
    (loan,) = (await defi.loans(ben, page=1, limit=10)).rows
    assert loan.status is LoanStatus.LIQUIDATED
    assert loan.closed_at_us == loan.due_at_us


async def test_at_300_seconds_a_repayment_is_too_late_even_if_no_timer_ran(defi, a_person, balances, clock):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=80_000)
    await defi.stake(ana, lt(10_000), NO_KEY)
    loan = await defi.borrow(ben, lots=5_000, collateral=lt(7_500), once=NO_KEY)
    clock.advance(300)
    before = await balances()

    with pytest.raises(LoanClosed, match="overdue"):
        await defi.repay(ben, loan.id, NO_KEY)

    assert await balances() == before


@pytest.mark.parametrize("late_s", [0, 1, 17.5, 86_400, 50 * YEAR_S])
async def test_when_the_timer_runs_changes_nothing(
    late_s, defi, a_person, balance, clock, store, events, ledger
):
    """Liquidated at the due moment or `late_s` later by a new service: the same yield to the unit."""
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=8_000)
    stake = await defi.stake(ana, lt(10_000), NO_KEY)
    clock.advance(10.4)
    await defi.borrow(ben, lots=4_000, collateral=lt(6_000), once=NO_KEY)
    clock.advance(300 + late_s)
    reopened = Defi(store, clock, events, ledger)
    await reopened.liquidate_due()
    clock.advance(1_000_000 - late_s if late_s < 1_000_000 else 0)

    ended = await reopened.unstake(ana, stake.id, NO_KEY)

    # 0.4 lent for 300 s is 2.2 % more; all else at 3 %. The due second is 310, whoever came when.
    total_s = max(1_000_310, 310 + int(late_s))
    expected = 10_000 * (3 * total_s + 2.2 * 300) / 100 / YEAR_S
    assert ended.yield_earned == pytest.approx(expected * 10**7, abs=1)


async def test_what_is_shown_takes_overdue_loans_as_ended_and_is_what_is_paid(defi, a_person, post, clock):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=8_000)
    stake = await defi.stake(ana, lt(10_000), NO_KEY)
    await defi.borrow(ben, lots=5_000, collateral=lt(7_500), once=NO_KEY)
    await post(commission(ben.account, lt(2)))
    clock.advance(300)
    assert (await defi.now()).lent == 0
    clock.advance(100_000)

    found, pool = await defi.stakes(ana, page=1, limit=1)
    shown = [
        earned_by(stake.amount, since=since, now=now)
        for since, now in ((stake.index, pool.index), (stake.xlm_index, pool.xlm_index))
    ]
    ended = await defi.unstake(ana, stake.id, NO_KEY)

    assert found.rows == [stake]
    assert shown == [ended.yield_earned, ended.xlm_income]


async def test_lt_that_are_lent_out_cannot_be_taken_out(defi, a_person, balances, clock):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=8_000)
    stake = await defi.stake(ana, lt(10_000), NO_KEY)
    loan = await defi.borrow(ben, lots=1, collateral=lt(2), once=NO_KEY)
    before = await balances()

    with pytest.raises(LentOut, match="9999"):
        await defi.unstake(ana, stake.id, NO_KEY)

    assert await balances() == before
    await defi.repay(ben, loan.id, NO_KEY)
    await defi.unstake(ana, stake.id, NO_KEY)
    with pytest.raises(AlreadyUnstaked):
        await defi.unstake(ana, stake.id, NO_KEY)


async def test_a_stake_comes_out_at_the_second_when_a_loan_is_overdue(defi, a_person, balance, clock):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=8_000)
    stake = await defi.stake(ana, lt(10_000), NO_KEY)
    await defi.borrow(ben, lots=5_000, collateral=lt(7_500), once=NO_KEY)
    clock.advance(300)

    await defi.unstake(ana, stake.id, NO_KEY)

    assert await balance(SystemAccount.POOL) == 0
    assert await balance(SystemAccount.RESERVE) == lt("1242.5")


async def test_at_most_80_percent_of_the_pool_is_lent(defi, a_person):
    ana, ben = await a_person(1, lt=1_000), await a_person(2, lt=10_000)
    stake = await defi.stake(ana, lt("999.9999999"), NO_KEY)
    with pytest.raises(LoanRefused, match=r"can lend 0\.799 "):
        await defi.borrow(ben, lots=800, collateral=lt(1_200), once=NO_KEY)
    await defi.unstake(ana, stake.id, NO_KEY)
    await defi.stake(ana, lt(1_000), NO_KEY)

    await defi.borrow(ben, lots=800, collateral=lt(1_200), once=NO_KEY)

    with pytest.raises(LoanRefused, match="can lend 0 "):
        await defi.borrow(ben, lots=1, collateral=lt(2), once=NO_KEY)


@pytest.mark.parametrize("lots", [0, -1, 50_001, 10**15])
async def test_a_loan_is_0_001_to_50_kwh(lots, defi, a_person):
    ana, ben = await a_person(1, lt=200_000), await a_person(2, lt=200_000)
    await defi.stake(ana, lt(200_000), NO_KEY)

    with pytest.raises(LoanRefused, match="kwh_borrowed"):
        await defi.borrow(ben, lots=lots, collateral=lt(200_000), once=NO_KEY)
    await defi.borrow(ben, lots=50_000, collateral=lt(75_000), once=NO_KEY)


async def test_the_collateral_is_there_before_the_loan(defi, a_person, balances):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt="7499.9999999")
    await defi.stake(ana, lt(10_000), NO_KEY)
    before = await balances()

    with pytest.raises(InsufficientFunds, match=r"0\.0000001 LT"):
        await defi.borrow(ben, lots=5_000, collateral=lt(7_500), once=NO_KEY)

    assert await balances() == before


async def test_a_loan_is_repaid_out_of_free_lt_not_out_of_its_own_collateral(defi, a_person, balances, post):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=7_500)
    await defi.stake(ana, lt(10_000), NO_KEY)
    loan = await defi.borrow(ben, lots=5_000, collateral=lt(7_500), once=NO_KEY)
    before = await balances()

    with pytest.raises(InsufficientFunds, match="15 LT"):
        await defi.repay(ben, loan.id, NO_KEY)

    assert await balances() == before


async def test_held_lt_cannot_be_staked_or_secure_a_loan(defi, a_person, post, balances):
    ana, ben = await a_person(1), await a_person(2, lt=1_000)
    await defi.stake(ben, lt(1_000), NO_KEY)
    await post(energy_mint(f"{ana.account}/flagged", lt(500)))
    before = await balances()

    with pytest.raises(InsufficientFunds):
        await defi.stake(ana, 1, NO_KEY)
    with pytest.raises(InsufficientFunds):
        await defi.borrow(ana, lots=1, collateral=lt("1.5"), once=NO_KEY)

    assert await balances() == before


@pytest.mark.parametrize("amount", [0, -1])
async def test_nothing_and_less_cannot_be_staked(amount, defi, a_person):
    with pytest.raises(BadRequest, match="amount"):
        await defi.stake(await a_person(1, lt=1), amount, NO_KEY)


async def test_what_is_someone_elses_is_not_there(defi, a_person):
    ana, ben = await a_person(1, lt=1_000), await a_person(2, lt=1_000)
    stake = await defi.stake(ana, lt(1_000), NO_KEY)
    loan = await defi.borrow(ben, lots=1, collateral=lt(2), once=NO_KEY)

    for wrong in (stake.id, stake.id + 1):
        with pytest.raises(NoSuchStake):
            await defi.unstake(ben, wrong, NO_KEY)
    for wrong in (loan.id, loan.id + 1):
        with pytest.raises(NoSuchLoan):
            await defi.repay(ana, wrong, NO_KEY)
    assert (await defi.stakes(ben, page=1, limit=10))[0] == ([], 0)
    assert await defi.loans(ana, page=1, limit=10) == ([], 0)


async def test_commission_is_shared_by_lt_among_the_stakes_there_are_when_it_comes(
    defi, a_person, post, balance
):
    ana, ben, payer = await a_person(1, lt=300), await a_person(2, lt=100), await a_person(3)
    first = await defi.stake(ana, lt(300), NO_KEY)
    await post(commission(payer.account, lt(10)))
    second = await defi.stake(ben, lt(100), NO_KEY)
    await post(commission(payer.account, lt(1)))
    await post(commission(payer.account, lt(1)))

    found, pool = await defi.stakes(ben, page=1, limit=10)
    assert pool.xlm_index * 100 * 10**7 // 10**36 - found.rows[0].xlm_index * 100 * 10**7 // 10**36 == lt(
        "0.5"
    )
    one = await defi.unstake(ana, first.id, NO_KEY)
    two = await defi.unstake(ben, second.id, NO_KEY)

    # 10 to Ana alone; of 2 three quarters. The index is rounded down, so a unit may stay behind.
    assert one.xlm_income == pytest.approx(lt("11.5"), abs=1)
    assert two.xlm_income == pytest.approx(lt("0.5"), abs=1)
    left = lt(12) - one.xlm_income - two.xlm_income
    assert await balance(SystemAccount.POOL, Asset.XLM) == left >= 0
    assert await balance(ana.account, Asset.XLM) == lt(10_000) + one.xlm_income


async def test_commission_of_times_without_stakes_goes_to_the_reserve(defi, a_person, post, balance):
    ana, payer = await a_person(1, lt=1), await a_person(2)
    await post(commission(payer.account, lt(5)))

    stake = await defi.stake(ana, 1, NO_KEY)

    assert await balance(SystemAccount.RESERVE, Asset.XLM) == lt(5)
    await post(commission(payer.account, lt(2)))
    ended = await defi.unstake(ana, stake.id, NO_KEY)
    assert ended.xlm_income == lt(2)


async def test_a_stake_under_its_key_is_made_once(defi, a_person, balance, clock):
    ana = await a_person(1, lt=100)

    def once(body="a"):
        return Once(Call(ana.account, "POST /stake", "k", body, clock.now_us()))

    first = await defi.stake(ana, lt(10), once())
    again = await defi.stake(ana, lt(10), once())

    assert again == first
    assert await balance(ana.account) == lt(90)
    with pytest.raises(IdempotencyConflict):
        await defi.stake(ana, lt(11), once("b"))


async def test_stakers_are_accounts_not_stakes(defi, a_person):
    ana, ben = await a_person(1, lt=10), await a_person(2, lt=10)
    one = await defi.stake(ana, lt(1), NO_KEY)
    two = await defi.stake(ana, lt(1), NO_KEY)
    await defi.stake(ben, lt(1), NO_KEY)
    assert (await defi.now()).stakers == 2
    await defi.unstake(ana, one.id, NO_KEY)
    assert (await defi.now()).stakers == 2
    await defi.unstake(ana, two.id, NO_KEY)
    assert (await defi.now()).stakers == 1


async def test_the_history_tells_what_was_earned_and_paid(defi, a_person, post, clock):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=20_000)
    stake = await defi.stake(ana, lt(10_000), NO_KEY)
    loan = await defi.borrow(ben, lots=5_000, collateral=lt(7_500), once=NO_KEY)
    clock.advance(100)
    await defi.repay(ben, loan.id, NO_KEY)
    await defi.borrow(ben, lots=1_000, collateral=lt(1_500), once=NO_KEY)
    clock.advance(400)
    await post(commission(ben.account, lt(3)))
    await defi.unstake(ana, stake.id, NO_KEY)

    rows, total = await defi.history(page=1, limit=10)

    kinds = [row.kind for row in reversed(rows)]
    assert kinds == [
        YieldKind.ACCRUAL,
        YieldKind.FEE,
        YieldKind.ACCRUAL,
        YieldKind.LIQUIDATION,
        YieldKind.ACCRUAL,
        YieldKind.COMMISSION,
        YieldKind.PAYOUT,
    ]
    assert total == 7
    assert [row.seconds for row in reversed(rows)] == [100, 0, 300, 0, 100, 0, 500]
    assert rows[-1].lt == int(lt(10_000) * 0.0575 * 100 / YEAR_S)
    assert (rows[5].lt, rows[5].loan_id) == (lt(15), 1)
    assert rows[1].xlm == rows[0].xlm == lt(3)
    assert (await defi.history(page=3, limit=3)).rows == rows[6:]


async def test_after_everything_the_books_balance_and_lt_are_mints_less_burns(
    defi, a_person, clock, store, balance
):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=20_000)
    stake = await defi.stake(ana, lt(10_000), NO_KEY)
    clock.advance(YEAR_S)
    await defi.borrow(ben, lots=1_000, collateral=lt(1_500), once=NO_KEY)
    clock.advance(YEAR_S)
    await defi.unstake(ana, stake.id, NO_KEY)

    books = Books(store, clock)
    assert (await books.check()).discrepancies == ()
    supply = await books.supply()
    held = [await balance(a) for a in (ana.account, ben.account, "pool", "pool/yield", "reserve")]
    assert supply.minted - supply.burned == sum(held)
    assert supply.minted > lt(30_000)


async def test_a_clock_that_goes_back_takes_no_yield_away(defi, a_person, clock):
    ana = await a_person(1, lt=1_000)
    stake = await defi.stake(ana, lt(1_000), NO_KEY)
    clock.advance(YEAR_S)
    await defi.stake(await a_person(2, lt=1), lt(1), NO_KEY)
    clock.step_wall(-3_600)

    ended = await defi.unstake(ana, stake.id, NO_KEY)

    assert ended.yield_earned == lt(30)


async def test_what_pays_no_one_is_minted_to_no_one(defi, a_person, store):
    ana = await a_person(1, lt=1)
    stake = await defi.stake(ana, 1, NO_KEY)
    await defi.unstake(ana, stake.id, NO_KEY)

    async with store.read() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM entries WHERE kind = 'mint'") == 1


async def test_twenty_at_once_take_a_stake_out_once(defi, a_person, balance):
    ana = await a_person(1, lt=100)
    stake = await defi.stake(ana, lt(60), NO_KEY)

    tries = [defi.unstake(ana, stake.id, NO_KEY) for _ in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(result, AlreadyUnstaked) for result in results) == 19
    assert await balance(ana.account) == lt(100)
    assert await balance(SystemAccount.POOL) == 0


async def test_twenty_at_once_cannot_borrow_more_than_there_is_room_for(defi, a_person, balance):
    ana, ben = await a_person(1, lt=10), await a_person(2, lt=100)
    await defi.stake(ana, lt(10), NO_KEY)

    tries = [defi.borrow(ben, lots=1, collateral=lt("1.5"), once=NO_KEY) for _ in range(20)]
    results = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(result, LoanRefused) for result in results) == 12
    assert await balance(SystemAccount.POOL) == lt(2)


async def test_a_loan_that_is_repaid_while_the_timer_runs_ends_once(defi, a_person, balance, clock):
    ana, ben = await a_person(1, lt=10_000), await a_person(2, lt=8_000)
    await defi.stake(ana, lt(10_000), NO_KEY)
    loan = await defi.borrow(ben, lots=5_000, collateral=lt(7_500), once=NO_KEY)
    clock.advance(300)

    results = await asyncio.gather(
        defi.liquidate_due(),
        defi.repay(ben, loan.id, NO_KEY),
        defi.liquidate_due(),
        defi.repay(ben, loan.id, NO_KEY),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [type(None), LoanClosed, type(None), LoanClosed]
    assert await balance(SystemAccount.RESERVE) == lt("1242.5")


async def test_an_answer_comes_only_under_the_same_key_even_after_the_stake_is_gone(defi, a_person, clock):
    ana = await a_person(1, lt=100)
    stake = await defi.stake(ana, lt(10), NO_KEY)
    once = Once(Call(ana.account, "POST /unstake", "k", "b", clock.now_us()))

    first = await defi.unstake(ana, stake.id, once)

    assert await defi.unstake(ana, stake.id, once) == first
    with pytest.raises(AlreadyUnstaked):
        await defi.unstake(ana, stake.id, NO_KEY)
