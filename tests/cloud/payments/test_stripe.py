"""The adapter and the outbox against a Stripe that speaks its documented protocol."""

import asyncio
from urllib.parse import parse_qs

import pytest

from cloud.errors import NotFound
from cloud.payments import storage
from cloud.payments.errors import ProviderUnavailable
from cloud.payments.model import PaymentState, Payout, PayoutState, RefundState
from cloud.payments.service import NotPaid
from tests.cloud.payments.world import RETURN_URL

HOUR_S = 3_600
SECRET = "sk_test_stand_in"


async def test_a_card_pays_at_once_and_the_listener_hears_it_once(world) -> None:
    payment = await world.paid()

    assert payment.state is PaymentState.SUCCEEDED
    assert payment.intent_id in world.stripe.intents
    assert payment.client_secret == f"{payment.intent_id}_secret_x"
    assert world.listener.heard == [("inv_1", "succeeded")]
    await world.later(HOUR_S)
    assert world.listener.heard == [("inv_1", "succeeded")]


async def test_the_request_is_as_documented(world) -> None:
    payment = await world.paid()

    method, path, headers, body = world.stripe.requests[0]
    assert (method, path) == ("POST", "/v1/payment_intents")
    assert headers["Idempotency-Key"] == payment.id
    assert headers["Stripe-Version"] == "2024-06-20"
    assert parse_qs(body) == {
        "amount": ["51000"],
        "currency": ["usd"],
        "description": ["inv_1"],
        "automatic_payment_methods[enabled]": ["true"],
        "metadata[payment_id]": [payment.id],
        "metadata[reference]": ["inv_1"],
        "payment_method": ["pm_card_visa"],
        "confirm": ["true"],
        "return_url": [RETURN_URL],
    }


async def test_without_a_source_the_payer_goes_on_with_the_client_secret(world) -> None:
    payment = await world.paid(source=None)

    assert payment.state is PaymentState.REQUIRES_PAYMENT_METHOD
    assert payment.client_secret is not None
    assert payment.redirect_url is None
    assert "confirm" not in world.stripe.requests[0][3]


async def test_a_declined_card_leaves_the_payment_open(world) -> None:
    payment = await world.paid(source="pm_card_chargeDeclined")

    assert payment.state is PaymentState.REQUIRES_PAYMENT_METHOD
    assert payment.decline_code == "generic_decline"
    assert world.listener.heard == [("inv_1", "requires_payment_method")]


async def test_a_bank_that_asks_back_is_a_page_to_go_to(world) -> None:
    payment = await world.paid(source="pm_card_authenticationRequired")

    assert payment.state is PaymentState.REQUIRES_ACTION
    assert payment.redirect_url.startswith("https://hooks.stripe.com/")


async def test_a_source_that_does_not_exist_ends_the_payment(world) -> None:
    payment = await world.paid(source="card_number_4242")

    assert (payment.state, payment.decline_code) == (PaymentState.CANCELED, "resource_missing")
    assert world.listener.heard == [("inv_1", "canceled")]


async def test_a_missed_webhook_is_healed_by_asking(world) -> None:
    payment = await world.paid(source="pm_usBankAccount")
    world.stripe.settle(world.stripe.intents[payment.intent_id])

    await world.later(179)
    assert (await world.payment()).state is PaymentState.PROCESSING
    await world.later(2)

    assert (await world.payment()).state is PaymentState.SUCCEEDED
    assert world.listener.heard == [("inv_1", "processing"), ("inv_1", "succeeded")]


async def test_a_question_that_is_refused_ends_no_payment(world) -> None:
    payment = await world.paid(source="pm_usBankAccount")
    world.stripe.get_faults.append("refused")
    await world.later(181)
    world.stripe.settle(world.stripe.intents[payment.intent_id])

    await world.later(HOUR_S)

    assert world.listener.heard == [("inv_1", "processing"), ("inv_1", "succeeded")]


async def test_the_same_reference_is_charged_once(world) -> None:
    first, second = await world.paid(), await world.paid()

    assert first.id == second.id
    assert len(world.stripe.intents) == 1


