"""A cell chemistry: open-circuit curve, equivalent circuit, limits.

The curve is piecewise linear through the points of the file, ends clamped. SoC is a fraction (0 to 1)
here, because it enters formulas. Resistances are those of a cell of `reference_capacity_ah` and scale
inversely with capacity (twice the area, half the resistance).
"""

import tomllib
from bisect import bisect_right
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

CHEMISTRIES = ("nmc", "lco", "lfp", "lipo_5450")

Volt = Annotated[float, Meta(gt=0, lt=6)]
Celsius = Annotated[float, Meta(ge=-60, le=120)]
Fraction = Annotated[float, Meta(ge=0, le=1)]


class UnknownChemistry(ValueError):
    """No file describes this chemistry, or the file contradicts itself."""


class VoltageLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cell voltages at the terminals, in V, rising in the order given."""

    low_fault_v: Volt
    """At or below: latched fault; the cell needs a person."""
    low_stop_v: Volt
    """At or below: no discharge."""
    low_warn_v: Volt
    high_warn_v: Volt
    high_stop_v: Volt
    """At or above: no charge."""
    high_fault_v: Volt
    release_v: Annotated[float, Meta(gt=0, lt=1)]
    """How far back inside a stop limit the voltage must come before that direction is released."""


class TemperatureLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cell temperatures in degrees Celsius between which each direction is allowed."""

    charge_min_c: Celsius
    charge_max_c: Celsius
    discharge_min_c: Celsius
    discharge_max_c: Celsius
    release_c: Annotated[float, Meta(gt=0, le=20)]


class DeratePoint(Struct, frozen=True, array_like=True):
    """One corner of a derating line."""

    temperature_c: Celsius
    fraction: Fraction


