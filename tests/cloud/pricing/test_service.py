"""The price in force: fresh within a second, kept with its factors, announced when it changes."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec import structs

from cloud.kit.store.errors import StoreUnavailable
from cloud.market.service import OpenCounts
from cloud.pricing.quality import GridConditions
from cloud.pricing.service import Pricing
from shared.clock import ManualClock

CONDITIONS = GridConditions(
    soc_mean=0.65,
    voltages_v=(),
    transfers_successful=0,
    transfers_total=0,
    health_percent=80.0,
    distance_km=1.0,
)


class Floor:
    """A market with as many orders as a test says."""

    def __init__(self) -> None:
        self.counts = OpenCounts(supply=7, demand=5)

    async def open_counts(self, tx) -> OpenCounts:
        return self.counts


class Grid:
    def __init__(self) -> None:
        self.now = CONDITIONS
        self.asked = 0

    async def conditions(self, tx) -> GridConditions:
        self.asked += 1
        return self.now


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.fixture
def grid() -> Grid:
    return Grid()


@pytest.fixture
def pricing(store, clock, events, floor, grid, settings) -> Pricing:
    return Pricing(store, clock, events, floor, grid, settings)


async def announced(events):
    return [msgspec.json.decode(event.payload) for event in await events.after(0, types=["price"])]


async def test_the_price_has_the_shape_of_the_document(pricing):
    price = await pricing.current()

    assert msgspec.json.decode(msgspec.json.Encoder(decimal_format="number").encode(price.shown())) == {
        "price": 7.38,
        "supply": 7,
        "demand": 5,
        "timestamp": "2026-03-02T08:00:00Z",
        "breakdown": {
            "base_price": 5.0,
            "f_sd": 0.933,
            "f_soc": 1.061,
            "f_dist": 1.2,
            "f_time": 1.15,
            "f_quality": 1.08,
            "final_price": 7.38,
        },
    }


async def test_a_price_is_calculated_at_most_once_a_second(pricing, clock, grid, floor):
    first = await pricing.current()
    asked = grid.asked
    floor.counts = OpenCounts(supply=5, demand=7)

    clock.advance(0.999)
    assert await pricing.current() == first
    assert grid.asked == asked

    clock.advance(0.001)
    assert str((await pricing.current()).price_xlm_per_kwh) == "8.44"


async def test_a_hundred_askers_at_once_make_one_price(pricing):
    prices = await asyncio.gather(*(pricing.current() for _ in range(100)))

    assert len(set(prices)) == 1
    assert len(await pricing.history(page=1, limit=10)) == 1


async def test_only_a_change_of_what_is_shown_is_a_new_price(pricing, clock, grid, events):
    first = await pricing.current()
    clock.advance(1)
    grid.now = structs.replace(CONDITIONS, soc_mean=0.65001)
    assert await pricing.current() == first

    clock.advance(1)
    grid.now = structs.replace(CONDITIONS, soc_mean=0.60)
    second = await pricing.current()

    assert second.at_us == first.at_us + 2_000_000
    assert await pricing.history(page=1, limit=10) == [second, first]
    assert [event["price"] for event in await announced(events)] == [7.38, 7.51]


async def test_an_unchanged_price_is_confirmed_once_a_minute(pricing, clock):
    first = await pricing.current()
    clock.advance(59)
    assert await pricing.current() == first
    clock.advance(1)

    second = await pricing.current()

    assert second.at_us == first.at_us + 60_000_000
    assert second.price_ticks == first.price_ticks


async def test_a_use_case_that_fails_takes_its_price_with_it(pricing, store, events):
    async def fail() -> None:
        async with store.write() as tx:
            await pricing.current_in(tx)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await fail()

    assert await pricing.history(page=1, limit=10) == []
    assert await announced(events) == []
    assert await pricing.current() == (await pricing.history(page=1, limit=10))[0]


async def test_use_cases_of_one_second_act_on_one_price(pricing, store, floor):
    async def act() -> int:
        async with store.write() as tx:
            floor.counts = OpenCounts(supply=floor.counts.supply + 1, demand=5)
            return (await pricing.current_in(tx)).price_ticks

    ticks = await asyncio.gather(*(act() for _ in range(5)))

    assert len(set(ticks)) == 1


async def test_history_is_paged_newest_first(pricing, clock, floor):
    made = []
    for supply in range(1, 6):
        floor.counts = OpenCounts(supply=supply, demand=5)
        made.insert(0, await pricing.current())
        clock.advance(1)

    assert await pricing.history(page=1, limit=2) == made[:2]
    assert await pricing.history(page=3, limit=2) == made[4:]
    assert await pricing.history(page=4, limit=2) == []


async def test_a_price_that_was_undone_leaves_no_gap_in_the_pages(pricing, store, clock, floor):
    async def fails():
        async with store.write() as tx:
            await pricing.current_in(tx)
            raise LookupError

    await pricing.current()
    clock.advance(1)
    floor.counts = OpenCounts(supply=1, demand=5)
    with pytest.raises(LookupError):
        await fails()
    await pricing.current()

    assert [price.supply for price in await pricing.history(page=1, limit=2)] == [1, 7]


async def test_the_price_survives_a_restart(pricing, store, clock, events, floor, grid, settings):
    price = await pricing.current()

    again = Pricing(store, clock, events, floor, grid, settings)

    assert await again.current() == price
    assert len(await again.history(page=1, limit=10)) == 1


async def test_a_clock_that_steps_back_does_not_stop_the_price(pricing, clock, floor):
    await pricing.current()
    clock.advance(1)
    clock.step_wall(-3600)
    floor.counts = OpenCounts(supply=5, demand=7)

    # 07:00 is a morning hour as well.
    assert str((await pricing.current()).price_xlm_per_kwh) == "8.44"


async def test_the_forecast_stands_on_the_week_once_there_is_one(pricing, clock, floor, grid):
    for _ in range(7):
        for supply, demand in ((7, 5), (5, 7)):  # 08:00 and 20:00
            floor.counts = OpenCounts(supply=supply, demand=demand)
            await pricing.current()
            clock.advance(12 * 3600)
    floor.counts = OpenCounts(supply=1, demand=1)
    clock.advance(-1e-6)
    before = (await pricing.forecast()).slots
    clock.advance(1e-6)

    after = (await pricing.forecast()).slots

    # f_sd 1: 5 · 1.06125 · 1.2 · 1.08 = 6.87690 at factor 1
    assert before[1].price_xlm_per_kwh == 7.91
    assert after[0].start == datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
    assert after[0].price_xlm_per_kwh == 7.38
    assert after[48].price_xlm_per_kwh == 9.54  # 8.4406 / 1.15 · 1.3 at 20:00
    assert after[1].price_xlm_per_kwh == 7.91  # 08:15 has no history: as now


async def test_a_busy_minute_weighs_no_more_than_a_calm_one(pricing, clock, floor):
    for demand in (1, 2, 3, 2):  # a busy minute: mean 2
        floor.counts = OpenCounts(supply=2, demand=demand)
        await pricing.current()
        clock.advance(1)
    clock.advance(56)
    floor.counts = OpenCounts(supply=2, demand=6)  # a calm one
    await pricing.current()
    clock.advance(7 * 86_400 - 60)

    slots = (await pricing.forecast()).slots

    # Demand (2 + 6) / 2 = 4: 1 + 0.2 ln 2 = 1.138629; · 1.06125 · 1.2 · 1.15 · 1.08 · 5
    assert slots[0].price_xlm_per_kwh == 9.0


async def test_the_worker_goes_on_when_the_store_is_away(pricing, clock, monkeypatch):
    tries = 0
    real = Pricing.current

    async def flaky(self):
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailable("away")
        return await real(self)

    monkeypatch.setattr(Pricing, "current", flaky)
    worker = asyncio.create_task(pricing.run())
    try:
        async with asyncio.timeout(40):
            while tries < 3 or pricing.failures:
                await asyncio.sleep(0)
                clock.advance(1)
    finally:
        worker.cancel()

    assert await real(pricing) is not None
