"""`POST /webhooks/stripe` of the whole service: taken once, in any order, from Stripe alone."""

import asyncio
import json

import httpx
import msgspec
import pytest

from cloud.payments.model import Charge, PaymentState
from tests.cloud.payments.stripe_server import SECRET_KEY, WEBHOOK_SECRET, Stripe, StripeServer, signed
from tests.cloud.payments.world import Listener

JSON = "application/json; charset=utf-8"


@pytest.fixture
async def stripe(clock):
    server = StripeServer(Stripe(clock))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def settings(settings, stripe):
    return msgspec.structs.replace(
        settings,
        payments_provider="stripe",
        stripe_secret_key=SECRET_KEY,
        stripe_webhook_secret=WEBHOOK_SECRET,
        stripe_url=stripe.url,
    )


class Site:
    """The service with one payment under way at Stripe."""

    def __init__(self, client, parts, stripe, clock) -> None:
        self.client, self.parts, self.stripe, self.clock = client, parts, stripe, clock
        self.listener = Listener()
        parts.services.payments.tell(self.listener)
        parts.services.payments.tell_of_payouts(self.listener)

    async def begin(self, source: str | None = None) -> dict:
        s = self.parts.services
        async with self.parts.store.write() as tx:
            account = await s.ledger.open_account(tx)
            charge = Charge(
                reference="inv_1", account=account, amount_minor=51_000, currency="USD", source=source
            )
            payment = await s.payments.charge(tx, charge)
        self.payment = await s.payments.open(payment)
        self.listener.heard.clear()
        return self.stripe.intents[self.payment.intent_id]

    async def send(
        self,
        event: dict | bytes,
        *,
        at_s: int | None = None,
        secret: str = WEBHOOK_SECRET,
        content_type: str = JSON,
        **headers: str,
    ) -> httpx.Response:
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        sign = signed(body, at_s=self.stripe.now_s() if at_s is None else at_s, secret=secret)
        return await self.client.post(
            "/webhooks/stripe",
            content=body,
            headers={"Stripe-Signature": sign, "Content-Type": content_type} | headers,
        )

    async def state(self) -> PaymentState:
        async with self.parts.store.read() as tx:
            return (await self.parts.services.payments.payment(tx, self.payment.id)).state

    async def notices(self) -> int:
        async with self.parts.store.read() as tx:
            return await tx.fetch_value("SELECT COUNT(*) FROM provider_notices")


@pytest.fixture
async def site(client, parts, stripe, clock):
    return Site(client, parts, stripe.stripe, clock)


async def test_news_are_taken_and_told(site) -> None:
    intent = await site.begin()

    answer = await site.send(site.stripe.settle(intent))

    assert (answer.status_code, answer.content) == (204, b"")
    assert await site.state() is PaymentState.SUCCEEDED
    assert site.listener.heard == [("inv_1", "succeeded")]


async def test_a_replay_is_answered_and_changes_nothing(site) -> None:
    event = site.stripe.settle(await site.begin())

    answers = await asyncio.gather(*(site.send(event) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {204}
    assert site.listener.heard == [("inv_1", "succeeded")]
    assert await site.notices() == 1


async def test_the_same_news_under_another_id_are_told_once(site) -> None:
    event = site.stripe.settle(await site.begin())

    await site.send(event)
    await site.send(event | {"id": "evt_other"})

    assert site.listener.heard == [("inv_1", "succeeded")]


async def test_in_reverse_order_the_end_is_the_same(site) -> None:
    intent = await site.begin()
    site.clock.advance(1)
    site.stripe.confirm(intent, "pm_card_authenticationRequired", "https://x")
    site.clock.advance(1)
    site.stripe.confirm(intent, "pm_usBankAccount")
    site.clock.advance(1)
    site.stripe.settle(intent)

    for event in reversed(site.stripe.events):
        assert (await site.send(event)).status_code == 204

    assert await site.state() is PaymentState.SUCCEEDED
    assert site.listener.heard == [("inv_1", "succeeded")]


async def test_a_listener_that_fails_has_the_event_come_again(site) -> None:
    event = site.stripe.settle(await site.begin())
    site.listener.fails = 1

    assert (await site.send(event)).status_code == 500
    assert await site.state() is PaymentState.REQUIRES_PAYMENT_METHOD
    assert await site.notices() == 0
    assert (await site.send(event)).status_code == 204

    assert site.listener.heard == [("inv_1", "succeeded")]


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "whsec_forged"},
        {"at_s": 1_767_225_600 - 301},
        {"at_s": 1_767_225_600 + 301},
        {"Stripe-Signature": ""},
        {"Stripe-Signature": "t=1767225600,v1=00"},
    ],
    ids=["forged", "old", "future", "unsigned", "wrong"],
)
async def test_what_stripe_did_not_sign_just_now_is_refused(site, how: dict) -> None:
    event = site.stripe.settle(await site.begin())

    answer = await site.send(event, **how)

    assert answer.status_code == 400
    assert await site.state() is PaymentState.REQUIRES_PAYMENT_METHOD
    assert await site.notices() == 0


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_content_type_is_refused(site, content_type: str) -> None:
    event = site.stripe.settle(await site.begin())

    assert (await site.send(event, content_type=content_type)).status_code == 415
    assert await site.notices() == 0