async def test_callers_who_open_at_once_send_one_request(world) -> None:
    payment = await world.asked()
    await asyncio.gather(*(world.payments.open(payment) for _ in range(20)))

    assert [path for _, path, _, _ in world.stripe.requests] == ["/v1/payment_intents"]


async def test_what_is_kept_with_the_answer_is_written_with_it_or_not_at_all(world) -> None:
    kept = []

    async def keep(tx, payment) -> None:
        tx.after_commit(lambda: kept.append((payment.state, payment.intent_id)))

    async def fail(_tx, payment) -> None:
        raise RuntimeError(payment.id)

    first = await world.asked("inv_1")
    opened = await world.payments.open(first, keep)
    second = await world.asked("inv_2")
    with pytest.raises(RuntimeError):
        await world.payments.open(second, fail)

    assert kept == [(PaymentState.SUCCEEDED, opened.intent_id)]
    assert (await world.payment("inv_2")).intent_id is None
    assert world.listener.heard == [("inv_1", "succeeded")]
    await world.later(121)
    assert (await world.payment("inv_2")).state is PaymentState.SUCCEEDED
    assert world.succeeded() == len(world.stripe.intents) == 2


@pytest.mark.parametrize(
    "fault", ["lost", "applied_lost", "rate_limit", "internal", "applied_internal", "garbage", "gateway"]
)
async def test_a_call_without_an_answer_is_found_or_repeated_and_paid_once(world, fault: str) -> None:
    world.stripe.faults.append(fault)

    payment = await world.paid()
    assert payment.intent_id is None
    for _ in range(10):
        await world.later(300)

    assert world.succeeded() == len(world.stripe.intents) == 1
    assert world.listener.heard == [("inv_1", "succeeded")]


async def test_after_a_day_it_is_found_by_our_id_though_its_key_is_forgotten(world) -> None:
    for number in range(7):  # others before and after it, on more than one page
        await world.paid(f"inv_before_{number}", source=None)
    world.stripe.faults.append("applied_lost")
    await world.paid()
    for number in range(7):
        await world.paid(f"inv_after_{number}", source=None)
    world.stripe.page = 3
    world.stripe.forget_keys()

    await world.later(26 * HOUR_S)

    assert world.succeeded() == 1
    assert (await world.payment()).state is PaymentState.SUCCEEDED


async def test_a_payment_nobody_opens_is_opened_by_the_job(world) -> None:
    await world.asked()

    await world.later(119)
    assert world.stripe.requests == []
    await world.later(2)

    assert (await world.payment()).state is PaymentState.SUCCEEDED


async def test_a_wrong_key_loses_nothing(world, store) -> None:
    api = world.payments._provider._api
    api._headers["Authorization"] = "Bearer sk_test_wrong"
    payment = await world.paid()
    assert payment.intent_id is None
    api._headers["Authorization"] = f"Bearer {SECRET}"

    await world.later(HOUR_S)

    assert (await world.payment()).state is PaymentState.SUCCEEDED


async def test_neither_key_nor_client_secret_is_logged_or_shown(world, caplog) -> None:
    caplog.set_level("DEBUG")
    world.stripe.faults.extend(["lost", "internal", "garbage"])
    payment = await world.paid()
    for _ in range(4):
        await world.later(600)
    payment = await world.payment()

    assert payment.client_secret is not None
    assert "secret" not in caplog.text.lower()
    assert SECRET not in caplog.text
    assert "_secret" not in repr(payment)


# No longer wanted


async def cancel(world, reference: str = "inv_1") -> None:
    payment = await world.payment(reference)
    async with world.store.write() as tx:
        await world.payments.cancel(tx, payment.id)


async def test_what_stripe_never_heard_of_is_canceled_without_making_it(world) -> None:
    await world.asked()
    await cancel(world)
    await world.later(121)

    assert (await world.payment()).state is PaymentState.CANCELED
    assert [method for method, _, _, _ in world.stripe.requests] == ["GET"]
    assert world.stripe.intents == {}
    assert world.listener.heard == [("inv_1", "canceled")]


async def test_whoever_asks_again_after_a_crash_has_the_payment_opened_at_once(world) -> None:
    """Their first request was written down, and the service died before it asked, or before it heard."""
    await world.asked()
    world.start()
    again = await world.payments.open(await world.payment())

    assert again.state is PaymentState.SUCCEEDED
    assert (await world.payments.open(again)).intent_id == again.intent_id
    assert world.succeeded() == len(world.stripe.intents) == 1


