"""A board file: which chip and pin serves which node. TOML in, checked physically before a pin moves.

name = "porch"

[[chips]]
id = "ina_a"
kind = "ina226"              # ina219, ina226, ads1115, max17048, ds18b20
address = 0x40
shunt_mohm = 20

[[nodes]]
uid = "NODE_A"
chemistry = "nmc"
capacity_ah = 2.6
current_a_max = 2.0
voltage = "ina_a"
current = "ina_a"
temperature = "adc_1.ntc_a"  # an ADS1115 input: chip, dot, input
charge_pin = 5
discharge_pin = 6
"""

import os
import tomllib
from importlib.resources import files
from pathlib import Path

import msgspec

from hardware.board_checks import check_board
from hardware.board_model import Board
from hardware.errors import BadBoard


def find_board(name: str) -> Board:
    """The board file of that path, or the shipped board of that name.

    Raises:
        BadBoard: see `load_board` and `shipped_board`.
    """
    return load_board(Path(name)) if name.endswith(".toml") or os.sep in name else shipped_board(name)


def load_board(path: Path) -> Board:
    """The board of a file, parsed and checked.

    Raises:
        BadBoard: unreadable, malformed, or physically impossible; field, value and range in the message.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadBoard(f"board file {path}: {error.strerror}") from error
    return parse_board(text, origin=str(path))


def shipped_board(name: str) -> Board:
    """A board that comes with the package, by file name without `.toml`.

    Raises:
        BadBoard: there is none of that name.
    """
    folder = files("hardware.boards")
    known = sorted(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )
    if name not in known:
        raise BadBoard(f"board must be one of {', '.join(known)} or a path, got {name!r}")
    return parse_board(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"), origin=name)


def parse_board(text: str, *, origin: str) -> Board:
    """A board from TOML text, checked.

    Raises:
        BadBoard: see `load_board`.
    """
    try:
        board = msgspec.convert(tomllib.loads(text), Board)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadBoard(f"board {origin}: {error}") from error
    check_board(board)
    return board
