"""The provider without money: a hosted page that a person clicks through, and sources that do as named.

It keeps books of its own and changes a payment only when asked, as a real provider would.
"""

from collections.abc import Mapping
from enum import StrEnum

from cloud.errors import Conflict, NotFound
from cloud.kit.store import Store, WriteTx
from cloud.payments import storage
from cloud.payments.errors import NoticeRefused, ProviderRefused
from cloud.payments.model import (
    Intent,
    Notice,
    Payment,
    PaymentState,
    Payout,
    PayoutNews,
    PayoutState,
    Refund,
    RefundNews,
    RefundState,
)
from cloud.payments.pace import SANDBOX
from cloud.payments.storage import SandboxIntent, SandboxTransfer
from shared.clock import Clock
from shared.ids import new_id
from shared.units import MICROS_PER_SECOND

BANK_S = 10
"""A bank transfer takes so long here."""

_OUTCOMES: dict[str | None, tuple[PaymentState, str | None]] = {
    None: (PaymentState.REQUIRES_PAYMENT_METHOD, None),
    "pm_card_visa": (PaymentState.SUCCEEDED, None),
    "pm_card_chargeDeclined": (PaymentState.REQUIRES_PAYMENT_METHOD, "card_declined"),
    "pm_card_authenticationRequired": (PaymentState.REQUIRES_ACTION, None),
    "pm_bank_transfer": (PaymentState.PROCESSING, None),
}
SOURCES = frozenset(source for source in _OUTCOMES if source is not None)


class Choice(StrEnum):
    """What a person can click."""

    PAY = "pay"
    BANK_TRANSFER = "bank_transfer"
    DECLINE = "decline"
    CANCEL = "cancel"


_CHOSEN = {
    Choice.PAY: (PaymentState.SUCCEEDED, None),
    Choice.BANK_TRANSFER: (PaymentState.PROCESSING, None),
    Choice.DECLINE: (PaymentState.REQUIRES_PAYMENT_METHOD, "card_declined"),
    Choice.CANCEL: (PaymentState.CANCELED, None),
}
_OPEN = frozenset({PaymentState.REQUIRES_PAYMENT_METHOD, PaymentState.REQUIRES_ACTION})


class NoChoice(Conflict):
    """The payment is over, or under way."""

    def __init__(self, state: PaymentState) -> None:
        super().__init__(f"this payment is {state.value.replace('_', ' ')}: there is nothing left to choose")


