"""Payments that can die at any point, over one database and one Stripe that live on."""

from contextlib import asynccontextmanager

from cloud.ledger.service import Ledger
from cloud.payments.model import Charge, PayoutWish
from cloud.payments.payees import Payees
from cloud.payments.service import Payments
from cloud.payments.stripe import StripePayments
from cloud.payments.stripe_api import StripeApi
from shared.clock import ManualClock
from tests.cloud.payments.stripe_server import SECRET_KEY, WEBHOOK_SECRET, Stripe, StripeServer

RETURN_URL = "https://grid.example.com/payments/done"


class Died(BaseException):
    """The process ended here."""


class Life:
    """Counts the points at which a process may end, and ends it at one of them."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.points = 0

    def point(self) -> None:
        self.points += 1
        if self.points == self.dies_at:
            raise Died


class MortalStore:
    """May end before and after every commit."""

    def __init__(self, store, life: Life) -> None:
        self._store, self._life = store, life

    def read(self, *, brief: bool = False):
        return self._store.read(brief=brief)

    @asynccontextmanager
    async def write(self):
        async with self._store.write() as tx:
            yield tx
            self._life.point()
        self._life.point()


class MortalApi(StripeApi):
    """May end before and after every call."""

    def __init__(self, url: str, life: Life) -> None:
        super().__init__(url, SECRET_KEY)
        self._life = life

    async def _call(self, *args, **how):
        self._life.point()
        try:
            return await super()._call(*args, **how)
        finally:
            self._life.point()


class Listener:
    """Whoever asked for money to move: it writes down what it hears, in the transaction in which it hears."""

    def __init__(self) -> None:
        self.heard = []
        self.fails = 0

    def note(self, tx, *what) -> None:
        if self.fails:
            self.fails -= 1
            raise RuntimeError("the listener fails")
        tx.after_commit(lambda: self.heard.append(what))

    async def payment_changed(self, tx, payment) -> None:
        self.note(tx, payment.reference, payment.state.value)

    async def refund_changed(self, tx, refund, payment) -> None:
        self.note(tx, payment.reference, "refund", refund.state.value)

    async def payout_changed(self, tx, payout) -> None:
        self.note(tx, payout.reference, "payout", payout.state.value)


class World:
    def __init__(self, store) -> None:
        self.real_store = store
        self.clock = ManualClock()
        self.stripe = Stripe(self.clock)
        self.server = StripeServer(self.stripe)
        self.listener = Listener()
        self.life = Life()
        self.opened = []

    @classmethod
    @asynccontextmanager
    async def over(cls, store, signing_key):
        world = cls(store)
        await world.server.start()
        world.start()
        ledger = Ledger(store, world.clock, signing_key)
        async with store.write() as tx:
            world.ana = await ledger.open_account(tx)
        await world.payees.set_destination(world.ana, "acct_ana")
        try:
            yield world
        finally:
            for payments in world.opened:
                await payments.close()
            await world.server.stop()

    def start(self, dies_at: int | None = None) -> Payments:
        """The service anew, as after a crash."""
        self.life = Life(dies_at)
        self.store = MortalStore(self.real_store, self.life)
        self.payees = Payees(self.real_store, self.clock)
        provider = StripePayments(
            MortalApi(self.server.url, self.life),
            self.clock,
            webhook_secret=WEBHOOK_SECRET,
            return_url=RETURN_URL,
            destination=self.payees.destination,
        )
        self.payments = Payments(self.store, self.clock, provider)
        self.payments.tell(self.listener)
        self.payments.tell_of_payouts(self.listener)
        self.opened.append(self.payments)
        return self.payments

    def charge(self, reference: str = "inv_1", *, source: str | None = "pm_card_visa", amount: int = 51_000):
        return Charge(
            reference=reference, account=self.ana, amount_minor=amount, currency="USD", source=source
        )

    def wish(self, reference: str = "TL-DIST-Q3-2025-1", amount: int = 1_575) -> PayoutWish:
        return PayoutWish(reference=reference, account=self.ana, amount_minor=amount, currency="USD")

    async def asked(self, reference: str = "inv_1", **how):
        async with self.store.write() as tx:
            return await self.payments.charge(tx, self.charge(reference, **how))

    async def paid(self, reference: str = "inv_1", **how):
        payment = await self.asked(reference, **how)
        return await self.payments.open(payment)

    async def payment(self, reference: str = "inv_1"):
        async with self.real_store.read() as tx:
            return await self.payments.payment_of(tx, reference)

    async def payout(self, reference: str = "TL-DIST-Q3-2025-1"):
        async with self.real_store.read() as tx:
            return await self.payments.payout_of(tx, reference)

    async def later(self, seconds: float, payments: Payments | None = None) -> None:
        self.clock.advance(seconds)
        await (payments or self.payments).run_due()

    def succeeded(self) -> int:
        return sum(one["status"] == "succeeded" for one in self.stripe.intents.values())
