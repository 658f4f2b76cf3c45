"""What no board can be: two chips at one address, a shunt that saturates, a node without a meter."""

from collections.abc import Iterable
from itertools import chain

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
from hardware.cells import CHEMISTRIES, load_chemistry
from hardware.chips import ads1115, ina219, ina226
from hardware.errors import BadBoard

GIVES = {
    "ina219": {"voltage", "current"},
    "ina226": {"voltage", "current"},
    "divider": {"voltage"},
    "ntc": {"temperature"},
    "max17048": {"voltage", "gauge"},
    "ds18b20": {"temperature"},
}
"""Quantities each kind of source measures."""

RESERVED_PINS = {0: "ID EEPROM", 1: "ID EEPROM", 2: "I2C data", 3: "I2C clock"}
"""BCM numbers that the header uses for the bus itself; 1-Wire adds pin 4 where it is used."""
ONE_WIRE_PIN = 4


def check_board(board: Board) -> None:
    """Return silently when the board can be built.

    Raises:
        BadBoard: the first contradiction found, naming field, value and range.
    """
    _check_unique("chips.id", [chip.id for chip in board.chips])
    _check_unique("nodes.uid", [node.uid for node in board.nodes])
    for node in board.nodes:
        if node.chemistry not in CHEMISTRIES:
            raise BadBoard(
                f"nodes.{node.uid}.chemistry: {node.chemistry!r} is not one of {', '.join(CHEMISTRIES)}"
            )
    _check_addresses(board.chips)
    for chip in board.chips:
        if isinstance(chip, Ads1115Part):
            _check_inputs(chip, board.nodes)
    _check_pins(board)
    kinds = board.source_kinds()
    for node in board.nodes:
        _check_sources(node, kinds)
        _check_rating(node, board.chips)


def _check_unique(field: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise BadBoard(f"{field}: {value} stands twice, each must be its own")
        seen.add(value)


def _check_addresses(chips: Iterable[ChipPart]) -> None:
    taken: dict[int, str] = {}
    serials: list[str] = []
    for chip in chips:
        if isinstance(chip, Ds18b20Part):
            serials.append(chip.serial)
            continue
        other = taken.get(chip.address)
        if other is not None:
            hint = ""
            if chip.address in ads1115.ADDRESSES:
                hint = "; INA and ADS1115 share 0x48 to 0x4b, so put the INA at 0x40 to 0x47"
            elif isinstance(chip, Max17048Part):
                hint = "; a MAX17048 cannot be moved, so one for each bus"
            raise BadBoard(f"chips.{chip.id}.address: 0x{chip.address:02x} is taken by {other}{hint}")
        taken[chip.address] = chip.id
    _check_unique("chips.serial", serials)


def _check_inputs(chip: Ads1115Part, nodes: Iterable[BoardNode]) -> None:
    _check_unique(f"chips.{chip.id}.inputs.id", [part.id for part in chip.inputs])
    _check_unique(f"chips.{chip.id}.inputs.input", [part.input for part in chip.inputs])
    full_of = {node.voltage: load_chemistry(node.chemistry).voltage.high_fault_v for node in nodes}
    for part in chip.inputs:
        full_v = full_of.get(f"{chip.id}.{part.id}")
        if not isinstance(part, DividerPart) or full_v is None:
            continue
        at_pin_mv = full_v * 1000 * part.bottom_ohm / (part.top_ohm + part.bottom_ohm)
        if at_pin_mv > chip.supply_mv:
            raise BadBoard(
                f"chips.{chip.id}.inputs.{part.id}.top_ohm: {part.top_ohm:g} leaves {at_pin_mv:.0f} mV at "
                f"the input for a {full_v:g} V cell; it must stay within 0 to {chip.supply_mv:.0f} mV"
            )


def _check_pins(board: Board) -> None:
    reserved = dict(RESERVED_PINS)
    if any(isinstance(chip, Ds18b20Part) for chip in board.chips):
        reserved[ONE_WIRE_PIN] = "1-Wire data"
    taken: dict[int, str] = {}
    for node in board.nodes:
        for field, pin in (("charge_pin", node.charge_pin), ("discharge_pin", node.discharge_pin)):
            name = f"nodes.{node.uid}.{field}"
            if pin in reserved:
                raise BadBoard(f"{name}: {pin} is {reserved[pin]}, use one of 5 to 27")
            if pin in taken:
                raise BadBoard(f"{name}: {pin} is taken by {taken[pin]}, each pin serves one contact")
            taken[pin] = name


def _check_sources(node: BoardNode, kinds: dict[str, str]) -> None:
    for quantity, source in node.sources().items():
        kind = kinds.get(source)
        if kind is None:
            raise BadBoard(
                f"nodes.{node.uid}.{quantity}: no source {source!r}, known are {', '.join(sorted(kinds))}"
            )
        if quantity not in GIVES[kind]:
            can = ", ".join(sorted(GIVES[kind]))
            raise BadBoard(f"nodes.{node.uid}.{quantity}: {source} is a {kind} and gives {can} only")


def _check_rating(node: BoardNode, chips: Iterable[ChipPart]) -> None:
    chemistry = load_chemistry(node.chemistry)
    rate = node.current_a_max / node.capacity_ah
    highest = max(chemistry.charge_c_rate_max, chemistry.discharge_c_rate_max)
    if rate > highest:
        raise BadBoard(
            f"nodes.{node.uid}.current_a_max: {node.current_a_max:g} is {rate:.1f} C, "
            f"{node.chemistry} allows up to {highest * node.capacity_ah:g} A"
        )
    for chip in chips:
        if chip.id != node.current or not isinstance(chip, Ina219Part | Ina226Part):
            continue
        full_mv = ina219.SHUNT_MV_MAX if isinstance(chip, Ina219Part) else ina226.SHUNT_MV_MAX
        limit_a = full_mv / chip.shunt_mohm
        if isinstance(chip, Ina219Part):
            limit_a = min(limit_a, chip.current_a_max)
        if node.current_a_max >= full_mv / chip.shunt_mohm or node.current_a_max > limit_a:
            raise BadBoard(
                f"chips.{chip.id}.shunt_mohm: {chip.shunt_mohm:g} measures up to {limit_a:.2f} A, "
                f"node {node.uid} carries {node.current_a_max:g} A; "
                f"use at most {full_mv / node.current_a_max:.1f} mohm"
            )


def all_addresses(board: Board) -> list[int]:
    """The I2C addresses of the board, ascending."""
    found = ([] if isinstance(chip, Ds18b20Part) else [chip.address] for chip in board.chips)
    return sorted(chain.from_iterable(found))
