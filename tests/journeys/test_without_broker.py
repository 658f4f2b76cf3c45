"""The agent where there is no MQTT: everything over signed HTTP."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lumengrid.processes import CLOCK_VARIABLE, free_port
from tests.journeys.grid import UNLIMITED, eventually

pytestmark = [pytest.mark.xdist_group("journeys"), pytest.mark.timeout(240)]

SPEED = 10

EDGE = """\
device_id = "pi-http"
board = "bench_five"
data_dir = "{data_dir}"
report_period_s = 60
telemetry_period_s = 5

[cloud]
url = "{service}"

[page]
port = {page_port}

[metering]
report_mwh_min = 1
report_mwh_max = 10000
"""


class Pair:
    """A service without a broker and an agent that knows nothing but its address."""

    def __init__(self, folder: Path) -> None:
        self.service = f"http://127.0.0.1:{(port := free_port())}"
        self.page = f"http://127.0.0.1:{(page_port := free_port())}"
        self.log = folder / "log"
        config = folder / "edge.toml"
        config.write_text(EDGE.format(data_dir=folder / "edge", service=self.service, page_port=page_port))
        now_us = time.time_ns() // 1_000
        environ = {
            **os.environ,
            **UNLIMITED,
            CLOCK_VARIABLE: f"{SPEED},{now_us},{now_us}",
            "LUMENGRID_PORT": str(port),
            "LUMENGRID_DATA_DIR": str(folder / "cloud"),
        }
        self._processes = [
            self._start(environ, "cloud", "run"),
            self._start(environ, "edge", "run", "--config", str(config), "--bench", "5"),
        ]

    def _start(self, environ: dict[str, str], *words: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "lumengrid", *words], env=environ, stdout=log, stderr=log
            )

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def ask(self, url: str, body: dict[str, str] | None = None) -> Any:
        try:
            answer = httpx.get(url, timeout=20) if body is None else httpx.post(url, json=body, timeout=20)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.status_code == 200 else None


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path)
    yield pair
    pair.stop()


def test_an_agent_without_a_broker_mints_and_obeys_over_http(pair: Pair) -> None:
    eventually("a mint", lambda: (pair.ask(f"{pair.service}/api/v1/ledger/mints") or {}).get("mints"))

    started = pair.ask(
        f"{pair.service}/iot/transfer",
        {"device_id": "pi-http", "sender_node_uid": "NODE_C", "receiver_node_uid": "NODE_E"},
    )
    assert {(one["node_id"], one["action"]) for one in started["commands"]} == {
        ("NODE_C", "discharge"),
        ("NODE_E", "charge"),
    }

    def nodes() -> dict[str, str]:
        state = pair.ask(f"{pair.page}/state.json") or {}
        return {node["uid"]: node["state"] for node in state.get("nodes", [])}

    eventually(
        "the nodes obey",
        lambda: nodes().get("NODE_C") == "SUPPLYING" and nodes().get("NODE_E") == "RECEIVING",
    )
    events = pair.ask(f"{pair.page}/state.json")["events"]
    told = [event for event in events if event["kind"] == "command"]
    assert len(told) <= 2, "a command that comes again with every answer is told once"

    mints = pair.ask(f"{pair.service}/api/v1/ledger/mints")
    assert mints["mints"][0]["evidence"]["signature"], "the meter's own signature is the evidence"
