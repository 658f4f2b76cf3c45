"""Calibration of one node's sensors: the only place where a reading's sign, gain and zero are put right."""

from typing import Annotated

from msgspec import Meta, Struct

Gain = Annotated[float, Meta(ge=0.5, le=2)]


class Calibration(Struct, frozen=True, kw_only=True):
    """true = gain * read + offset; the sign of the current is turned first."""

    invert_current: bool = False
    """True where the shunt counts charging as positive."""
    voltage_gain: Gain = 1.0
    voltage_offset_mv: Annotated[float, Meta(ge=-500, le=500)] = 0.0
    current_gain: Gain = 1.0
    current_offset_ma: Annotated[float, Meta(ge=-1000, le=1000)] = 0.0
    temperature_offset_c: Annotated[float, Meta(ge=-20, le=20)] = 0.0

    def voltage_mv(self, read_mv: float) -> float:
        """At the terminals of the cell."""
        return self.voltage_gain * read_mv + self.voltage_offset_mv

    def current_ma(self, read_ma: float) -> float:
        """Positive while the node discharges into the busbar."""
        signed_ma = -read_ma if self.invert_current else read_ma
        return self.current_gain * signed_ma + self.current_offset_ma

    def temperature_c(self, read_c: float) -> float:
        """Of the cell."""
        return read_c + self.temperature_offset_c
