"""ADS1115 as a register table: four inputs, single-shot and continuous conversions. TI SBAS444."""

from hardware.bench.registers import RegisterChip, word_of

CONVERSION = 0x00
CONFIGURATION = 0x01
OS = 1 << 15
SINGLE_SHOT = 1 << 8
RANGES_MV = (6144.0, 4096.0, 2048.0, 1024.0, 512.0, 256.0, 256.0, 256.0)
RATES_HZ = (8, 16, 32, 64, 128, 250, 475, 860)
DIFFERENTIAL = ((0, 1), (0, 3), (1, 3), (2, 3))
FIRST_SINGLE_ENDED = 4


class Ads1115Chip(RegisterChip):
    """Inputs in mV against ground; the result of a conversion appears when its time is over."""

    RESET = {CONVERSION: 0, CONFIGURATION: 0x8583, 0x02: 0x8000, 0x03: 0x7FFF}  # noqa: RUF012
    READ_ONLY = frozenset({CONVERSION})

    def __init__(self, *, seed: int = 0, noise_bits: float = 1.0) -> None:
        super().__init__(seed=seed, noise_bits=noise_bits)
        self.inputs_mv = [0.0, 0.0, 0.0, 0.0]
        self.hung = False
        """True: a started conversion never ends."""
        self._ready_at: float | None = None
        self._start = False

    def reset(self) -> None:
        super().reset()
        self._ready_at = None
        self._start = False

    def run(self, now: float) -> None:
        if self._start or (self._ready_at is None and not self._single_shot):
            self._ready_at = now + 1 / RATES_HZ[self.registers[CONFIGURATION] >> 5 & 7]
            self._start = False
        if self._ready_at is None or self.hung or now + 1e-9 < self._ready_at:
            return
        self._convert()
        self._ready_at = None

    def read_word(self, register: int) -> int:
        word = super().read_word(register)
        if register == CONFIGURATION:
            busy = self._start or self._ready_at is not None
            return word & ~OS if busy and self._single_shot else word | OS
        return word

    def write_word(self, register: int, value: int) -> None:
        if register != CONFIGURATION:
            super().write_word(register, value)
            return
        self.registers[CONFIGURATION] = value & ~OS
        if value & OS and value & SINGLE_SHOT:
            self._start = True

    @property
    def _single_shot(self) -> bool:
        return bool(self.registers[CONFIGURATION] & SINGLE_SHOT)

    def _convert(self) -> None:
        configuration = self.registers[CONFIGURATION]
        mux = configuration >> 12 & 7
        if mux >= FIRST_SINGLE_ENDED:
            input_mv = self.inputs_mv[mux - FIRST_SINGLE_ENDED]
        else:
            plus, minus = DIFFERENTIAL[mux]
            input_mv = self.inputs_mv[plus] - self.inputs_mv[minus]
        count = self.converted(input_mv / RANGES_MV[configuration >> 9 & 7] * 32768, low=-0x8000, high=0x7FFF)
        self.registers[CONVERSION] = word_of(count)
