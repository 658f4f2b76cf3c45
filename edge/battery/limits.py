"""How much of its rated current a cell may bear now: a pure function of voltage and temperature.

Full current inside the warning voltages and the flat part of the temperature curve; from the warning to the
stop voltage it falls in a straight line to zero; the temperature curve is the chemistry's (`hardware.cells`).
The smaller of the two counts and gives the reason.
"""

from msgspec import Struct

from hardware.cells.chemistry import Chemistry


class Allowance(Struct, frozen=True, kw_only=True):
    """Allowed fraction of the rated current in one direction, 0 to 1, and what limits it (empty at 1)."""

    fraction: float
    reason: str = ""


class Allowances(Struct, frozen=True, kw_only=True):
    """Both directions."""

    charge: Allowance
    discharge: Allowance


FREE = Allowance(fraction=1.0)


def allowances(chemistry: Chemistry, *, voltage_v: float | None, temperature_c: float | None) -> Allowances:
    """What the cell may bear; without a voltage nothing, without a temperature what the voltage allows."""
    if voltage_v is None:
        none = Allowance(fraction=0.0, reason="cell voltage unknown")
        return Allowances(charge=none, discharge=none)
    volts = chemistry.voltage
    charge = [_by_voltage(volts.high_stop_v - voltage_v, volts.high_stop_v - volts.high_warn_v, voltage_v)]
    discharge = [_by_voltage(voltage_v - volts.low_stop_v, volts.low_warn_v - volts.low_stop_v, voltage_v)]
    if temperature_c is not None:
        charge.append(_by_temperature(chemistry.charge_fraction(temperature_c), temperature_c))
        discharge.append(_by_temperature(chemistry.discharge_fraction(temperature_c), temperature_c))
    return Allowances(charge=min(charge, key=_fraction), discharge=min(discharge, key=_fraction))


def _by_voltage(room_v: float, taper_v: float, voltage_v: float) -> Allowance:
    fraction = min(max(room_v / taper_v, 0.0), 1.0)
    return FREE if fraction == 1 else Allowance(fraction=fraction, reason=f"cell at {voltage_v:.3f} V")


def _by_temperature(fraction: float, temperature_c: float) -> Allowance:
    return FREE if fraction == 1 else Allowance(fraction=fraction, reason=f"cell at {temperature_c:.1f} C")


def _fraction(allowance: Allowance) -> float:
    return allowance.fraction
