"""Room: reserved, then raised or released; never more than the target."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.projects.errors import InvestmentUnavailable, NoSuchProject
from cloud.projects.room import Room, milestone_reached
from tests.cloud.projects.conftest import World
from tests.cloud.projects.example import described

TARGET_MINOR = 250_000_000
FUNDED = "project.funded"
UPDATE = "project.update"


def room(target: int, raised: int = 0, reserved: int = 0) -> Room:
    return Room(target_minor=target, raised_minor=raised, reserved_minor=reserved)


@settings(deadline=None)
@given(
    target=st.integers(1, 1_000),
    steps=st.lists(
        st.tuples(st.sampled_from(["reserve", "confirm", "release"]), st.integers(-5, 400)), max_size=40
    ),
)
def test_whatever_happens_no_more_is_promised_than_there_is(target, steps):
    now = room(target)
    reserved = raised = 0
    for what, amount in steps:
        possible = {
            "reserve": 0 < amount <= target - reserved - raised,
            "confirm": 0 < amount <= reserved,
            "release": 0 < amount <= reserved,
        }[what]
        if not possible:
            with pytest.raises(ValueError, match="cannot"):
                getattr(now, what)(amount)
            continue
        now = getattr(now, what)(amount)
        reserved += {"reserve": amount, "confirm": -amount, "release": -amount}[what]
        raised += amount if what == "confirm" else 0
        assert (now.reserved_minor, now.raised_minor, now.target_minor) == (reserved, raised, target)
        assert now.left_minor == target - reserved - raised >= 0
        assert now.is_funded == (raised == target)


@pytest.mark.parametrize(
    "target, before, after, milestone",
    [
        (1_000, 0, 249, None),
        (1_000, 249, 250, 25),
        (1_000, 250, 499, None),
        (1_000, 100, 760, 75),
        (1_000, 999, 1_000, 100),
        (1_000, 0, 1_000, 100),
        (3, 0, 1, 25),
        (3, 1, 2, 50),
        (10**12, 10**12 - 1, 10**12, 100),
        (10**12, 75 * 10**10, 10**12 - 1, None),
    ],
)
def test_the_highest_milestone_that_was_passed(target, before, after, milestone):
    assert milestone_reached(room(target, before), room(target, after)) == milestone


async def test_reserved_money_is_raised_and_counted_once_for_each_investor(world: World):
    await world.add("prj_a")
    await world.raise_money("prj_a", 50_000, "acct_ana")
    await world.raise_money("prj_a", 20_000, "acct_ana")
    project = await world.raise_money("prj_a", 30_000, "acct_bo")

    assert (project.room.raised_minor, project.room.reserved_minor) == (100_000, 0)
    assert project.investor_count == 2
    money = (await world.get("/v1/projects/prj_a")).json()["data"]["financial"]
    assert money["raised_amount"] == 1_000
    assert money["available_amount"] == 2_499_000
    assert money["investor_count"] == 2


async def test_what_was_released_can_be_reserved_again(world: World):
    await world.add("prj_a")
    async with world.parts.store.write() as tx:
        await world.projects.reserve(tx, await world.projects.get(tx, "prj_a"), TARGET_MINOR)
    async with world.parts.store.write() as tx:
        with pytest.raises(InvestmentUnavailable, match=r"only 0\.00 USD of project prj_a is left"):
            await world.projects.reserve(tx, await world.projects.get(tx, "prj_a"), 1)
    async with world.parts.store.write() as tx:
        await world.projects.release(tx, "prj_a", 1_050)
    async with world.parts.store.write() as tx:
        with pytest.raises(InvestmentUnavailable, match=r"only 10\.50 USD"):
            await world.projects.reserve(tx, await world.projects.get(tx, "prj_a"), 1_051)
        await world.projects.reserve(tx, await world.projects.get(tx, "prj_a"), 1_050)
        project = await world.projects.get(tx, "prj_a")
    assert project.room.left_minor == 0
    assert project.investor_count == 0


async def test_many_at_once_never_get_more_than_there_is(world: World):
    await world.add("prj_a", financial={"target_amount": 1_000, "min_investment": 10})

    async def buy(number: int) -> bool:
        try:
            await world.raise_money("prj_a", 1_000, f"acct_{number}")
        except InvestmentUnavailable:
            return False
        return True

    bought = await asyncio.gather(*(buy(number) for number in range(150)))

    async with world.parts.store.read() as tx:
        project = await world.projects.get(tx, "prj_a")
    assert sum(bought) == project.investor_count == 100
    assert project.room == room(100_000, raised=100_000)


async def test_the_goal_is_announced_once_and_the_milestones_each_once(world: World):
    await world.add("prj_a", financial={"target_amount": 1_000, "min_investment": 10})
    for amount_minor in (24_999, 1, 30_000, 44_999):
        await world.raise_money("prj_a", amount_minor)
        assert await told(world, FUNDED) == []
    await world.raise_money("prj_a", 1, "acct_last")

    [payload] = await told(world, FUNDED)
    assert payload == (
        '{"project_id":"prj_a","project_name":"Sunrise Solar Farm - Nevada","target_amount":1000,'
        '"raised_amount":1000,"currency":"USD","investor_count":2}'
    )
    updates = (await world.get("/v1/projects/prj_a/updates")).json()
    assert updates["pagination"]["total"] == 4
    assert {update["type"] for update in updates["data"]} == {"funding_milestone"}
    assert sorted(update["title"] for update in updates["data"]) == [
        "25 % funded",
        "50 % funded",
        "75 % funded",
        "Fully funded",
    ]
    assert len(await told(world, UPDATE)) == 4
    async with world.parts.store.read() as tx:
        project = await world.projects.get(tx, "prj_a")
    assert project.funded_at_us == world.parts.clock.now_us()


async def test_a_goal_that_is_raised_and_reached_again_is_announced_no_second_time(world: World):
    await world.add("prj_a", financial={"target_amount": 1_000, "min_investment": 10})
    await world.raise_money("prj_a", 100_000)
    answer = await world.patch("/v1/projects/prj_a", {"financial": {"target_amount": 2_000}})
    assert answer.json()["data"]["financial"]["funding_percentage"] == 50
    await world.raise_money("prj_a", 100_000)

    assert len(await told(world, FUNDED)) == 1


async def test_a_goal_that_comes_down_to_what_was_raised_is_reached(world: World):
    await world.add("prj_a", financial={"target_amount": 1_000, "min_investment": 10})
    await world.raise_money("prj_a", 20_000)
    for target in (400, 200, 200):
        answer = await world.patch("/v1/projects/prj_a", {"financial": {"target_amount": target}})
        assert answer.status_code == 200, answer.text
        world.parts.clock.advance(60)

    [payload] = await told(world, FUNDED)
    assert '"target_amount":200,"raised_amount":200' in payload
    updates = (await world.get("/v1/projects/prj_a/updates")).json()
    assert [update["title"] for update in updates["data"]] == ["Fully funded", "50 % funded"]
    assert answer.json()["data"]["financial"]["funding_percentage"] == 100


async def told(world: World, type_: str) -> list[str]:
    """The payloads of events of a type."""
    return [event.payload for event in await world.parts.events.after(0) if event.type == type_]


async def test_a_project_that_is_over_closed_or_full_takes_nothing(world: World):
    await world.add("prj_over", financial={"funding_deadline": "2026-01-01T00:00:00Z"})
    await world.add("prj_last_moment", financial={"funding_deadline": "2026-01-01T01:00:00.000001+01:00"})
    await world.add("prj_closed", accepts_investments=False)
    await world.add("prj_full", financial={"target_amount": 100})
    await world.raise_money("prj_full", 10_000)
    await world.raise_money("prj_last_moment", 10_000)

    for project_id, reason in (
        ("prj_over", "deadline is over"),
        ("prj_closed", "takes no investments"),
        ("prj_full", "is fully funded"),
    ):
        with pytest.raises(InvestmentUnavailable, match=reason) as refused:
            await world.raise_money(project_id, 1_000)
        assert (refused.value.status, refused.value.code) == (422, "INVESTMENT_UNAVAILABLE")
    with pytest.raises(NoSuchProject):
        await world.raise_money("prj_none", 1_000)


async def test_money_that_was_reserved_comes_in_after_the_deadline(world: World):
    await world.add("prj_a", financial={"funding_deadline": "2026-01-01T00:10:00Z"})
    async with world.parts.store.write() as tx:
        await world.projects.reserve(tx, await world.projects.get(tx, "prj_a"), 5_000)
    world.parts.clock.advance(900)
    async with world.parts.store.write() as tx:
        project = await world.projects.confirm(tx, "prj_a", 5_000, investor="acct_a")

    assert project.room.raised_minor == 5_000


@pytest.mark.parametrize("method", ["confirm", "release"])
async def test_nothing_is_confirmed_or_released_that_was_not_reserved(world: World, method: str):
    await world.add("prj_a")
    async with world.parts.store.write() as tx:
        await world.projects.reserve(tx, await world.projects.get(tx, "prj_a"), 5_000)
    more = {"investor": "acct_a"} if method == "confirm" else {}
    with pytest.raises(ValueError, match="5000 reserved"):
        async with world.parts.store.write() as tx:
            await getattr(world.projects, method)(tx, "prj_a", 5_001, **more)


async def test_a_token_costs_its_share_of_the_whole_project(world: World):
    await world.add("prj_a")
    async with world.parts.store.read() as tx:
        project = await world.projects.get(tx, "prj_a")

    assert project.tokens_for(50_000) == 1_923_076_923  # 500.00 / 2.60 = 192.30769230..., rounded down
    assert project.tokens_for(260) == 10_000_000
    assert project.tokens_for(100) == 3_846_153  # 0.38461538..., of which the eighth decimal is an 8
    assert (project.token_price.numerator, project.token_price.denominator) == (13, 5)
    assert project.token_supply == 250_000_000_000_000
    assert (project.min_investment_minor, project.max_investment_minor) == (1_000, 10_000_000)
    assert described()["financial"]["total_cost"] == 65_000_000
