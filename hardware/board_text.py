"""A board as the TOML text that `hardware.board.parse_board` reads back."""

from typing import Any

import msgspec

from hardware.board_model import Board


def board_toml(board: Board, *, notes: tuple[str, ...] = ()) -> str:
    """The file, notes as comments on top; fields that are absent or at their default are left out."""
    lines = [f"# {note}" for note in notes]
    lines += [f"name = {_value('name', board.name)}", f"i2c_bus = {board.i2c_bus}"]
    for table, items in (("chips", board.chips), ("nodes", board.nodes)):
        for item in items:
            lines += ["", f"[[{table}]]"]
            lines += [f"{key} = {_value(key, value)}" for key, value in _fields(item).items()]
    return "\n".join(lines) + "\n"


def _fields(item: Any) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(item)
    defaults = {field.encode_name: field.default for field in msgspec.structs.fields(item)}
    return {
        key: value
        for key, value in plain.items()
        if value is not None and (key not in defaults or value != defaults[key])
    }


def _value(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if key == "address":
        return f"0x{value:02x}"
    if isinstance(value, dict):
        inner = ", ".join(
            f"{name} = {_value(name, part)}" for name, part in value.items() if part is not None
        )
        return "{ " + inner + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value("", part) for part in value) + "]"
    if isinstance(value, str):
        # JSON strings are TOML basic strings: the same quotes and escapes.
        return msgspec.json.encode(value).decode()
    return repr(value)
