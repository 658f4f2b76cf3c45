"""The process ends before or after every commit and every call: nothing is paid twice, nothing is lost."""

import pytest

from cloud.payments.errors import ProviderUnavailable
from cloud.payments.model import PaymentState, PayoutState
from tests.cloud.payments.world import Died

POINTS_MAX = 60


async def settle(world) -> None:
    """Everything that is due, until nothing is left."""
    for _ in range(8):
        world.clock.advance(700)
        try:
            await world.payments.run_due()
        except ProviderUnavailable:
            continue
        for one in list(world.stripe.refunds.values()):
            if one["status"] == "pending":
                world.stripe.move_refund(one, "succeeded")


@pytest.mark.parametrize("fault", ["none", "lost", "applied_lost", "applied_internal"])
async def test_at_every_point_once(world, fault: str) -> None:
    died = 0
    for point in range(1, POINTS_MAX):
        world.stripe.faults.clear()
        world.stripe.intents.clear()
        world.stripe.refunds.clear()
        world.stripe.transfers.clear()
        world.listener.heard.clear()
        reference = f"inv_{fault}_{point}"
        payout_reference = f"out_{fault}_{point}"
        world.start(dies_at=point)
        world.stripe.faults.extend([fault] * 2)
        try:
            await story(world, reference, payout_reference)
        except Died:
            died += 1
        ended = world.life.points < point
        world.start()
        await story(world, reference, payout_reference)  # the caller repeats with the same references
        await settle(world)

        assert world.succeeded() == 1, point
        assert len(world.stripe.intents) == 1, point
        assert len(world.stripe.refunds) == 1, point
        assert len(world.stripe.transfers) == 1, point
        assert (await world.payment(reference)).state is PaymentState.SUCCEEDED, point
        assert (await world.payout(payout_reference)).state is PayoutState.PAID, point
        heard = world.listener.heard
        assert heard.count((reference, "succeeded")) == 1, (point, heard)
        assert heard.count((reference, "refund", "succeeded")) == 1, (point, heard)
        assert heard.count((payout_reference, "payout", "paid")) == 1, (point, heard)
        if ended:
            break
    assert died == point - 1
    assert died >= 15


async def story(world, reference: str, payout_reference: str) -> None:
    """Charge, open, refund, pay out: what a living process does."""
    payment = await world.paid(reference)
    for _ in range(3):
        await run(world)
        payment = await world.payment(reference)
    if payment.state is PaymentState.SUCCEEDED:
        async with world.store.write() as tx:
            await world.payments.refund(tx, payment.id, reason="the room is gone")
    async with world.store.write() as tx:
        await world.payments.pay_out(tx, world.wish(payout_reference))
    await run(world)


async def run(world) -> None:
    world.clock.advance(130)
    try:
        await world.payments.run_due()
    except ProviderUnavailable:
        return
