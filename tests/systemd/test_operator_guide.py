"""The operator's guide: every command in it exists, with every option."""

import re
from pathlib import Path

import click
import pytest

from edge.config import SETTINGS
from hardware.board_model import Ads1115Part, BoardNode, Ina219Part
from lumengrid.cli import main
from tests.test_architecture import ROOT

DOCUMENTS = sorted([*(ROOT / "docs/operator").glob("*.md"), ROOT / "systemd/mosquitto/README.md"])
SOURCES = [*DOCUMENTS, *(ROOT / "edge/doctor").glob("*.py"), ROOT / "systemd/install.sh"]


def commands(path: Path) -> list[list[str]]:
    """The words after `lumengrid` wherever a command of it is written."""
    text = path.read_text()
    return [match.split() for match in re.findall(r"lumengrid ((?:edge|cloud)(?: [\w./:-]+)+)", text)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_command_that_is_written_down_exists(path: Path) -> None:
    for words in commands(path):
        command: click.Command = main
        while isinstance(command, click.Group) and words:
            assert words[0] in command.commands, words
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, (path.name, words)


def test_the_guide_leads_through_every_command_an_operator_needs() -> None:
    text = (ROOT / "docs/operator/README.md").read_text()

    for name in ("init", "doctor", "status", "plan", "replay"):
        assert f"lumengrid edge {name}" in text


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    known = {setting.name for setting in SETTINGS}
    tables = {name.split(".")[0] for name in known if "." in name}
    named = re.findall(r"`([a-z]+\.[a-z_0-9]+)(?: = [^`]*)?`", path.read_text())

    assert {name for name in named if name.split(".")[0] in tables} <= known


def test_every_field_of_the_board_file_that_the_guide_explains_exists() -> None:
    text = (ROOT / "docs/operator/README.md").read_text()
    table = text[text.index("| field | where to look |") :].split("\n\n")[0]
    fields = {*BoardNode.__struct_fields__, *Ina219Part.__struct_fields__, *Ads1115Part.__struct_fields__}
    named = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}

    assert named
    assert named <= fields
