"""Declared, claimed and paid out, with every cent by hand."""

import asyncio

import pytest
from msgspec import structs

from cloud.distributions.errors import AlreadyDeclared, NobodyHolds, NoSuchDistribution
from cloud.distributions.model import ShareFilter
from cloud.errors import InvalidFields
from cloud.kit.idempotency import NO_KEY, Call, IdempotencyConflict, Once
from cloud.payments.model import PayoutNews, PayoutState
from cloud.projects.errors import NoSuchProject


@pytest.fixture
async def ana(world):
    await world.add_project()
    return await world.person(1)


@pytest.fixture
async def ben(world):
    return await world.person(2)


@pytest.fixture
async def two(world, ana, ben):
    """Ana 500.00 and 100.00, Ben 300.00, all within the first quarter of 2026."""
    await world.invest(ana, "500.00")
    world.clock.advance(1)
    await world.invest(ben, "300.00")
    world.clock.advance(1)
    await world.invest(ana, "100.00")
    world.at("2026-04-01T09:00:00Z")
    return ana, ben


async def test_each_token_of_the_record_date_gets_the_same(world, two):
    ana, ben = two

    made = await world.declare("90.01", 1, 2026, "2026-03-31")

    assert made.id == "dist_q1_2026_prj_sunrise_solar"
    assert (made.distribution_date, made.holder_count) == ("2026-04-01", 2)
    # Tokens, rounded down: Ana 192.3076923 + 38.4615384 = 230.7692307, Ben 115.3846153.
    # 9001 * 230.7692307 / 346.153846 = 6000.6667 and 9001 * 115.3846153 / 346.153846 = 3000.3333.
    assert await world.claim(ana, made) == 6_001
    assert await world.claim(ben, made) == 3_000
    await world.check_books()


async def test_who_came_after_the_record_date_gets_nothing(world, two):
    ana, _ = two
    late = await world.person(3)
    await world.invest(late, "1000.00")

    made = await world.declare("90.00", 1, 2026, "2026-03-31")

    assert made.holder_count == 2
    assert await world.claim(ana, made) == 6_000
    with pytest.raises(NoSuchDistribution):
        await world.claim(late, made)


async def test_the_record_date_is_a_day_of_utc(world, ana, ben):
    world.at("2026-03-31T23:59:59Z")
    await world.invest(ana, "500.00")
    world.at("2026-04-01T00:00:00Z")
    await world.invest(ben, "500.00")

    made = await world.declare("90.00", 1, 2026, "2026-03-31")

    assert await world.claim(ana, made) == 9_000


async def test_the_operators_money_waits_with_the_project(world, two):
    ana, _ = two
    before = await world.paid_in()
    own = await world.project_account()

    made = await world.declare("90.00", 1, 2026, "2026-03-31")
    assert await world.paid_in() == before + 9_000
    assert await world.balance(f"{own}/distributions") == 9_000
    await world.claim(ana, made)
    assert await world.balance(f"{own}/distributions") == 3_000
    assert await world.balance(f"{ana.account}/payouts") == 6_000
    await world.pay_out()

    assert await world.balance(f"{ana.account}/payouts") == 0
    assert await world.paid_in() == before + 3_000
    assert await world.balance(own) == 90_000
    await world.check_books()


async def test_a_claim_of_50_at_once_is_one_payout(world, two):
    ana, _ = two
    made = await world.declare("90.00", 1, 2026, "2026-03-31")

    answers = await asyncio.gather(
        *(world.distributions.claim(ana, made.id, "bank_transfer", NO_KEY) for _ in range(50))
    )
    await world.pay_out()

    assert all(answer == answers[0] for answer in answers)
    async with world.store.read() as tx:
        assert await tx.fetch_value("SELECT COUNT(*) FROM payouts") == 1
        assert await tx.fetch_value("SELECT COUNT(*) FROM sandbox_transfers") == 1
    assert await world.balance(f"{ana.account}/payouts") == 0
    assert len(await world.announced("distribution.claimed")) == 1
    assert (await world.portfolio.summary(ana)).worth.returned_minor == 6_000
    await world.check_books()


