"""Anything may happen to the pool in any order: it stays solvent, exact, and what the books say it is.

The oracle is written from the formulas, in fractions that never round.
"""

import asyncio
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Struct
from nacl.signing import SigningKey

from cloud.defi.errors import AlreadyUnstaked, LentOut, LoanClosed, LoanRefused, NoSuchLoan, NoSuchStake
from cloud.defi.service import Defi
from cloud.errors import CloudError
from cloud.identity.model import Person, Role
from cloud.kit.events import EventLog
from cloud.kit.idempotency import NO_KEY
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.books import Books
from cloud.ledger.errors import InsufficientFunds
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.ledger.service import Ledger
from shared.clock import ManualClock
from tests.cloud.databases import migrated_file
from tests.cloud.defi.conftest import UNITS, commission, energy_mint, faucet

YEAR_S = 365 * 86_400
SECOND_US = 1_000_000
TABLES = ("balances", "entries", "postings", "pool", "stakes", "loans", "yield_records", "events")
PEOPLE = 3
PARTS = [Fraction(1, 50), Fraction(1, 7), Fraction(1, 3), Fraction(1, 2), Fraction(1)]
SHARES = st.sampled_from(PARTS)
SECONDS = [0.3, 1, 17, 150, 299.999999, 300, 301, 86_400, YEAR_S, 20 * YEAR_S]
AMOUNTS = st.builds(
    int.__add__, st.sampled_from([0, 7, 900, 4_000]).map(lambda lt: lt * UNITS), st.integers(0, 99)
)


class StakeSeen(Struct):
    owner: int
    amount: int
    lt: Fraction = Fraction(0)
    xlm: Fraction = Fraction(0)


class LoanSeen(Struct):
    owner: int
    principal: int
    collateral: int
    due_us: int

    @property
    def fee(self) -> Fraction:
        return Fraction(self.principal * 3, 1000)


