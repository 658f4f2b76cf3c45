"""The price of energy from the state of the grid.

    price = base · clamp(f_sd · f_soc · f_dist · f_time · f_quality, 0.5, 5.0)      XLM/kWh

    f_sd        1 + alpha ln(demand / supply)   open buy and sell orders; supply counts as at least 1,
                                                demand as at least 0.1
    f_soc       1 + beta (1 - SoC)²             mean SoC, 0..1; unknown counts as 0.5
    f_dist      1 + gamma km                    at most 5 km; unknown counts as 1 km
    f_time      1.3 for the hours 18-21, 1.15 for 6-8, 0.85 for 2-5, else 1; in the grid's zone
    f_quality   1 + eta Q                       no data: 1

Nothing is rounded on the way; numbers are shown with 2 (price) and 3 decimals (factors).
"""

import math
from decimal import Decimal

from msgspec import Struct

from shared.money import round_decimal

PRODUCT_MIN = 0.5
PRODUCT_MAX = 5.0
SUPPLY_MIN = 1.0
DEMAND_MIN = 0.1
SOC_UNKNOWN = 0.5
DISTANCE_KM_UNKNOWN = 1.0
DISTANCE_KM_MAX = 5.0

EVENING_HOURS = frozenset(range(18, 22))
MORNING_HOURS = frozenset(range(6, 9))
NIGHT_HOURS = frozenset(range(2, 6))
EVENING_FACTOR = 1.3
MORNING_FACTOR = 1.15
NIGHT_FACTOR = 0.85

PRICE_DECIMALS = 2
FACTOR_DECIMALS = 3


class Coefficients(Struct, frozen=True, kw_only=True):
    """The weights, all settings."""

    base_xlm_per_kwh: float = 5.0
    alpha: float = 0.2
    beta: float = 0.5
    gamma: float = 0.2
    """Per km."""
    eta: float = 0.1


class Inputs(Struct, frozen=True, kw_only=True):
    """What the price depends on."""

    supply: float
    """Open sell orders that count; a mean of many moments may be no whole number."""
    demand: float
    """Open buy orders that count."""
    soc_mean: float | None
    """0..1; None: no node was seen lately."""
    distance_km: float | None
    """Between the centroids of sellers and buyers; None: unknown."""
    hour: int
    """0..23, in the grid's zone."""
    quality: float | None
    """Q, 0..1; None: no data."""


class Factors(Struct, frozen=True, kw_only=True):
    """Unrounded."""

    f_sd: float
    f_soc: float
    f_dist: float
    f_time: float
    f_quality: float

    @property
    def product(self) -> float:
        """Not yet clamped; falls below zero where supply outweighs demand by far."""
        return self.f_sd * self.f_soc * self.f_dist * self.f_time * self.f_quality


def factors(inputs: Inputs, coefficients: Coefficients) -> Factors:
    """Each factor by the table above."""
    supply = max(inputs.supply, SUPPLY_MIN)
    demand = max(inputs.demand, DEMAND_MIN)
    soc = SOC_UNKNOWN if inputs.soc_mean is None else inputs.soc_mean
    distance_km = DISTANCE_KM_UNKNOWN if inputs.distance_km is None else inputs.distance_km
    return Factors(
        f_sd=1 + coefficients.alpha * math.log(demand / supply),
        f_soc=1 + coefficients.beta * (1 - soc) ** 2,
        f_dist=1 + coefficients.gamma * min(distance_km, DISTANCE_KM_MAX),
        f_time=time_factor(inputs.hour),
        f_quality=1.0 if inputs.quality is None else 1 + coefficients.eta * inputs.quality,
    )


def time_factor(hour: int) -> float:
    """By the hour of the day, 0..23."""
    if hour in EVENING_HOURS:
        return EVENING_FACTOR
    if hour in MORNING_HOURS:
        return MORNING_FACTOR
    return NIGHT_FACTOR if hour in NIGHT_HOURS else 1.0


def price(found: Factors, base_xlm_per_kwh: float) -> float:
    """XLM per kWh, unrounded."""
    return base_xlm_per_kwh * min(max(found.product, PRODUCT_MIN), PRODUCT_MAX)


def show_price(unrounded: float) -> Decimal:
    """As every answer shows it, and as orders are listed at it: 2 decimals."""
    return round_decimal(unrounded, PRICE_DECIMALS)


def show_factor(unrounded: float) -> Decimal:
    """3 decimals."""
    return round_decimal(unrounded, FACTOR_DECIMALS)
