"""The way of one investment: placed, paid, failed, sent back; every balance by hand."""

import pytest
from msgspec import structs

from cloud.errors import InvalidFields
from cloud.investments.errors import NoSuchInvestment
from cloud.investments.model import InvestmentFilter
from cloud.kit.idempotency import Call, IdempotencyConflict, Once
from cloud.kyc.errors import KycRequired
from cloud.ledger.model import SystemAccount, ownership
from cloud.payments.model import PaymentState, RefundNews, RefundState
from cloud.payments.sandbox import Choice
from cloud.projects.errors import InvestmentUnavailable, NoSuchProject
from tests.cloud.investing import VISA

HALF_HOUR_S = 1_800


@pytest.fixture
async def ana(world):
    await world.add_project()
    return await world.person(1)


def key(name: str, body: str = "a", *, account: str) -> Once:
    return Once(Call(account, "POST /v1/investments", name, body, 1_767_225_600_000_000))


async def test_nothing_is_owned_before_the_payment_succeeds(world, ana):
    placement = await world.place(ana, "500.00")

    assert placement.investment.status == "pending"
    assert placement.state is PaymentState.REQUIRES_PAYMENT_METHOD
    assert placement.intent_id.startswith("pi_")
    assert placement.client_secret
    assert placement.redirect_url.startswith("http://127.0.0.1/")
    project = await world.project()
    assert (project.room.raised_minor, project.room.reserved_minor) == (0, 50_000)
    assert project.investor_count == 0
    assert await world.tokens(ana) == 0
    assert await world.paid_in() == 0


async def test_a_payment_that_succeeds_makes_an_owner(world, ana):
    placement = await world.place(ana, "500.00")

    world.clock.advance(60)
    await world.choose(placement)

    found = await world.investment(placement, ana)
    assert (found.status, found.completed_at_us - found.created_at_us) == ("completed", 60_000_000)
    assert await world.tokens(ana) == 1_923_076_923
    assert await world.paid_in() == 51_000
    assert await world.balance(SystemAccount.FEES) == 1_000
    own = await world.project_account()
    assert await world.balance(own) == 50_000
    assert await world.balance(own, ownership("prj_sunrise_solar")) == 250_000_000_000_000 - 1_923_076_923
    project = await world.project()
    assert (project.room.raised_minor, project.room.reserved_minor) == (50_000, 0)
    assert project.investor_count == 1
    await world.check_books()


async def test_somebody_who_invests_again_is_one_investor(world, ana):
    ben = await world.person(2)

    await world.invest(ana, "500.00")
    await world.invest(ana, "100.00")
    await world.invest(ben, "26.00")

    assert (await world.project()).investor_count == 2
    assert await world.tokens(ana) == 1_923_076_923 + 384_615_384
    async with world.store.read() as tx:
        (position,) = await world.investments.positions(tx, ana.account)
    assert (position.invested_minor, position.investment_count) == (60_000, 2)


async def test_whoever_is_not_verified_invests_nothing(world, ana):
    stranger = await world.person(9, is_verified=False)

    with pytest.raises(KycRequired):
        await world.place(stranger, "500.00")

    assert (await world.project()).room.reserved_minor == 0


@pytest.mark.parametrize(
    "amount,currency,field",
    [("9.99", None, "amount"), ("100000.01", None, "amount"), ("10", "EUR", "currency")],
)
async def test_what_the_project_does_not_take_is_named(world, ana, amount, currency, field):
    with pytest.raises(InvalidFields) as refused:
        await world.place(ana, amount, currency=currency)

    assert set(refused.value.details) == {field}


async def test_an_unknown_project_is_unknown(world, ana):
    with pytest.raises(NoSuchProject):
        await world.place(ana, "500.00", "prj_atlantis")


@pytest.mark.parametrize("why", ["closed", "deadline", "room"])
async def test_a_project_that_takes_no_money_says_so(world, ana, why):
    if why == "closed":
        await world.add_project("prj_b", accepts_investments=False)
    elif why == "deadline":
        await world.add_project("prj_b")
        world.at("2026-12-15T23:59:59Z")
    else:
        await world.add_project("prj_b", financial={"target_amount": 499.99})

    with pytest.raises(InvestmentUnavailable):
        await world.place(ana, "500.00", "prj_b")


async def test_a_declined_try_stays_pending_until_it_is_retried(world, ana):
    placement = await world.place(ana, "500.00", source="pm_card_chargeDeclined")
    assert (placement.investment.status, placement.decline_code) == ("pending", "card_declined")
    assert placement.redirect_url is not None

    await world.choose(placement, Choice.DECLINE)
    assert (await world.investment(placement, ana)).status == "pending"
    await world.choose(placement, Choice.PAY)

    assert (await world.investment(placement, ana)).status == "completed"
    await world.check_books()


