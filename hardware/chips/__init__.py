"""One driver per chip. Each knows registers and units of its chip and nothing else.

A `Chip` gives a `ChipSample` or raises a `HardwareError`; it never returns a value it did not measure.
Currents carry the sign of the shunt as wired. A driver is used by one thread at a time.
"""

from hardware.chips.sample import Chip, ChipSample, wait_until

__all__ = ["Chip", "ChipSample", "wait_until"]
