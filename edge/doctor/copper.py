"""The buses, and whether each chip of the board is the one that answers. Reads only.

A registered word that stays the same is read many times without any retry, so that a bus that works by luck
shows: the agent's own retries would hide it.
"""

from collections.abc import Iterator, Mapping

from edge.doctor.finding import Finding, fail, ok, warn
from edge.doctor.machine import Machine
from hardware.board_model import (
    Ads1115Part,
    Board,
    ChipPart,
    Ds18b20Part,
    Max17048Part,
    kind_of,
)
from hardware.bus import I2cBus
from hardware.chips import ads1115, ina219, max17048
from hardware.errors import BusAbsent, BusForbidden, HardwareError
from hardware.scan import Found, scan

READS = 40
"""Of each chip."""

_ENABLE_I2C = "`sudo raspi-config nonint do_i2c 0`, then reboot"
_WIRING = (
    "check power, SDA, SCL and the address jumpers of the chip; `i2cdetect -y {bus}` must show {address:02x}"
)


def check_copper(machine: Machine, board: Board) -> list[Finding]:
    """The bus, then one finding for each chip, then what the board does not know of."""
    check = f"bus {board.i2c_bus}"
    try:
        bus = machine.open_bus(board.i2c_bus)
    except BusAbsent as error:
        return [fail(check, str(error), _ENABLE_I2C)]
    except BusForbidden as error:
        return [
            fail(
                check,
                str(error),
                "`sudo usermod -aG i2c $USER` and sign in again, or run the doctor with sudo",
            )
        ]
    except HardwareError as error:
        return [fail(check, str(error), _ENABLE_I2C)]
    try:
        found = scan(bus, machine.clock, onewire_root=machine.onewire_root)
        findings = [_chip(part, found, board) for part in board.chips]
        there = {item.address: item.kind for item in found if item.address is not None}
        answering = {
            part.address: _steady_register(part)
            for part in board.chips
            if not isinstance(part, Ds18b20Part) and there.get(part.address) == kind_of(part)
        }
        findings.insert(0, _steadiness(check, bus, answering))
        findings += _strangers(board, found)
    finally:
        bus.close()
    return findings


def _address(part: ChipPart) -> int | None:
    return None if isinstance(part, Ds18b20Part) else part.address


def _chip(part: ChipPart, found: tuple[Found, ...], board: Board) -> Finding:
    check, kind = f"chip {part.id}", kind_of(part)
    if isinstance(part, Ds18b20Part):
        if any(item.serial == part.serial for item in found):
            return ok(check, f"{kind} {part.serial} answers")
        others = [item.serial for item in found if item.serial is not None]
        return fail(
            check,
            f"{kind} {part.serial} does not answer on 1-Wire; there: {', '.join(others) or 'none'}",
            "put the sensor's own serial into the board file (`ls /sys/bus/w1/devices`)"
            if others
            else "`sudo raspi-config nonint do_onewire 0` and reboot; check the 4.7 kohm pull-up of the wire",
        )
    here = next((item for item in found if item.address == part.address), None)
    where = f"0x{part.address:02x}"
    if here is None:
        return fail(
            check,
            f"nobody answers at {where}, the board says {kind}",
            _WIRING.format(bus=board.i2c_bus, address=part.address),
        )
    if here.kind == kind:
        return ok(check, f"{kind} answers at {where}")
    if here.kind == "claimed":
        return fail(
            check,
            f"a kernel driver owns {where}",
            "take its dtoverlay out of /boot/firmware/config.txt, or unbind "
            f"{board.i2c_bus}-{part.address:04x} under /sys/bus/i2c/drivers",
        )
    if here.kind == "unknown":
        return fail(
            check,
            f"something answers at {where} that is no {kind}: {here.detail}",
            "switch the power of the chip off and on; if it stays so, the chip is damaged or another one",
        )
    return fail(
        check,
        f"{here.kind} answers at {where}, the board says {kind}",
        f'set kind = "{here.kind}" for chip {part.id} in the board file, or fit the {kind}',
    )


def _strangers(board: Board, found: tuple[Found, ...]) -> Iterator[Finding]:
    addresses = {_address(part) for part in board.chips}
    serials = {part.serial for part in board.chips if isinstance(part, Ds18b20Part)}
    for item in found:
        if item.address is not None and item.address not in addresses:
            yield warn(
                "stranger",
                f"{item.kind} at 0x{item.address:02x} is not on the board",
                "add it to the board file, or take it off the bus",
            )
        if item.serial is not None and item.serial not in serials:
            yield warn(
                "stranger",
                f"{item.kind} {item.serial} is not on the board",
                "add it to the board file, or take it off the 1-Wire bus",
            )


def _steadiness(check: str, bus: I2cBus, registers: Mapping[int, int]) -> Finding:
    """`registers`: which to read, by address."""
    errors = wrong = reads = 0
    for address, register in registers.items():
        words: list[tuple[int, ...]] = []
        for _ in range(READS):
            reads += 1
            try:
                words.append(tuple(bus.read_i2c_block_data(address, register, 2)))
            except OSError:
                errors += 1
        usual = max(set(words), key=words.count, default=None)
        wrong += sum(word != usual for word in words)
    if errors or wrong:
        return warn(
            check,
            f"{errors} of {reads} reads failed and {wrong} gave another word",
            "shorten the wires, keep them away from relay coils, use one pair of pull-ups of 2.2 to 4.7 kohm",
        )
    return ok(check, f"opens; {reads} reads without an error" if reads else "opens")


def _steady_register(part: ChipPart) -> int:
    """A register whose word does not change by itself."""
    if isinstance(part, Ads1115Part):
        return ads1115.HIGH_THRESHOLD
    if isinstance(part, Max17048Part):
        return max17048.VERSION
    return ina219.CONFIGURATION
