"""What answers on the buses, and a board proposed from it.

Identification only reads: a scan must not disturb a chip it does not know. The pointer write that goes
ahead of every register read cannot be avoided.

    0x36          MAX17048   VERSION 0x001x
    0x40 to 0x4F  INA226     identity 0x5449 / 0x2260
    0x48 to 0x4B  ADS1115    thresholds 0x8000 / 0x7FFF and the comparator off, as after power-on
    0x40 to 0x4F  INA219     configuration at its reset value, or as the driver here sets it
"""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

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
)
from hardware.bus import I2cBus, Port
from hardware.chips import ads1115, ds18b20, ina219, ina226, max17048
from hardware.errors import BadBoard, HardwareError
from shared.clock import Clock

Kind = Literal["ina219", "ina226", "ads1115", "max17048", "ds18b20", "unknown", "claimed"]

STOCK_SHUNT_MOHM = 100.0
"""The resistor marked R100 on the common INA219 and INA226 breakouts."""
_ADS1115_THRESHOLDS = (0x8000, 0x7FFF)
_COMPARATOR_OFF = 0x3
_RELAY_PINS = (5, 6, 12, 13, 16, 17, 22, 23, 24, 25, 26, 27, 18, 19, 20, 21)
_CAPACITY_AH = 2.6
_CURRENT_A_MAX = 2.5
_HEADROOM = 0.95
"""Share of the shunt's range that a proposed rating uses."""
_FIRST_ADDRESS, _LAST_ADDRESS = 0x03, 0x77


class Found(Struct, frozen=True, kw_only=True):
    """One thing that answered."""

    kind: Kind
    address: int | None = None
    serial: str | None = None
    detail: str = ""
    """Why it is not a chip of this project, in one sentence; empty where it is."""


class Proposal(Struct, frozen=True, kw_only=True):
    """A board to start from."""

    board: Board | None
    """None: nothing found that can measure a cell's voltage."""
    notes: tuple[str, ...]
    """What a person must check or complete before the relays are wired, one sentence each."""


def scan(bus: I2cBus, clock: Clock, *, onewire_root: Path = ds18b20.W1_ROOT) -> tuple[Found, ...]:
    """Everything that answers: I2C by address, then 1-Wire by serial."""
    return (*_scan_i2c(bus, clock), *_scan_onewire(onewire_root))


def _scan_i2c(bus: I2cBus, clock: Clock) -> Iterator[Found]:
    for address in range(_FIRST_ADDRESS, _LAST_ADDRESS + 1):
        try:
            bus.read_byte(address)
        except OSError as error:
            if error.errno == errno.EBUSY:
                yield Found(
                    kind="claimed", address=address, detail="claimed by a kernel driver; unbind it first"
                )
            continue
        yield _identify(Port(bus, address, clock))


def _identify(port: Port) -> Found:
    try:
        return _recognised(port)
    except HardwareError as error:
        return Found(kind="unknown", address=port.address, detail=str(error))


def _recognised(port: Port) -> Found:
    address = port.address
    if address == max17048.ADDRESS:
        version = port.read_u16(max17048.VERSION)
        if max17048.is_version(version):
            return Found(kind="max17048", address=address)
        return Found(kind="unknown", address=address, detail=f"version 0x{version:04x} is no MAX17048's")
    if address not in ina226.ADDRESSES:
        return Found(kind="unknown", address=address, detail="no chip of this project has this address")
    if (port.read_u16(ina226.MAKER), port.read_u16(ina226.DIE)) == (ina226.MAKER_ID, ina226.DIE_ID):
        return Found(kind="ina226", address=address)
    if address in ads1115.ADDRESSES:
        thresholds = (port.read_u16(ads1115.LOW_THRESHOLD), port.read_u16(ads1115.HIGH_THRESHOLD))
        configuration = port.read_u16(ads1115.CONFIGURATION)
        if thresholds == _ADS1115_THRESHOLDS and configuration & _COMPARATOR_OFF == _COMPARATOR_OFF:
            return Found(kind="ads1115", address=address)
    configuration = port.read_u16(ina219.CONFIGURATION)
    if configuration == ina219.RESET_CONFIGURATION or configuration in ina219.SETUPS:
        return Found(kind="ina219", address=address)
    return Found(
        kind="unknown",
        address=address,
        detail=f"register 0 reads 0x{configuration:04x}: neither INA219, INA226 nor ADS1115",
    )


