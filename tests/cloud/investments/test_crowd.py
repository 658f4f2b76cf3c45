"""Many at once, and a service that is killed between two steps."""

import asyncio

import pytest

from cloud.investments.model import InvestmentStatus
from cloud.kit.idempotency import Call, Once
from cloud.ledger.model import ownership
from cloud.payments.model import Payment
from cloud.projects.errors import InvestmentUnavailable
from tests.cloud.investing import VISA

TOKEN = 10_000_000
HALF_HOUR_S = 1_800


@pytest.fixture
async def last_100(world):
    """A project of 1,000 tokens at 2.60 each, of which 900 are sold."""
    await world.add_project(
        financial={
            "target_amount": 2600,
            "min_investment": 2.6,
            "max_investment": 2600,
            "total_cost": 2600,
            "token_supply": 1000,
        }
    )
    early = await world.person(1_000)
    await world.invest(early, "2340.00")
    return early


async def test_200_at_once_buy_the_last_100_tokens(world, last_100):
    buyers = [await world.person(number) for number in range(1, 201)]

    outcomes = await asyncio.gather(
        *(world.place(buyer, "2.60", source=VISA) for buyer in buyers), return_exceptions=True
    )

    sold = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    told = [outcome for outcome in outcomes if isinstance(outcome, InvestmentUnavailable)]
    assert (len(sold), len(told)) == (100, 100)
    assert {one.investment.status for one in sold} == {InvestmentStatus.COMPLETED}
    owned = [await world.tokens(buyer) for buyer in buyers]
    assert sorted(owned) == [0] * 100 + [TOKEN] * 100
    project = await world.project()
    assert (project.room.raised_minor, project.room.left_minor, project.investor_count) == (260_000, 0, 101)
    assert await world.balance(await world.project_account(), ownership(project.id)) == 0
    assert await world.paid_in() == 238_680 + 100 * 265
    assert len(await world.announced("project.funded")) == 1
    await world.check_books()


async def test_100_who_were_too_late_get_everything_back_when_others_have_their_tokens(world, last_100):
    slow = [await world.person(number) for number in range(1, 101)]
    placed = await asyncio.gather(*(world.place(buyer, "2.60") for buyer in slow))
    world.clock.advance(HALF_HOUR_S)
    await world.investments.expire_due()
    quick = [await world.person(number) for number in range(101, 201)]
    await asyncio.gather(*(world.invest(buyer, "2.60") for buyer in quick))

    await asyncio.gather(*(world.choose(placement) for placement in placed))
    for _ in range(3):
        await world.pay_out()

    assert [await world.tokens(buyer) for buyer in slow] == [0] * 100
    assert [await world.tokens(buyer) for buyer in quick] == [TOKEN] * 100
    assert {(await world.investment(one, buyer)).refund for one, buyer in zip(placed, slow, strict=True)} == {
        "paid"
    }
    assert await world.paid_in() == 238_680 + 100 * 265
    told = await world.announced("investment.failed")
    assert sum(one["is_refunded"] for one in told) == 100
    await world.check_books()


async def test_one_key_50_times_at_once_is_one_investment(world):
    await world.add_project()
    ana = await world.person(1)

    def once() -> Once:
        return Once(Call(ana.account, "POST /v1/investments", "k", "same", world.clock.now_us()))

    answers = await asyncio.gather(*(world.place(ana, "500.00", source=VISA, once=once()) for _ in range(50)))

    assert len({answer.investment.id for answer in answers}) == 1
    assert len({answer.intent_id for answer in answers}) == 1
    assert all(answer == answers[0] for answer in answers)
    assert await world.tokens(ana) == 1_923_076_923
    assert await world.paid_in() == 51_000
    await world.check_books()


async def test_a_restart_after_the_money_came_and_before_it_was_heard_of_loses_nothing(world):
    await world.add_project()
    ana = await world.person(1)
    placement = await world.place(ana, "500.00")
    await world.provider.choose(placement.intent_id, "pay")

    world.start()
    world.clock.advance(600)
    await world.payments.run_due()

    assert (await world.investment(placement, ana)).status == "completed"
    assert await world.tokens(ana) == 1_923_076_923
    await world.check_books()


async def test_a_restart_before_the_provider_was_asked_loses_nothing(world, monkeypatch):
    world.provider.is_far = True
    await world.add_project()
    ana = await world.person(1)

    async def killed(payment: Payment, _keep: object) -> None:
        raise ConnectionAbortedError(payment.id)

    monkeypatch.setattr(world.payments, "open", killed)
    with pytest.raises(ConnectionAbortedError):
        await world.place(ana, "500.00", source=VISA)
    world.start()
    world.clock.advance(121)
    await world.payments.run_due()

    (told,) = await world.announced("investment.completed")
    assert told["amount"] == 500
    assert await world.tokens(ana) == 1_923_076_923


async def test_news_that_cannot_be_written_down_come_again(world, monkeypatch):
    await world.add_project()
    ana = await world.person(1)
    placement = await world.place(ana, "500.00")
    confirm = world.projects.confirm

    async def failing(*_arguments: object, **_more: object) -> None:
        raise ConnectionAbortedError

    monkeypatch.setattr(world.projects, "confirm", failing)
    with pytest.raises(ConnectionAbortedError):
        await world.choose(placement)
    assert (await world.investment(placement, ana)).status == "pending"
    assert await world.paid_in() == 0
    monkeypatch.setattr(world.projects, "confirm", confirm)
    await world.payments.look(placement.investment.payment_id)

    assert (await world.investment(placement, ana)).status == "completed"
    await world.check_books()


async def test_a_near_provider_that_cannot_book_leaves_nothing_behind(world, monkeypatch):
    world.provider.is_far = False
    await world.add_project()
    ana = await world.person(1)

    async def failing(*_arguments: object, **_more: object) -> None:
        raise ConnectionAbortedError

    with monkeypatch.context() as patch:
        patch.setattr(world.projects, "confirm", failing)
        with pytest.raises(ConnectionAbortedError):
            await world.place(ana, "500.00", source=VISA)
    world.clock.advance(121)
    await world.payments.run_due()

    assert await world.announced("investment.created", "investment.completed") == []
    assert (await world.project()).room.reserved_minor == 0
    assert await world.paid_in() == 0
    await world.check_books()
