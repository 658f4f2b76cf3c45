"""INA219: bus voltage 13 bit, shunt voltage 16 bit. TI SBOS448.

    reg  name           used here
    00   configuration  reset 0x399F; b15 RST, b13 range (0: 16 V), b12-11 PGA, b10-7, b6-3 ADC, b2-0 mode
    01   shunt voltage  signed, 10 uV
    02   bus voltage    bits 15-3, 4 mV; bit 1 CNVR: a conversion has ended; bit 0 OVF
    03   power          reading it clears CNVR

The chip has no identity register: the reset value of the configuration stands for one. Current is shunt
voltage over resistance, so the calibration register, which a brown-out clears, is not needed.
Positive: IN+ above IN-. Worst error, grade A: 0.5 % and 100 to 200 uV at the shunt, 0.5 % at the bus.
"""

from hardware.bus import I2cBus, Port, signed
from hardware.chips.sample import ChipSample, wait_until
from hardware.errors import ChipRestarted, Overrange, WrongChip
from shared.clock import Clock

ADDRESSES = range(0x40, 0x50)
SHUNT_MV_MAX = 320.0
SHUNT_UV_PER_BIT = 10.0
BUS_MV_PER_BIT = 4.0
RESET_CONFIGURATION = 0x399F

CONFIGURATION = 0x00
_SHUNT = 0x01
_BUS = 0x02
_POWER = 0x03
_RESET = 0x8000
_READY = 1 << 1
_BUS_SHIFT = 3
_RANGES_MV = (40.0, 80.0, 160.0, SHUNT_MV_MAX)
_AVERAGE_128 = 0xF
_CONTINUOUS = 0x7
SETUPS = tuple(gain << 11 | _AVERAGE_128 << 7 | _AVERAGE_128 << 3 | _CONTINUOUS for gain in range(4))
"""The configuration of this driver by shunt range."""
CONVERSION_S = 2 * 68.1e-3
_TIMEOUT_S = 3 * CONVERSION_S


class Ina219:
    """Cell voltage at VIN- and current through the shunt.

    `current_a_max` picks the narrowest shunt range that holds it: the offset error grows with the range.

    Raises:
        WrongChip: the reset value of the configuration is not an INA219's.
    """

    def __init__(
        self, bus: I2cBus, address: int, clock: Clock, *, shunt_mohm: float, current_a_max: float
    ) -> None:
        self._port = Port(bus, address, clock)
        self._clock = clock
        self._shunt_mohm = shunt_mohm
        self.restarts = 0
        """Brown-outs seen and repaired."""
        gain = shunt_range(current_a_max * shunt_mohm)
        self._range_mv = _RANGES_MV[gain]
        self._setup = SETUPS[gain]
        self._port.write_u16(CONFIGURATION, _RESET)
        found = self._port.read_u16(CONFIGURATION)
        if found != RESET_CONFIGURATION:
            raise WrongChip(
                f"i2c address 0x{address:02x}: no INA219, its configuration resets to 0x{found:04x} "
                f"instead of 0x{RESET_CONFIGURATION:04x}"
            )
        self._set_up()

    def sample(self) -> ChipSample:
        if self._port.read_u16(CONFIGURATION) != self._setup:
            self._set_up()
            self.restarts += 1
        wait_until(
            lambda: bool(self._port.read_u16(_BUS) & _READY),
            timeout_s=_TIMEOUT_S,
            step_s=CONVERSION_S / 4,
            clock=self._clock,
            what=f"INA219 at 0x{self._port.address:02x}",
        )
        shunt, bus = self._port.read_u16(_SHUNT), self._port.read_u16(_BUS)
        self._port.read_u16(_POWER)
        measured_at = self._clock.monotonic()
        shunt_uv = signed(shunt) * SHUNT_UV_PER_BIT
        if abs(shunt_uv) >= self._range_mv * 1000:
            raise Overrange(
                f"INA219 at 0x{self._port.address:02x}: shunt voltage beyond {self._range_mv:g} mV"
            )
        return ChipSample(
            voltage_mv=(bus >> _BUS_SHIFT) * BUS_MV_PER_BIT,
            current_ma=shunt_uv / self._shunt_mohm,
            raw=(shunt, bus >> _BUS_SHIFT),
            measured_at=measured_at,
        )

    def close(self) -> None:
        """The chip goes on converting; nothing is held."""

    def _set_up(self) -> None:
        self._port.write_u16(CONFIGURATION, self._setup)
        found = self._port.read_u16(CONFIGURATION)
        if found != self._setup:
            raise ChipRestarted(
                f"INA219 at 0x{self._port.address:02x}: does not keep its setup, "
                f"0x{found:04x} instead of 0x{self._setup:04x}"
            )


def shunt_range(shunt_mv: float) -> int:
    """The PGA code (0 to 3) of the narrowest range that holds this voltage; 3 when none does."""
    return next((code for code, full in enumerate(_RANGES_MV) if shunt_mv < full), len(_RANGES_MV) - 1)
