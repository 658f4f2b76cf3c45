"""Taking LT and XLM out to one's own wallet: the entry and its transaction in one commit."""

import logging
from collections.abc import Sequence

from cloud.errors import BadRequest
from cloud.kit.idempotency import Once
from cloud.kit.paging import page_range
from cloud.kit.store import Store, WriteTx
from cloud.ledger.model import Asset
from cloud.ledger.service import Ledger
from cloud.stellar import storage
from cloud.stellar.entries import withdrawal_entry
from cloud.stellar.model import (
    EnvelopeState,
    Form,
    Operation,
    OperationKind,
    OperationState,
    Withdrawal,
    WithdrawalStatus,
)
from cloud.stellar.outbox import Outbox
from shared.clock import Clock
from shared.ids import new_id

logger = logging.getLogger(__name__)

WITHDRAWABLE = (Asset.LT, Asset.XLM)


class Withdrawals:
    """The use cases of an account's owner."""

    def __init__(self, store: Store, clock: Clock, ledger: Ledger, outbox: Outbox) -> None:
        self._store = store
        self._clock = clock
        self._ledger = ledger
        self._outbox = outbox

    async def withdraw(
        self, account: str, asset: Asset, amount: int, *, destination: str, once: Once
    ) -> Withdrawal:
        """Move so much from the account to the wallet, which the caller has shown to be its owner's.

        Raises:
            BadRequest: not a positive amount of LT or XLM.
            InsufficientFunds: the account holds less.
        """
        if asset not in WITHDRAWABLE or amount <= 0:
            raise BadRequest("amount: must be above 0, of LT or XLM")
        async with self._store.write() as tx:
            kept = await once.kept(tx, Withdrawal)
            if kept is not None:
                return kept
            withdrawal = await self._withdraw(tx, account, asset, amount, destination)
            await once.keep(tx, withdrawal)
        logger.info("withdrawal id=%s asset=%s units=%d", withdrawal.id, asset, amount)
        return withdrawal

    async def of(self, account: str, *, page: int, limit: int) -> tuple[Sequence[Withdrawal], int]:
        """An account's withdrawals, newest first, and how many there are."""
        async with self._store.read() as tx:
            total = await storage.withdrawal_total(tx, account)
            above, through = page_range(total, page, limit)
            rows = await storage.withdrawal_rows(tx, account, above=above, through=through)
        return [_withdrawal(row) for row in rows], total

    async def _withdraw(
        self, tx: WriteTx, account: str, asset: Asset, amount: int, destination: str
    ) -> Withdrawal:
        withdrawal_id = new_id("wd", self._clock)
        posted = await self._ledger.post(
            tx, withdrawal_entry(account, asset, amount, withdrawal_id=withdrawal_id)
        )
        operation = Operation(
            kind=OperationKind.WITHDRAWAL,
            entry_id=posted.id,
            asset=asset,
            amount=amount,
            destination=destination,
            form=Form.PAYMENT,  # until the submitter asks how the wallet can be reached
        )
        signed, operation_id = await self._outbox.add(tx, operation)
        withdrawal = Withdrawal(
            id=withdrawal_id,
            account=account,
            entry_id=posted.id,
            asset=asset,
            amount=amount,
            destination=destination,
            form=Form.PAYMENT,
            status=WithdrawalStatus.PENDING,
            tx_hash=signed.hash,
            at_us=posted.at_us,
        )
        await storage.insert_withdrawal(tx, withdrawal, operation_id=operation_id)
        return withdrawal


def _withdrawal(row: storage.WithdrawalRow) -> Withdrawal:
    return Withdrawal(
        id=row.id,
        account=row.account,
        entry_id=row.entry_id,
        asset=row.asset,
        amount=row.amount,
        destination=row.destination,
        form=row.form,
        status=_status(row.operation_state, row.envelope_state),
        tx_hash=row.tx_hash,
        at_us=row.at_us,
    )


def _status(operation: OperationState, envelope: EnvelopeState) -> WithdrawalStatus:
    match operation:
        case OperationState.CONFIRMED:
            return WithdrawalStatus.COMPLETED
        case OperationState.FAILED:
            return WithdrawalStatus.FAILED
        case OperationState.WAITING:
            return WithdrawalStatus.SENT if envelope is EnvelopeState.SENT else WithdrawalStatus.PENDING