async def test_a_repeat_gets_the_same_answer_days_later(world, two):
    ana, _ = two
    made = await world.declare("90.00", 1, 2026, "2026-03-31")
    first = await world.distributions.claim(ana, made.id, "bank_transfer", NO_KEY)

    world.clock.advance(86_400 * 3)
    again = await world.distributions.claim(ana, made.id, "bank_transfer", NO_KEY)

    assert again == first
    assert first.payment_reference == "TL-DIST-Q1-2026-1"


async def test_references_are_numbered_through(world, two):
    ana, ben = two
    first = await world.declare("90.00", 1, 2026, "2026-03-31")
    world.at("2026-07-01T09:00:00Z")
    second = await world.declare("60.00", 2, 2026, "2026-06-30")

    claims = [
        await world.distributions.claim(person, made.id, "bank_transfer", NO_KEY)
        for person, made in ((ben, first), (ana, second), (ana, first))
    ]

    assert [claim.payment_reference for claim in claims] == [
        "TL-DIST-Q1-2026-1",
        "TL-DIST-Q2-2026-2",
        "TL-DIST-Q1-2026-3",
    ]


async def test_a_restart_between_claim_and_transfer_loses_nothing(world, two):
    ana, _ = two
    made = await world.declare("90.00", 1, 2026, "2026-03-31")
    await world.claim(ana, made)

    world.start()
    await world.pay_out()

    assert await world.balance(f"{ana.account}/payouts") == 0
    await world.check_books()


async def test_a_transfer_that_is_told_twice_has_left_once(world, two):
    ana, _ = two
    made = await world.declare("90.00", 1, 2026, "2026-03-31")
    view = await world.distributions.claim(ana, made.id, "bank_transfer", NO_KEY)
    await world.claim(two[1], made)
    await world.pay_out()
    before = await world.paid_in()
    async with world.store.read() as tx:
        payout = await world.payments.payout_of(tx, view.payment_reference)

    async with world.store.write() as tx:
        await world.distributions.payout_changed(tx, payout)
        await world.distributions.payout_changed(tx, structs.replace(payout, id="po_other"))

    assert await world.paid_in() == before
    await world.check_books()


async def test_the_first_day_of_a_quarter_can_be_its_record_date(world, two):
    world.at("2026-04-02T00:00:00Z")

    assert (await world.declare("90.00", 2, 2026, "2026-04-01")).holder_count == 2


async def test_what_the_bank_sends_back_is_owed_until_it_is_sent_again(world, two):
    ana, _ = two
    made = await world.declare("90.00", 1, 2026, "2026-03-31")
    view = await world.distributions.claim(ana, made.id, "bank_transfer", NO_KEY)
    await world.pay_out()
    async with world.store.read() as tx:
        payout = await world.payments.payout_of(tx, view.payment_reference)
    assert payout.state is PayoutState.PAID

    for _ in range(2):
        async with world.store.write() as tx:
            failed = structs.replace(payout, state=PayoutState.FAILED)
            await world.distributions.payout_changed(tx, failed)

    assert await world.balance(f"{ana.account}/payouts") == 6_000
    await world.check_books()

    async with world.store.write() as tx:
        await tx.execute("UPDATE payouts SET state = 'failed', failure = 'reversed'")

    async def reversed_(payout):
        return PayoutNews(id=payout.provider_id, payout_id=payout.key, state=PayoutState.FAILED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.provider, "find_payout", reversed_)
        await world.payments.retry(payout.id)
    await world.pay_out()

    assert await world.payments.failed() == []
    assert await world.balance(f"{ana.account}/payouts") == 0
    await world.check_books()


async def test_one_distribution_for_each_quarter_of_a_project(world, two):
    await world.declare("90.00", 1, 2026, "2026-03-31")

    with pytest.raises(AlreadyDeclared):
        await world.declare("91.00", 1, 2026, "2026-03-31")


async def test_the_same_key_declares_once(world, two):
    def once(body: str) -> Once:
        return Once(Call("acct_admin", "POST", "k", body, world.clock.now_us()))

    first = await world.declare("90.00", 1, 2026, "2026-03-31", once=once("a"))

    assert await world.declare("90.00", 1, 2026, "2026-03-31", once=once("a")) == first
    with pytest.raises(IdempotencyConflict):
        await world.declare("91.00", 1, 2026, "2026-03-31", once=once("b"))


