"""Which prices there are to plan with, from the best to none at all, each with its age:

cloud     the forecast of the cloud, fresh
last      the last one that came, as long as it still speaks of slots to come
tariff    the default tariff of the configuration, by the hour of the day
hold      nothing: the plan has no opinion
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise
from statistics import median

from msgspec import Struct

from edge.errors import PlanInputWrong
from edge.planner.model import PRICE_MAX, SLOT_MINUTES, PriceSlot
from shared.messages import GridForecast

SLOT = timedelta(minutes=SLOT_MINUTES)
SLOTS_A_DAY = 96
HOURS_A_DAY = 24
FRESH_S = 3_600.0
"""A forecast younger than this is the cloud's; the cloud makes one at least every slot."""
AHEAD_S_MAX = 300.0
"""A forecast made so far in the future means that one of the clocks is wrong."""


class Source(StrEnum):
    """Where the prices come from."""

    CLOUD = "cloud"
    LAST = "last"
    TARIFF = "tariff"
    HOLD = "hold"


class Spread(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies between the forecast price and what is paid and earned at the meter."""

    fraction: float = 0.0
    """Of the size of the price, half of it on either side; 0..2."""
    fee_per_kwh: float = 0.0
    """On top of it on either side, 0 or more."""


class Tariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The default: a price per kWh for each hour of the day, on the clock of the zone."""

    price_per_kwh: tuple[float, ...]
    """24 of them, or one for all hours."""


class Outlook(Struct, frozen=True, kw_only=True):
    """The prices to plan with, and where they come from."""

    source: Source
    age_s: float | None
    """Of the forecast since the cloud made it, also where it was not used; None where there is none."""
    prices: tuple[PriceSlot, ...]
    """From the slot of now on; empty when holding."""
    first_slot_share: float
    """How much of the first slot is still to come."""
    reason: str


def choose(
    forecast: GridForecast | None,
    tariff: Tariff | None,
    *,
    now: datetime,
    synced: bool,
    spread: Spread | None = None,
    zone: tzinfo = UTC,
) -> Outlook:
    """The best prices there are at `now`, aware. `synced` says whether the wall clock is known to be right.

    Raises:
        PlanInputWrong: a tariff or a spread that cannot be used, with its field.
    """
    spread = spread or Spread()
    check_spread(spread)
    if tariff is not None:
        check_tariff(tariff)
    age_s = None if forecast is None else (now - forecast.made_at).total_seconds()
    if not synced:
        return _hold(age_s, "hold: the clock is not known to be right, so no price has its hour")
    if forecast is None or age_s is None:
        why = "no forecast has come yet"
    elif (wrong := _unusable(forecast, age_s, now)) is not None:
        why = wrong
    else:
        to_come = [slot for slot in forecast.slots if slot.start + SLOT > now][:SLOTS_A_DAY]
        prices = tuple(price_slot(slot.price_xlm_per_kwh, spread, slot.start) for slot in to_come)
        age_s = max(0.0, age_s)
        fresh = age_s <= FRESH_S
        return Outlook(
            source=Source.CLOUD if fresh else Source.LAST,
            age_s=age_s,
            prices=prices,
            first_slot_share=_share(prices, now),
            reason=f"{'forecast' if fresh else 'last forecast'} of the cloud, {_age(age_s)} old, "
            f"{len(prices)} slots to come",
        )
    if tariff is None:
        return _hold(age_s, f"hold: {why}, and no default tariff is set")
    start = now - (now - datetime(1970, 1, 1, tzinfo=UTC)) % SLOT
    starts = [start.astimezone(UTC) + SLOT * index for index in range(SLOTS_A_DAY)]
    prices = tuple(
        price_slot(_at_hour(tariff, moment.astimezone(zone).hour), spread, moment) for moment in starts
    )
    return Outlook(
        source=Source.TARIFF,
        age_s=age_s,
        prices=prices,
        first_slot_share=_share(prices, now),
        reason=f"default tariff: {why}",
    )


def price_slot(price_per_kwh: float, spread: Spread, start: datetime | None) -> PriceSlot:
    """Buying costs more than the price and selling earns less, whatever its sign."""
    half = abs(price_per_kwh) * spread.fraction / 2 + spread.fee_per_kwh
    return PriceSlot(buy=price_per_kwh + half, sell=price_per_kwh - half, start=start)


def stored_value(prices: Sequence[PriceSlot], efficiency: float) -> float:
    """What a kWh stored past the last slot is worth: sold, with losses, at the median price of these slots.

    Without it a plan empties the battery before its horizon, which a plan made anew each slot never reaches.
    """
    return max(0.0, median(slot.sell for slot in prices) * efficiency) if prices else 0.0


def check_tariff(tariff: Tariff) -> None:
    """Raises PlanInputWrong."""
    if len(tariff.price_per_kwh) not in (1, HOURS_A_DAY):
        raise PlanInputWrong(f"price_per_kwh must have 1 or 24 prices, got {len(tariff.price_per_kwh)}")
    for hour, price in enumerate(tariff.price_per_kwh):
        if not -PRICE_MAX <= price <= PRICE_MAX:
            raise PlanInputWrong(f"price_per_kwh[{hour}] must be a finite number, got {price}")


def check_spread(spread: Spread) -> None:
    """Raises PlanInputWrong."""
    if not 0.0 <= spread.fraction <= 2.0:  # noqa: PLR2004  beyond it the sign of the price turns
        raise PlanInputWrong(f"fraction must be between 0 and 2, got {spread.fraction}")
    if not 0.0 <= spread.fee_per_kwh <= PRICE_MAX:
        raise PlanInputWrong(f"fee_per_kwh must be 0 or more, got {spread.fee_per_kwh}")


def _unusable(forecast: GridForecast, age_s: float, now: datetime) -> str | None:
    slots = forecast.slots
    if age_s < -AHEAD_S_MAX:
        return f"the forecast is {_age(-age_s)} ahead of this clock"
    if not slots:
        return "the forecast is empty"
    for before, after in pairwise(slots):
        if after.start - before.start != SLOT:
            return f"the forecast has no 15 min step at {after.start:%Y-%m-%dT%H:%MZ}"
    for slot in slots:
        if not math.isfinite(slot.price_xlm_per_kwh) or abs(slot.price_xlm_per_kwh) > PRICE_MAX / 4:
            return f"the forecast has a price of {slot.price_xlm_per_kwh} at {slot.start:%H:%MZ}"
    if slots[0].start > now:
        return f"the forecast begins only at {slots[0].start:%Y-%m-%dT%H:%MZ}"
    if slots[-1].start + SLOT <= now:
        return f"the last forecast, {_age(age_s)} old, has no slot left"
    return None


def _at_hour(tariff: Tariff, hour: int) -> float:
    return tariff.price_per_kwh[hour if len(tariff.price_per_kwh) == HOURS_A_DAY else 0]


def _share(prices: tuple[PriceSlot, ...], now: datetime) -> float:
    start = prices[0].start if prices else None
    return 1.0 if start is None else min(1.0, max(0.0, 1.0 - (now - start) / SLOT))


def _hold(age_s: float | None, reason: str) -> Outlook:
    return Outlook(source=Source.HOLD, age_s=age_s, prices=(), first_slot_share=1.0, reason=reason)


def _age(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 2 * 60 else f"{minutes // 60} h {minutes % 60:02d} min"