class Chemistry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of one chemistry; `source` says from where."""

    name: str
    title: str
    source: str
    nominal_v: Volt
    reference_capacity_ah: Annotated[float, Meta(gt=0)]
    r0_ohm: Annotated[float, Meta(gt=0)]
    """Ohmic resistance of a cell of the reference capacity at 25 degrees."""
    r1_ohm: Annotated[float, Meta(gt=0)]
    """Resistance of the one RC pair of the same cell."""
    tau1_s: Annotated[float, Meta(gt=0)]
    """Time constant of the RC pair."""
    coulomb_efficiency: Annotated[float, Meta(gt=0.5, le=1)]
    """Charge that can be taken out per charge put in."""
    charge_c_rate_max: Annotated[float, Meta(gt=0)]
    discharge_c_rate_max: Annotated[float, Meta(gt=0)]
    voltage: VoltageLimits
    temperature: TemperatureLimits
    charge_derate: Annotated[tuple[DeratePoint, ...], Meta(min_length=2)]
    """Allowed fraction of the charge current by temperature, ascending; zero outside."""
    discharge_derate: Annotated[tuple[DeratePoint, ...], Meta(min_length=2)]
    hysteresis_v: Annotated[float, Meta(ge=0, lt=0.2)] = 0.0
    """How far the voltage at rest stays above the curve after charging and below it after discharging."""
    ocv_sd_v: Annotated[float, Meta(gt=0, lt=0.2)] = 0.015
    """How far another cell of this chemistry may lie from the curve (one standard deviation)."""
    soc: Annotated[tuple[Fraction, ...], Meta(min_length=2)]
    """Fractions, ascending, from 0 to 1."""
    ocv: tuple[Volt, ...]
    """Volts at rest for each of them, strictly ascending."""

    def ocv_v(self, soc_fraction: float) -> float:
        """Volts at rest; beyond the ends the end value."""
        return _interpolate(self.soc, self.ocv, soc_fraction)

    def soc_fraction(self, ocv_v: float) -> float:
        """SoC 0 to 1 that rests at this voltage; beyond the ends 0 or 1."""
        return _interpolate(self.ocv, self.soc, ocv_v)

    def slope_v(self, soc_fraction: float) -> float:
        """Volts per unit of SoC on the segment that holds the SoC; at a corner the segment above."""
        i = _segment(self.soc, soc_fraction)
        return (self.ocv[i + 1] - self.ocv[i]) / (self.soc[i + 1] - self.soc[i])

    def resistance_scale(self, capacity_ah: float) -> float:
        """What r0_ohm and r1_ohm are multiplied by for a cell of this capacity."""
        return self.reference_capacity_ah / capacity_ah

    def charge_fraction(self, temperature_c: float) -> float:
        """Allowed share of the charge current at this temperature, 0 to 1."""
        return _derate(self.charge_derate, temperature_c)

    def discharge_fraction(self, temperature_c: float) -> float:
        """Allowed share of the discharge current at this temperature, 0 to 1."""
        return _derate(self.discharge_derate, temperature_c)


@cache
def load_chemistry(name: str) -> Chemistry:
    """The chemistry of that name.

    Raises:
        UnknownChemistry: no such file, or a file with points or limits out of order.
    """
    if name not in CHEMISTRIES:
        raise UnknownChemistry(f"chemistry must be one of {', '.join(CHEMISTRIES)}, got {name!r}")
    text = files("hardware.cells").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return parse_chemistry(text)


def parse_chemistry(text: str) -> Chemistry:
    """A chemistry from the text of a TOML file.

    Raises:
        UnknownChemistry: a field is missing, unknown or out of range, or points or limits are out of order.
    """
    try:
        chemistry = msgspec.convert(tomllib.loads(text), Chemistry)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UnknownChemistry(f"chemistry file: {error}") from error
    _check(chemistry)
    return chemistry


def _check(chemistry: Chemistry) -> None:
    volts = chemistry.voltage
    celsius = chemistry.temperature
    in_order = {
        "soc": chemistry.soc,
        "ocv": chemistry.ocv,
        "voltage": (
            volts.low_fault_v,
            volts.low_stop_v,
            volts.low_warn_v,
            volts.high_warn_v,
            volts.high_stop_v,
            volts.high_fault_v,
        ),
        "temperature.charge": (celsius.charge_min_c, celsius.charge_max_c),
        "temperature.discharge": (celsius.discharge_min_c, celsius.discharge_max_c),
        "charge_derate": tuple(point.temperature_c for point in chemistry.charge_derate),
        "discharge_derate": tuple(point.temperature_c for point in chemistry.discharge_derate),
    }
    for field, values in in_order.items():
        if any(after <= before for before, after in pairwise(values)):
            raise UnknownChemistry(f"{chemistry.name}: {field} must rise strictly, got {values}")
    if (chemistry.soc[0], chemistry.soc[-1]) != (0.0, 1.0):
        raise UnknownChemistry(f"{chemistry.name}: soc must run from 0 to 1, got {chemistry.soc}")
    if len(chemistry.soc) != len(chemistry.ocv):
        raise UnknownChemistry(
            f"{chemistry.name}: soc and ocv must be equally long, got "
            f"{len(chemistry.soc)} and {len(chemistry.ocv)}"
        )


def _segment(xs: tuple[float, ...], x: float) -> int:
    return min(max(bisect_right(xs, x) - 1, 0), len(xs) - 2)


def _interpolate(xs: tuple[float, ...], ys: tuple[float, ...], x: float) -> float:
    if x <= xs[0]:
        return ys[0]
    if x >= xs[-1]:
        return ys[-1]
    i = _segment(xs, x)
    return ys[i] + (ys[i + 1] - ys[i]) * (x - xs[i]) / (xs[i + 1] - xs[i])


def _derate(points: tuple[DeratePoint, ...], temperature_c: float) -> float:
    if not points[0].temperature_c <= temperature_c <= points[-1].temperature_c:
        return 0.0
    xs = tuple(point.temperature_c for point in points)
    return _interpolate(xs, tuple(point.fraction for point in points), temperature_c)
