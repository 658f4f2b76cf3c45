"""An NTC thermistor: resistance from a divider, temperature from resistance. Pure.

    beta:             1/T = 1/T25 + ln(R / R25) / B          T in K, T25 = 298.15 K
    Steinhart-Hart:   1/T = a + b ln R + c (ln R)^3          R in ohm

Steinhart et al., Calibration curves for thermistors, Deep-Sea Research 15 (1968) 497.
"""

import math
from typing import Protocol

from msgspec import Struct

from hardware.errors import Overrange

KELVIN_AT_ZERO = 273.15
_KELVIN_25 = 298.15
_OPEN = 0.99
"""Share of the supply above which the thermistor counts as cut."""
_SHORT = 0.01
"""Share of the supply below which it counts as shorted."""


class NtcCurve(Protocol):
    """Temperature of a resistance and back."""

    def celsius(self, ohm: float) -> float: ...

    def ohm(self, celsius: float) -> float: ...


class Beta(Struct, frozen=True, kw_only=True):
    """The two-parameter curve that datasheets give as R25 and B."""

    r25_ohm: float
    beta_k: float

    def celsius(self, ohm: float) -> float:
        return 1 / (1 / _KELVIN_25 + math.log(ohm / self.r25_ohm) / self.beta_k) - KELVIN_AT_ZERO

    def ohm(self, celsius: float) -> float:
        return self.r25_ohm * math.exp(self.beta_k * (1 / (celsius + KELVIN_AT_ZERO) - 1 / _KELVIN_25))


class SteinhartHart(Struct, frozen=True, kw_only=True):
    """The three-parameter curve."""

    a: float
    b: float
    c: float

    def celsius(self, ohm: float) -> float:
        log_r = math.log(ohm)
        return 1 / (self.a + self.b * log_r + self.c * log_r**3) - KELVIN_AT_ZERO

    def ohm(self, celsius: float) -> float:
        """Cardano's solution of the cubic in ln R."""
        x = (self.a - 1 / (celsius + KELVIN_AT_ZERO)) / self.c
        y = math.sqrt((self.b / (3 * self.c)) ** 3 + x * x / 4)
        return math.exp(math.cbrt(y - x / 2) - math.cbrt(y + x / 2))


def ntc_ohm(input_mv: float, *, series_ohm: float, supply_mv: float) -> float:
    """Resistance of the thermistor to ground from the voltage across it.

    Raises:
        Overrange: cut or shorted.
    """
    share = input_mv / supply_mv
    if share >= _OPEN:
        raise Overrange(f"thermistor cut: {input_mv:.0f} of {supply_mv:.0f} mV")
    if share <= _SHORT:
        raise Overrange(f"thermistor shorted: {input_mv:.0f} of {supply_mv:.0f} mV")
    return series_ohm * share / (1 - share)