class SandboxPayments:
    """A `PaymentProvider`; `base_url` is where the hosted pages are reached."""

    name = SANDBOX

    def __init__(self, store: Store, clock: Clock, *, base_url: str) -> None:
        self._store = store
        self._clock = clock
        self._base_url = base_url

    async def open_intent(self, payment: Payment) -> Intent:
        async with self._store.write() as tx:
            return await self._opened(tx, payment)

    async def open_within(self, tx: WriteTx, payment: Payment) -> Intent | None:
        return await self._opened(tx, payment)

    async def find_intent(self, payment: Payment) -> Intent | None:
        async with self._store.read() as tx:
            row = await storage.sandbox_intent_for(tx, payment.id)
        return None if row is None else self._shown(row)

    async def cancel_intent(self, payment: Payment, *, intent_id: str) -> Intent:  # noqa: ARG002
        try:
            return await self.choose(intent_id, Choice.CANCEL)
        except NoChoice:
            return await self.intent(intent_id)

    async def send_refund(self, refund: Refund) -> RefundNews:
        row = await self._transfer("re", refund.key, refund.amount_minor, refund.currency)
        return RefundNews(id=row.id, refund_id=refund.key, state=RefundState.SUCCEEDED)

    async def find_refund(self, refund: Refund) -> RefundNews | None:
        async with self._store.read() as tx:
            row = await storage.sandbox_transfer_for(tx, refund.key)
        if row is None:
            return None
        return RefundNews(id=row.id, refund_id=refund.key, state=RefundState.SUCCEEDED)

    async def send_payout(self, payout: Payout) -> PayoutNews:
        return self._payout(await self._transfer("tr", payout.key, payout.amount_minor, payout.currency))

    async def find_payout(self, payout: Payout) -> PayoutNews | None:
        async with self._store.read() as tx:
            row = await storage.sandbox_transfer_for(tx, payout.key)
        return None if row is None else self._payout(row)

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:  # noqa: ARG002
        raise NoticeRefused("the sandbox sends no webhooks")

    async def close(self) -> None:
        """Nothing is open."""

    # The hosted page

    async def intent(self, intent_id: str) -> Intent:
        """What the page shows.

        Raises:
            NotFound: no such intent.
        """
        async with self._store.read() as tx:
            row = await storage.sandbox_intent(tx, intent_id)
        if row is None:
            raise NotFound("no such payment")
        return self._shown(row)

    async def choose(self, intent_id: str, choice: Choice) -> Intent:
        """What a person clicked.

        Raises:
            NotFound: no such intent.
            NoChoice: nothing is left to choose.
        """
        state, decline_code = _CHOSEN[choice]
        async with self._store.write() as tx:
            row = await storage.sandbox_intent(tx, intent_id)
            if row is None:
                raise NotFound("no such payment")
            if self._state(row) not in _OPEN:
                raise NoChoice(self._state(row))
            await storage.set_sandbox_intent(
                tx,
                intent_id,
                state=state.value,
                since_us=self._clock.now_us(),
                decline_code=decline_code,
            )
        return await self.intent(intent_id)

    async def _opened(self, tx: WriteTx, payment: Payment) -> Intent:
        if payment.source not in _OUTCOMES:
            raise ProviderRefused("resource_missing", f"{payment.source}: no such payment method")
        state, decline_code = _OUTCOMES[payment.source]
        intent_id = new_id("pi", self._clock)
        row = SandboxIntent(
            id=intent_id,
            payment_id=payment.id,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            client_secret=new_id(f"{intent_id}_secret", self._clock),
            state=state.value,
            since_us=self._clock.now_us(),
            decline_code=decline_code,
        )
        is_new = await storage.insert_sandbox_intent(tx, row)
        kept = None if is_new else await storage.sandbox_intent_for(tx, payment.id)
        return self._shown(kept or row)

    def _state(self, row: SandboxIntent) -> PaymentState:
        arrived_us = row.since_us + BANK_S * MICROS_PER_SECOND
        state = PaymentState(row.state)
        if state is PaymentState.PROCESSING and self._clock.now_us() >= arrived_us:
            return PaymentState.SUCCEEDED
        return state

    def _shown(self, row: SandboxIntent) -> Intent:
        state = self._state(row)
        return Intent(
            id=row.id,
            payment_id=row.payment_id,
            state=state,
            amount_minor=row.amount_minor,
            received_minor=row.amount_minor if state is PaymentState.SUCCEEDED else 0,
            currency=row.currency,
            at_us=self._clock.now_us(),
            client_secret=row.client_secret,
            redirect_url=f"{self._base_url}/sandbox/payments/{row.id}" if state in _OPEN else None,
            decline_code=row.decline_code,
        )

    def _payout(self, row: SandboxTransfer) -> PayoutNews:
        is_there = self._clock.now_us() >= row.at_us + BANK_S * MICROS_PER_SECOND
        state = PayoutState.PAID if is_there else PayoutState.IN_TRANSIT
        return PayoutNews(id=row.id, payout_id=row.our_id, state=state)

    async def _transfer(self, prefix: str, our_id: str, amount_minor: int, currency: str) -> SandboxTransfer:
        row = SandboxTransfer(
            id=new_id(prefix, self._clock),
            our_id=our_id,
            amount_minor=amount_minor,
            currency=currency,
            at_us=self._clock.now_us(),
        )
        async with self._store.write() as tx:
            await storage.insert_sandbox_transfer(tx, row)
            return await storage.sandbox_transfer_for(tx, our_id) or row