def _scan_onewire(root: Path) -> Iterator[Found]:
    try:
        names = sorted(entry.name for entry in root.iterdir() if entry.name.startswith(ds18b20.FAMILY))
    except OSError:
        return
    yield from (Found(kind="ds18b20", serial=name) for name in names)


def propose(found: tuple[Found, ...], *, i2c_bus: int = 1) -> Proposal:
    """One node for each current meter; thermometers go to the nodes in order.

    Without a current meter an ADS1115 is taken to read one cell through 10 k over 10 k.
    """
    notes = [f"0x{item.address:02x}: {item.detail}" for item in found if item.address and item.detail]
    meters = [item for item in found if item.kind in ("ina219", "ina226")]
    thermometers = [item for item in found if item.kind == "ds18b20"]
    converters = [item for item in found if item.kind == "ads1115"]
    gauge = next((item for item in found if item.kind == "max17048"), None)
    chips: list[ChipPart] = [
        Ds18b20Part(id=f"temp_{number}", serial=item.serial or "")
        for number, item in enumerate(thermometers, start=1)
    ]
    if gauge is not None:
        chips.append(Max17048Part(id="gauge_1"))
    voltages: list[str] = []
    for number, item in enumerate(meters[: len(_RELAY_PINS) // 2], start=1):
        chips.append(_meter(f"meter_{number}", item))
        voltages.append(f"meter_{number}")
    if not meters and converters:
        chips.append(_divider(converters[0]))
        voltages.append("adc_1.cell_1")
    elif converters:
        listed = ", ".join(f"0x{item.address:02x}" for item in converters)
        notes.append(f"ADS1115 at {listed}: a scan cannot see what its inputs read; add them by hand")
    if not voltages:
        return Proposal(board=None, notes=(*notes, "nothing found that measures a cell's voltage"))
    nodes = tuple(
        _node(index, source, measured=bool(meters), thermometers=len(thermometers), gauge=gauge is not None)
        for index, source in enumerate(voltages)
    )
    notes.append(f"shunts are taken for {STOCK_SHUNT_MOHM:g} mohm (R100): read the marking")
    notes.append("capacity, chemistry, rating and relay pins are guesses: set them before wiring relays")
    board = Board(name="found", i2c_bus=i2c_bus, chips=tuple(chips), nodes=nodes)
    try:
        check_board(board)
    except BadBoard as error:
        return Proposal(board=None, notes=(*notes, str(error)))
    return Proposal(board=board, notes=tuple(notes))


def _meter(chip_id: str, found: Found) -> Ina219Part | Ina226Part:
    address = found.address or 0
    if found.kind == "ina226":
        return Ina226Part(id=chip_id, address=address, shunt_mohm=STOCK_SHUNT_MOHM)
    return Ina219Part(id=chip_id, address=address, shunt_mohm=STOCK_SHUNT_MOHM, current_a_max=_CURRENT_A_MAX)


def _divider(found: Found) -> Ads1115Part:
    cell = DividerPart(id="cell_1", input=0, top_ohm=10_000, bottom_ohm=10_000)
    return Ads1115Part(id="adc_1", address=found.address or 0, inputs=(cell,))


def _node(index: int, source: str, *, measured: bool, thermometers: int, gauge: bool) -> BoardNode:
    rating_a = round(ina226.SHUNT_MV_MAX / STOCK_SHUNT_MOHM * _HEADROOM, 2)
    return BoardNode(
        uid=f"NODE_{chr(ord('A') + index)}",
        chemistry="nmc",
        capacity_ah=_CAPACITY_AH,
        current_a_max=rating_a,
        voltage=source,
        current=source if measured else None,
        temperature=f"temp_{index + 1}" if index < thermometers else None,
        gauge="gauge_1" if gauge and index == 0 else None,
        charge_pin=_RELAY_PINS[2 * index],
        discharge_pin=_RELAY_PINS[2 * index + 1],
    )
