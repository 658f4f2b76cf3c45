"""Staking, flash loans, and what the pool earns."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Meta, Struct

from cloud.defi import pool as rules
from cloud.defi.errors import NoSuchLoan, NoSuchStake
from cloud.defi.model import Loan, Pool, Stake, YieldKind, YieldRecord
from cloud.defi.service import Defi
from cloud.errors import BadRequest, Forbidden
from cloud.identity.model import Person
from cloud.kit.documented import raises
from cloud.kit.http import Number, Text
from cloud.kit.idempotency import Once
from cloud.kit.paging import LIMIT_DEFAULT, PageLimit, PageNumber, page_facts
from cloud.market.model import LT_UNITS_PER_LOT, show_lots
from shared.clock import rfc3339
from shared.money import TOKEN_DECIMALS, BadAmount, parse_amount, show_amount

LOT_DECIMALS = 3

Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class StakeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    amount: Number
    """LT."""
    user_id: Annotated[str, Text] | None = None
    """The caller's own wallet address, or `usr_…`."""


class UnstakeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    stake_id: Id
    user_id: Annotated[str, Text] | None = None


class LoanRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kwh_borrowed: Number
    """In lots of 0.001; 1 kWh is 1000 LT."""
    token_collateral: Number
    """LT."""
    borrower_id: Annotated[str, Text] | None = None


class RepayRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    loan_id: Id
    borrower_id: Annotated[str, Text] | None = None


class PoolStats(Struct, frozen=True, kw_only=True):
    total_staked: Decimal
    active_stakers: int
    current_apy: Decimal
    """Percent, 1 decimal."""
    pool_utilization: Decimal
    """0 to 1, 2 decimals."""


@post("/api/v1/defi/pool/stake", status_code=201, opt=raises(Forbidden), tags=["defi"])
async def stake(
    data: JSONBody[StakeRequest],
    person: NamedDependency[Person],
    once: NamedDependency[Once],
    defi: NamedDependency[Defi],
) -> dict[str, Any]:
    """Put LT into the pool; they earn from now on, by the second."""
    _check_own(person, data.user_id, "user_id")
    amount = _amount(data.amount, "amount", decimals=TOKEN_DECIMALS)
    return _stake(await defi.stake(person, amount, once), person)


@post("/api/v1/defi/pool/unstake", status_code=200, opt=raises(Forbidden, NoSuchStake), tags=["defi"])
async def unstake(
    data: JSONBody[UnstakeRequest],
    person: NamedDependency[Person],
    once: NamedDependency[Once],
    defi: NamedDependency[Defi],
) -> dict[str, Any]:
    """Take a stake out, with its yield and its part of the market's commission."""
    _check_own(person, data.user_id, "user_id")
    return _stake(await defi.unstake(person, data.stake_id, once), person)


@get("/api/v1/defi/pool/stats", status_code=200, tags=["defi"])
async def stats(defi: NamedDependency[Defi]) -> PoolStats:
    pool = await defi.now()
    return PoolStats(
        total_staked=show_amount(pool.staked),
        active_stakers=pool.stakers,
        current_apy=rules.show_apy(pool),
        pool_utilization=rules.show_utilisation(pool),
    )


@post("/api/v1/defi/flash-loan", status_code=201, opt=raises(Forbidden), tags=["defi"])
async def borrow(
    data: JSONBody[LoanRequest],
    person: NamedDependency[Person],
    once: NamedDependency[Once],
    defi: NamedDependency[Defi],
) -> dict[str, Any]:
    """Borrow LT for five minutes against LT; what is not repaid by then the collateral repays."""
    _check_own(person, data.borrower_id, "borrower_id")
    lots = _amount(data.kwh_borrowed, "kwh_borrowed", decimals=LOT_DECIMALS)
    collateral = _amount(data.token_collateral, "token_collateral", decimals=TOKEN_DECIMALS)
    return _loan(await defi.borrow(person, lots=lots, collateral=collateral, once=once), person)


@post("/api/v1/defi/flash-loan/repay", status_code=200, opt=raises(Forbidden, NoSuchLoan), tags=["defi"])
async def repay(
    data: JSONBody[RepayRequest],
    person: NamedDependency[Person],
    once: NamedDependency[Once],
    defi: NamedDependency[Defi],
) -> dict[str, Any]:
    """Repay principal and fee before the loan is due; the collateral comes back."""
    _check_own(person, data.borrower_id, "borrower_id")
    return _loan(await defi.repay(person, data.loan_id, once), person)


@get("/api/v1/defi/yield/history", status_code=200, tags=["defi"])
async def yield_history(
    defi: NamedDependency[Defi], page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
) -> dict[str, Any]:
    """What the pool earned and paid, newest first."""
    found = await defi.history(page=page, limit=limit)
    return {"records": [_record(row) for row in found.rows], **page_facts(found.total, page, limit)}


