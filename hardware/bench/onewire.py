"""DS18B20 as the kernel shows it: a directory for each sensor with a `w1_slave` file."""

import errno
import shutil
from pathlib import Path
from typing import Literal

from hardware.chips.ds18b20 import crc8

Fault = Literal["none", "checksum", "power_on", "absent"]
_TAIL = bytes.fromhex("4b467fff0c10")
"""Alarm limits, 12-bit configuration and reserved bytes as a sensor ships."""
_POWER_ON = 0x0550


class OneWireSensor:
    """Writes the file anew when its temperature moved by a sixteenth of a degree."""

    def __init__(self, root: Path, serial: str) -> None:
        self._folder = root / serial
        self._fault: Fault = "none"
        self._shown: int | None = None
        self._celsius = 25.0

    def show(self, celsius: float) -> None:
        """The temperature the next reading shall give."""
        self._celsius = celsius
        word = round(celsius * 16) & 0xFFFF
        if word != self._shown:
            self._write(word)

    def fail(self, fault: Fault) -> None:
        """From now on this fault; `none` heals."""
        self._fault = fault
        self._shown = None
        self.show(self._celsius)

    def _write(self, word: int) -> None:
        self._shown = word
        if self._fault == "absent":
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._fault == "power_on":
            word = _POWER_ON
        target = self._folder / "w1_slave"
        fresh = self._folder / "w1_slave.new"
        fresh.write_text(scratchpad_text(word, damaged=self._fault == "checksum"), encoding="ascii")
        fresh.replace(target)


def scratchpad_text(word: int, *, damaged: bool = False) -> str:
    """The two lines of `w1_slave` for a temperature word."""
    if not 0 <= word <= 0xFFFF:  # noqa: PLR2004
        raise OSError(errno.EINVAL, "a temperature word has 16 bits")
    body = bytes((word & 0xFF, word >> 8)) + _TAIL
    crc = crc8(body)
    shown = (body + bytes((crc ^ 0xFF if damaged else crc,))).hex(" ")
    signed = word - 0x10000 if word & 0x8000 else word
    verdict = "NO" if damaged else "YES"
    return f"{shown} : crc={crc:02x} {verdict}\n{shown} t={signed * 1000 // 16}\n"
