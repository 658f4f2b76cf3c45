"""What the state-of-charge filter needs to know of one cell, with how far each of it is to be trusted."""

from typing import Annotated

from msgspec import Meta, Struct

from hardware.cells.chemistry import Chemistry

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]


class CellParameters(Struct, frozen=True, kw_only=True):
    """One node's cell. Spreads (`_sd`) are one standard deviation."""

    chemistry: Chemistry
    capacity_mah: Positive
    """Charge between 0 and 100 %; learned from here on."""
    capacity_sd_fraction: NotNegative = 0.05
    resistance_sd_fraction: NotNegative = 0.3
    voltage_sd_v: Positive = 0.004
    """Noise of one voltage sample, without the error of the curve."""
    current_offset_ma: NotNegative = 5.0
    """Slowly changing zero error of the current sensor."""
    unmetered_current_ma: NotNegative = 0.0
    """Local solar and load current that passes the cell but not the shunt, either way."""
    voltage_only_c_rate: NotNegative = 0.3
    """Current to reckon with where no current is measured, as a multiple of capacity per hour."""
