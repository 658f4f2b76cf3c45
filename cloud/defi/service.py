"""Staking, lending and what becomes of it, each as one transaction.

Before anything else every use case ends the loans that are overdue by then, each as of the moment when it was
due. So what happens never depends on when the timer ran; the timer only sees to it that somebody does it.
"""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from cloud.defi import flash_loan, storage
from cloud.defi import pool as rules
from cloud.defi.entries import (
    liquidation_entry,
    loan_entry,
    repay_entry,
    stake_entry,
    unstake_entry,
    yield_entry,
)
from cloud.defi.errors import AlreadyUnstaked, LentOut, LoanClosed, NoSuchLoan, NoSuchStake
from cloud.defi.model import Loan, LoanStatus, Pool, Stake, YieldKind, YieldRecord
from cloud.errors import BadRequest
from cloud.identity.model import Person
from cloud.kit.events import EventLog
from cloud.kit.idempotency import Once
from cloud.kit.paging import page_range
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger.errors import InsufficientFunds
from cloud.ledger.model import Asset, PostedEntry, SystemAccount
from cloud.ledger.service import Ledger
from cloud.market.model import LT_UNITS_PER_LOT, show_lots
from shared.clock import Clock
from shared.money import show_amount
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

STAKE_EVENT = "defi_stake"
LOAN_EVENT = "flash_loan"


class Rows(NamedTuple):
    """Part of a list, newest first."""

    rows: Sequence[Any]
    total: int
    """How many the whole list has."""


