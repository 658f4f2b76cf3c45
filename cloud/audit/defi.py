"""The liquidity pool, worked out again: totals, both indices, every yield, and who was liquidated when.

The times are those of the entries themselves, so an index that is wrong anywhere is found at the first entry
that names it. An overdue loan must have been ended before anything else happened to the pool, and the mint of
a yield stands right behind its unstake.
"""

from collections.abc import Sequence
from datetime import datetime
from heapq import heappop, heappush

from cloud.audit.errors import Lie
from cloud.defi import flash_loan
from cloud.defi import pool as rules
from cloud.defi.entries import (
    LiquidationFacts,
    LoanFacts,
    RepayFacts,
    StakeFacts,
    UnstakeFacts,
    YieldFacts,
    liquidation_entry,
    loan_entry,
    repay_entry,
    stake_entry,
    unstake_entry,
    yield_entry,
)
from cloud.defi.errors import LoanRefused
from cloud.defi.model import Loan, Pool, Stake
from cloud.ledger.model import Asset, Entry, Posting, SystemAccount
from cloud.market.model import LT_UNITS_PER_LOT
from shared.clock import rfc3339, to_micros
from shared.units import MICROS_PER_SECOND

PoolFacts = StakeFacts | UnstakeFacts | YieldFacts | LoanFacts | RepayFacts | LiquidationFacts


