"""What failed is sent again when an administrator says so, and nothing is paid twice."""

import asyncio
import json
from urllib.parse import parse_qs

import pytest

from cloud.errors import NotFound
from cloud.payments.errors import ProviderUnavailable
from cloud.payments.model import PayoutState
from cloud.payments.retries import NotFailed
from tests.cloud.payments.stripe_server import signed

HOUR_S = 3_600
REFERENCE = "TL-DIST-Q3-2025-1"


async def refunded(world) -> dict:
    """A refund that Stripe has."""
    payment = await world.paid()
    async with world.store.write() as tx:
        await world.payments.refund(tx, payment.id, reason="the room is gone")
    await world.later(1)
    (sent,) = world.stripe.refunds.values()
    return sent


async def refund_that_failed(world):
    world.stripe.move_refund(await refunded(world), "failed")
    await world.later(HOUR_S)
    (failed,) = await world.payments.failed()
    return failed


async def paid_out(world) -> dict:
    async with world.store.write() as tx:
        await world.payments.pay_out(tx, world.wish())
    await world.later(1)
    (sent,) = world.stripe.transfers.values()
    return sent


async def payout_that_failed(world):
    news = world.stripe.reverse(await paid_out(world))
    await notice(world, news)
    (failed,) = await world.payments.failed()
    return failed


async def notice(world, event: dict) -> None:
    """A webhook of Stripe."""
    body = json.dumps(event).encode()
    headers = {"stripe-signature": signed(body, at_s=world.stripe.now_s())}
    await world.payments.take(headers, body)


def keys(world, path: str) -> list[str]:
    return [
        h["Idempotency-Key"] for method, p, h, _ in world.stripe.requests if (method, p) == ("POST", path)
    ]


async def test_a_refund_that_failed_is_listed_and_sent_again_under_a_new_key(world) -> None:
    failed = await refund_that_failed(world)
    again = await world.payments.retry(failed.id)
    assert await world.payments.failed() == []
    await world.later(1)
    world.stripe.move_refund(list(world.stripe.refunds.values())[-1], "succeeded")
    await world.later(HOUR_S)

    assert keys(world, "/v1/refunds") == [failed.id, f"{failed.id}.2"]
    assert (again.id, again.attempt) == (failed.id, 2)
    assert [one["status"] for one in world.stripe.refunds.values()] == ["failed", "succeeded"]
    assert [heard[2] for heard in world.listener.heard[1:]] == ["pending", "failed", "pending", "succeeded"]


async def test_a_payout_that_was_reversed_is_sent_again_under_a_new_key(world) -> None:
    failed = await payout_that_failed(world)
    assert (failed.failure, failed.purpose) == ("reversed", REFERENCE)
    await world.payments.retry(failed.id)
    world.stripe.forget_keys()
    await world.later(1)
    await world.later(HOUR_S)

    assert keys(world, "/v1/transfers") == [failed.id, f"{failed.id}.2"]
    assert [one["reversed"] for one in world.stripe.transfers.values()] == [True, False]
    assert (await world.payout()).state is PayoutState.PAID
    assert [heard[2] for heard in world.listener.heard] == ["paid", "failed", "paid"]


async def test_what_stripe_refused_never_arrived_and_is_sent_again(world) -> None:
    payment = await world.paid()
    (intent,) = world.stripe.intents.values()
    by_hand = world.stripe.create_refund({"payment_intent": intent["id"], "amount": "51000"})
    async with world.store.write() as tx:
        await world.payments.refund(tx, payment.id, reason="the room is gone")
    await world.later(1)
    (failed,) = await world.payments.failed()
    assert failed.failure == "charge_already_refunded"
    world.stripe.move_refund(by_hand, "failed")

    await world.payments.retry(failed.id)
    await world.later(1)

    sent = parse_qs(world.stripe.requests[-1][3])
    assert sent["metadata[refund_id]"] == [f"{failed.id}.2"]
    assert list(world.stripe.refunds.values())[-1]["status"] == "pending"


async def test_an_answer_that_is_lost_is_asked_for_and_nothing_is_paid_twice(world) -> None:
    failed = await payout_that_failed(world)
    await world.payments.retry(failed.id)
    world.stripe.faults.append("applied_lost")
    await world.later(1)
    world.stripe.forget_keys()
    await world.later(HOUR_S)

    assert [one["reversed"] for one in world.stripe.transfers.values()] == [True, False]
    assert (await world.payout()).state is PayoutState.PAID


async def test_of_two_who_send_it_again_at_once_one_does(world) -> None:
    failed = await payout_that_failed(world)
    ends = await asyncio.gather(*(world.payments.retry(failed.id) for _ in range(2)), return_exceptions=True)
    await world.later(1)

    assert sorted(type(end).__name__ for end in ends) == ["NotFailed", "Payout"]
    assert len(world.stripe.transfers) == 2


async def test_news_of_the_attempt_that_is_over_change_nothing(world) -> None:
    failed = await payout_that_failed(world)
    await world.payments.retry(failed.id)
    before = await world.payout()

    for type_, reversed_ in (("transfer.created", False), ("transfer.reversed", True)):
        transfer = next(iter(world.stripe.transfers.values()))
        await notice(world, world.stripe.event(type_, transfer | {"reversed": reversed_}))

    assert await world.payout() == before
    assert before.state is PayoutState.WAITING


async def test_news_of_a_refund_that_is_over_change_nothing(world) -> None:
    failed = await refund_that_failed(world)
    (earlier,) = world.stripe.refunds.values()
    await world.payments.retry(failed.id)
    heard = list(world.listener.heard)

    for status in ("succeeded", "failed"):
        await notice(world, world.stripe.event("refund.updated", earlier | {"status": status}))

    assert world.listener.heard == heard
    assert await world.payments.failed() == []


async def test_what_the_provider_does_not_call_failed_is_not_sent_again(world) -> None:
    failed = await payout_that_failed(world)
    (transfer,) = world.stripe.transfers.values()
    transfer["reversed"] = False
    with pytest.raises(NotFailed, match="which is paid"):
        await world.payments.retry(failed.id)

    world.stripe.transfers.clear()
    with pytest.raises(NotFailed, match="no longer knows"):
        await world.payments.retry(failed.id)

    world.stripe.get_faults.append("internal")
    with pytest.raises(ProviderUnavailable):
        await world.payments.retry(failed.id)
    assert await world.payments.failed() == [failed]


async def test_what_another_provider_sent_is_not_asked_of_this_one(world) -> None:
    failed = await payout_that_failed(world)
    async with world.real_store.write() as tx:
        await tx.execute("UPDATE payouts SET provider = 'sandbox'")

    with pytest.raises(NotFailed, match="sandbox"):
        await world.payments.retry(failed.id)


async def test_what_did_not_fail_is_not_sent_again(world) -> None:
    sent = await paid_out(world)
    for id_, error in ((sent["metadata"]["payout_id"], NotFailed), ("po_unknown", NotFound)):
        with pytest.raises(error):
            await world.payments.retry(id_)
    assert await world.payments.failed() == []