class Defi:
    """The liquidity pool."""

    def __init__(self, store: Store, clock: Clock, events: EventLog, ledger: Ledger) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._ledger = ledger

    async def stake(self, person: Person, amount: int, once: Once) -> Stake:
        """Put LT into the pool.

        Raises:
            BadRequest: not above 0.
            InsufficientFunds: the account holds less.
        """
        if amount <= 0:
            raise BadRequest("amount: must be above 0")
        async with self._store.write() as tx:
            kept = await once.kept(tx, Stake)
            if kept is not None:
                return kept
            now_us = self._clock.now_us()
            pool, came = await self._with_commission(tx, await self._current(tx, now_us), now_us)
            unclaimed = 0 if pool.staked else came
            stake = Stake(
                id=await storage.next_stake_id(tx),
                account=person.account,
                number=await storage.stake_total(tx, person.account) + 1,
                amount=amount,
                index=pool.index,
                xlm_index=pool.xlm_index,
                staked_at_us=now_us,
                stake_hash="",
            )
            is_new = not await storage.has_open_stake(tx, person.account)
            pool = replace(rules.with_stake(pool, amount), stakers=pool.stakers + is_new)
            posted = await self._ledger.post(
                tx, stake_entry(pool, stake, commission=came, unclaimed=unclaimed)
            )
            stake = replace(stake, stake_hash=_hash(posted))
            await storage.insert_stake(tx, stake)
            await storage.put_pool(tx, pool)
            await self._announce_stake(tx, "stake", stake, pool)
            await once.keep(tx, stake)
        return stake

    async def unstake(self, person: Person, stake_id: int, once: Once) -> Stake:
        """Take a stake out, with its yield and its part of the commission.

        Raises:
            NoSuchStake: unknown, or someone else's.
            AlreadyUnstaked: it was taken out before.
            LentOut: the pool has lent so much that it cannot give the stake back now.
        """
        async with self._store.write() as tx:
            kept = await once.kept(tx, Stake)
            if kept is not None:
                return kept
            stake = await self._open_stake(tx, person, stake_id)
            now_us = self._clock.now_us()
            pool, came = await self._with_commission(tx, await self._current(tx, now_us), now_us)
            free = pool.staked - pool.lent
            if stake.amount > free:
                raise LentOut(free)
            stake, pool = await self._pay_out(tx, pool, stake, commission=came, now_us=now_us)
            await storage.close_stake(tx, stake)
            is_last = not await storage.has_open_stake(tx, person.account)
            pool = replace(pool, stakers=pool.stakers - is_last)
            await storage.put_pool(tx, pool)
            await self._announce_stake(tx, "unstake", stake, pool)
            await once.keep(tx, stake)
        return stake

    async def borrow(self, person: Person, *, lots: int, collateral: int, once: Once) -> Loan:
        """Lend LT for five minutes against LT.

        Raises:
            LoanRefused: against the terms.
            InsufficientFunds: the account holds less than the collateral.
        """
        async with self._store.write() as tx:
            kept = await once.kept(tx, Loan)
            if kept is not None:
                return kept
            now_us = self._clock.now_us()
            pool = await self._current(tx, now_us)
            terms = flash_loan.terms(pool, lots=lots, collateral=collateral)
            await self._need(tx, person.account, collateral)
            pool = rules.with_loan(pool, terms.principal)
            loan = Loan(
                id=await storage.next_loan_id(tx),
                account=person.account,
                number=await storage.loan_total(tx, person.account) + 1,
                **terms._asdict(),
                borrowed_at_us=now_us,
                due_at_us=flash_loan.due_us(now_us),
                loan_hash="",
            )
            posted = await self._ledger.post(tx, loan_entry(pool, loan))
            loan = replace(loan, loan_hash=_hash(posted))
            await storage.insert_loan(tx, loan)
            await storage.put_pool(tx, pool)
            await self._announce_loan(tx, loan)
            await once.keep(tx, loan)
        return loan

    async def repay(self, person: Person, loan_id: int, once: Once) -> Loan:
        """Principal and fee back to the pool, the collateral back to the borrower.

        Raises:
            NoSuchLoan: unknown, or someone else's.
            LoanClosed: repaid before, or overdue: then its collateral pays, whenever the timer comes to it.
            InsufficientFunds: the account holds less than principal and fee.
        """
        async with self._store.write() as tx:
            kept = await once.kept(tx, Loan)
            if kept is not None:
                return kept
            now_us = self._clock.now_us()
            loan = await self._running_loan(tx, person, loan_id, now_us)
            await self._need(tx, person.account, loan.principal + loan.fee)
            pool = rules.without_loan(await self._current(tx, now_us), loan.principal)
            posted = await self._ledger.post(tx, repay_entry(pool, loan, at_us=now_us))
            loan = replace(loan, status=LoanStatus.REPAID, closed_at_us=now_us, closing_hash=_hash(posted))
            await storage.close_loan(tx, loan)
            await storage.put_pool(tx, pool)
            await self._record(tx, YieldKind.FEE, now_us, lt=loan.fee, loan_id=loan.id)
            await self._announce_loan(tx, loan)
            await once.keep(tx, loan)
        return loan

    async def liquidate_due(self) -> None:
        """End the loans that are overdue; what is due is in the tables, so a restart loses none."""
        async with self._store.read() as tx:
            if not await storage.overdue_loans(tx, self._clock.now_us()):
                return
        async with self._store.write() as tx:
            await storage.put_pool(tx, await self._without_overdue(tx, self._clock.now_us()))

    async def now(self) -> Pool:
        """The pool as it would be found by a use case of this moment, commission aside."""
        async with self._store.read() as tx:
            return await self._foreseen(tx)

    async def stakes(self, person: Person, *, page: int, limit: int) -> tuple[Rows, Pool]:
        """The person's, newest first, and the pool by which the open ones earn."""
        async with self._store.read() as tx:
            total = await storage.stake_total(tx, person.account)
            above, through = page_range(total, page, limit)
            found = await storage.stakes_of(tx, person.account, above=above, through=through)
            pool = await self._foreseen(tx)
            if pool.staked:
                pool = rules.shared(pool, rules.commission(pool, await self._held(tx, Asset.XLM)))
        return Rows(found, total), pool

    async def loans(self, person: Person, *, page: int, limit: int) -> Rows:
        """The person's, newest first."""
        async with self._store.read() as tx:
            total = await storage.loan_total(tx, person.account)
            above, through = page_range(total, page, limit)
            return Rows(await storage.loans_of(tx, person.account, above=above, through=through), total)

    async def history(self, *, page: int, limit: int) -> Rows:
        """Of the whole pool, newest first."""
        async with self._store.read() as tx:
            total = await storage.record_total(tx)
            above, through = page_range(total, page, limit)
            return Rows(await storage.records(tx, above=above, through=through), total)

    # The pool as it stands at a moment

    async def _current(self, tx: WriteTx, now_us: int) -> Pool:
        return await self._accrued(tx, await self._without_overdue(tx, now_us), now_us)

    async def _foreseen(self, tx: ReadTx) -> Pool:
        """What `_current` would make of it."""
        now_us = self._clock.now_us()
        overdue = await storage.overdue_loans(tx, now_us)
        pool = rules.after_overdue(await storage.pool(tx), overdue)
        return rules.accrued(pool, now_us // MICROS_PER_SECOND)

    async def _without_overdue(self, tx: WriteTx, now_us: int) -> Pool:
        pool = await storage.pool(tx)
        for loan in await storage.overdue_loans(tx, now_us):
            pool = await self._accrued(tx, pool, loan.due_at_us)
            pool = rules.after_overdue(pool, [loan])
            await self._liquidate(tx, pool, loan, now_us)
        return pool

    async def _accrued(self, tx: WriteTx, pool: Pool, at_us: int) -> Pool:
        moved = rules.accrued(pool, at_us // MICROS_PER_SECOND)
        if moved.index > pool.index:
            await self._record(
                tx,
                YieldKind.ACCRUAL,
                moved.at_s * MICROS_PER_SECOND,
                lt=rules.earned_by(pool.staked, since=pool.index, now=moved.index),
                seconds=moved.at_s - pool.at_s,
                staked=pool.staked,
                lent=pool.lent,
            )
        return moved

    async def _with_commission(self, tx: WriteTx, pool: Pool, now_us: int) -> tuple[Pool, int]:
        """The pool with new commission shared among its stakes, and how much that was.

        With nothing staked it is not shared.
        """
        came = rules.commission(pool, await self._held(tx, Asset.XLM))
        if not came or not pool.staked:
            return pool, came
        await self._record(tx, YieldKind.COMMISSION, now_us, xlm=came, staked=pool.staked)
        return rules.shared(pool, came), came

    async def _liquidate(self, tx: WriteTx, pool: Pool, loan: Loan, now_us: int) -> None:
        proceeds = flash_loan.proceeds(loan)
        posted = await self._ledger.post(tx, liquidation_entry(pool, loan, proceeds, at_us=now_us))
        closed = replace(
            loan, status=LoanStatus.LIQUIDATED, closed_at_us=loan.due_at_us, closing_hash=_hash(posted)
        )
        await storage.close_loan(tx, closed)
        await self._record(tx, YieldKind.LIQUIDATION, loan.due_at_us, lt=proceeds.to_pool, loan_id=loan.id)
        await self._announce_loan(tx, closed)
        tx.after_commit(lambda: logger.info("loan liquidated loan_id=%d", loan.id))

    async def _pay_out(
        self, tx: WriteTx, pool: Pool, stake: Stake, *, commission: int, now_us: int
    ) -> tuple[Stake, Pool]:
        """The stake as it ended, and the pool without it."""
        paid = rules.payout(
            pool,
            stake,
            earnings=await self._ledger.balance(tx, SystemAccount.POOL_YIELD, Asset.LT),
            xlm_held=await self._held(tx, Asset.XLM),
        )
        left = rules.without_stake(pool, stake.amount, xlm_income=paid.xlm_income)
        posted = await self._ledger.post(
            tx, unstake_entry(left, stake, paid, commission=commission, at_us=now_us)
        )
        if paid.yield_minted:
            mint = yield_entry(left, stake, paid, unstake_entry=posted.id, at_us=now_us)
            await self._ledger.post(tx, mint)
        ended = replace(stake, unstaked_at_us=now_us, **paid._asdict(), unstake_hash=_hash(posted))
        await self._record(
            tx,
            YieldKind.PAYOUT,
            now_us,
            lt=paid.yield_earned,
            xlm=paid.xlm_income,
            seconds=rules.seconds_between(stake.staked_at_us, now_us),
            staked=stake.amount,
            minted=paid.yield_minted,
            stake_id=stake.id,
        )
        return ended, left

    # Whose it is, and whether it is there

    async def _open_stake(self, tx: ReadTx, person: Person, stake_id: int) -> Stake:
        stake = await storage.stake(tx, stake_id)
        if stake is None or stake.account != person.account:
            raise NoSuchStake(stake_id)
        if stake.unstaked_at_us is not None:
            raise AlreadyUnstaked(stake_id)
        return stake

    async def _running_loan(self, tx: ReadTx, person: Person, loan_id: int, now_us: int) -> Loan:
        loan = await storage.loan(tx, loan_id)
        if loan is None or loan.account != person.account:
            raise NoSuchLoan(loan_id)
        if loan.status is LoanStatus.REPAID:
            raise LoanClosed(loan_id, "was repaid before")
        if loan.status is LoanStatus.LIQUIDATED or loan.due_at_us <= now_us:
            raise LoanClosed(loan_id, "is overdue: its collateral repays it")
        return loan

    async def _need(self, tx: ReadTx, account: str, amount: int) -> None:
        """That much is there before the entry, whose other postings may bring some."""
        held = await self._ledger.balance(tx, account, Asset.LT)
        if held < amount:
            raise InsufficientFunds(account, Asset.LT, amount - held)

    async def _held(self, tx: ReadTx, asset: Asset) -> int:
        return await self._ledger.balance(tx, SystemAccount.POOL, asset)

    # What others learn of it

    async def _record(self, tx: WriteTx, kind: YieldKind, at_us: int, **figures: int) -> None:
        id_ = await storage.record_total(tx) + 1
        await storage.insert_record(tx, YieldRecord(id=id_, kind=kind, at_us=at_us, **figures))

    async def _announce_stake(self, tx: WriteTx, action: str, stake: Stake, pool: Pool) -> None:
        payload = {
            "action": action,
            "stake_id": stake.id,
            "account": stake.account,
            "amount": show_amount(stake.amount),
            "yield_earned": show_amount(stake.yield_earned or 0),
            "total_staked": show_amount(pool.staked),
            "current_apy": rules.show_apy(pool),
        }
        await self._events.announce(tx, STAKE_EVENT, payload)

    async def _announce_loan(self, tx: WriteTx, loan: Loan) -> None:
        payload = {
            "loan_id": loan.id,
            "account": loan.account,
            "status": loan.status,
            "kwh_borrowed": show_lots(loan.principal // LT_UNITS_PER_LOT),
            "token_collateral": show_amount(loan.collateral),
            "fee": show_amount(loan.fee),
        }
        await self._events.announce(tx, LOAN_EVENT, payload)


def _hash(posted: PostedEntry) -> str:
    assert posted.leaf_hash is not None  # noqa: S101  the pool stands in the public book
    return posted.leaf_hash
