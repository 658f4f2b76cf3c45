"""Units of the whole project, and the only place they are converted.

Sign: power and current are positive when they flow *into the site's busbar*, so a battery that
discharges counts positive and one that charges counts negative (as in evcc and OpenEMS).
`grid_w + pv_w + battery_w == load_w`.
"""

from typing import NewType

MilliVolt = NewType("MilliVolt", int)
MilliAmp = NewType("MilliAmp", int)
"""Positive while the node discharges into the busbar."""
MilliWattHour = NewType("MilliWattHour", int)
"""10^-6 kWh."""
Percent = NewType("Percent", float)
"""0 to 100."""
Celsius = NewType("Celsius", float)
EpochMicros = NewType("EpochMicros", int)
"""Microseconds since 1970-01-01T00:00Z."""

MWH_PER_KWH = 1_000_000
MICROS_PER_SECOND = 1_000_000


def power_w(voltage_mv: int, current_ma: int) -> float:
    """Power in W, signed like the current."""
    return voltage_mv * current_ma / 1e6


def energy_mwh(power_w: float, duration_s: float) -> float:
    """Energy in mWh (a fraction is kept: the caller decides when to round)."""
    return power_w * duration_s / 3.6


def kwh(energy_mwh: int) -> float:
    """Energy as the documents show it, in kWh."""
    return energy_mwh / MWH_PER_KWH
