"""The units: what they promise is what the program and systemd's own checker say."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from edge.config_file import load_config
from lumengrid.cli import main
from lumengrid.processes import free_port
from tests.test_architecture import ROOT

FOLDER = ROOT / "systemd"
EDGE = FOLDER / "lumengrid-edge.service"
CLOUD = FOLDER / "lumengrid-cloud.service"
EXPOSURE_MAX = 3.0
HAS_ANALYSER = shutil.which("systemd-analyze") is not None
needs_analyser = pytest.mark.skipif(not HAS_ANALYSER, reason="no systemd-analyze on this machine")


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Every setting with its values in order."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@needs_analyser
@pytest.mark.parametrize("unit", [EDGE, CLOUD], ids=lambda unit: unit.stem)
def test_systemd_finds_little_exposure(unit: Path) -> None:
    text = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    ).stdout

    match = re.search(r"Overall exposure level for \S+: ([\d.]+)", text)
    assert match is not None, text
    assert float(match.group(1)) <= EXPOSURE_MAX


@needs_analyser
@pytest.mark.parametrize("unit", [EDGE, CLOUD], ids=lambda unit: unit.stem)
def test_systemd_knows_every_setting(unit: Path, tmp_path: Path) -> None:
    # The programs are not installed here; any that is stands in for them.
    text = re.sub(r"/opt/lumengrid/\w+/bin/lumengrid", "/bin/true", unit.read_text())
    (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / unit.name],
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )

    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


@pytest.mark.parametrize("unit", [EDGE, CLOUD], ids=lambda unit: unit.stem)
def test_every_command_of_a_unit_exists(unit: Path) -> None:
    settings = settings_of(unit)
    for line in settings["ExecStart"] + settings.get("ExecStopPost", []):
        program, *words = line.split()
        assert program == f"/opt/lumengrid/{unit.stem.removeprefix('lumengrid-')}/bin/lumengrid"
        command = main
        for word in words:
            if word.startswith("--"):
                assert any(word in parameter.opts for parameter in command.params), word
                break
            command = command.commands[word]


def test_the_agent_is_watched_restarted_and_its_relays_are_opened_after_any_end() -> None:
    settings = settings_of(EDGE)

    assert settings["Type"] == ["notify"]
    assert settings["Restart"] == ["always"]
    assert int(settings["WatchdogSec"][0]) > 0
    assert "edge open-relays" in settings["ExecStopPost"][0]
    assert settings["MemoryMax"]
    assert settings["StartLimitBurst"]


def test_the_agent_waits_for_no_network_and_no_clock() -> None:
    text = EDGE.read_text()

    assert "network-online" not in text
    assert "time-sync" not in text


def test_the_agent_s_folder_is_the_one_that_its_settings_take_by_default(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('device_id = "pi"\nboard = "single_node"\n')

    assert str(load_config(file, {}).data_dir) == f"/var/lib/{settings_of(EDGE)['StateDirectory'][0]}"


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux call")
def test_the_agent_runs_without_memory_that_is_writable_and_executable(tmp_path: Path) -> None:
    """PR_SET_MDWE does what MemoryDenyWriteExecute does, and is kept over exec (linux/prctl.h, since 6.3)."""
    port = free_port()
    config = tmp_path / "edge.toml"
    config.write_text(
        f'device_id = "pi"\nboard = "bench_five"\ndata_dir = "{tmp_path}/data"\n[page]\nport = {port}\n'
    )
    code = (
        "import ctypes, os, sys\n"
        "if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0: sys.exit(77)\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    arguments = ["-m", "lumengrid", "edge", "run", "--config", config, "--bench", "5"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
    ) as process:
        try:
            deadline = time.monotonic() + 90
            while not _answers(f"http://127.0.0.1:{port}/state.json"):
                if process.poll() == 77:
                    pytest.skip("this kernel has no PR_SET_MDWE")
                assert process.poll() is None, process.stderr and process.stderr.read().decode()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return b'"nodes":[{' in answer.read()
    except OSError:
        return False