async def test_a_huge_body_is_refused(site) -> None:
    assert (await site.send(b'{"id": "' + b"x" * 1_100_000 + b'"}')).status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\xff", b'{"id": 1}', b"[" * 100_000, b'{"id":"e","type":"t","created":1}']
)
async def test_a_signed_body_that_is_no_event_is_refused(site, body: bytes) -> None:
    assert (await site.send(body)).status_code == 400


async def test_events_of_others_are_taken_and_do_nothing(site) -> None:
    intent = await site.begin()
    others = [
        ("customer.created", {"object": "customer", "id": "cus_1"}),
        ("payment_intent.succeeded", intent | {"metadata": {}, "status": "succeeded"}),
        ("payment_intent.succeeded", intent | {"metadata": {"payment_id": "pay_unknown"}}),
        ("refund.updated", {"object": "refund", "id": "re_1", "status": "succeeded"}),
        ("payout.paid", {"object": "payout", "id": "po_1"}),
    ]

    for type_, thing in others:
        assert (await site.send(site.stripe.event(type_, thing))).status_code == 204

    assert site.listener.heard == []
    assert await site.notices() == len(others)


@pytest.mark.parametrize(
    "change", [{"id": "pi_other"}, {"amount": 1}, {"currency": "eur"}, {"amount_received": 1}]
)
async def test_news_that_contradict_what_was_asked_for_settle_nothing(site, change: dict, caplog) -> None:
    event = site.stripe.settle(await site.begin())
    event["data"]["object"] |= change

    assert (await site.send(event)).status_code == 204

    assert await site.state() is PaymentState.REQUIRES_PAYMENT_METHOD
    assert "contradict" in caplog.text


async def test_a_refund_that_fails_late_is_told(site) -> None:
    await site.begin("pm_card_visa")
    s = site.parts.services
    async with site.parts.store.write() as tx:
        await s.payments.refund(tx, site.payment.id, reason="the room is gone")
    await s.payments.run_due()
    (refund,) = site.stripe.refunds.values()

    await site.send(site.stripe.move_refund(refund, "succeeded"))
    await site.send(site.stripe.move_refund(refund, "failed"))

    assert [what[-1] for what in site.listener.heard] == ["pending", "succeeded", "failed"]


async def test_a_webhook_that_never_came_is_healed_by_the_job(site) -> None:
    site.stripe.settle(await site.begin())
    assert await site.state() is PaymentState.REQUIRES_PAYMENT_METHOD

    for _ in range(200):  # the service's own job, on the clock that the test moves
        site.clock.advance(1)
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while await site.state() is not PaymentState.SUCCEEDED:
            site.clock.advance(1)
            await asyncio.sleep(0.01)

    assert site.listener.heard == [("inv_1", "succeeded")]


async def test_webhooks_are_not_counted_as_calls(client, parts, site) -> None:
    answer = await site.send(site.stripe.settle(await site.begin()))

    assert not [name for name in answer.headers if "ratelimit" in name.lower()]


async def test_the_sandboxs_pages_do_not_exist_beside_stripe(site, client) -> None:
    assert (await client.get("/sandbox/payments/pi_1")).status_code == 404
    assert (await client.get("/sandbox/kyc/run_1")).status_code == 404
