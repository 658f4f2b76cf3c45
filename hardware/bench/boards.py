"""Boards made to measure: any number of nodes from 1 to 10, every kind of chip in use."""

from hardware.board_checks import check_board
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
    ThermistorPart,
)
from hardware.errors import BadBoard

NODES_MAX = 10
_INA_ADDRESSES = (*range(0x40, 0x48), *range(0x4C, 0x50))
_ADS_ADDRESSES = range(0x48, 0x4C)
_PINS = (5, 6, 12, 13, 16, 17, 22, 23, 24, 25, 26, 27, 18, 19, 20, 21, 7, 8, 9, 10)
_INPUTS = 4
_INA219_EVERY = 4
_DS18B20_EVERY = 4
_CURRENT_A_MAX = 2.5


def bench_board(nodes: int = 5) -> Board:
    """A board of that many nodes: NODE_A, NODE_B and so on.

    Every fourth node has an INA219 and a DS18B20, the second a gauge, the last reads its voltage through
    a divider and has its shunt the other way round; the rest are INA226 and NTC.

    Raises:
        BadBoard: not 1 to 10 nodes.
    """
    if not 1 <= nodes <= NODES_MAX:
        raise BadBoard(f"nodes must be 1 to {NODES_MAX}, got {nodes}")
    letters = [chr(ord("A") + index) for index in range(nodes)]
    chips: list[ChipPart] = []
    inputs: list[DividerPart | ThermistorPart] = []
    made: list[BoardNode] = []
    for index, letter in enumerate(letters):
        small = letter.lower()
        turned = nodes > 1 and index == nodes - 1
        chips.append(_meter(index, small))
        if index % _DS18B20_EVERY == _DS18B20_EVERY - 1 and not turned:
            chips.append(Ds18b20Part(id=f"temp_{small}", serial=f"28-0316a279{index:04x}"))
            temperature = f"temp_{small}"
        else:
            temperature = _input(inputs, ThermistorPart(id=f"ntc_{small}", input=len(inputs) % _INPUTS))
        voltage = f"ina_{small}"
        if turned:
            divider = DividerPart(
                id=f"cell_{small}", input=len(inputs) % _INPUTS, top_ohm=10_000, bottom_ohm=10_000
            )
            voltage = _input(inputs, divider)
        if index == 1:
            chips.append(Max17048Part(id=f"gauge_{small}"))
        made.append(
            BoardNode(
                uid=f"NODE_{letter}",
                chemistry="nmc",
                capacity_ah=2.6,
                current_a_max=_CURRENT_A_MAX,
                voltage=voltage,
                current=f"ina_{small}",
                temperature=temperature,
                gauge=f"gauge_{small}" if index == 1 else None,
                invert_current=turned,
                charge_pin=_PINS[2 * index],
                discharge_pin=_PINS[2 * index + 1],
            )
        )
    chips.extend(
        Ads1115Part(
            id=f"adc_{number + 1}",
            address=_ADS_ADDRESSES[number],
            inputs=tuple(inputs[number * _INPUTS : (number + 1) * _INPUTS]),
        )
        for number in range(-(-len(inputs) // _INPUTS))
    )
    board = Board(name=f"bench_{nodes}", chips=tuple(chips), nodes=tuple(made))
    check_board(board)
    return board


def _meter(index: int, small: str) -> Ina219Part | Ina226Part:
    address = _INA_ADDRESSES[index]
    if index % _INA219_EVERY == _INA219_EVERY - 1:
        return Ina219Part(id=f"ina_{small}", address=address, shunt_mohm=100, current_a_max=_CURRENT_A_MAX)
    return Ina226Part(id=f"ina_{small}", address=address, shunt_mohm=20)


def _input(inputs: list[DividerPart | ThermistorPart], part: DividerPart | ThermistorPart) -> str:
    """Solder the part to the next free input; its source name."""
    inputs.append(part)
    return f"adc_{(len(inputs) - 1) // _INPUTS + 1}.{part.id}"