async def test_a_canceled_payment_fails_the_investment_and_frees_the_room(world, ana):
    placement = await world.place(ana, "500.00")

    await world.choose(placement, Choice.CANCEL)

    found = await world.investment(placement, ana)
    assert (found.status, found.failure, found.refund) == ("failed", "canceled", None)
    assert (await world.project()).room.reserved_minor == 0
    assert await world.tokens(ana) == 0
    (told,) = await world.announced("investment.failed")
    assert (told["reason"], told["is_refunded"], told["user_id"]) == ("canceled", False, "usr_1")


async def test_room_that_was_not_paid_for_is_free_after_half_an_hour(world, ana):
    placement = await world.place(ana, "500.00")

    world.clock.advance(HALF_HOUR_S - 1)
    await world.investments.expire_due()
    assert (await world.project()).room.reserved_minor == 50_000
    world.clock.advance(1)
    await world.investments.expire_due()
    await world.investments.expire_due()

    assert (await world.project()).room.reserved_minor == 0
    found = await world.investment(placement, ana)
    assert (found.status, found.failure) == ("failed", "expired")
    assert len(await world.announced("investment.failed")) == 1
    await world.payments.run_due()
    assert (await world.provider.intent(placement.intent_id)).state is PaymentState.CANCELED


async def test_a_hundred_that_expire_together_all_go(world, ana):
    placements = [await world.place(ana, "10.00") for _ in range(101)]
    world.clock.advance(HALF_HOUR_S)

    await world.investments.expire_due()

    assert (await world.project()).room.reserved_minor == 0
    assert {(await world.investment(one, ana)).status for one in placements} == {"failed"}


async def test_paid_before_the_job_came_is_in_time(world, ana):
    placement = await world.place(ana, "500.00")
    world.clock.advance(2 * HALF_HOUR_S)

    await world.choose(placement)
    await world.investments.expire_due()

    assert (await world.investment(placement, ana)).status == "completed"
    assert (await world.project()).room.raised_minor == 50_000


async def test_money_that_comes_when_the_room_is_gone_is_sent_back_and_told(world, ana):
    placement = await world.place(ana, "500.00")
    world.clock.advance(HALF_HOUR_S)
    await world.provider.choose(placement.intent_id, Choice.PAY)  # not heard of yet
    await world.investments.expire_due()

    await world.payments.run_due()

    found = await world.investment(placement, ana)
    assert (found.status, found.refund) == ("failed", "owed")
    assert await world.balance(f"{ana.account}/refund") == 51_000
    await world.pay_out()

    assert (await world.investment(placement, ana)).refund == "paid"
    assert await world.balance(f"{ana.account}/refund") == 0
    assert await world.paid_in() == 0
    assert await world.tokens(ana) == 0
    assert (await world.project()).room.raised_minor == 0
    assert [told["is_refunded"] for told in await world.announced("investment.failed")] == [False, True]
    await world.check_books()


async def test_late_money_that_is_told_twice_is_sent_back_once(world, ana):
    placement = await world.place(ana, "500.00")
    world.clock.advance(HALF_HOUR_S)
    await world.provider.choose(placement.intent_id, Choice.PAY)
    await world.investments.expire_due()
    await world.payments.run_due()
    async with world.store.read() as tx:
        payment = await world.payments.payment_of(tx, placement.investment.id)

    async with world.store.write() as tx:
        await world.investments.payment_changed(tx, payment)

    assert await world.balance(f"{ana.account}/refund") == 51_000
    async with world.store.read() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM refunds") == 1


async def test_a_refund_that_is_told_twice_has_left_once(world, ana):
    placement = await world.place(ana, "500.00")
    world.clock.advance(HALF_HOUR_S)
    await world.provider.choose(placement.intent_id, Choice.PAY)
    await world.investments.expire_due()
    await world.pay_out()
    async with world.store.write() as tx:
        payment = await world.payments.payment_of(tx, placement.investment.id)
        refund = await world.payments.refund(tx, payment.id, reason="it is there already")

    async with world.store.write() as tx:
        await world.investments.refund_changed(tx, refund, payment)

    assert refund.state is RefundState.SUCCEEDED
    assert await world.balance(f"{ana.account}/refund") == 0
    assert await world.paid_in() == 0


