import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest

from edge.errors import PlanInputWrong
from edge.planner.forecast import Source, Spread, Tariff, choose, price_slot, stored_value
from edge.planner.model import PriceSlot
from shared.messages import ForecastSlot, GridForecast

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TARIFF = Tariff(price_per_kwh=tuple(hour / 100 for hour in range(24)))


def forecast(count=96, price=0.5, made_at=NOON):
    return GridForecast(
        made_at=made_at,
        slots=tuple(
            ForecastSlot(start=NOON + 15 * index * MINUTE, price_xlm_per_kwh=price + index)
            for index in range(count)
        ),
    )


def test_a_fresh_forecast_is_the_clouds_with_its_age():
    found = choose(forecast(), TARIFF, now=NOON + 20 * MINUTE, synced=True)
    assert found.source is Source.CLOUD
    assert found.age_s == 1200.0
    assert len(found.prices) == 95
    assert found.prices[0] == PriceSlot(buy=1.5, sell=1.5, start=NOON + 15 * MINUTE)
    assert found.first_slot_share == pytest.approx(10 / 15)
    assert "20 min old" in found.reason


def test_an_old_forecast_serves_as_the_last_one_while_it_has_slots():
    found = choose(forecast(), TARIFF, now=NOON + timedelta(hours=23, minutes=50), synced=True)
    assert found.source is Source.LAST
    assert len(found.prices) == 1
    assert "23 h 50 min old" in found.reason


def test_when_its_slots_are_over_the_default_tariff_follows_with_the_age_still_shown():
    found = choose(forecast(), TARIFF, now=NOON + timedelta(hours=24, minutes=7), synced=True)
    assert found.source is Source.TARIFF
    assert found.age_s == 24 * 3600 + 420
    assert len(found.prices) == 96
    assert found.prices[0].start == NOON + timedelta(days=1)
    assert (found.prices[0].buy, found.prices[47].buy, found.prices[48].buy) == (0.12, 0.23, 0.0)
    assert found.first_slot_share == pytest.approx(8 / 15)
    assert "no slot left" in found.reason


def test_the_hours_of_the_tariff_are_those_of_the_zone():
    found = choose(None, TARIFF, now=NOON, synced=True, zone=ZoneInfo("Asia/Kolkata"))
    assert [slot.buy for slot in found.prices[:3]] == [0.17, 0.17, 0.18]
    assert found.age_s is None
    assert "no forecast has come yet" in found.reason


def test_one_price_serves_all_hours():
    found = choose(None, Tariff(price_per_kwh=(0.3,)), now=NOON, synced=True)
    assert {slot.buy for slot in found.prices} == {0.3}


def test_without_a_tariff_the_plan_holds():
    found = choose(None, None, now=NOON, synced=True)
    assert (found.source, found.prices) == (Source.HOLD, ())
    assert "no default tariff is set" in found.reason


def test_a_clock_that_may_be_wrong_holds_whatever_there_is():
    found = choose(forecast(), TARIFF, now=NOON, synced=False)
    assert found.source is Source.HOLD
    assert "clock" in found.reason


@pytest.mark.parametrize(
    "bad,why",
    [
        (forecast(count=0), "empty"),
        (forecast(made_at=NOON + timedelta(hours=1)), "ahead of this clock"),
        (forecast(price=math.nan), "a price of nan"),
        (forecast(price=math.inf), "a price of inf"),
        (msgspec.structs.replace(forecast(), slots=forecast().slots[::2]), "no 15 min step"),
        (msgspec.structs.replace(forecast(), slots=forecast().slots[::-1]), "no 15 min step"),
        (msgspec.structs.replace(forecast(), slots=forecast().slots[3:]), "begins only at"),
    ],
)
def test_a_forecast_that_cannot_be_used_gives_way_to_the_tariff_and_says_why(bad, why):
    found = choose(bad, TARIFF, now=NOON, synced=True)
    assert found.source is Source.TARIFF
    assert why in found.reason


def test_a_forecast_of_the_next_minute_is_no_fault_of_the_clock():
    assert choose(forecast(made_at=NOON + MINUTE), None, now=NOON, synced=True).age_s == 0.0


@pytest.mark.parametrize("price", [0.4, 0.0, -0.4])
def test_the_spread_makes_buying_dearer_and_selling_cheaper_at_any_sign(price):
    slot = price_slot(price, Spread(fraction=0.1, fee_per_kwh=0.01), None)
    assert slot.buy == pytest.approx(price + abs(price) * 0.05 + 0.01)
    assert slot.sell == pytest.approx(price - abs(price) * 0.05 - 0.01)


@pytest.mark.parametrize(
    "tariff", [Tariff(price_per_kwh=()), Tariff(price_per_kwh=(0.1,) * 23 + (math.nan,))]
)
def test_a_tariff_that_cannot_be_is_refused(tariff):
    with pytest.raises(PlanInputWrong, match="price_per_kwh"):
        choose(None, tariff, now=NOON, synced=True)


def test_a_spread_that_cannot_be_is_refused():
    with pytest.raises(PlanInputWrong, match="fraction"):
        choose(None, None, now=NOON, synced=True, spread=Spread(fraction=math.nan))
    with pytest.raises(PlanInputWrong, match="fee_per_kwh"):
        choose(None, None, now=NOON, synced=True, spread=Spread(fee_per_kwh=-0.1))


def test_what_is_stored_past_the_horizon_is_worth_the_median_sale():
    slots = [PriceSlot(buy=1.0, sell=sell) for sell in (0.1, 0.9, 0.3)]
    assert stored_value(slots, 0.9) == pytest.approx(0.27)
    assert stored_value([PriceSlot(buy=0.0, sell=-1.0)], 0.9) == 0.0
    assert stored_value([], 0.9) == 0.0
