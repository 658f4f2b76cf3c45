"""MAX17048 as a register table: cell voltage and the gauge's SoC. Maxim 19-6171."""

from hardware.bench.registers import WORD_BYTES, RegisterChip

VCELL = 0x02
SOC = 0x04
VERSION = 0x08
STATUS = 0x1A
COMMAND = 0xFE
RESET_INDICATOR = 1 << 8
UPDATE_S = 0.25


class Max17048Chip(RegisterChip):
    """Registers sit at even byte addresses and a block read runs on to the next one."""

    RESET = {  # noqa: RUF012
        VCELL: 0,
        SOC: 0,
        0x06: 0,
        VERSION: 0x0012,
        0x0A: 0x8030,
        0x0C: 0x971C,
        0x14: 0x00FF,
        0x16: 0,
        0x18: 0x9600,
        STATUS: RESET_INDICATOR,
    }
    READ_ONLY = frozenset({VCELL, SOC, VERSION, 0x16})

    def __init__(self, *, seed: int = 0, noise_bits: float = 1.0) -> None:
        super().__init__(seed=seed, noise_bits=noise_bits)
        self.cell_mv = 0.0
        self.soc_percent = 0.0
        """What its model believes."""
        self.hung = False
        """True: the registers are no longer renewed."""
        self._next_at: float | None = None

    def reset(self) -> None:
        super().reset()
        self._next_at = None

    def run(self, now: float) -> None:
        if self.hung or (self._next_at is not None and now + 1e-9 < self._next_at):
            return
        # 78.125 uV is finer than its converter: the noise spans sixteen of these bits.
        spread = 16 * self.converted(0.0, low=-4, high=4)
        self.registers[VCELL] = min(max(round(self.cell_mv / 0.078125) + spread, 0), 0xFFFF)
        self.registers[SOC] = min(max(round(self.soc_percent * 256), 0), 0xFFFF)
        self._next_at = now + UPDATE_S

    def read_bytes(self, register: int, length: int) -> list[int]:
        self.pointer = register
        found = []
        for address in range(register, register + length):
            word = self.read_word(address & ~1)
            found.append(word & 0xFF if address & 1 else word >> 8)
        return found

    def write_word(self, register: int, value: int) -> None:
        if register == COMMAND and value == 0x5400:  # noqa: PLR2004  the power-on reset command
            self.reset()
        else:
            super().write_word(register, value)

    def write_bytes(self, register: int, data: list[int] | tuple[int, ...]) -> None:  # type: ignore[override]
        super().write_bytes(register, data)
        if register == COMMAND and len(data) == WORD_BYTES and data[0] == 0x54:  # noqa: PLR2004
            # The chip resets before it can acknowledge its last byte.
            raise OSError(121, "Remote I/O error")
