"""96 slots, each with its own hour and what the week had in it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from cloud.pricing.forecast import SLOT_US, SlotMean, forecast, hour_in, slot_of
from cloud.pricing.formula import Coefficients, Inputs
from shared.clock import to_micros

UTC_ZONE = ZoneInfo("UTC")
LATEST = Inputs(supply=7, demand=5, soc_mean=0.65, distance_km=1.0, hour=8, quality=0.8)
MONDAY_0807 = to_micros(datetime(2026, 3, 2, 8, 7, 31, tzinfo=UTC))


def forecast_at(now_us, *, week=(), zone=UTC_ZONE):
    return forecast(
        now_us=now_us,
        latest=LATEST,
        week={mean.slot: mean for mean in week},
        zone=zone,
        coefficients=Coefficients(),
    )


def test_96_slots_from_the_running_one_without_gaps():
    slots = forecast_at(MONDAY_0807).slots

    first = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    assert [slot.start for slot in slots] == [first + n * timedelta(minutes=15) for n in range(96)]


def test_without_a_week_only_the_hour_changes():
    slots = forecast_at(MONDAY_0807).slots

    # 7.376241 at hour 8 is 6.414123 at factor 1.
    assert slots[0].price_xlm_per_kwh == 7.38
    assert slots[4].price_xlm_per_kwh == 6.41  # 09:00
    assert slots[40].price_xlm_per_kwh == 8.34  # 18:00, 1.3
    assert slots[72].price_xlm_per_kwh == 5.45  # 02:00, 0.85


def test_a_slot_takes_the_weeks_mean():
    mean = SlotMean(slot=36, soc_mean=0.65, supply=5.0, demand=7.0)  # 09:00

    slots = forecast_at(MONDAY_0807, week=[mean]).slots

    # 8.440629 / 1.15
    assert slots[4].price_xlm_per_kwh == 7.34
    assert slots[5].price_xlm_per_kwh == 6.41


def test_a_slot_in_which_no_node_was_seen_takes_the_latest_soc():
    known = SlotMean(slot=36, soc_mean=0.65, supply=7.0, demand=5.0)
    unknown = structs.replace(known, soc_mean=None)

    assert forecast_at(MONDAY_0807, week=[known]) == forecast_at(MONDAY_0807, week=[unknown])


@pytest.mark.parametrize(
    "moment, hour",
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), 1),  # Berlin, before summer time
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 3),
        (datetime(2026, 10, 25, 0, 59, tzinfo=UTC), 2),
        (datetime(2026, 10, 25, 1, 59, tzinfo=UTC), 2),
        (datetime(2026, 10, 25, 2, 0, tzinfo=UTC), 3),
    ],
)
def test_the_hour_is_that_of_the_grids_zone_with_its_summer_time(moment, hour):
    assert hour_in(ZoneInfo("Europe/Berlin"), to_micros(moment)) == hour


def test_slots_of_the_day():
    midnight = to_micros(datetime(2026, 3, 2, tzinfo=UTC))

    assert [slot_of(midnight + n * SLOT_US) for n in (0, 1, 95, 96)] == [0, 1, 95, 0]
    assert slot_of(midnight - 1) == 95
