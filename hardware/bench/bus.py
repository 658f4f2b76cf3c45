"""An I2C bus of imitated chips with smbus2's calls, and faults on demand.

bus.nack(0x40)            every transfer fails as with a chip that is not there
bus.nack(0x40, times=2)   the next two do
bus.timeout(0x40)         as with a chip that holds the clock
bus.claim(0x40)           as with a kernel driver that owns the address
bus.stick(0x40, 0x01)     a register answers what it answers now for ever
bus.flip(0x40, 0x01, 14)  one bit of the next answer is wrong
bus.brown_out(0x40)       the chip's registers are back at reset
bus.heal(0x40)            no more faults
"""

import errno
import threading
from collections.abc import Callable, Sequence

from msgspec import Struct

from hardware.bench.registers import RegisterChip
from shared.clock import Clock

ENDLESS = -1


class _Fault(Struct):
    """One address refuses transfers."""

    code: int
    left: int
    """How many more; ENDLESS: until healed."""


class BenchBus:
    """`before` runs ahead of every transfer, so that the world can move on to the present."""

    def __init__(self, clock: Clock, *, before: Callable[[], None] | None = None) -> None:
        self._clock = clock
        self._before = before
        self._lock = threading.RLock()
        self._chips: dict[int, RegisterChip] = {}
        self._faults: dict[int, _Fault] = {}
        self._stuck: dict[tuple[int, int], int | None] = {}
        self._flips: dict[tuple[int, int], int] = {}
        self.transfers = 0

    def attach(self, address: int, chip: RegisterChip) -> None:
        """Solder a chip in."""
        self._chips[address] = chip

    def detach(self, address: int) -> None:
        """Take a chip out."""
        del self._chips[address]

    def chip(self, address: int) -> RegisterChip:
        """The chip at the address."""
        return self._chips[address]

    def nack(self, address: int, *, times: int = ENDLESS) -> None:
        """No acknowledge, `times` times."""
        self._faults[address] = _Fault(errno.EREMOTEIO, times)

    def timeout(self, address: int, *, times: int = ENDLESS) -> None:
        """The transfer ends by the controller's time-out, `times` times."""
        self._faults[address] = _Fault(errno.ETIMEDOUT, times)

    def claim(self, address: int) -> None:
        """A kernel driver owns the address."""
        self._faults[address] = _Fault(errno.EBUSY, ENDLESS)

    def stick(self, address: int, register: int) -> None:
        """The register's next answer is repeated for ever."""
        self._stuck[address, register] = None

    def flip(self, address: int, register: int, bit: int) -> None:
        """Bit 0 to 15 of the register's next answer is turned over on the wire."""
        self._flips[address, register] = bit

    def brown_out(self, address: int) -> None:
        """The supply of the chip dipped: its registers are at reset."""
        self._chips[address].reset()

    def heal(self, address: int) -> None:
        """Take all faults of the address away."""
        self._faults.pop(address, None)
        for faults in (self._stuck, self._flips):
            for key in [key for key in faults if key[0] == address]:
                del faults[key]

    def read_i2c_block_data(
        self, i2c_addr: int, register: int, length: int, force: bool | None = None
    ) -> list[int]:
        """As smbus2: `length` bytes from `register`."""
        del force
        with self._lock:
            chip = self._transfer(i2c_addr)
            data = chip.read_bytes(register, length)
            return self._on_the_wire(i2c_addr, register, data)

    def write_i2c_block_data(
        self, i2c_addr: int, register: int, data: Sequence[int], force: bool | None = None
    ) -> None:
        """As smbus2: the bytes after `register`."""
        del force
        with self._lock:
            self._transfer(i2c_addr).write_bytes(register, list(data))

    def read_byte(self, i2c_addr: int, force: bool | None = None) -> int:
        """As smbus2: one byte from wherever the chip's pointer stands."""
        del force
        with self._lock:
            chip = self._transfer(i2c_addr)
            return chip.read_bytes(chip.pointer, 1)[0]

    def read_word_data(self, i2c_addr: int, register: int, force: bool | None = None) -> int:
        """As smbus2: an SMBus word, least significant byte first, hence swapped for all these chips."""
        low, high = self.read_i2c_block_data(i2c_addr, register, 2, force)
        return high << 8 | low

    def close(self) -> None:
        """Nothing is held."""

    def _transfer(self, address: int) -> RegisterChip:
        self.transfers += 1
        if self._before is not None:
            self._before()
        fault = self._faults.get(address)
        if fault is not None and fault.left != 0:
            if fault.left > 0:
                fault.left -= 1
            raise OSError(fault.code, errno.errorcode[fault.code])
        chip = self._chips.get(address)
        if chip is None:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")
        chip.run(self._clock.monotonic())
        return chip

    def _on_the_wire(self, address: int, register: int, data: list[int]) -> list[int]:
        key = address, register
        if len(data) != 2:  # noqa: PLR2004  faults act on words
            return data
        word = data[0] << 8 | data[1]
        if key in self._stuck:
            held = self._stuck[key]
            self._stuck[key] = word = word if held is None else held
        if key in self._flips:
            word ^= 1 << self._flips.pop(key)
        return [word >> 8, word & 0xFF]
