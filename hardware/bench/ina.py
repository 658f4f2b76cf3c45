"""INA219 and INA226 as register tables: shunt and bus input in, conversions by the configured time."""

from abc import ABC, abstractmethod

from hardware.bench.registers import RegisterChip, word_of

CONFIGURATION = 0x00
SHUNT = 0x01
BUS = 0x02
POWER = 0x03
CURRENT = 0x04
CALIBRATION = 0x05
MASK = 0x06
RST = 0x8000
S16_MIN, S16_MAX = -0x8000, 0x7FFF
MODE = 0x7
INA219_RANGES_UV = (40_000, 80_000, 160_000, 320_000)
INA226_AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)
INA226_TIMES_S = (140e-6, 204e-6, 332e-6, 588e-6, 1.1e-3, 2.116e-3, 4.156e-3, 8.244e-3)


class InaChip(RegisterChip, ABC):
    """What both have in common: two analogue inputs and continuous conversions."""

    def __init__(self, *, seed: int = 0, noise_bits: float = 1.0) -> None:
        super().__init__(seed=seed, noise_bits=noise_bits)
        self.shunt_uv = 0.0
        """Voltage across the shunt, IN+ minus IN-."""
        self.bus_mv = 0.0
        self.hung = False
        """True: the converter stands still; registers keep their values and no conversion ends."""
        self._next_at: float | None = None

    def reset(self) -> None:
        super().reset()
        self._next_at = None

    def run(self, now: float) -> None:
        if self.hung or self.registers[CONFIGURATION] & MODE == 0:
            return
        if self._next_at is None:
            self._next_at = now + self.conversion_s()
        if now + 1e-9 >= self._next_at:
            self.convert()
            self._next_at = now + self.conversion_s()

    def restart(self) -> None:
        """A write to the configuration starts the running conversion anew."""
        self._next_at = None

    @abstractmethod
    def conversion_s(self) -> float:
        """Seconds for one pair of shunt and bus conversion in the present setup."""

    @abstractmethod
    def convert(self) -> None:
        """Latch both inputs."""


class Ina219Chip(InaChip):
    """TI SBOS448, registers 00 to 05."""

    RESET = {CONFIGURATION: 0x399F, SHUNT: 0, BUS: 0, POWER: 0, CURRENT: 0, CALIBRATION: 0}  # noqa: RUF012
    READ_ONLY = frozenset({SHUNT, BUS, POWER, CURRENT})
    READY = 1 << 1
    OVERFLOW = 1 << 0

    def conversion_s(self) -> float:
        configuration = self.registers[CONFIGURATION]
        return sum(_ina219_adc_s(configuration >> shift & 0xF) for shift in (3, 7))

    def convert(self) -> None:
        configuration = self.registers[CONFIGURATION]
        full_uv = INA219_RANGES_UV[configuration >> 11 & 0x3]
        shunt = self.converted(self.shunt_uv / 10, low=-full_uv // 10, high=full_uv // 10)
        bus_max = 8000 if configuration >> 13 & 1 else 4000
        bus = self.converted(self.bus_mv / 4, low=0, high=bus_max)
        calibration = self.registers[CALIBRATION]
        current = shunt * calibration // 4096
        power = abs(current) * bus // 5000
        overflow = not S16_MIN <= current <= S16_MAX
        self.registers[SHUNT] = word_of(shunt)
        self.registers[CURRENT] = word_of(min(max(current, S16_MIN), S16_MAX))
        self.registers[POWER] = power & 0xFFFF
        self.registers[BUS] = bus << 3 | self.READY | (self.OVERFLOW if overflow else 0)

    def read_word(self, register: int) -> int:
        word = super().read_word(register)
        if register == POWER:
            self.registers[BUS] &= ~self.READY
        return word

    def write_word(self, register: int, value: int) -> None:
        if register == CONFIGURATION and value & RST:
            self.reset()
        elif register == CONFIGURATION:
            self.registers[CONFIGURATION] = value & 0x3FFF
            self.registers[BUS] &= ~self.READY
            self.restart()
        elif register == CALIBRATION:
            self.registers[CALIBRATION] = value & 0xFFFE
        else:
            super().write_word(register, value)


class Ina226Chip(InaChip):
    """TI SBOS547B, registers 00 to 07, FE and FF."""

    RESET = {  # noqa: RUF012
        CONFIGURATION: 0x4127,
        SHUNT: 0,
        BUS: 0,
        POWER: 0,
        CURRENT: 0,
        CALIBRATION: 0,
        MASK: 0,
        0x07: 0,
        0xFE: 0x5449,
        0xFF: 0x2260,
    }
    READ_ONLY = frozenset({SHUNT, BUS, POWER, CURRENT, 0xFE, 0xFF})
    READY = 1 << 3

    def conversion_s(self) -> float:
        configuration = self.registers[CONFIGURATION]
        both_s = INA226_TIMES_S[configuration >> 6 & 7] + INA226_TIMES_S[configuration >> 3 & 7]
        return INA226_AVERAGES[configuration >> 9 & 7] * both_s

    def convert(self) -> None:
        shunt = self.converted(self.shunt_uv / 2.5, low=S16_MIN, high=S16_MAX)
        bus = self.converted(self.bus_mv / 1.25, low=0, high=S16_MAX)
        current = shunt * self.registers[CALIBRATION] // 2048
        self.registers[SHUNT] = word_of(shunt)
        self.registers[BUS] = bus
        self.registers[CURRENT] = word_of(min(max(current, S16_MIN), S16_MAX))
        self.registers[POWER] = abs(current) * bus // 20_000 & 0xFFFF
        self.registers[MASK] |= self.READY

    def read_word(self, register: int) -> int:
        word = super().read_word(register)
        if register == MASK:
            self.registers[MASK] &= ~self.READY
        return word

    def write_word(self, register: int, value: int) -> None:
        if register == CONFIGURATION and value & RST:
            self.reset()
        elif register == CONFIGURATION:
            self.registers[CONFIGURATION] = value & 0x0FFF | 0x4000
            self.registers[MASK] &= ~self.READY
            self.restart()
        elif register == MASK:
            self.registers[MASK] = value & ~self.READY
        else:
            super().write_word(register, value)


def _ina219_adc_s(code: int) -> float:
    """Conversion time of an INA219 ADC code: 9 to 12 bit, or 12 bit averaged 2 to 128 times."""
    if code & 0x8:
        return 532e-6 * (1 << (code & 0x7))
    return (84e-6, 148e-6, 276e-6, 532e-6)[code & 0x3]
