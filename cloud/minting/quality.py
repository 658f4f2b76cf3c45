"""How much LT a kilowatt-hour makes, and how much CO2 it saves.

    quality = 1 + (V - 3.6) / 6    for a mean voltage V of 3.6 to 4.2 V; 0.85 outside; 1 where V is unknown
    LT      = kWh · 1000 · quality, half-even to 0.01 LT
    CO2     = kWh · factor (kg/kWh); credit = CO2 · credit per kg

All in fractions: nothing is rounded but the result, once.
"""

from decimal import Decimal
from fractions import Fraction

from shared.money import TOKEN_UNITS, round_half_even
from shared.units import MWH_PER_KWH

VOLTAGE_V_MIN = Fraction("3.6")
VOLTAGE_V_MAX = Fraction("4.2")
VOLTS_PER_QUALITY = 6
QUALITY_OUTSIDE = Fraction("0.85")
QUALITY_UNKNOWN = Fraction(1)
LT_PER_KWH = 1000
LT_STEP_UNITS = TOKEN_UNITS // 100
"""Mints are whole multiples of 0.01 LT."""
MG_PER_KG = 1_000_000


def exact(value: float) -> Fraction:
    """The decimal number that a document or a setting wrote: 3.92 is 392/100."""
    return Fraction(Decimal(repr(value)))


def quality(voltage_v_mean: float | None) -> Fraction:
    """The factor, unrounded."""
    if voltage_v_mean is None:
        return QUALITY_UNKNOWN
    voltage_v = exact(voltage_v_mean)
    if not VOLTAGE_V_MIN <= voltage_v <= VOLTAGE_V_MAX:
        return QUALITY_OUTSIDE
    return 1 + (voltage_v - VOLTAGE_V_MIN) / VOLTS_PER_QUALITY


def tokens(energy_mwh: int, factor: Fraction) -> int:
    """LT in 10^-7 units."""
    return round_half_even(
        Fraction(energy_mwh, MWH_PER_KWH) * LT_PER_KWH * TOKEN_UNITS * factor, to_units=LT_STEP_UNITS
    )


def co2_saved_mg(energy_mwh: int, carbon_mg_per_kwh: int) -> int:
    """mg; 0.5 kWh at 820,000 mg/kWh save 410,000 mg."""
    return round_half_even(Fraction(energy_mwh * carbon_mg_per_kwh, MWH_PER_KWH))


def carbon_credit(energy_mwh: int, carbon_mg_per_kwh: int, credit_per_kg: Fraction) -> int:
    """Credits in 10^-7 units."""
    saved_kg = Fraction(energy_mwh * carbon_mg_per_kwh, MWH_PER_KWH * MG_PER_KG)
    return round_half_even(saved_kg * credit_per_kg * TOKEN_UNITS)