@get("/api/v1/defi/stakes", status_code=200, tags=["defi"])
async def own_stakes(
    person: NamedDependency[Person],
    defi: NamedDependency[Defi],
    page: PageNumber = 1,
    limit: PageLimit = LIMIT_DEFAULT,
) -> dict[str, Any]:
    """The caller's stakes, newest first; open ones show what they have earned by now."""
    found, pool = await defi.stakes(person, page=page, limit=limit)
    return {
        "stakes": [_stake(row, person) | _earned(row, pool) for row in found.rows],
        **page_facts(found.total, page, limit),
    }


@get("/api/v1/defi/loans", status_code=200, tags=["defi"])
async def own_loans(
    person: NamedDependency[Person],
    defi: NamedDependency[Defi],
    page: PageNumber = 1,
    limit: PageLimit = LIMIT_DEFAULT,
) -> dict[str, Any]:
    """The caller's loans, newest first."""
    found = await defi.loans(person, page=page, limit=limit)
    return {"loans": [_loan(row, person) for row in found.rows], **page_facts(found.total, page, limit)}


ROUTES: list[BaseRouteHandler] = [
    stake,
    unstake,
    stats,
    borrow,
    repay,
    yield_history,
    own_stakes,
    own_loans,
]


def _check_own(person: Person, shown_id: str | None, field: str) -> None:
    if shown_id is not None and shown_id not in {person.wallet_address, f"usr_{person.id}"}:
        raise Forbidden(f"{field}: a token acts for its own person only")


def _amount(value: Decimal, field: str, *, decimals: int) -> int:
    """In 10^-decimals units; whether it is enough and not too much, the pool says."""
    try:
        return parse_amount(value, decimals=decimals, field=field)
    except BadAmount as error:
        raise BadRequest(str(error)) from None


def _stake(stake: Stake, person: Person) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "stake_id": stake.id,
        "user_id": person.shown_id,
        "amount": show_amount(stake.amount),
        "status": "active" if stake.unstaked_at_us is None else "unstaked",
        "staked_at": rfc3339(stake.staked_at_us),
        "tx_hash": stake.unstake_hash or stake.stake_hash,
    }
    if stake.unstaked_at_us is None or stake.yield_earned is None or stake.xlm_income is None:
        return shown
    return shown | {
        "unstaked_at": rfc3339(stake.unstaked_at_us),
        "yield_earned": show_amount(stake.yield_earned),
        "total_returned": show_amount(stake.amount + stake.yield_earned),
        "xlm_income": show_amount(stake.xlm_income),
    }


def _earned(stake: Stake, pool: Pool) -> dict[str, Any]:
    """What an open stake would be paid now; nothing for one that was paid."""
    if stake.unstaked_at_us is not None:
        return {}
    lt = rules.earned_by(stake.amount, since=stake.index, now=pool.index)
    xlm = rules.earned_by(stake.amount, since=stake.xlm_index, now=pool.xlm_index)
    return {"yield_earned": show_amount(lt), "xlm_income": show_amount(xlm)}


def _loan(loan: Loan, person: Person) -> dict[str, Any]:
    return {
        "loan_id": loan.id,
        "borrower_id": person.shown_id,
        "kwh_borrowed": show_lots(loan.principal // LT_UNITS_PER_LOT),
        "principal": show_amount(loan.principal),
        "fee": show_amount(loan.fee),
        "amount_due": show_amount(loan.principal + loan.fee),
        "token_collateral": show_amount(loan.collateral),
        "status": loan.status,
        "borrowed_at": rfc3339(loan.borrowed_at_us),
        "due_at": rfc3339(loan.due_at_us),
        "closed_at": None if loan.closed_at_us is None else rfc3339(loan.closed_at_us),
        "tx_hash": loan.closing_hash or loan.loan_hash,
    }


def _record(record: YieldRecord) -> dict[str, Any]:
    shown = {"id": record.id, "type": record.kind, "timestamp": rfc3339(record.at_us)}
    match record.kind:
        case YieldKind.ACCRUAL:
            pool = Pool(staked=record.staked, lent=record.lent)
            return shown | {
                "seconds": record.seconds,
                "total_staked": show_amount(record.staked),
                "apy": rules.show_apy(pool),
                "pool_utilization": rules.show_utilisation(pool),
                "yield_accrued": show_amount(record.lt),
            }
        case YieldKind.FEE | YieldKind.LIQUIDATION:
            return shown | {"loan_id": record.loan_id, "yield_income": show_amount(record.lt)}
        case YieldKind.COMMISSION:
            return shown | {
                "total_staked": show_amount(record.staked),
                "xlm_commission": show_amount(record.xlm),
            }
        case YieldKind.PAYOUT:
            return shown | {
                "stake_id": record.stake_id,
                "amount": show_amount(record.staked),
                "seconds": record.seconds,
                "yield_earned": show_amount(record.lt),
                "from_loans": show_amount(record.lt - record.minted),
                "minted": show_amount(record.minted),
                "xlm_income": show_amount(record.xlm),
            }
