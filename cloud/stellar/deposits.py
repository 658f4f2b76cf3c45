"""Bringing LT and XLM in: a payment to custody with one's own memo is credited, once.

The watcher reads custody's payments behind a stored cursor, which moves in the commit of what was credited.
A payment that names nobody is kept until an administrator finds its owner.
"""

import logging
import secrets
from collections.abc import Sequence

from msgspec import Struct

from cloud.errors import CloudError
from cloud.kit.store import Store, WriteTx
from cloud.ledger.model import Asset, SystemAccount
from cloud.ledger.service import Ledger
from cloud.stellar import storage
from cloud.stellar.entries import deposit_entry
from cloud.stellar.errors import DepositAssigned, DepositsClosed, UnknownDeposit
from cloud.stellar.horizon import PAGE, Horizon, HorizonUnavailable, Payment
from cloud.stellar.keys import Keys
from cloud.stellar.model import Deposit
from cloud.stellar.networks import StellarNetwork
from cloud.stellar.payments import MEMO_MAX, Received, memo_number, received, units_of
from shared.clock import Clock

logger = logging.getLogger(__name__)

IDLE_S = 5.0
TROUBLE_S = 30.0
BEGINNING = "0"


class DepositAddress(Struct, frozen=True, kw_only=True):
    """Where to pay, so that it is credited."""

    address: str
    memo: int
    issuer: str
    """Of LT."""


class Deposits:
    """The use cases of an account's owner and of an administrator."""

    def __init__(
        self, store: Store, clock: Clock, ledger: Ledger, keys: Keys, network: StellarNetwork
    ) -> None:
        self._store = store
        self._clock = clock
        self._ledger = ledger
        self._keys = keys
        self._network = network

    async def address_of(self, account: str) -> DepositAddress:
        """Custody's address and the account's memo, which stays the same.

        Raises:
            DepositsClosed: the network is offline.
        """
        if self._network.horizon_url is None:
            raise DepositsClosed("deposits: there are none on the offline network")
        async with self._store.read() as tx:
            memo = await storage.memo_of(tx, account)
        if memo is None:
            async with self._store.write() as tx:
                memo = await self._memo(tx, account)
        return DepositAddress(address=self._keys.custody.address, memo=memo, issuer=self._keys.issuer.address)

    async def take(self, tx: WriteTx, payment: Payment, found: Received, amount: int) -> None:
        """Credit a payment, or keep it for an administrator; what was taken before is left as it is."""
        if await storage.deposit(tx, payment.id) is not None:
            return
        number = memo_number(found.memo)
        account = None if number is None else await storage.account_of_memo(tx, number)
        deposit = Deposit(
            operation_id=payment.id,
            tx_hash=payment.transaction_hash,
            sender=found.sender,
            asset=found.asset,
            amount=amount,
            memo=found.memo,
            account=None,
            entry_id=None,
            at_us=payment.at_us,
        )
        await storage.insert_deposit(tx, deposit)
        if account is None or not await self._is_backed(tx, deposit):
            tx.after_commit(lambda: logger.warning("deposit unmatched id=%d", payment.id))
            return
        await self._credit(tx, deposit, account)

    async def unmatched(self, *, after: int = 0, limit: int = 100) -> Sequence[Deposit]:
        """Payments that named nobody, by rising number; may be empty."""
        async with self._store.read() as tx:
            return await storage.unmatched(tx, after=after, limit=limit)

    async def assign(self, operation_id: int, account: str) -> Deposit:
        """Credit a payment that named nobody.

        Raises:
            UnknownDeposit, DepositAssigned: there is nothing to credit.
            DepositsClosed: more LT than ever left.
        """
        async with self._store.write() as tx:
            deposit = await storage.deposit(tx, operation_id)
            if deposit is None:
                raise UnknownDeposit(operation_id)
            if deposit.account is not None:
                raise DepositAssigned(operation_id)
            if not await self._is_backed(tx, deposit):
                raise DepositsClosed("deposit: more LT than ever were withdrawn; they are not the ledger's")
            await self._credit(tx, deposit, account)
            assigned = await storage.deposit(tx, operation_id)
        assert assigned is not None  # noqa: S101  it was there before
        return assigned

    async def _credit(self, tx: WriteTx, deposit: Deposit, account: str) -> None:
        posted = await self._ledger.post(
            tx,
            deposit_entry(
                account,
                deposit.asset,
                deposit.amount,
                operation_id=deposit.operation_id,
                tx_hash=deposit.tx_hash,
            ),
        )
        await storage.assign_deposit(tx, deposit.operation_id, account=account, entry_id=posted.id)
        tx.after_commit(lambda: logger.info("deposit credited id=%d", deposit.operation_id))

    async def _is_backed(self, tx: WriteTx, deposit: Deposit) -> bool:
        """Only LT that left can come back: others would be more than were ever minted."""
        if deposit.asset is not Asset.LT:
            return True
        return await self._ledger.balance(tx, SystemAccount.OUTSIDE, Asset.LT) >= deposit.amount

    async def _memo(self, tx: WriteTx, account: str) -> int:
        """Drawn by lot, so that a mistyped one is nobody's."""
        known = await storage.memo_of(tx, account)
        while known is None:
            memo = secrets.randbelow(MEMO_MAX) + 1
            if await storage.insert_memo(tx, memo, account):
                known = memo
        return known


class DepositWatcher:
    """A worker for testnet and public."""

    def __init__(self, store: Store, clock: Clock, deposits: Deposits, horizon: Horizon, keys: Keys) -> None:
        self._store = store
        self._clock = clock
        self._deposits = deposits
        self._horizon = horizon
        self._keys = keys
        self._well = True

    async def run(self) -> None:
        """Until cancelled; whatever the chain does, it goes on."""
        try:
            while True:
                await self._clock.sleep(await self.try_step())
        finally:
            await self._horizon.close()

    async def try_step(self) -> float:
        """`step`, and how long to wait where it could not be done."""
        try:
            wait_s = await self.step()
        except (HorizonUnavailable, CloudError) as error:
            if self._well:
                logger.warning("deposits wait error=%s", error)
            self._well = False
            return getattr(error, "retry_after_s", None) or TROUBLE_S
        self._well = True
        return wait_s

    async def step(self) -> float:
        """Take the next page of payments; how many seconds to wait before the one after.

        Raises:
            HorizonUnavailable: nothing was taken.
        """
        custody, issuer = self._keys.custody.address, self._keys.issuer.address
        async with self._store.read() as tx:
            cursor = await storage.cursor(tx, custody) or BEGINNING
        page = await self._horizon.payments(custody, cursor)
        if not page:
            return IDLE_S
        found = [(payment, received(payment, custody=custody, issuer=issuer)) for payment in page]
        amounts = [await self._amount(payment, one) for payment, one in found]
        async with self._store.write() as tx:
            if (await storage.cursor(tx, custody) or BEGINNING) != cursor:
                return 0.0  # another process was faster
            for (payment, one), amount in zip(found, amounts, strict=True):
                if one is not None and amount:
                    await self._deposits.take(tx, payment, one, amount)
            await storage.move_cursor(tx, custody, page[-1].paging_token)
        return 0.0 if len(page) == PAGE else IDLE_S

    async def _amount(self, payment: Payment, found: Received | None) -> int | None:
        if found is None or found.amount is not None:
            return None if found is None else found.amount
        return units_of(await self._horizon.credited(payment.id, self._keys.custody.address))
