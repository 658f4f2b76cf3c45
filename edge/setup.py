"""`lumengrid edge init`: from a bare Pi to a configured, enrolled agent; run again, it keeps what is there.

    chips found on I2C and 1-Wire   -> board.toml (a proposal a person must check)
    settings                        -> edge.toml
    device key, cloud's pinned key  -> data folder, mode 0600

An existing file is never written over; what would be written differs is said.
"""

import re
import socket
from pathlib import Path

from msgspec import Struct, structs
from nacl.signing import SigningKey

from edge.config import EdgeConfig
from edge.config_file import load_config
from edge.enrol import device_key, enrol, load_enrolment, save_enrolment
from edge.errors import CloudUnreachable, ConfigWrong, EnrolmentRefused
from hardware.board import load_board
from hardware.board_text import board_toml
from hardware.bus import I2cBus, open_bus
from hardware.chips.ds18b20 import W1_ROOT
from hardware.errors import HardwareError
from hardware.scan import Found, propose, scan
from shared.clock import Clock
from shared.ids import is_name
from shared.signatures import public_key_of

BOARD_FILE = "board.toml"


class SetupWishes(Struct, frozen=True, kw_only=True):
    """What the command line said."""

    config_file: Path
    device_id: str | None = None
    """None: the host's name."""
    data_dir: Path | None = None
    cloud_url: str | None = None
    code: str | None = None
    """Enrolment code; None: first contact, where the cloud allows it."""
    board: str | None = None
    """A shipped board or a board file to use instead of looking for chips."""
    i2c_bus: int = 1
    latitude: float | None = None
    """Degrees, with the longitude; None: the file's, else unknown."""
    longitude: float | None = None


class SetupDone(Struct, frozen=True, kw_only=True):
    """What was found and done, one sentence each."""

    lines: tuple[str, ...]
    complete: bool
    """Whether `lumengrid edge run` can start now."""


async def init(
    wishes: SetupWishes, *, clock: Clock, bus: I2cBus | None = None, onewire_root: Path = W1_ROOT
) -> SetupDone:
    """Do all of it; `bus` stands in for the machine's own.

    Raises:
        ConfigWrong: an existing configuration or key cannot be used, or a folder cannot be written.
    """
    wishes = structs.replace(wishes, config_file=wishes.config_file.absolute())
    lines: list[str] = []
    if wishes.config_file.exists():
        config = load_config(wishes.config_file)
        lines.append(f"{wishes.config_file} is there and is kept: device {config.device_id}")
        lines += _differences(wishes, config)
        board_ready = _existing_board(config, lines)
    else:
        board_name = wishes.board or _find_board(wishes, clock, bus, onewire_root, lines)
        board_ready = board_name is not None
        config = _write_config(wishes, board_name or str(wishes.config_file.with_name(BOARD_FILE)), lines)
    key = device_key(config.data_dir)
    lines.append(f"device key {public_key_of(key)} in {config.data_dir}")
    await _enrol(wishes, config, key, lines)
    return SetupDone(lines=tuple(lines), complete=board_ready)


def _find_board(
    wishes: SetupWishes, clock: Clock, bus: I2cBus | None, onewire_root: Path, lines: list[str]
) -> str | None:
    """The path of the board file, written from what answers on the buses; None when nothing usable does."""
    path = wishes.config_file.with_name(BOARD_FILE)
    if path.exists():
        lines.append(f"{path} is there and is kept")
        load_board(path)
        return str(path)
    opened = bus
    try:
        opened = bus or open_bus(wishes.i2c_bus)
        found = scan(opened, clock, onewire_root=onewire_root)
    except HardwareError as error:
        lines.append(f"no board file was written: {error}")
        return None
    finally:
        if bus is None and opened is not None:
            opened.close()
    lines += [f"found {_named(item)}" for item in found] or ["found no chip on I2C or 1-Wire"]
    proposal = propose(found, i2c_bus=wishes.i2c_bus)
    lines += [f"note: {note}" for note in proposal.notes]
    if proposal.board is None:
        lines.append("no board file was written: name one with --board, or check the wiring and run again")
        return None
    _write(path, board_toml(proposal.board, notes=proposal.notes))
    lines.append(f"{path} written with {len(proposal.board.nodes)} nodes: check it before wiring relays")
    return str(path)


