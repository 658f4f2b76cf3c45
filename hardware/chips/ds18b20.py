"""DS18B20 through the kernel's w1_therm. Maxim 19-7487; Linux Documentation/w1/slaves/w1_therm.rst.

    /sys/bus/w1/devices/28-<serial>/w1_slave
        50 05 4b 46 7f ff 0c 10 1c : crc=1c YES
        50 05 4b 46 7f ff 0c 10 1c t=85000

Bytes 0 and 1, low first, are sixteenths of a degree, signed; byte 8 is the CRC of the other eight. Reading
the file starts a conversion and blocks for up to 750 ms. 85 degrees (0x0550) is what the register holds
before a conversion has ended, so it is refused.
"""

from pathlib import Path

from hardware.chips.sample import ChipSample
from hardware.errors import BadChecksum, BusFault, ChipAbsent, Overrange, PowerOnValue
from shared.clock import Clock

W1_ROOT = Path("/sys/bus/w1/devices")
FAMILY = "28-"

_POWER_ON = 0x0550
_BYTES = 9
_CELSIUS_MIN = -55.0
_CELSIUS_MAX = 125.0


class Ds18b20:
    """One sensor on the 1-Wire bus; `serial` is the directory name, `28-` and twelve hex digits."""

    def __init__(self, root: Path, serial: str, clock: Clock) -> None:
        self._path = root / serial / "w1_slave"
        self._clock = clock
        if not self._path.exists():
            raise ChipAbsent(f"{self._path} is missing: check wiring and the w1-gpio overlay")

    def sample(self) -> ChipSample:
        try:
            text = self._path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError as error:
            raise ChipAbsent(f"{self._path} is missing: the sensor left the bus") from error
        except OSError as error:
            raise BusFault(f"{self._path}: {error.strerror or error}") from error
        word = parse_scratchpad(text)
        return ChipSample(temperature_c=celsius(word), raw=(word,), measured_at=self._clock.monotonic())

    def close(self) -> None:
        """No file is kept open."""


def parse_scratchpad(text: str) -> int:
    """The temperature word, 0 to 65535, of the two lines of `w1_slave`.

    Raises:
        BadChecksum: the kernel says NO, the CRC differs, or the text is torn.
        PowerOnValue: no conversion has ended since power came.
        Overrange: outside -55 to 125 degrees.
    """
    first, _, _ = text.partition("\n")
    fields, _, verdict = first.partition(":")
    try:
        scratchpad = bytes.fromhex(fields)
    except ValueError:
        raise BadChecksum(f"w1_slave: {first[:60]!r} is no scratchpad") from None
    if len(scratchpad) != _BYTES or not verdict.rstrip().endswith("YES"):
        raise BadChecksum(f"w1_slave: the kernel refused {first[:60]!r}")
    if crc8(scratchpad[:-1]) != scratchpad[-1] or not any(scratchpad):
        raise BadChecksum(f"w1_slave: CRC of {first[:60]!r} does not match")
    word = scratchpad[0] | scratchpad[1] << 8
    if word == _POWER_ON:
        raise PowerOnValue("DS18B20: 85 degrees, the value before the first conversion")
    if not _CELSIUS_MIN <= celsius(word) <= _CELSIUS_MAX:
        raise Overrange(f"DS18B20: {celsius(word):g} degrees is outside -55 to 125")
    return word


def celsius(word: int) -> float:
    """Degrees of a temperature word."""
    return (word - 0x10000 if word & 0x8000 else word) / 16


def crc8(data: bytes) -> int:
    """The 1-Wire CRC, x^8 + x^5 + x^4 + 1, least significant bit first (Maxim application note 27)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C if crc & 1 else crc >> 1
    return crc
