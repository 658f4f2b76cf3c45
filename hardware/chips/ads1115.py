"""ADS1115: four single-ended inputs, 16 bit. TI SBAS444.

    pointer  name
    00       conversion     signed
    01       configuration  reset 0x8583
             b15 OS (write 1: start; read 1: idle)  b14-12 MUX (4+n: input n against ground)
             b11-9 PGA  b8 MODE (1: single shot)  b7-5 DR  b1-0 COMP_QUE (3: comparator off)

    PGA          0       1     2      3       4       5
    full scale   6.144   4.096 2.048  1.024   0.512   0.256 V
    1 bit        187.5   125   62.5   31.25   15.625  7.8125 uV

Inputs must stay between ground and the chip's supply whatever the range, so a cell above the supply needs
a divider. There is no identity register: the configuration is written and read back.
"""

import math

from hardware.bus import I2cBus, Port, signed
from hardware.chips.sample import ChipSample, wait_until
from hardware.chips.thermistor import NtcCurve, ntc_ohm
from hardware.errors import ChipRestarted, Overrange, WrongChip
from shared.clock import Clock

ADDRESSES = range(0x48, 0x4C)
RANGES_MV = (6144.0, 4096.0, 2048.0, 1024.0, 512.0, 256.0)
RESET_CONFIGURATION = 0x8583

_CONVERSION = 0x00
CONFIGURATION = 0x01
LOW_THRESHOLD = 0x02
HIGH_THRESHOLD = 0x03
_START = 1 << 15
_SINGLE_ENDED = 4
_SINGLE_SHOT = 1 << 8
_RATE_128 = 4 << 5
_NO_COMPARATOR = 3
_PROBE = _SINGLE_ENDED << 12 | 1 << 9 | _SINGLE_SHOT | _RATE_128 | _NO_COMPARATOR
CONVERSION_S = 1 / 128
_TIMEOUT_S = 0.1
_COUNTS = 32768


class Ads1115:
    """The converter itself; `DividerInput` and `ThermistorInput` are the chips made of it.

    Raises:
        WrongChip: the configuration cannot be read back.
    """

    def __init__(self, bus: I2cBus, address: int, clock: Clock) -> None:
        self._port = Port(bus, address, clock)
        self._clock = clock
        self.restarts = 0
        """Brown-outs seen and repaired."""
        self._port.write_u16(CONFIGURATION, _PROBE)
        found = self._port.read_u16(CONFIGURATION) & ~_START
        if found != _PROBE:
            raise WrongChip(
                f"i2c address 0x{address:02x}: no ADS1115, its configuration reads back as 0x{found:04x} "
                f"instead of 0x{_PROBE:04x}"
            )

    def convert(self, channel: int, *, range_mv: float) -> tuple[float, int, float]:
        """(millivolts at the input, raw word, monotonic seconds) of one conversion.

        Raises:
            Overrange: the converter is at an end stop.
            ChipRestarted: the configuration changed during the conversion, twice in a row.
        """
        gain = RANGES_MV.index(range_mv)
        setup = (_SINGLE_ENDED + channel) << 12 | gain << 9 | _SINGLE_SHOT | _RATE_128 | _NO_COMPARATOR
        if not self._converted(setup):
            # A reset in the middle leaves the result of another input in the register.
            self.restarts += 1
            if not self._converted(setup):
                raise ChipRestarted(f"ADS1115 at 0x{self._port.address:02x}: does not keep its setup")
        word = self._port.read_u16(_CONVERSION)
        count = signed(word)
        if count in (_COUNTS - 1, -_COUNTS):
            raise Overrange(f"ADS1115 at 0x{self._port.address:02x}: input {channel} beyond {range_mv:g} mV")
        return count * range_mv / _COUNTS, word, self._clock.monotonic()

    def close(self) -> None:
        """The chip sleeps after a single shot; nothing is held."""

    def _converted(self, setup: int) -> bool:
        """Run one conversion; False when the chip has another setup at its end."""
        self._port.write_u16(CONFIGURATION, setup | _START)
        found = 0

        def idle() -> bool:
            nonlocal found
            found = self._port.read_u16(CONFIGURATION)
            return bool(found & _START)

        wait_until(
            idle,
            timeout_s=_TIMEOUT_S,
            step_s=CONVERSION_S,
            clock=self._clock,
            what=f"ADS1115 at 0x{self._port.address:02x}",
        )
        return found & ~_START == setup


class DividerInput:
    """A voltage behind a divider: `top_ohm` to the cell, `bottom_ohm` to ground; top 0 means no divider."""

    def __init__(self, adc: Ads1115, channel: int, *, top_ohm: float, bottom_ohm: float) -> None:
        self._adc = adc
        self._channel = channel
        self._ratio = (top_ohm + bottom_ohm) / bottom_ohm

    def sample(self) -> ChipSample:
        input_mv, word, measured_at = self._adc.convert(self._channel, range_mv=4096.0)
        return ChipSample(voltage_mv=input_mv * self._ratio, raw=(word,), measured_at=measured_at)

    def close(self) -> None:
        """The converter belongs to all inputs and is closed with the board."""


class ThermistorInput:
    """An NTC to ground under a series resistor from the supply."""

    def __init__(
        self, adc: Ads1115, channel: int, *, curve: NtcCurve, series_ohm: float, supply_mv: float
    ) -> None:
        self._adc = adc
        self._channel = channel
        self._curve = curve
        self._series_ohm = series_ohm
        self._supply_mv = supply_mv

    def sample(self) -> ChipSample:
        input_mv, word, measured_at = self._adc.convert(self._channel, range_mv=4096.0)
        resistance = ntc_ohm(input_mv, series_ohm=self._series_ohm, supply_mv=self._supply_mv)
        temperature_c = self._curve.celsius(resistance)
        if not math.isfinite(temperature_c):
            raise Overrange(f"thermistor: {resistance:g} ohm is beyond its curve")
        return ChipSample(temperature_c=temperature_c, raw=(word,), measured_at=measured_at)

    def close(self) -> None:
        """The converter belongs to all inputs and is closed with the board."""
