"""Small solar and load at one cell, by time of day; the same seed gives the same house.

Solar: a half sine from 6 to 18 h under passing clouds. Load: a base, more in the morning and the evening.
Both have means of tens of milliamperes.
"""

import math
import random

from msgspec import Struct

DAY_S = 86_400
_HOUR_S = 3_600
_CLOUD_SLOTS = 96


class Profile(Struct, frozen=True, kw_only=True):
    """One house."""

    solar_ma_peak: float
    load_ma_base: float
    load_ma_morning: float
    load_ma_evening: float
    clouds: tuple[float, ...]
    """Share of the sun that comes through in each quarter of an hour."""

    def solar_ma(self, second_of_day: float) -> float:
        """Charging current of the panel, never negative."""
        hour = second_of_day % DAY_S / _HOUR_S
        sun = math.sin(math.pi * (hour - 6) / 12)
        if sun <= 0:
            return 0.0
        slot = int(second_of_day % DAY_S * _CLOUD_SLOTS / DAY_S)
        return self.solar_ma_peak * sun * self.clouds[slot]

    def load_ma(self, second_of_day: float) -> float:
        """Current of the house, never negative."""
        hour = second_of_day % DAY_S / _HOUR_S
        morning = math.exp(-(((hour - 7.5) / 1.2) ** 2))
        evening = math.exp(-(((hour - 19.5) / 2.0) ** 2))
        return self.load_ma_base + self.load_ma_morning * morning + self.load_ma_evening * evening


NOTHING = Profile(
    solar_ma_peak=0, load_ma_base=0, load_ma_morning=0, load_ma_evening=0, clouds=(1.0,) * _CLOUD_SLOTS
)
"""A cell on its own."""


def house(seed: int) -> Profile:
    """The house of this seed: some have more sun than they use, some less, so there is always a gap."""
    draw = random.Random(seed)  # noqa: S311  scenery, not secrets
    return Profile(
        solar_ma_peak=draw.uniform(20, 160),
        load_ma_base=draw.uniform(8, 25),
        load_ma_morning=draw.uniform(10, 50),
        load_ma_evening=draw.uniform(20, 90),
        clouds=tuple(draw.uniform(0.35, 1.0) for _ in range(_CLOUD_SLOTS)),
    )