async def test_an_open_payment_is_canceled_at_stripe(world) -> None:
    await world.paid(source=None)
    await cancel(world)
    await world.later(1)

    assert [one["status"] for one in world.stripe.intents.values()] == ["canceled"]
    assert world.listener.heard == [("inv_1", "canceled")]


async def test_money_that_was_faster_than_the_cancel_is_told(world) -> None:
    payment = await world.paid(source=None)
    world.stripe.settle(world.stripe.intents[payment.intent_id])
    await cancel(world)
    await world.later(1)

    assert world.listener.heard == [("inv_1", "succeeded")]


async def test_a_transfer_on_its_way_cannot_be_canceled_and_is_asked_about_again(world) -> None:
    payment = await world.paid(source="pm_usBankAccount")
    await cancel(world)
    await world.later(1)
    world.stripe.settle(world.stripe.intents[payment.intent_id])
    await world.later(HOUR_S)

    assert world.listener.heard == [("inv_1", "processing"), ("inv_1", "succeeded")]


@pytest.mark.parametrize("fault, ends", [("lost", "canceled"), ("applied_lost", "succeeded")])
async def test_a_cancel_while_the_answer_is_missing_first_finds_out(world, fault: str, ends: str) -> None:
    world.stripe.faults.append(fault)
    await world.paid()
    await cancel(world)
    for _ in range(5):
        await world.later(600)

    assert (await world.payment()).state == ends
    assert world.succeeded() == (ends == "succeeded")


async def test_a_cancel_does_not_overtake_the_request_that_is_on_its_way(world) -> None:
    world.stripe.hold = asyncio.Event()
    asked = await world.asked()
    opening = asyncio.create_task(world.payments.open(asked))
    await asyncio.wait_for(world.stripe.arrived.wait(), 10)
    await cancel(world)
    await world.later(5)
    assert (await world.payment()).state is PaymentState.REQUIRES_PAYMENT_METHOD

    world.stripe.hold.set()

    assert (await opening).state is PaymentState.SUCCEEDED
    await world.later(HOUR_S)
    assert world.listener.heard == [("inv_1", "succeeded")]


# Refunds


async def refund(world, reference: str = "inv_1"):
    payment = await world.payment(reference)
    async with world.store.write() as tx:
        return await world.payments.refund(tx, payment.id, reason="the room is gone")


async def test_a_refund_goes_out_once_and_its_end_is_told(world) -> None:
    await world.paid()
    first, second = await refund(world), await refund(world)
    assert first.id == second.id
    await world.later(1)
    (sent,) = world.stripe.refunds.values()
    assert sent["amount"] == 51_000
    world.stripe.move_refund(sent, "succeeded")
    await world.later(HOUR_S)

    assert world.listener.heard[1:] == [("inv_1", "refund", "pending"), ("inv_1", "refund", "succeeded")]


async def test_a_refund_that_stripe_refuses_is_told_as_failed(world) -> None:
    await world.paid()
    (intent,) = world.stripe.intents.values()
    world.stripe.create_refund({"payment_intent": intent["id"], "amount": "51000"})
    asked = await refund(world)
    await world.later(1)

    assert world.listener.heard[1:] == [("inv_1", "refund", "failed")]
    async with world.real_store.read() as tx:
        kept = await storage.refund(tx, asked.id)
    assert (kept.state, kept.failure) == (RefundState.FAILED, "charge_already_refunded")


async def test_what_was_not_paid_is_not_sent_back(world) -> None:
    await world.paid(source=None)

    with pytest.raises(NotPaid):
        await refund(world)
    async with world.store.write() as tx:
        with pytest.raises(NotFound):
            await world.payments.refund(tx, "pay_unknown", reason="x")


# Payouts


async def pay_out(world, **how):
    async with world.store.write() as tx:
        return await world.payments.pay_out(tx, world.wish(**how))


