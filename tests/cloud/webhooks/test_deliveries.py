"""Deliveries to receivers that answer, fail, hang, redirect, vanish, and are gone."""

import asyncio
import hashlib
import hmac
import itertools
import json

from aiohttp import web
from msgspec import structs
from standardwebhooks import Webhook

from cloud.webhooks.model import DeliveryStatus, DisabledBecause
from shared.clock import SystemClock
from tests.cloud.webhooks.receiver import receiving

HOUR_S = 3_600


def verify_webhook(payload, signature, secret):  # the document's own, unchanged
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()

    return hmac.compare_digest(expected, signature)  # fmt: skip


async def test_a_delivery_is_as_documented(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    event_id = await world.invested(ana, step="completed")
    [came] = await receiver.wait_for(1)
    assert came.event == {
        "id": f"evt_{event_id}",
        "type": "investment.completed",
        "created_at": "2026-01-01T00:00:00Z",
        "data": {
            "investment_id": "inv_1",
            "project_id": "prj_sunrise_solar",
            "amount": 500,
            "user_id": ana.person.user_id,
        },
    }
    assert came.headers["content-type"] == "application/json"
    assert verify_webhook(came.body.decode(), came.headers["x-terralumina-signature"], made.secret)
    assert not verify_webhook(came.body.decode() + " ", came.headers["x-terralumina-signature"], made.secret)
    assert came.headers["webhook-id"] == f"evt_{event_id}"
    assert came.headers["webhook-timestamp"] == "1767225600"


async def test_the_standard_webhooks_library_verifies_it(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    # The library compares with the machine's own time.
    world.clock.advance((SystemClock().now_us() - world.clock.now_us()) / 1e6)
    await world.invested(ana)
    [came] = await receiver.wait_for(1)
    assert Webhook(made.secret).verify(came.body, came.headers) == came.event


async def test_only_2xx_is_success(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    for number, status in enumerate([301, 404, 500, 199 + 1], 1):
        receiver.status = status
        event_id = await world.invested(ana, number)
        delivery, attempts = await world.settled(ana, made, event_id, 1)
        is_success = status == 200
        assert (delivery.status is DeliveryStatus.DELIVERED) == is_success
        assert attempts[0].status_code == status
        assert (attempts[0].problem is None) == is_success


async def test_a_failing_receiver_is_tried_ten_times_over_75_hours(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    receiver.status = 503
    start_us = world.clock.now_us()
    event_id = await world.invested(ana)
    seen_h = []
    for tries in range(1, 11):
        delivery, attempts = await world.settled(ana, made, event_id, tries)
        seen_h.append((attempts[-1].at_us - start_us) / 1e6 / HOUR_S)
        assert len(receiver.came) == tries
        if delivery.due_at_us is not None:
            world.clock.advance((delivery.due_at_us - world.clock.now_us()) / 1e6 - 1)
            await asyncio.sleep(0.01)
            assert len(receiver.came) == tries
            world.clock.advance(1)
    assert delivery.status is DeliveryStatus.FAILED
    assert 0.9 * 75.5 < seen_h[-1] < 1.1 * 75.6
    # 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, each a tenth more or less.
    waits_s = [(after - before) * HOUR_S for before, after in itertools.pairwise(seen_h)]
    for wait_s, documented_s in zip(
        waits_s, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400], strict=True
    ):
        assert 0.899 * documented_s <= wait_s <= 1.101 * documented_s
    world.clock.advance(100 * HOUR_S)
    await asyncio.sleep(0.05)
    assert len(receiver.came) == 10
    assert len({came.body for came in receiver.came}) == 1
    assert len({came.headers["webhook-timestamp"] for came in receiver.came}) == 10


async def test_a_redirect_is_not_followed(world, ana, receiver) -> None:
    async with receiving() as elsewhere:

        async def away(_came) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": elsewhere.url})

        receiver.reply = away
        made = await world.endpoint(ana, receiver)
        event_id = await world.invested(ana)
        delivery, attempts = await world.settled(ana, made, event_id, 1)
        assert (attempts[0].status_code, delivery.status) == (302, DeliveryStatus.PENDING)
        assert elsewhere.came == []


async def test_one_that_hangs_is_left_and_keeps_nobody_waiting(world, ana, ben, receiver) -> None:
    async def hang(_came) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    world.parts.services.webhook_sender._egress._timeout_s = 0.5
    receiver.reply = hang
    made = await world.endpoint(ana, receiver)
    async with receiving() as good:
        await world.endpoint(ben, good)
        for number in range(20):
            event_id = await world.invested(ana, number)
        await receiver.wait_for(4)
        assert len(receiver.came) == 4
        await world.invested(ben)
        await good.wait_for(1)
        assert len(receiver.came) <= 8
    _, attempts = await world.settled(ana, made, event_id, 1)
    assert (attempts[0].status_code, attempts[0].problem) == (None, "no answer within 0.5 s")


async def test_a_body_without_end_is_read_to_its_bound(world, ana, receiver) -> None:
    receiver.pours = True
    made = await world.endpoint(ana, receiver)
    event_id = await world.invested(ana)
    _, attempts = await world.settled(ana, made, event_id, 1)
    assert (attempts[0].status_code, attempts[0].excerpt) == (200, "x" * 500)


async def test_an_answer_410_disables_at_once(world, ana, receiver) -> None:
    receiver.status = 410
    made = await world.endpoint(ana, receiver)
    event_id = await world.invested(ana)
    await world.settled(ana, made, event_id, 1)
    endpoint = await world.webhooks.endpoint(ana.manager, made.endpoint.id)
    assert endpoint.disabled_because is DisabledBecause.GONE
    await world.invested(ana, 2)
    world.clock.advance(100 * HOUR_S)
    await asyncio.sleep(0.05)
    assert len(receiver.came) == 1
    receiver.status = 200
    await world.webhooks.enable(ana.manager, made.endpoint.id)
    await world.delivered(ana, made, event_id)
    assert [came.id for came in receiver.came] == [f"evt_{event_id}"] * 2


async def test_five_failing_days_disable(world, ana, receiver) -> None:
    receiver.status = 500
    made = await world.endpoint(ana, receiver)
    event_id = await world.invested(ana, 0)
    await world.settled(ana, made, event_id, 1)
    world.clock.advance(5 * 24 * HOUR_S - 1)
    event_id = await world.invested(ana, 1)
    await world.settled(ana, made, event_id, 1)
    assert (await world.webhooks.endpoint(ana.manager, made.endpoint.id)).disabled_at_us is None
    world.clock.advance(1)
    event_id = await world.invested(ana, 2)
    await world.settled(ana, made, event_id, 1)
    endpoint = await world.webhooks.endpoint(ana.manager, made.endpoint.id)
    assert endpoint.disabled_because is DisabledBecause.FAILING


async def test_a_success_between_begins_the_days_anew(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    for number, status in enumerate([500, 200, 500, 500]):
        receiver.status = status
        event_id = await world.invested(ana, number)
        await world.settled(ana, made, event_id, 1)
        world.clock.advance(2.4 * 24 * HOUR_S)
    assert (await world.webhooks.endpoint(ana.manager, made.endpoint.id)).disabled_at_us is None


async def test_what_happens_to_one_object_arrives_in_order_and_others_go_on(world, ana, receiver) -> None:
    refused = True

    async def refuse_the_first(came) -> web.StreamResponse:
        is_first = (
            came.event["type"] == "investment.created" and came.event["data"]["investment_id"] == "inv_1"
        )
        return web.Response(status=500 if refused and is_first else 200)

    receiver.reply = refuse_the_first
    made = await world.endpoint(ana, receiver)
    created = await world.invested(ana, 1, "created")
    completed = await world.invested(ana, 1, "completed")
    other = await world.invested(ana, 2, "created")
    await world.delivered(ana, made, other)
    await world.settled(ana, made, created, 1)
    assert f"evt_{completed}" not in {came.id for came in receiver.came}
    refused = False
    world.clock.advance(6)
    await world.delivered(ana, made, completed)
    order = [came.id for came in receiver.came if came.event["data"]["investment_id"] == "inv_1"]
    assert order == [f"evt_{created}", f"evt_{created}", f"evt_{completed}"]


async def test_a_rotated_secret_is_good_beside_the_old_one_for_a_day(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    now = (SystemClock().now_us() - world.clock.now_us()) / 1e6
    world.clock.advance(now)
    again = await world.webhooks.rotate_secret(ana.manager, made.endpoint.id)
    await world.invested(ana, 1)
    [came] = await receiver.wait_for(1)
    for secret in (made.secret, again.secret):
        Webhook(secret).verify(came.body, came.headers)
    assert verify_webhook(came.body.decode(), came.headers["x-terralumina-signature"], again.secret)
    world.clock.advance(24 * HOUR_S)
    await world.invested(ana, 2)
    [_, came] = await receiver.wait_for(2)
    assert len(came.headers["webhook-signature"].split()) == 1


async def test_a_receiver_that_has_only_the_old_secret_still_takes_it_meanwhile(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)

    async def check(came) -> web.StreamResponse:
        signature = came.headers["x-terralumina-signature"]
        is_valid = verify_webhook(came.body.decode(), signature, made.secret)
        return web.Response(status=200 if is_valid else 401)

    receiver.reply = check
    await world.webhooks.rotate_secret(ana.manager, made.endpoint.id)
    event_id = await world.invested(ana)
    await world.delivered(ana, made, event_id)
    assert len(receiver.came) == 2


async def test_a_person_hears_of_themselves_and_of_projects(world, ana, ben, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    await world.invested(ben)
    public = await world.announce("project.funded", {"project_id": "prj_x"})
    own = await world.invested(ana)
    await world.delivered(ana, made, public)
    await world.delivered(ana, made, own)
    assert {came.id for came in receiver.came} == {f"evt_{public}", f"evt_{own}"}


async def test_only_chosen_events_are_sent_and_a_failed_investment_never(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver, events=["investment.completed"])
    await world.invested(ana, 1, "created")
    await world.invested(ana, 1, "failed")
    wanted = await world.invested(ana, 1, "completed")
    await world.delivered(ana, made, wanted)
    assert [came.id for came in receiver.came] == [f"evt_{wanted}"]


async def test_what_was_tried_since_it_was_found_due_is_not_sent_again(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    event_id = await world.invested(ana)
    await world.delivered(ana, made, event_id)
    tried, _ = await world.deliveries.attempts_of(ana.manager, made.endpoint.id, event_id)
    found_due = structs.replace(tried, status=DeliveryStatus.PENDING, due_at_us=tried.created_at_us)

    assert await world.deliveries.sending(found_due) is None
    now, attempts = await world.deliveries.attempts_of(ana.manager, made.endpoint.id, event_id)
    assert (now, len(attempts)) == (tried, 1)


async def test_a_disabled_endpoint_hears_nothing_of_what_another_hears(world, ana, receiver) -> None:
    disabled = await world.endpoint(ana, receiver)
    await world.webhooks.disable(ana.manager, disabled.endpoint.id)
    other = await world.endpoint(ana, receiver, events=["investment.completed"])
    await world.invested(ana, 1, "created")
    await world.delivered(ana, other, await world.invested(ana, 1, "completed"))
    _, total = await world.deliveries.deliveries_of(
        ana.manager, disabled.endpoint.id, before=10**18, limit=100
    )
    assert total == 0


async def test_what_was_delivered_can_be_sent_again(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    event_id = await world.invested(ana)
    await world.delivered(ana, made, event_id)
    await world.deliveries.resend(ana.manager, made.endpoint.id, event_id)
    first, second = await receiver.wait_for(2)
    assert (first.id, first.body) == (second.id, second.body)
    _, attempts = await world.settled(ana, made, event_id, 2)
    assert [(one.number, one.excerpt) for one in attempts] == [(1, "thanks "), (2, "thanks ")]


async def test_what_is_sent_again_hurries_no_later_event_of_the_same_object(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    created = await world.invested(ana, 1, "created")
    await world.delivered(ana, made, created)
    receiver.status = 500
    completed = await world.invested(ana, 1, "completed")
    waiting, _ = await world.settled(ana, made, completed, 1)
    receiver.status = 200

    await world.deliveries.resend(ana.manager, made.endpoint.id, created)
    await world.settled(ana, made, created, 2)

    still, attempts = await world.settled(ana, made, completed, 1)
    assert (still, len(attempts)) == (waiting, 1)
    assert waiting.due_at_us > world.clock.now_us()


async def test_a_secret_is_sealed_in_the_database(world, ana, receiver) -> None:
    made = await world.endpoint(ana, receiver)
    async with world.parts.store.read() as tx:
        kept = await tx.fetch_value("SELECT sealed FROM webhook_secrets")
    assert made.secret not in kept
    assert made.secret.removeprefix("whsec_") not in kept
    assert made.secret not in repr(made)
    assert json.dumps(kept)
