"""MAX17048: fuel gauge of one cell by its voltage. Maxim 19-6171.

    reg  name     scale
    02   VCELL    78.125 uV, all 16 bits
    04   SOC      1/256 %, can exceed 100
    08   VERSION  0x001x: identity
    1A   STATUS   bit 8 RI: the model was reset, its SoC starts from a guess

The gauge is powered by the cell, 2.5 to 4.5 V. Its default model is a generic cobalt cell: expect a bias
on others. Quick-start is not used: under load it takes the sagging voltage for a rested one.
"""

from hardware.bus import I2cBus, Port
from hardware.chips.sample import ChipSample
from hardware.errors import ChipRestarted, WrongChip
from shared.clock import Clock

ADDRESS = 0x36
VCELL_MV_PER_BIT = 0.078125
SOC_PERCENT_PER_BIT = 1 / 256

_VCELL = 0x02
_SOC = 0x04
VERSION = 0x08
_STATUS = 0x1A
_VERSION_MASK = 0xFFF0
_VERSION_VALUE = 0x0010
_RESET_INDICATOR = 1 << 8


class Max17048:
    """Voltage and the gauge's own SoC, which may run past 100 %.

    Raises:
        WrongChip: another identity at the address.
    """

    def __init__(self, bus: I2cBus, address: int, clock: Clock) -> None:
        self._port = Port(bus, address, clock)
        self._clock = clock
        self.restarts = 0
        """Resets of the model seen after the first."""
        self._check_identity()
        status = self._port.read_u16(_STATUS)
        if status & _RESET_INDICATOR:
            self._port.write_u16(_STATUS, status & ~_RESET_INDICATOR)

    def sample(self) -> ChipSample:
        status = self._port.read_u16(_STATUS)
        if status & _RESET_INDICATOR:
            # A line stuck high reads as 0xFFFF and looks like a reset; the identity tells them apart.
            self._check_identity()
            self._port.write_u16(_STATUS, status & ~_RESET_INDICATOR)
            self.restarts += 1
            raise ChipRestarted(f"MAX17048 at 0x{self._port.address:02x}: its model was reset")
        vcell, soc = self._port.read_u16(_VCELL), self._port.read_u16(_SOC)
        return ChipSample(
            voltage_mv=vcell * VCELL_MV_PER_BIT,
            soc_percent=soc * SOC_PERCENT_PER_BIT,
            raw=(vcell, soc),
            measured_at=self._clock.monotonic(),
        )

    def close(self) -> None:
        """The gauge goes on; nothing is held."""

    def _check_identity(self) -> None:
        version = self._port.read_u16(VERSION)
        if not is_version(version):
            raise WrongChip(
                f"i2c address 0x{self._port.address:02x}: no MAX17048, its version is 0x{version:04x} "
                f"instead of 0x001x"
            )


def is_version(word: int) -> bool:
    """Whether the VERSION register is a MAX17048's."""
    return word & _VERSION_MASK == _VERSION_VALUE