async def test_a_payout_is_transferred_once_and_told(world) -> None:
    first, second = await pay_out(world), await pay_out(world)
    assert first.id == second.id
    await world.later(1)
    await world.later(HOUR_S)

    (sent,) = world.stripe.transfers.values()
    assert (sent["amount"], sent["currency"], sent["destination"]) == (1_575, "usd", "acct_ana")
    assert world.listener.heard == [("TL-DIST-Q3-2025-1", "payout", "paid")]


async def test_what_one_round_has_taken_another_leaves(world) -> None:
    await pay_out(world)
    world.clock.advance(1)
    world.stripe.hold = asyncio.Event()
    first = asyncio.create_task(world.payments.run_due())
    await asyncio.wait_for(world.stripe.arrived.wait(), 10)

    too_late = await world.payments.run_due()
    now_us = world.clock.now_us()
    async with world.store.write() as tx:  # a round that had found it due before it was taken
        taken = await storage.take(
            tx, Payout, (await world.payout()).id, now_us=now_us, lease_until_us=now_us + 1
        )
    world.stripe.hold.set()

    assert (taken, too_late, await first) == (None, 0, 1)
    assert len(world.stripe.requests) == 1


async def test_without_an_account_at_stripe_a_payout_waits_and_holds_nobody_up(world) -> None:
    async with world.real_store.write() as tx:
        await tx.execute("DELETE FROM payees", {})
    await pay_out(world)
    for number in range(4):
        await pay_out(world, reference=f"other-{number}")
    await world.later(1)
    assert world.stripe.transfers == {}
    paid = await world.paid()
    assert paid.state is PaymentState.SUCCEEDED

    await world.payees.set_destination(world.ana, "acct_ana2")
    await world.later(HOUR_S)

    assert [one["destination"] for one in world.stripe.transfers.values()] == ["acct_ana2"] * 5


async def test_a_platform_without_money_pays_when_it_has_some(world) -> None:
    world.stripe.balance = 1_574
    await pay_out(world)
    await world.later(1)
    assert (await world.payout()).state is PayoutState.WAITING
    world.stripe.balance = 1_575

    await world.later(HOUR_S)

    assert (await world.payout()).state is PayoutState.PAID
    assert world.stripe.balance == 0


@pytest.mark.parametrize(
    "fault", ["lost", "applied_lost", "rate_limit", "internal", "applied_internal", "garbage"]
)
@pytest.mark.parametrize("keys", ["kept", "forgotten"])
async def test_no_fault_pays_twice_or_not_at_all(world, fault: str, keys: str) -> None:
    await world.paid()
    await refund(world)
    await pay_out(world)
    world.stripe.faults.extend([fault, fault])
    for _ in range(6):
        try:
            await world.later(700)
        except ProviderUnavailable:
            pytest.fail("two failures do not end a round")
        if keys == "forgotten":
            world.stripe.forget_keys()

    assert len(world.stripe.refunds) == len(world.stripe.transfers) == 1


async def test_a_question_that_is_refused_is_no_refused_transfer(world) -> None:
    await world.paid()
    await refund(world)
    await pay_out(world)
    world.stripe.faults.extend(["applied_lost"] * 2)
    world.stripe.get_faults.extend(["refused"] * 2)
    for _ in range(3):
        await world.later(HOUR_S)

    assert ("TL-DIST-Q3-2025-1", "payout", "paid") in world.listener.heard
    assert "failed" not in {heard[-1] for heard in world.listener.heard}
    assert len(world.stripe.refunds) == len(world.stripe.transfers) == 1


async def test_a_key_that_is_in_use_for_other_fields_is_waited_for(world) -> None:
    asked = await pay_out(world)
    world.stripe.kept[asked.id] = (("/v1/transfers", {"amount": "1"}), 200, {})
    await world.later(1)
    assert (await world.payout()).state is PayoutState.WAITING
    world.stripe.forget_keys()

    await world.later(HOUR_S)

    assert (await world.payout()).state is PayoutState.PAID


async def test_an_outage_ends_the_round_and_loses_nothing(world) -> None:
    for number in range(6):
        await pay_out(world, reference=f"r-{number}")
    world.stripe.faults.extend(["lost"] * 3)

    with pytest.raises(ProviderUnavailable):
        await world.later(1)
    assert world.stripe.transfers == {}
    await world.later(HOUR_S)

    assert len(world.stripe.transfers) == 6