class Oracle:
    """Who has what, exactly."""

    def __init__(self) -> None:
        self.stakes: dict[int, StakeSeen] = {}
        self.loans: dict[int, LoanSeen] = {}
        self.free = [0] * PEOPLE
        self.at_s = 0
        self.brought = 0
        self.reserve = 0
        self.reserve_xlm = 0
        self.pool_xlm = 0
        self.minted_elsewhere = 0
        self.burned = 0
        self.yield_minted = 0

    @property
    def staked(self) -> int:
        return sum(stake.amount for stake in self.stakes.values())

    @property
    def lent(self) -> int:
        return sum(loan.principal for loan in self.loans.values())

    def accrue(self, at_s: int) -> None:
        if at_s > self.at_s and self.stakes:
            apy = 3 + Fraction(11, 2) * Fraction(self.lent, self.staked)
            for stake in self.stakes.values():
                stake.lt += stake.amount * apy / 100 * (at_s - self.at_s) / YEAR_S
        self.at_s = max(at_s, self.at_s)

    def settle(self, now_us: int) -> None:
        for id_, loan in sorted(self.loans.items(), key=lambda item: (item[1].due_us, item[0])):
            if loan.due_us <= now_us:
                self.accrue(loan.due_us // SECOND_US)
                del self.loans[id_]
                rest = loan.collateral - loan.principal - int(loan.fee)
                self.reserve += rest // 2
                self.brought += int(loan.fee) + rest - rest // 2
        self.accrue(now_us // SECOND_US)

    def commission(self, units: int) -> None:
        self.pool_xlm += units
        staked = self.staked
        for stake in self.stakes.values():
            stake.xlm += Fraction(units * stake.amount, staked)


class PoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="pool-"))
        self.clock = ManualClock()
        self.oracle = Oracle()
        self.oracle.at_s = self.clock.now_us() // SECOND_US
        self.people: list[Person] = []
        self.ended: set[int] = set()
        migrated_file(self.folder / "store.sqlite")
        self.open_store()

    def run(self, work):
        return self.loop.run_until_complete(work)

    def open_store(self) -> None:
        async def opened() -> SqliteStore:
            return SqliteStore(self.folder / "store.sqlite")

        self.store = self.run(opened())
        events = EventLog(self.store, self.clock)
        self.ledger = Ledger(self.store, self.clock, SigningKey(bytes(32)))
        self.books = Books(self.store, self.clock)
        self.defi = Defi(self.store, self.clock, events, self.ledger)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    async def post(self, entry) -> None:
        async with self.store.write() as tx:
            await self.ledger.post(tx, entry)

    async def rows(self) -> bytes:
        async with self.store.read() as tx:
            found = [await tx.fetch_all(dict, f"SELECT * FROM {t} ORDER BY 1, 2, 3") for t in TABLES]
        return repr(found).encode()

    async def balance(self, account: str, asset: Asset = Asset.LT) -> int:
        async with self.store.read() as tx:
            return await self.ledger.balance(tx, account, asset)

    def running(self) -> int:
        """LT lent on loans that are not overdue."""
        now_us = self.clock.now_us()
        return sum(loan.principal for loan in self.oracle.loans.values() if loan.due_us > now_us)

    def refused(self, work, error: type[CloudError] | tuple[type[CloudError], ...]) -> None:
        """The reason is the right one, and not a byte has changed."""
        before = self.run(self.rows())
        with pytest.raises(error):
            self.run(work)
        assert self.run(self.rows()) == before

    @initialize(lt=st.lists(AMOUNTS, min_size=PEOPLE, max_size=PEOPLE))
    def people_come(self, lt) -> None:
        async def come(number: int) -> Person:
            async with self.store.write() as tx:
                account = await self.ledger.open_account(tx)
                await self.ledger.post(tx, faucet(account, 10_000 * UNITS))
                if lt[number]:
                    await self.ledger.post(tx, energy_mint(account, lt[number]))
            return Person(
                id=number + 1,
                wallet_address=None,
                role=Role.DONOR,
                is_admin=False,
                kyc_status="pending",
                location="",
                account=account,
                created_at_us=0,
            )

        lt[0] += 1_000 * UNITS
        self.people = [self.run(come(number)) for number in range(PEOPLE)]
        self.oracle.free = list(lt)
        self.oracle.minted_elsewhere = sum(lt)
        self.stake(0, Fraction(9, 10), more=False)

    @rule(who=st.integers(0, PEOPLE - 1), share=SHARES, more=st.sampled_from([False, False, False, True]))
    def stake(self, who, share, more) -> None:
        oracle = self.oracle
        amount = max(1, int(oracle.free[who] * share)) if not more else oracle.free[who] + 1
        work = self.defi.stake(self.people[who], amount, NO_KEY)
        if amount > oracle.free[who]:
            self.refused(work, InsufficientFunds)
            return
        made = self.run(work)
        oracle.settle(self.clock.now_us())
        if not oracle.stakes:
            oracle.reserve_xlm += oracle.pool_xlm
            oracle.pool_xlm = 0
        oracle.free[who] -= amount
        oracle.stakes[made.id] = StakeSeen(who, amount)

    @precondition(lambda self: self.oracle.stakes)
    @rule(which=st.integers(0, 99))
    def unstake(self, which) -> None:
        oracle = self.oracle
        id_ = sorted(oracle.stakes)[which % len(oracle.stakes)]
        seen = oracle.stakes[id_]
        work = self.defi.unstake(self.people[seen.owner], id_, NO_KEY)
        if oracle.staked - self.running() < seen.amount:
            self.refused(work, LentOut)
            return
        ended = self.run(work)
        oracle.settle(self.clock.now_us())
        assert seen.lt - 1 < ended.yield_earned <= seen.lt
        assert seen.xlm - 1 - Fraction(1, UNITS) < ended.xlm_income <= seen.xlm
        assert ended.yield_minted == max(0, ended.yield_earned - oracle.brought)
        oracle.brought -= ended.yield_earned - ended.yield_minted
        oracle.yield_minted += ended.yield_minted
        oracle.pool_xlm -= ended.xlm_income
        oracle.free[seen.owner] += seen.amount + ended.yield_earned
        del oracle.stakes[id_]
        self.ended.add(id_)

    @precondition(lambda self: self.oracle.stakes)
    @rule(who=st.integers(0, PEOPLE - 1), share=SHARES, extra=st.sampled_from([0, 0, 1, 5 * UNITS, -1]))
    def borrow(self, who, share, extra) -> None:
        """Mostly what room and collateral allow; `extra` is beside the least collateral."""
        oracle = self.oracle
        room = oracle.staked * 4 // 5 - self.running()
        lots = max(1, int(min(room, oracle.free[who] * 2 // 3) * share) // UNITS)
        collateral = lots * UNITS * 3 // 2 + extra
        work = self.defi.borrow(self.people[who], lots=lots, collateral=collateral, once=NO_KEY)
        if extra < 0 or lots * UNITS > room:
            self.refused(work, LoanRefused)
            return
        if collateral > oracle.free[who]:
            self.refused(work, InsufficientFunds)
            return
        made = self.run(work)
        oracle.settle(self.clock.now_us())
        due_us = self.clock.now_us() + 300 * SECOND_US
        oracle.loans[made.id] = LoanSeen(who, lots * UNITS, collateral, due_us)
        oracle.free[who] += lots * UNITS - collateral

    @precondition(lambda self: self.oracle.loans)
    @rule(which=st.integers(0, 99))
    def repay(self, which) -> None:
        oracle = self.oracle
        id_ = sorted(oracle.loans)[which % len(oracle.loans)]
        seen = oracle.loans[id_]
        work = self.defi.repay(self.people[seen.owner], id_, NO_KEY)
        if self.clock.now_us() >= seen.due_us:
            self.refused(work, LoanClosed)
            return
        if oracle.free[seen.owner] < seen.principal + seen.fee:
            self.refused(work, InsufficientFunds)
            return
        self.run(work)
        oracle.settle(self.clock.now_us())
        del oracle.loans[id_]
        oracle.free[seen.owner] += seen.collateral - seen.principal - int(seen.fee)
        oracle.brought += int(seen.fee)

    @rule(who=st.integers(0, PEOPLE - 1))
    def reach_for_what_is_not_there(self, who) -> None:
        person, oracle = self.people[who], self.oracle
        strange = [id_ for id_, seen in oracle.stakes.items() if seen.owner != who]
        self.refused(self.defi.unstake(person, max(strange, default=10**9), NO_KEY), NoSuchStake)
        strange = [id_ for id_, seen in oracle.loans.items() if seen.owner != who]
        self.refused(self.defi.repay(person, max(strange, default=10**9), NO_KEY), NoSuchLoan)
        if self.ended:
            again = self.defi.unstake(person, max(self.ended), NO_KEY)
            self.refused(again, (AlreadyUnstaked, NoSuchStake))

    @rule(seconds=st.sampled_from(SECONDS))
    def time_passes(self, seconds) -> None:
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([1, 200, 86_400]))
    def the_clock_is_set_back(self, seconds) -> None:
        self.clock.step_wall(-seconds)

    @rule(units=st.integers(1, 50 * UNITS))
    def commission_comes(self, units) -> None:
        self.run(self.post(commission(self.people[0].account, units)))
        self.oracle.commission(units)

    @rule(
        who=st.integers(0, PEOPLE - 1),
        units=st.integers(1, 1_000 * UNITS),
        source=st.sampled_from([SystemAccount.MINT_ENERGY, SystemAccount.MINT_REWARD]),
    )
    def others_mint(self, who, units, source) -> None:
        postings = (
            Posting(source, Asset.LT, -units),
            Posting(self.people[who].account, Asset.LT, units),
        )
        self.run(self.post(Entry(kind=EntryKind.MINT, postings=postings)))
        self.oracle.free[who] += units
        self.oracle.minted_elsewhere += units

    @rule(who=st.integers(0, PEOPLE - 1), share=SHARES)
    def others_burn(self, who, share) -> None:
        units = int(self.oracle.free[who] * share)
        if not units:
            return
        postings = (
            Posting(self.people[who].account, Asset.LT, -units),
            Posting(SystemAccount.BURNED, Asset.LT, units),
        )
        self.run(self.post(Entry(kind=EntryKind.BURN, postings=postings)))
        self.oracle.free[who] -= units
        self.oracle.burned += units

    @rule()
    def the_timer_runs(self) -> None:
        self.run(self.defi.liquidate_due())
        now_us = self.clock.now_us()
        overdue = [loan.due_us for loan in self.oracle.loans.values() if loan.due_us <= now_us]
        if overdue:
            # Up to the last due moment; the pool's own time goes no further than that.
            self.oracle.settle(max(overdue))

    @rule()
    def the_service_starts_again(self) -> None:
        self.run(self.store.close())
        self.open_store()

    @invariant()
    def the_pool_owes_what_it_holds_and_has_lent(self) -> None:
        oracle = self.oracle
        if not self.people:
            return
        assert self.run(self.balance("pool")) == oracle.staked - oracle.lent >= 0
        assert self.run(self.balance("pool/yield")) == oracle.brought >= 0
        assert self.run(self.balance("reserve")) == oracle.reserve
        assert self.run(self.balance("reserve", Asset.XLM)) == oracle.reserve_xlm
        assert self.run(self.balance("pool", Asset.XLM)) == oracle.pool_xlm >= 0
        for number, person in enumerate(self.people):
            assert self.run(self.balance(person.account)) == oracle.free[number]
            secured = sum(loan.collateral for loan in oracle.loans.values() if loan.owner == number)
            assert self.run(self.balance(f"{person.account}/loan")) == secured

    @invariant()
    def what_open_stakes_are_shown_is_there(self) -> None:
        owed = Fraction(0)
        for person in self.people:
            found, pool = self.run(self.defi.stakes(person, page=1, limit=100))
            for stake in found.rows:
                if stake.unstaked_at_us is None:
                    owed += stake.amount * (pool.xlm_index - stake.xlm_index) // 10**36
        assert owed <= self.oracle.pool_xlm

    @invariant()
    def the_rows_say_what_the_pool_says(self) -> None:
        async def rows():
            async with self.store.read() as tx:
                return [
                    int(await tx.fetch_value(statement))
                    for statement in (
                        "SELECT staked FROM pool",
                        "SELECT COALESCE(SUM(amount), 0) FROM stakes WHERE unstaked_at_us IS NULL",
                        "SELECT lent FROM pool",
                        "SELECT COALESCE(SUM(principal), 0) FROM loans WHERE status = 'active'",
                        "SELECT stakers FROM pool",
                        "SELECT COUNT(DISTINCT account) FROM stakes WHERE unstaked_at_us IS NULL",
                    )
                ]

        staked, of_stakes, lent, of_loans, stakers, of_accounts = self.run(rows())
        assert (staked, lent, stakers) == (of_stakes, of_loans, of_accounts)
        assert (staked, lent) == (self.oracle.staked, self.oracle.lent)

    @invariant()
    def the_books_balance_and_lt_are_what_was_minted(self) -> None:
        supply = self.run(self.books.supply())
        oracle = self.oracle
        assert supply.minted == oracle.minted_elsewhere + oracle.yield_minted
        assert supply.burned == oracle.burned
        secured = sum(loan.collateral for loan in oracle.loans.values())
        held = sum(oracle.free) + secured + oracle.staked - oracle.lent + oracle.brought + oracle.reserve
        assert supply.minted - supply.burned == held

        async def discrepancies():
            async with self.store.read() as tx:
                negative = "SELECT COUNT(*) FROM balances WHERE amount < 0 AND unlimited = 0"
                assert await tx.fetch_value(negative) == 0
            return (await Books(self.store, self.clock).check()).discrepancies

        assert self.run(discrepancies()) == ()


TestPool = PoolMachine.TestCase
TestPool.settings = settings(
    max_examples=10,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_life(seed):
    """Hundreds of steps: deeper than the search above goes, which looks for short counterexamples."""
    dice = Random(seed)
    machine = PoolMachine()
    number = dice.randrange

    def step() -> None:
        match dice.choices(range(11), [6, 3, 6, 4, 1, 8, 1, 3, 2, 1, 1])[0]:
            case 0:
                machine.stake(number(PEOPLE), dice.choice(PARTS[:4]), more=number(8) == 0)
            case 1 if machine.oracle.stakes:
                machine.unstake(number(100))
            case 2 if machine.oracle.stakes:
                machine.borrow(number(PEOPLE), dice.choice(PARTS), dice.choice([0, 0, 1, 10**7, -1]))
            case 3 if machine.oracle.loans:
                machine.repay(number(100))
            case 4:
                machine.reach_for_what_is_not_there(number(PEOPLE))
            case 5:
                machine.time_passes(dice.choice(SECONDS[:8] if number(8) else SECONDS))
            case 6:
                machine.the_clock_is_set_back(dice.choice([1, 200]))
            case 7:
                machine.commission_comes(number(1, 50 * UNITS))
            case 8:
                machine.others_mint(number(PEOPLE), number(1, 1_000 * UNITS), SystemAccount.MINT_REWARD)
            case 9:
                machine.others_burn(number(PEOPLE), Fraction(1, 50))
            case 10:
                dice.choice([machine.the_timer_runs, machine.the_service_starts_again])()

    try:
        machine.people_come([4_000 * UNITS, 2_000 * UNITS + 7, 900 * UNITS])
        for count in range(150):
            step()
            machine.the_pool_owes_what_it_holds_and_has_lent()
            machine.what_open_stakes_are_shown_is_there()
            machine.the_rows_say_what_the_pool_says()
            if count % 10 == 9:
                machine.the_books_balance_and_lt_are_what_was_minted()
    finally:
        machine.teardown()
