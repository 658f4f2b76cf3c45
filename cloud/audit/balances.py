"""Every balance, counted again from the postings: per asset they sum to zero, and no floor is broken."""

import re
from collections.abc import Sequence

from cloud.audit.errors import CannotJudge, Lie
from cloud.ledger.double_entry import (
    Holding,
    Standing,
    check_floors,
    is_system,
    is_unlimited_system,
    movements,
)
from cloud.ledger.errors import BalanceOutOfRange, InsufficientFunds, Unbalanced
from cloud.ledger.model import HOLDS_LT, MINTS, Asset, Posting, Supply, SystemAccount

_PSEUDONYM = re.compile(r"acct_[0-9a-z]{26}(/[a-z_]+)*")


class Balances:
    """All holdings, by the same rules of double entry that the service posts by."""

    def __init__(self) -> None:
        self._amounts: dict[Holding, int] = {}

    def apply(self, postings: Sequence[Posting]) -> None:
        """Move balances by one entry.

        Raises:
            Lie: it does not balance, or takes an account below its floor.
            CannotJudge: an account of a kind that this version does not know.
        """
        try:
            moved = movements(postings)
        except Unbalanced as error:
            raise Lie("double entry", "postings that sum to zero", error.message) from None
        amounts = self._amounts
        standings = {}
        for holding in moved:
            if holding not in amounts:
                _check_known(holding.account)
            standings[holding] = Standing(
                amounts.get(holding, 0), unlimited=is_unlimited_system(holding.account), postings=0
            )
        try:
            check_floors(moved, standings)
        except InsufficientFunds as error:
            raise Lie(f"balance of {error.account} in {error.asset}", "at least 0", error.message) from None
        except BalanceOutOfRange as error:
            raise Lie(f"balance of {error.account} in {error.asset}", "64 bits", error.message) from None
        for holding, change in moved.items():
            amounts[holding] = standings[holding].amount + change

    def of(self, account: str, asset: Asset) -> int:
        """In the asset's units; 0 for an account that never held any."""
        return self._amounts.get(Holding(account, asset), 0)

    def in_existence(self) -> int:
        """LT on all accounts that can hold some, counted one by one; 10^-7 units."""
        return sum(
            amount
            for (account, asset), amount in self._amounts.items()
            if asset is Asset.LT and (account in HOLDS_LT or not is_system(account))
        )

    def supply(self, *, mints: int, burns: int, trades: int) -> Supply:
        """What the service's own totals must be, given the numbers of entries."""
        return Supply(
            minted=-sum(self.of(account, Asset.LT) for account in MINTS),
            burned=self.of(SystemAccount.BURNED, Asset.LT),
            energy_mwh=self.of(SystemAccount.MINTED, Asset.ENERGY),
            co2_saved_mg=-self.of(SystemAccount.CARBON_SOURCE, Asset.CO2_SAVED),
            carbon_credit=-self.of(SystemAccount.CARBON_SOURCE, Asset.CARBON)
            - self.of(SystemAccount.BURNED, Asset.CARBON),
            mints=mints,
            burns=burns,
            trades=trades,
        )


def _check_known(account: str) -> None:
    if not is_system(account) and _PSEUDONYM.fullmatch(account) is None:
        raise CannotJudge(f"account {account!r} is of no kind that this version knows")