async def test_a_refund_that_fails_after_it_arrived_is_owed_again_until_it_is_sent_again(world, ana):
    placement = await world.place(ana, "500.00")
    world.clock.advance(HALF_HOUR_S)
    await world.provider.choose(placement.intent_id, Choice.PAY)
    await world.investments.expire_due()
    await world.pay_out()
    async with world.store.write() as tx:
        payment = await world.payments.payment_of(tx, placement.investment.id)
        refund = await world.payments.refund(tx, payment.id, reason="it is there already")
        await tx.execute("UPDATE refunds SET state = 'failed', failure = 'lost_or_stolen_card'")
        failed = structs.replace(refund, state=RefundState.FAILED)
        for _ in range(2):
            await world.investments.refund_changed(tx, failed, payment)

    assert (await world.investment(placement, ana)).refund == "owed"
    assert await world.balance(f"{ana.account}/refund") == 51_000
    await world.check_books()

    async def fails(refund):
        return RefundNews(id=refund.provider_id, refund_id=refund.key, state=RefundState.FAILED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.provider, "find_refund", fails)
        await world.payments.retry(refund.id)
    await world.pay_out()

    assert (await world.investment(placement, ana)).refund == "paid"
    assert await world.balance(f"{ana.account}/refund") == 0
    assert await world.paid_in() == 0
    await world.check_books()


async def test_news_that_come_twice_change_nothing(world, ana):
    placement = await world.place(ana, "500.00")
    await world.choose(placement)
    async with world.store.read() as tx:
        payment = await world.payments.payment_of(tx, placement.investment.id)

    for state in (PaymentState.SUCCEEDED, PaymentState.CANCELED, PaymentState.PROCESSING):
        async with world.store.write() as tx:
            await world.investments.payment_changed(tx, structs.replace(payment, state=state))

    assert await world.paid_in() == 51_000
    assert (await world.investment(placement, ana)).status == "completed"
    assert len(await world.announced("investment.completed")) == 1


async def test_a_payment_for_something_else_is_none_of_its_business(world, ana):
    placement = await world.place(ana, "500.00")
    async with world.store.read() as tx:
        payment = await world.payments.payment_of(tx, placement.investment.id)

    async with world.store.write() as tx:
        other = structs.replace(payment, reference="sub_1", state=PaymentState.SUCCEEDED)
        await world.investments.payment_changed(tx, other)

    assert await world.paid_in() == 0


async def test_events_carry_what_webhooks_show(world, ana):
    placement = await world.place(ana, "500.00", source=VISA)

    created, completed = await world.announced("investment.created", "investment.completed")

    shown = {
        "investment_id": placement.investment.id,
        "project_id": "prj_sunrise_solar",
        "amount": 500,
        "user_id": "usr_1",
        "currency": "USD",
    }
    assert created == shown | {"status": "pending"}
    assert completed == shown | {"status": "completed"}


async def test_the_same_key_is_the_same_investment(world, ana):
    first = await world.place(ana, "500.00", once=key("k", account=ana.account))
    again = await world.place(ana, "500.00", once=key("k", account=ana.account))

    assert again == first
    with pytest.raises(IdempotencyConflict):
        await world.place(ana, "501.00", once=key("k", "b", account=ana.account))
    assert (await world.project()).room.reserved_minor == 50_000


async def test_somebody_elses_investment_is_not_there(world, ana):
    ben = await world.person(2)
    mine = await world.invest(ana, "500.00")

    with pytest.raises(NoSuchInvestment):
        await world.investments.get(ben, mine.id)
    with pytest.raises(NoSuchInvestment):
        await world.investments.get(ana, "inv_none")
    assert (await world.investments.page(ben, InvestmentFilter(), after=None, limit=5)).total == 0


async def test_the_list_is_filtered_and_its_total_kept(world, ana):
    await world.add_project("prj_b")
    for amount in ("10", "20", "30"):
        world.clock.advance(1)
        await world.invest(ana, amount)
    pending = await world.place(ana, "40", "prj_b")
    canceled = await world.place(ana, "50")
    await world.choose(canceled, Choice.CANCEL)

    async def amounts(**wanted):
        rows = await world.investments.page(ana, InvestmentFilter(**wanted), after=None, limit=10)
        return [view.investment.amount_minor // 100 for view in rows.rows], rows.total

    assert (await amounts())[1] == 5
    assert await amounts(status="completed") == ([30, 20, 10], 3)
    assert await amounts(status="pending") == ([40], 1)
    assert await amounts(status="failed", project_id="prj_sunrise_solar") == ([50], 1)
    assert await amounts(project_id="prj_b") == ([40], 1)
    await world.choose(pending)
    assert await amounts(status="pending") == ([], 0)
    assert await amounts(status="completed", project_id="prj_b") == ([40], 1)