def _named(found: Found) -> str:
    where = f"at 0x{found.address:02x}" if found.address is not None else f"serial {found.serial}"
    return f"{found.kind} {where}" + (f" ({found.detail})" if found.detail else "")


def _write_config(wishes: SetupWishes, board: str, lines: list[str]) -> EdgeConfig:
    device_id = wishes.device_id or _host_name()
    if not is_name(device_id):
        raise ConfigWrong(
            f"device_id = {device_id!r} cannot be used: allowed are 1 to 64 letters, digits, dots, dashes,"
            " underscores"
        )
    text = [
        "# Settings of this agent; what is not here has its default.",
        f'device_id = "{device_id}"',
        f"board = {_quoted(board)}",
    ]
    if wishes.data_dir is not None:
        text.append(f"data_dir = {_quoted(str(wishes.data_dir))}")
    if wishes.cloud_url is not None:
        text += ["", "[cloud]", f"url = {_quoted(wishes.cloud_url)}"]
    site = [("latitude", wishes.latitude), ("longitude", wishes.longitude)]
    if told := [f"{name} = {degrees}" for name, degrees in site if degrees is not None]:
        text += ["", "[site]", *told]
    new = wishes.config_file.with_name(wishes.config_file.name + ".new")
    _write(new, "\n".join(text) + "\n")
    try:
        # Read back before it takes its name, so that no unusable file is left behind.
        config = load_config(new)
    except ConfigWrong:
        new.unlink()
        raise
    new.replace(wishes.config_file)
    lines.append(f"{wishes.config_file} written: device {device_id}")
    return config


def _differences(wishes: SetupWishes, config: EdgeConfig) -> list[str]:
    asked = {
        "device_id": (wishes.device_id, config.device_id),
        "data_dir": (wishes.data_dir, config.data_dir),
        "cloud.url": (wishes.cloud_url, config.cloud.url),
        "board": (wishes.board, config.board),
        "site.latitude": (wishes.latitude, config.site.latitude),
        "site.longitude": (wishes.longitude, config.site.longitude),
    }
    return [
        f"note: {name} stays {kept}; edit the file to change it to {wish}"
        for name, (wish, kept) in asked.items()
        if wish is not None and str(wish) != str(kept)
    ]


def _existing_board(config: EdgeConfig, lines: list[str]) -> bool:
    path = Path(config.board)
    if not config.board.endswith(".toml"):
        return True
    if not path.exists():
        lines.append(f"{path} is missing: remove the settings file and run init again, or write it by hand")
        return False
    lines.append(f"{path} has {len(load_board(path).nodes)} nodes")
    return True


async def _enrol(wishes: SetupWishes, config: EdgeConfig, key: SigningKey, lines: list[str]) -> None:
    enrolled = load_enrolment(config.data_dir)
    url = config.cloud.url or wishes.cloud_url
    if enrolled is not None and wishes.code is None:
        lines.append(f"enrolled already with {enrolled.cloud_url}")
        return
    if url is None:
        lines.append("not enrolled: no service is named (--cloud URL)")
        return
    try:
        answer = await enrol(
            key,
            cloud_url=url,
            device_id=config.device_id,
            code=wishes.code,
            site=config.site.coordinates,
        )
    except (EnrolmentRefused, CloudUnreachable) as error:
        lines.append(f"not enrolled: {error}")
        return
    if enrolled is not None and enrolled.cloud_public_key != answer.cloud_public_key:
        lines.append("note: the cloud's key is another one than before; it is pinned now")
    save_enrolment(config.data_dir, answer)
    broker = "no broker, so over HTTP" if answer.mqtt is None else answer.mqtt.url
    lines.append(f"enrolled with {url}; uplink: {broker}")


def _host_name() -> str:
    """The machine's name as a device id."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname().split(".")[0]).strip("-._")[:64] or "agent"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigWrong(f"{path} cannot be written: {error.strerror}") from error
