"""A chip as a table of 16-bit registers behind a pointer, most significant byte first."""

import random
from collections.abc import Sequence

WORD_BYTES = 2


class RegisterChip:
    """Base of the imitated chips.

    A write sends the pointer and, where it carries two more bytes, the register; a shorter or longer one
    is ignored by the chip as by the real ones. A read starts at the pointer and repeats the register.
    """

    RESET: dict[int, int] = {}  # noqa: RUF012  the reset table of the class, never written
    READ_ONLY: frozenset[int] = frozenset()

    def __init__(self, *, seed: int = 0, noise_bits: float = 1.0) -> None:
        """`noise_bits` is the standard deviation of the converter's noise."""
        self._random = random.Random(seed)  # noqa: S311  noise, not secrets
        self.noise_bits = noise_bits
        self.registers = dict(self.RESET)
        self.pointer = 0

    def reset(self) -> None:
        """Every register back at its power-on value, as after a brown-out."""
        self.registers = dict(self.RESET)
        self.pointer = 0

    def run(self, now: float) -> None:
        """Let conversions that end up to `now` (monotonic seconds) take place."""

    def read_word(self, register: int) -> int:
        """What the chip answers for this register, with the side effects of reading it."""
        return self.registers.get(register, 0)

    def write_word(self, register: int, value: int) -> None:
        """What the chip does with a written register."""
        if register in self.RESET and register not in self.READ_ONLY:
            self.registers[register] = value

    def read_bytes(self, register: int, length: int) -> list[int]:
        """A block read from `register`."""
        self.pointer = register
        word = self.read_word(register)
        return [word >> 8 if position % WORD_BYTES == 0 else word & 0xFF for position in range(length)]

    def write_bytes(self, register: int, data: Sequence[int]) -> None:
        """A block write to `register`; without data it only sets the pointer."""
        self.pointer = register
        if len(data) == WORD_BYTES:
            self.write_word(register, data[0] << 8 | data[1])

    def converted(self, exact: float, *, low: int, high: int) -> int:
        """A converter's count for an exact value: noise added, rounded, held at the end stops."""
        noisy = exact + self._random.gauss(0.0, self.noise_bits) if self.noise_bits else exact
        return min(max(round(noisy), low), high)


def word_of(count: int) -> int:
    """Two's complement of a signed count in 16 bits."""
    return count & 0xFFFF