class PoolBook:
    """The pool as the entries so far leave it."""

    def __init__(self) -> None:
        self._pool = Pool()
        self._stakes: dict[int, Stake] = {}
        self._loans: dict[int, Loan] = {}
        self._due: list[tuple[int, int]] = []
        """A heap of when loans are due, and their ids; those that were repaid stay until they come up."""
        self._ids = {"stake_id": 0, "loan_id": 0}
        self._owed: Entry | None = None
        """The mint that the next entry must be."""
        self._held = {
            (SystemAccount.POOL, Asset.LT): 0,
            (SystemAccount.POOL, Asset.XLM): 0,
            (SystemAccount.POOL_YIELD, Asset.LT): 0,
        }

    def entry(self, facts: PoolFacts, *, number: int, time: str, account: str) -> Entry:
        """The entry that these facts must lead to, as number `number` of the ledger, written at `time`.

        `account`: of its first posting; it says who stakes or borrows.

        Raises:
            Lie: it breaks a rule of the pool.
        """
        at_us = to_micros(datetime.fromisoformat(time))
        match facts:
            case YieldFacts():
                return self._yield()
            case LiquidationFacts():
                return self._liquidation(facts, at_us)
            case _:
                self._check_nothing_overdue(at_us)
                self._pool = rules.accrued(self._pool, at_us // MICROS_PER_SECOND)
        match facts:
            case StakeFacts():
                return self._stake(facts, account, at_us)
            case UnstakeFacts():
                return self._unstake(facts, number, at_us)
            case LoanFacts():
                return self._loan(facts, account, at_us)
            case RepayFacts():
                return self._repay(facts, at_us)

    def check_order(self, facts: object) -> None:
        """Raise Lie where a mint of yield is due and something else comes."""
        if self._owed is not None and not isinstance(facts, YieldFacts):
            raise Lie("source", f"the mint of stake {self._owed.facts['stake_id']}'s yield", "another entry")

    def moved(self, postings: Sequence[Posting]) -> None:
        """Count what an entry of any kind did to the pool's accounts.

        Raises:
            Lie: the pool owes more or less LT than it holds and has lent.
        """
        for posting in postings:
            holding = (posting.account, posting.asset)
            if holding in self._held:
                self._held[holding] += posting.amount
        held, owed = self._held[SystemAccount.POOL, Asset.LT], self._pool.staked - self._pool.lent
        if held != owed:
            raise Lie("pool", f"{owed} units of LT, what is staked less what is lent", str(held))

    def check_end(self) -> None:
        """Raise Lie where the log ends before a mint of yield that is due."""
        self.check_order(None)

    def _stake(self, facts: StakeFacts, account: str, at_us: int) -> Entry:
        self._check_new("stake_id", facts.stake_id)
        if facts.amount < 1:
            raise Lie("amount", "at least 1", str(facts.amount))
        came = self._share()
        stake = Stake(
            id=facts.stake_id,
            account=account,
            number=0,
            amount=facts.amount,
            index=self._pool.index,
            xlm_index=self._pool.xlm_index,
            staked_at_us=at_us,
            stake_hash="",
        )
        unclaimed = 0 if self._pool.staked else came
        self._stakes[stake.id] = stake
        self._pool = rules.with_stake(self._pool, stake.amount)
        return stake_entry(self._pool, stake, commission=came, unclaimed=unclaimed)

    def _unstake(self, facts: UnstakeFacts, number: int, at_us: int) -> Entry:
        stake = self._stakes.pop(facts.stake_id, None)
        if stake is None:
            raise Lie("stake_id", "a stake that is in the pool", str(facts.stake_id))
        came = self._share()
        paid = rules.payout(
            self._pool,
            stake,
            earnings=self._held[SystemAccount.POOL_YIELD, Asset.LT],
            xlm_held=self._held[SystemAccount.POOL, Asset.XLM],
        )
        self._pool = rules.without_stake(self._pool, stake.amount, xlm_income=paid.xlm_income)
        if paid.yield_minted:
            self._owed = yield_entry(self._pool, stake, paid, unstake_entry=number, at_us=at_us)
        return unstake_entry(self._pool, stake, paid, commission=came, at_us=at_us)

    def _yield(self) -> Entry:
        owed, self._owed = self._owed, None
        if owed is None:
            raise Lie("source", "no yield, for none is due", "yield")
        return owed

    def _loan(self, facts: LoanFacts, account: str, at_us: int) -> Entry:
        self._check_new("loan_id", facts.loan_id)
        lots = facts.principal // LT_UNITS_PER_LOT
        try:
            terms = flash_loan.terms(self._pool, lots=lots, collateral=facts.collateral)
        except LoanRefused as error:
            raise Lie("loan", "one within the terms", error.message) from None
        loan = Loan(
            id=facts.loan_id,
            account=account,
            number=0,
            **terms._asdict(),
            borrowed_at_us=at_us,
            due_at_us=flash_loan.due_us(at_us),
            loan_hash="",
        )
        self._loans[loan.id] = loan
        heappush(self._due, (loan.due_at_us, loan.id))
        self._pool = rules.with_loan(self._pool, loan.principal)
        return loan_entry(self._pool, loan)

    def _repay(self, facts: RepayFacts, at_us: int) -> Entry:
        loan = self._end(facts.loan_id)
        self._pool = rules.without_loan(self._pool, loan.principal)
        return repay_entry(self._pool, loan, at_us=at_us)

    def _liquidation(self, facts: LiquidationFacts, at_us: int) -> Entry:
        first = self._first_due()
        if first is None or first.id != facts.loan_id:
            wanted = "none" if first is None else str(first.id)
            raise Lie("loan_id", f"the loan that is due first, {wanted}", str(facts.loan_id))
        if at_us < first.due_at_us:
            raise Lie("time", f"{rfc3339(first.due_at_us)} or later, when it is overdue", rfc3339(at_us))
        loan = self._end(first.id)
        self._pool = rules.after_overdue(self._pool, [loan])
        return liquidation_entry(self._pool, loan, flash_loan.proceeds(loan), at_us=at_us)

    def _share(self) -> int:
        """The commission that came, shared where there are stakes."""
        came = rules.commission(self._pool, self._held[SystemAccount.POOL, Asset.XLM])
        if self._pool.staked:
            self._pool = rules.shared(self._pool, came)
        return came

    def _check_nothing_overdue(self, at_us: int) -> None:
        first = self._first_due()
        if first is not None and first.due_at_us <= at_us:
            raise Lie(
                "kind", f"the liquidation of loan {first.id}, due {rfc3339(first.due_at_us)}", "another"
            )

    def _first_due(self) -> Loan | None:
        while self._due and self._due[0][1] not in self._loans:
            heappop(self._due)
        return self._loans[self._due[0][1]] if self._due else None

    def _end(self, loan_id: int) -> Loan:
        loan = self._loans.pop(loan_id, None)
        if loan is None:
            raise Lie("loan_id", "a loan that is running", str(loan_id))
        return loan

    def _check_new(self, field: str, id_: int) -> None:
        """Ids count from 1 without a gap, so none is left out."""
        expected = self._ids[field] + 1
        if id_ != expected:
            raise Lie(field, str(expected), str(id_))
        self._ids[field] = expected
