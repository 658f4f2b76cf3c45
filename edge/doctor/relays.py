"""The relays: what becomes of them when the agent is gone, and, only when asked for, whether they follow.

On Raspberry Pi OS a pin keeps its level after its program was killed, unless `strict_gpiod` is set
(raspberrypi/linux, pull requests 6117 and 6150).
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from gpiozero import DigitalInputDevice
from gpiozero.exc import GPIOZeroError

from edge.agent import LOCK_FILE
from edge.config import EdgeConfig
from edge.doctor.finding import Finding, fail, ok, warn
from edge.doctor.machine import Machine
from edge.errors import ConfigWrong
from hardware.board import find_board
from hardware.board_model import Board, BoardNode
from hardware.errors import HardwareError
from hardware.relay import BREAK_S, RelayPair
from shared.clock import Clock
from shared.messages import Action

PERSIST = "sys/module/{driver}/parameters/persist_gpio_outputs"
DRIVERS = ("pinctrl_bcm2835", "pinctrl_rp1")
MODEL = "proc/device-tree/model"
CLOSED_S = 0.3
"""How long each contact stays closed."""


def check_after_death(machine: Machine) -> Finding:
    """Whether the kernel lets go of the pins of a program that was killed."""
    check = "relays after a crash"
    for driver in DRIVERS:
        word = (machine.text(PERSIST.format(driver=driver)) or "").upper()
        if word in {"Y", "1"}:
            return warn(
                check,
                f"{driver} keeps a pin's level when its program is killed: a closed relay stays closed until "
                "the unit's ExecStopPost opens it",
                "add dtparam=strict_gpiod to /boot/firmware/config.txt and reboot (install.sh does)",
            )
        if word in {"N", "0"}:
            return ok(check, "the kernel gives the pins back, the pull resistors open the relays")
    if "Raspberry Pi" in (machine.text(MODEL) or ""):
        return warn(
            check,
            "this kernel does not tell whether it gives a pin back when its program is killed",
            "`sudo apt full-upgrade` and reboot, then ask again",
        )
    return ok(check, "not told on this machine; the unit's ExecStopPost opens the relays in any case")


def position_unknown() -> Finding:
    """What is said when nobody agreed to a test."""
    return ok("relays", "not moved; `lumengrid edge doctor --relays` closes and reads back each contact")


def move_each(machine: Machine, config: EdgeConfig, board: Board) -> list[Finding]:
    """Close and open every contact, one at a time, and look who holds the pins when nobody drives them."""
    try:
        with without_agent(config):
            return [_moved(machine, node) for node in board.nodes]
    except ConfigWrong as error:
        return [fail("relays", str(error), "`sudo systemctl stop lumengrid-edge`, then again")]


def open_all(config: EdgeConfig, clock: Clock) -> str:
    """Open every relay of the board; what was done, in one sentence.

    Raises:
        BadBoard: the board cannot be read or a pin cannot be opened.
    """
    board = find_board(config.board)
    try:
        with without_agent(config):
            for node in board.nodes:
                _pair(node, clock, None).close()
    except ConfigWrong as error:
        return f"nothing done: {error}"
    return f"relays of {len(board.nodes)} nodes open"


@contextmanager
def without_agent(config: EdgeConfig) -> Iterator[None]:
    """Keep every agent out of these relays meanwhile.

    Raises:
        ConfigWrong: one is at work.
    """
    path = config.data_dir / LOCK_FILE
    if not path.exists():
        yield
        return
    try:
        lock = path.open("r+")
    except OSError as error:
        raise ConfigWrong(f"{path} cannot be opened: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigWrong("the agent is at work, and its relays are its own") from None
        yield


def _pair(node: BoardNode, clock: Clock, pin_factory: object) -> RelayPair:
    return RelayPair(
        charge_pin=node.charge_pin,
        discharge_pin=node.discharge_pin,
        active_high=node.active_high,
        clock=clock,
        pin_factory=pin_factory,
        dwell_s=0.0,
    )


def _moved(machine: Machine, node: BoardNode) -> Finding:
    check = f"relays {node.uid}"
    driven = f"pins {node.charge_pin} and {node.discharge_pin}: a short, or another program drives them"
    try:
        with _pair(node, machine.clock, machine.pin_factory) as pair:
            for action in (Action.CHARGE, Action.DISCHARGE):
                reached = pair.set(action)
                machine.clock.pause(CLOSED_S)
                read_back = pair.position
                pair.set(Action.IDLE)
                machine.clock.pause(2 * BREAK_S)
                if reached is not action or read_back is not action:
                    return fail(
                        check,
                        f"{action.value} was asked for, the pins read {read_back.value}",
                        driven,
                    )
        loose = [pin for pin in (node.charge_pin, node.discharge_pin) if _moves_by_itself(machine, node, pin)]
    except (HardwareError, GPIOZeroError, OSError) as error:
        return fail(
            check,
            str(error),
            f"{driven}; or the user is not in group gpio",
        )
    if loose:
        rail = "ground" if node.active_high else "3.3 V"
        pins = ", ".join(str(pin) for pin in loose)
        return fail(
            check,
            f"nothing holds pin {pins} open when the agent is gone",
            f"solder 10 kohm from the pin to {rail}: docs/operator/wiring.md",
        )
    return ok(check, "both contacts close, open and read back; pull resistors hold them open")


def _moves_by_itself(machine: Machine, node: BoardNode, pin: int) -> bool:
    """Whether the chip's own weak pull (about 50 kohm) can close the contact: then no resistor holds it."""
    with DigitalInputDevice(pin, pull_up=node.active_high, pin_factory=machine.pin_factory) as probe:
        return bool(probe.pin.state) == node.active_high
