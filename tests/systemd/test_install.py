"""The install script, run dry on machines made of stubs: what it would do, and what it refuses to do."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import ROOT

SCRIPT = ROOT / "systemd" / "install.sh"
SCRIPTS = (SCRIPT, ROOT / "systemd" / "mosquitto" / "add-device.sh")


@pytest.fixture
def stubs(tmp_path: Path) -> Path:
    """A folder that comes first in PATH: a machine without users, on which no unit runs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in {
        "getent": "exit 2",
        "systemctl": "exit 3",
        "getconf": "echo 64",
        "id": "echo 1000",
    }.items():
        stub(folder, name, body)
    return folder


def stub(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def install(stubs: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, "--dry-run", *arguments],
        env={
            "PATH": f"{stubs}:{os.environ['PATH']}",
            "LUMENGRID_PAGE_URL": "http://127.0.0.1:1",
            "LUMENGRID_BOOT_CONFIG": str(stubs / "config.txt"),
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Page:
    """An agent's page that says where the relays are."""

    def __init__(self) -> None:
        self.positions = {"NODE_A": "idle", "NODE_B": "idle"}
        page = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                nodes = [{"uid": uid, "relay": relay} for uid, relay in page.positions.items()]
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps({"nodes": nodes}).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_a_new_machine_gets_user_groups_packages_with_hashes_and_the_unit(stubs: Path) -> None:
    done = install(stubs)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "relays: off" in lines
    assert any(line.startswith("+ useradd --system") and line.endswith(" lumengrid") for line in lines)
    assert "+ usermod -aG i2c lumengrid" in lines
    assert "+ usermod -aG gpio lumengrid" in lines
    assert any("--require-hashes -r" in line and "requirements/edge.txt" in line for line in lines)
    assert any("--no-deps" in line for line in lines)
    assert "+ systemctl enable --quiet lumengrid-edge.service" in lines
    assert any("lumengrid edge init" in line for line in lines)


def test_the_link_to_the_new_packages_is_set_after_they_are_whole(stubs: Path) -> None:
    lines = install(stubs).stdout.splitlines()
    complete = next(number for number, line in enumerate(lines) if ".complete" in line)
    linked = next(number for number, line in enumerate(lines) if line.startswith("+ ln -sfn"))
    installed = max(number for number, line in enumerate(lines) if "pip install" in line)

    assert installed < complete < linked


def test_nothing_is_made_that_is_there_already(stubs: Path) -> None:
    stub(stubs, "getent", "exit 0")
    stub(stubs, "id", "echo lumengrid i2c gpio")
    (stubs / "config.txt").write_text("dtparam=i2c_arm=on\ndtparam=strict_gpiod\n")

    out = install(stubs).stdout

    assert "useradd" not in out
    assert "groupadd" not in out
    assert "usermod" not in out
    assert "reboot" not in out


def test_the_pins_are_given_back_when_a_program_dies_from_the_next_boot_on(stubs: Path) -> None:
    (stubs / "config.txt").write_text("# dtparam=strict_gpiod\ndtparam=i2c_arm=on\n")

    out = install(stubs).stdout
    kept = install(stubs, "--no-boot-config").stdout

    assert "adding dtparam=strict_gpiod" in out
    assert "adding dtparam=i2c_arm" not in out
    assert "strict_gpiod" not in kept


def test_an_upgrade_is_refused_while_a_relay_is_closed(stubs: Path, page: Page) -> None:
    page.positions["NODE_B"] = "discharge"

    refused = install(stubs, LUMENGRID_PAGE_URL=page.url)

    assert refused.returncode == 1
    assert "energy flows (NODE_B)" in refused.stderr
    assert "pip" not in refused.stdout

    page.positions["NODE_B"] = "idle"
    assert install(stubs, LUMENGRID_PAGE_URL=page.url).returncode == 0


def test_an_upgrade_is_refused_while_a_running_agent_does_not_say_where_its_relays_are(stubs: Path) -> None:
    stub(stubs, "systemctl", "exit 0")

    refused = install(stubs)

    assert refused.returncode == 1
    assert "stop it with" in refused.stderr


def test_a_32_bit_system_is_refused(stubs: Path) -> None:
    stub(stubs, "getconf", "echo 32")

    refused = install(stubs)

    assert refused.returncode == 1
    assert "64-bit Raspberry Pi OS" in refused.stderr


def test_an_old_python_is_refused(stubs: Path) -> None:
    stub(stubs, "python3", "exit 1")

    assert "Python 3.11" in install(stubs).stderr


def test_without_root_nothing_is_tried(stubs: Path) -> None:
    done = subprocess.run(
        [SCRIPT], env={"PATH": f"{stubs}:{os.environ['PATH']}"}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "sudo" in done.stderr


def test_an_unknown_option_is_refused(stubs: Path) -> None:
    refused = install(stubs, "--clod")

    assert refused.returncode == 1
    assert "--clod" in refused.stderr


def test_the_service_has_an_install_of_its_own(stubs: Path) -> None:
    done = install(stubs, "--cloud")

    assert done.returncode == 0, done.stderr
    assert "+ systemctl enable --quiet lumengrid-cloud.service" in done.stdout
    assert "i2c" not in done.stdout
    assert "strict_gpiod" not in done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_scripts_are_programs_that_bash_and_shellcheck_can_read(script: Path) -> None:
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True, timeout=10)
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False, timeout=30)
        assert done.stdout == ""
