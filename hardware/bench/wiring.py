"""The copper of a bench: chips made from a board, and what lies at their inputs."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from hardware.bench.ads1115 import Ads1115Chip
from hardware.bench.bus import BenchBus
from hardware.bench.ina import Ina219Chip, Ina226Chip, InaChip
from hardware.bench.max17048 import Max17048Chip
from hardware.bench.onewire import OneWireSensor
from hardware.board_model import (
    Ads1115Part,
    Board,
    BoardNode,
    ChipPart,
    DividerPart,
    Ds18b20Part,
    Ina219Part,
    Ina226Part,
    Max17048Part,
)
from hardware.open_board import thermistor_curve

GAUGE_BIAS_POINTS = 1.5
"""How much more the gauge's generic model believes in than there is."""


class Terminals(Struct, frozen=True, kw_only=True):
    """What a node offers to its sensors now."""

    voltage_v: float
    link_current_a: float
    """Positive while discharging into the busbar."""
    temperature_c: float
    soc: float
    """0 to 1."""


class Wiring:
    """Chips of one board on one bus, each input tied to the node that names it as a source."""

    def __init__(
        self, board: Board, bus: BenchBus, onewire_root: Path, *, seed: int, noise_bits: float
    ) -> None:
        self._chips: dict[str, InaChip | Ads1115Chip | Max17048Chip] = {}
        self._sensors: dict[str, OneWireSensor] = {}
        self._parts = board.chips
        self._cut: set[str] = set()
        self._nodes: dict[str, list[BoardNode]] = {}
        for node in board.nodes:
            for source in node.sources().values():
                wired = self._nodes.setdefault(source, [])
                if node not in wired:
                    wired.append(node)
        for number, part in enumerate(board.chips):
            if isinstance(part, Ds18b20Part):
                self._sensors[part.id] = OneWireSensor(onewire_root, part.serial)
                continue
            chip = _chip(part, seed=seed * 1000 + number, noise_bits=noise_bits)
            self._chips[part.id] = chip
            bus.attach(part.address, chip)

    def chip(self, chip_id: str) -> InaChip | Ads1115Chip | Max17048Chip:
        """The imitated chip of that board id."""
        return self._chips[chip_id]

    def sensor(self, chip_id: str) -> OneWireSensor:
        """The imitated DS18B20 of that board id."""
        return self._sensors[chip_id]

    def cut(self, source: str) -> None:
        """Cut the wire at an ADS1115 input, named as on the board (`adc_1.ntc_a`), until `mend`.

        The series resistor then pulls a thermistor input to the supply, the lower resistor a divider to 0.
        """
        self._cut.add(source)

    def mend(self, source: str) -> None:
        """Solder the wire on again."""
        self._cut.discard(source)

    def show(self, terminals: Mapping[str, Terminals]) -> None:
        """Put the present of every node, by uid, at the inputs."""
        for part in self._parts:
            if isinstance(part, Ads1115Part):
                self._show_inputs(part, terminals)
                continue
            for node in self._nodes.get(part.id, ()):
                self._show_chip(part, node, terminals[node.uid])

    def _show_chip(self, part: ChipPart, node: BoardNode, at: Terminals) -> None:
        if isinstance(part, Ds18b20Part):
            self._sensors[part.id].show(at.temperature_c)
            return
        chip = self._chips[part.id]
        if isinstance(chip, InaChip) and isinstance(part, Ina219Part | Ina226Part):
            sign = -1.0 if node.invert_current else 1.0
            chip.bus_mv = at.voltage_v * 1000
            chip.shunt_uv = sign * at.link_current_a * part.shunt_mohm * 1000
        elif isinstance(chip, Max17048Chip):
            chip.cell_mv = at.voltage_v * 1000
            chip.soc_percent = min(at.soc * 100 + GAUGE_BIAS_POINTS, 100.0)

    def _show_inputs(self, part: Ads1115Part, terminals: Mapping[str, Terminals]) -> None:
        chip = self._chips[part.id]
        assert isinstance(chip, Ads1115Chip)  # noqa: S101  made from this very part
        for made in part.inputs:
            if f"{part.id}.{made.id}" in self._cut:
                chip.inputs_mv[made.input] = 0.0 if isinstance(made, DividerPart) else part.supply_mv
                continue
            for node in self._nodes.get(f"{part.id}.{made.id}", ()):
                at = terminals[node.uid]
                if isinstance(made, DividerPart):
                    ratio = made.bottom_ohm / (made.top_ohm + made.bottom_ohm)
                    chip.inputs_mv[made.input] = at.voltage_v * 1000 * ratio
                else:
                    ohm = thermistor_curve(made).ohm(at.temperature_c)
                    chip.inputs_mv[made.input] = part.supply_mv * ohm / (made.series_ohm + ohm)


def _chip(part: ChipPart, *, seed: int, noise_bits: float) -> InaChip | Ads1115Chip | Max17048Chip:
    match part:
        case Ina219Part():
            return Ina219Chip(seed=seed, noise_bits=noise_bits)
        case Ina226Part():
            return Ina226Chip(seed=seed, noise_bits=noise_bits)
        case Ads1115Part():
            return Ads1115Chip(seed=seed, noise_bits=noise_bits)
        case Max17048Part():
            return Max17048Chip(seed=seed, noise_bits=noise_bits)
        case Ds18b20Part():
            raise AssertionError("a DS18B20 is not on the I2C bus")
