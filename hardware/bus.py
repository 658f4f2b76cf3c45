"""The I2C bus as drivers see it, and the one place for word order, retries and error names.

All chips here send 16-bit registers most significant byte first, while an SMBus word is least
significant byte first, so `read_word_data` returns them swapped. Words are therefore read as blocks of
two bytes.

    master  S addr W | register | Sr addr R |                 | P
    chip             A          A           A  MSB  A  LSB  N
"""

import errno
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from hardware.errors import BusAbsent, BusBusy, BusFault, BusForbidden, BusTimeout, ChipAbsent, HardwareError
from shared.clock import Clock

ATTEMPTS = 3
"""Tries of one transfer, the first included."""
BACKOFF_S = 0.002
"""Pause before the second try; doubled for each further one."""

T = TypeVar("T")


class I2cBus(Protocol):
    """The calls of `smbus2.SMBus` that are used, with its argument order."""

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]: ...

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None: ...

    def read_byte(self, i2c_addr: int) -> int: ...

    def close(self) -> None: ...


def open_bus(number: int) -> I2cBus:
    """The real bus `/dev/i2c-<number>`.

    Raises:
        BusAbsent: the device file is missing.
        BusForbidden: the user may not open it.
    """
    from smbus2 import SMBus

    path = f"/dev/i2c-{number}"
    try:
        bus: I2cBus = SMBus(number)
    except FileNotFoundError as error:
        raise BusAbsent(f"{path} is missing: enable I2C (raspi-config, Interface Options)") from error
    except PermissionError as error:
        raise BusForbidden(f"{path} may not be opened: add the user to group i2c") from error
    return bus


class Port:
    """One address on the bus: 16-bit registers, MSB first, with bounded retry."""

    def __init__(self, bus: I2cBus, address: int, clock: Clock, *, attempts: int = ATTEMPTS) -> None:
        self.address = address
        self._bus = bus
        self._clock = clock
        self._attempts = attempts

    def read_u16(self, register: int) -> int:
        """The register as 0 to 65535."""
        high, low = self._tried(lambda: self._read_pair(register))
        return high << 8 | low

    def read_s16(self, register: int) -> int:
        """The register as two's complement, -32768 to 32767."""
        return signed(self.read_u16(register))

    def write_u16(self, register: int, value: int) -> None:
        """Write 0 to 65535."""
        data = [value >> 8 & 0xFF, value & 0xFF]
        self._tried(lambda: self._bus.write_i2c_block_data(self.address, register, data))

    def _read_pair(self, register: int) -> tuple[int, int]:
        data = self._bus.read_i2c_block_data(self.address, register, 2)
        if len(data) != 2:  # noqa: PLR2004  two bytes are a word
            raise OSError(errno.EIO, f"{len(data)} bytes instead of 2")
        return data[0], data[1]

    def _tried(self, transfer: Callable[[], T]) -> T:
        """Retry what noise can cause; a claimed address stays claimed, so it is not retried."""
        pause_s = BACKOFF_S
        for attempt in range(1, self._attempts + 1):
            try:
                return transfer()
            except OSError as error:
                if error.errno == errno.EBUSY or attempt == self._attempts:
                    raise bus_error(error, self.address) from error
            self._clock.pause(pause_s)
            pause_s *= 2
        raise AssertionError("unreachable: the last attempt returns or raises")


def signed(word: int) -> int:
    """Two's complement of 16 bits."""
    return word - 0x10000 if word & 0x8000 else word


def bus_error(error: OSError, address: int) -> HardwareError:
    """The named error for what the kernel said about a transfer."""
    where = f"i2c address 0x{address:02x}"
    if error.errno in (errno.EREMOTEIO, errno.ENXIO):
        return ChipAbsent(f"{where}: no acknowledge; check wiring, power and address")
    if error.errno == errno.ETIMEDOUT:
        return BusTimeout(f"{where}: the bus timed out; check pull-ups and clock stretching")
    if error.errno == errno.EBUSY:
        return BusBusy(f"{where}: claimed by a kernel driver; unbind it under /sys/bus/i2c/devices")
    return BusFault(f"{where}: {error.strerror or error}")
