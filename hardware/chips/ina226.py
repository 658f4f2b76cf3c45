"""INA226: bus voltage and shunt voltage, 16 bit. TI SBOS547B.

    reg  name         used here
    00   configuration  reset 0x4127; 0x4727 here: average 64, 1.1 ms each, shunt and bus continuous
    01   shunt voltage  signed, 2.5 uV
    02   bus voltage    1.25 mV, 0 to 36 V
    06   mask/enable    bit 3 CVRF: a conversion has ended; reading clears it
    FE   0x5449         maker
    FF   0x2260         die

Current is shunt voltage over resistance, so the calibration register, which a brown-out clears, is not
needed. Positive: IN+ above IN-. Worst error: 0.1 % and 10 uV at the shunt, 0.1 % and 7.5 mV at the bus.
"""

from hardware.bus import I2cBus, Port, signed
from hardware.chips.sample import ChipSample, wait_until
from hardware.errors import ChipRestarted, Overrange, WrongChip
from shared.clock import Clock

ADDRESSES = range(0x40, 0x50)
SHUNT_MV_MAX = 81.92
SHUNT_UV_PER_BIT = 2.5
BUS_MV_PER_BIT = 1.25
MAKER_ID = 0x5449
DIE_ID = 0x2260
RESET_CONFIGURATION = 0x4127

_CONFIGURATION = 0x00
_SHUNT = 0x01
_BUS = 0x02
_MASK = 0x06
MAKER = 0xFE
DIE = 0xFF
_RESET = 0x8000
_READY = 1 << 3
_SETUP = 0x4727
CONVERSION_S = 64 * 2 * 1.1e-3
_TIMEOUT_S = 3 * CONVERSION_S
_SHUNT_LIMIT = 0x7FFF


class Ina226:
    """Cell voltage at VBUS and current through the shunt.

    Raises:
        WrongChip: another identity at the address.
    """

    def __init__(self, bus: I2cBus, address: int, clock: Clock, *, shunt_mohm: float) -> None:
        self._port = Port(bus, address, clock)
        self._clock = clock
        self._shunt_mohm = shunt_mohm
        self.restarts = 0
        """Brown-outs seen and repaired."""
        maker, die = self._port.read_u16(MAKER), self._port.read_u16(DIE)
        if (maker, die) != (MAKER_ID, DIE_ID):
            raise WrongChip(
                f"i2c address 0x{address:02x}: no INA226, its identity is 0x{maker:04x}/0x{die:04x} "
                f"instead of 0x{MAKER_ID:04x}/0x{DIE_ID:04x}"
            )
        self._set_up()

    def sample(self) -> ChipSample:
        if self._port.read_u16(_CONFIGURATION) != _SETUP:
            self._set_up()
            self.restarts += 1
        wait_until(
            lambda: bool(self._port.read_u16(_MASK) & _READY),
            timeout_s=_TIMEOUT_S,
            step_s=CONVERSION_S / 4,
            clock=self._clock,
            what=f"INA226 at 0x{self._port.address:02x}",
        )
        shunt, bus = self._port.read_u16(_SHUNT), self._port.read_u16(_BUS)
        measured_at = self._clock.monotonic()
        if abs(signed(shunt)) >= _SHUNT_LIMIT:
            raise Overrange(f"INA226 at 0x{self._port.address:02x}: shunt voltage beyond {SHUNT_MV_MAX} mV")
        return ChipSample(
            voltage_mv=bus * BUS_MV_PER_BIT,
            current_ma=signed(shunt) * SHUNT_UV_PER_BIT / self._shunt_mohm,
            raw=(shunt, bus),
            measured_at=measured_at,
        )

    def close(self) -> None:
        """The chip goes on converting; nothing is held."""

    def _set_up(self) -> None:
        self._port.write_u16(_CONFIGURATION, _RESET)
        self._port.write_u16(_CONFIGURATION, _SETUP)
        found = self._port.read_u16(_CONFIGURATION)
        if found != _SETUP:
            raise ChipRestarted(
                f"INA226 at 0x{self._port.address:02x}: does not keep its setup, "
                f"0x{found:04x} instead of 0x{_SETUP:04x}"
            )
