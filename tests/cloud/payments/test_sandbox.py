"""The provider without money does as its sources say and as a person clicks."""

import pytest

from cloud.ledger.service import Ledger
from cloud.payments.model import Charge, PaymentState, PayoutState, PayoutWish
from cloud.payments.sandbox import Choice, NoChoice, SandboxPayments
from cloud.payments.service import Payments
from tests.cloud.payments.world import Listener

BASE = "http://127.0.0.1:8080"


class Bench:
    def __init__(self, store, clock, account: str) -> None:
        self.store, self.clock, self.account = store, clock, account
        self.provider = SandboxPayments(store, clock, base_url=BASE)
        self.payments = Payments(store, clock, self.provider)
        self.listener = Listener()
        self.payments.tell(self.listener)
        self.payments.tell_of_payouts(self.listener)

    async def pay(self, source: str | None, reference: str = "inv_1"):
        charge = Charge(
            reference=reference, account=self.account, amount_minor=51_000, currency="USD", source=source
        )
        async with self.store.write() as tx:
            payment = await self.payments.charge(tx, charge)
        return await self.payments.open(payment)

    async def choose(self, payment, choice: Choice):
        await self.provider.choose(payment.intent_id, choice)
        return await self.payments.look(payment.id)

    async def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.payments.run_due()


@pytest.fixture
async def bench(store, clock, signing_key):
    async with store.write() as tx:
        account = await Ledger(store, clock, signing_key).open_account(tx)
    return Bench(store, clock, account)


@pytest.mark.parametrize(
    "source, state, decline_code",
    [
        ("pm_card_visa", PaymentState.SUCCEEDED, None),
        ("pm_card_chargeDeclined", PaymentState.REQUIRES_PAYMENT_METHOD, "card_declined"),
        ("pm_card_authenticationRequired", PaymentState.REQUIRES_ACTION, None),
        ("pm_bank_transfer", PaymentState.PROCESSING, None),
        (None, PaymentState.REQUIRES_PAYMENT_METHOD, None),
        ("pm_unknown", PaymentState.CANCELED, "resource_missing"),
    ],
)
async def test_a_source_does_as_it_is_named(bench, source, state, decline_code) -> None:
    payment = await bench.pay(source)

    assert (payment.state, payment.decline_code) == (state, decline_code)
    is_open = state in {PaymentState.REQUIRES_PAYMENT_METHOD, PaymentState.REQUIRES_ACTION}
    page = f"{BASE}/sandbox/payments/{payment.intent_id}"
    assert payment.redirect_url == (page if is_open else None)


async def test_a_bank_transfer_arrives_after_ten_seconds_by_itself(bench) -> None:
    payment = await bench.pay("pm_bank_transfer")
    await bench.later(9)
    assert bench.listener.heard == [("inv_1", "processing")]
    await bench.later(6)

    assert bench.listener.heard[1:] == [("inv_1", "succeeded")]
    assert payment.client_secret.startswith(f"{payment.intent_id}_secret_")


async def test_a_declined_try_is_repeated_on_the_page_and_succeeds(bench) -> None:
    payment = await bench.pay("pm_card_chargeDeclined")

    assert (await bench.choose(payment, Choice.DECLINE)).decline_code == "card_declined"
    assert (await bench.choose(payment, Choice.PAY)).state is PaymentState.SUCCEEDED
    with pytest.raises(NoChoice):
        await bench.choose(payment, Choice.PAY)
    assert bench.listener.heard[-1] == ("inv_1", "succeeded")


async def test_a_person_cancels(bench) -> None:
    payment = await bench.pay(None)

    assert (await bench.choose(payment, Choice.CANCEL)).state is PaymentState.CANCELED


async def test_a_click_whose_request_died_is_found_by_the_job(bench) -> None:
    payment = await bench.pay(None)
    await bench.provider.choose(payment.intent_id, Choice.PAY)
    await bench.later(2)

    assert bench.listener.heard == [("inv_1", "succeeded")]


async def test_refunds_and_payouts_arrive(bench) -> None:
    payment = await bench.pay("pm_card_visa")
    async with bench.store.write() as tx:
        await bench.payments.refund(tx, payment.id, reason="late")
        wish = PayoutWish(reference="TL-1", account=bench.account, amount_minor=1, currency="USD")
        await bench.payments.pay_out(tx, wish)
    await bench.later(1)
    await bench.later(12)

    assert bench.listener.heard == [
        ("inv_1", "succeeded"),
        ("inv_1", "refund", "succeeded"),
        ("TL-1", "payout", "in_transit"),
        ("TL-1", "payout", "paid"),
    ]
    async with bench.store.read() as tx:
        assert (await bench.payments.payout_of(tx, "TL-1")).state is PayoutState.PAID


async def test_what_another_provider_began_is_left_alone(bench) -> None:
    payment = await bench.pay(None)
    async with bench.store.write() as tx:
        await tx.execute("UPDATE payments SET provider = 'stripe'", {})
    await bench.provider.choose(payment.intent_id, Choice.PAY)
    await bench.later(3_600)

    assert bench.listener.heard == []