@pytest.mark.parametrize("record_date", ["2025-12-31", "2026-04-01", "2027-01-01", "9999-12-31"])
async def test_a_record_date_before_the_quarter_or_not_over_is_refused(world, two, record_date):
    with pytest.raises(InvalidFields):
        await world.declare("90.00", 1, 2026, record_date)


async def test_without_holders_nothing_is_brought(world, ana):
    world.at("2026-04-01T09:00:00Z")

    with pytest.raises(NobodyHolds):
        await world.declare("90.00", 1, 2026, "2026-03-31")
    with pytest.raises(NoSuchProject):
        await world.declare("90.00", 1, 2026, "2026-03-31", "prj_atlantis")

    assert await world.paid_in() == 0


async def test_whose_part_is_less_than_a_cent_has_nothing_to_claim(world, ana, ben):
    await world.invest(ana, "10.00")
    await world.invest(ben, "100000.00")
    world.at("2026-04-01T09:00:00Z")

    made = await world.declare("0.01", 1, 2026, "2026-03-31")

    assert made.holder_count == 1
    assert await world.claim(ben, made) == 1
    with pytest.raises(NoSuchDistribution):
        await world.claim(ana, made)
    await world.check_books()


async def test_holders_hear_of_it(world, two):
    ana, _ = two
    made = await world.declare("90.00", 1, 2026, "2026-03-31")
    await world.claim(ana, made)

    shown = {"distribution_id": made.id, "project_id": "prj_sunrise_solar", "currency": "USD"}
    assert await world.announced("distribution.available") == [
        shown | {"user_id": "usr_1", "amount": 60},
        shown | {"user_id": "usr_2", "amount": 30},
    ]
    assert await world.announced("distribution.claimed") == [shown | {"user_id": "usr_1", "amount": 60}]


async def test_the_list_is_filtered_and_its_total_kept(world, two):
    ana, _ = two
    await world.add_project("prj_b")
    await world.invest(ana, "10.00", "prj_b")
    world.at("2026-07-01T09:00:00Z")
    first = await world.declare("90.00", 1, 2026, "2026-03-31")
    world.clock.advance(1)
    await world.declare("60.00", 2, 2026, "2026-06-30")
    world.clock.advance(1)
    await world.declare("5.00", 2, 2026, "2026-06-30", "prj_b")
    await world.claim(ana, first)

    async def amounts(**wanted):
        rows = await world.distributions.page(ana, ShareFilter(**wanted), after=None, limit=10)
        return [view.share.amount_minor for view in rows.rows], rows.total

    assert await amounts() == ([500, 4_000, 6_000], 3)
    assert await amounts(is_claimed=True) == ([6_000], 1)
    assert await amounts(is_claimed=False) == ([500, 4_000], 2)
    assert await amounts(is_claimed=False, project_id="prj_b") == ([500], 1)


async def test_an_investment_shows_its_own_part_of_each(world, two):
    ana, _ = two
    made = await world.declare("90.00", 1, 2026, "2026-03-31")
    world.at("2026-07-01T09:00:00Z")
    await world.declare("60.00", 2, 2026, "2026-06-30")
    await world.claim(ana, made)
    async with world.store.read() as tx:
        first, second = [
            holding.investment_id
            for holding in await world.investments.holdings(tx, made.project_id, before_us=2**62)
            if holding.account == ana.account
        ]

    shown = await world.investments.get(ana, first)
    other = await world.investments.get(ana, second)

    # 60.00 of 600.00 are 50.00 for 500.00 and 10.00 for 100.00; 40.00 are 33.33 and 6.67.
    assert [(row.amount_minor, row.claimed_at_us is not None) for row in shown.returns] == [
        (3_333, False),
        (5_000, True),
    ]
    assert (shown.received.amount_minor, shown.received.count) == (5_000, 1)
    assert [row.amount_minor for row in other.returns] == [667, 1_000]
