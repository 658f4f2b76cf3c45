"""A price with the reasons for it."""

from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from cloud.market.model import TICKS_PER_XLM, show_price_ticks
from cloud.pricing.formula import Coefficients, Factors, Inputs, factors, price, show_factor, show_price
from shared.clock import from_micros, rfc3339
from shared.messages import GridPrice


class Breakdown(Struct, frozen=True, kw_only=True):
    """The factors as they are shown."""

    base_price: Decimal
    f_sd: Decimal
    f_soc: Decimal
    f_dist: Decimal
    f_time: Decimal
    f_quality: Decimal
    final_price: Decimal


class Price(Struct, frozen=True, kw_only=True):
    """One calculated price; its factors are unrounded."""

    at_us: int
    price_ticks: int
    """0.0001 XLM/kWh; a multiple of 100, since prices have 2 decimals."""
    supply: int
    demand: int
    soc_mean: float | None
    """0..1; None: no node was seen."""
    distance_km: float | None
    """Between the centroids of sellers' and buyers' sites; None: unknown."""
    hour: int
    """0..23, in the grid's zone at that moment."""
    quality: float | None
    """Q, 0..1; None: no data."""
    base_xlm_per_kwh: float
    alpha: float
    beta: float
    gamma: float
    eta: float
    f_sd: float
    f_soc: float
    f_dist: float
    f_time: float
    f_quality: float

    @property
    def price_xlm_per_kwh(self) -> Decimal:
        """Exact; at most 2 decimals."""
        return show_price_ticks(self.price_ticks)

    @property
    def inputs(self) -> Inputs:
        """What it was calculated from."""
        return Inputs(
            supply=self.supply,
            demand=self.demand,
            soc_mean=self.soc_mean,
            distance_km=self.distance_km,
            hour=self.hour,
            quality=self.quality,
        )

    @property
    def coefficients(self) -> Coefficients:
        """The settings of that moment."""
        return Coefficients(
            base_xlm_per_kwh=self.base_xlm_per_kwh,
            alpha=self.alpha,
            beta=self.beta,
            gamma=self.gamma,
            eta=self.eta,
        )

    @property
    def factors(self) -> Factors:
        """Unrounded."""
        return Factors(
            f_sd=self.f_sd,
            f_soc=self.f_soc,
            f_dist=self.f_dist,
            f_time=self.f_time,
            f_quality=self.f_quality,
        )

    def breakdown(self) -> Breakdown:
        """Its `final_price` is the price."""
        return Breakdown(
            base_price=Decimal(repr(self.base_xlm_per_kwh)),
            f_sd=show_factor(self.f_sd),
            f_soc=show_factor(self.f_soc),
            f_dist=show_factor(self.f_dist),
            f_time=show_factor(self.f_time),
            f_quality=show_factor(self.f_quality),
            final_price=self.price_xlm_per_kwh,
        )

    def shown(self) -> dict[str, Any]:
        """The price object of answers and events."""
        return {
            "price": self.price_xlm_per_kwh,
            "supply": self.supply,
            "demand": self.demand,
            "timestamp": rfc3339(self.at_us),
            "breakdown": self.breakdown(),
        }

    def looks_like(self, other: "Price") -> bool:
        """Whether both show the same numbers, their time aside."""
        return (self.supply, self.demand, self.breakdown()) == (
            other.supply,
            other.demand,
            other.breakdown(),
        )

    def to_wire(self) -> GridPrice:
        """The retained MQTT message."""
        parts = self.breakdown()
        return GridPrice(
            price_xlm_per_kwh=float(self.price_xlm_per_kwh),
            supply=self.supply,
            demand=self.demand,
            breakdown={name: float(getattr(parts, name)) for name in parts.__struct_fields__},
            utc=from_micros(self.at_us),
        )


def price_ticks(found: Factors, base_xlm_per_kwh: float) -> int:
    """The price that these factors make, as it is shown: 0.0001 XLM/kWh."""
    return int(show_price(price(found, base_xlm_per_kwh)) * TICKS_PER_XLM)


def calculate(inputs: Inputs, coefficients: Coefficients, at_us: int) -> Price:
    """The price for whole order counts at a moment."""
    found = factors(inputs, coefficients)
    return Price(
        at_us=at_us,
        price_ticks=price_ticks(found, coefficients.base_xlm_per_kwh),
        supply=round(inputs.supply),
        demand=round(inputs.demand),
        soc_mean=inputs.soc_mean,
        distance_km=inputs.distance_km,
        hour=inputs.hour,
        quality=inputs.quality,
        **structs.asdict(coefficients),
        **structs.asdict(found),
    )
