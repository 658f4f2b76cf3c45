"""The agent is killed while relays are closed: it comes back with all of them open and keeps the dwell.

On a Pi the kernel gives the lines back and the pull resistors open the relays; on the bench the pins die with
the process. What is tested here is what the next agent does.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lumengrid.processes import CLOCK_VARIABLE, free_port
from tests.journeys.grid import eventually

pytestmark = [pytest.mark.xdist_group("journeys"), pytest.mark.timeout(240)]

SPEED = 10.0
DWELL_S = 120.0
"""Twelve seconds of ours: the first state after a kill is seen before it is over."""


class Program:
    """`lumengrid edge run` on a bench with a clock that runs fast."""

    def __init__(self, folder: Path) -> None:
        self.page = free_port()
        self.config = folder / "edge.toml"
        self.config.write_text(
            f'device_id = "rpi"\nboard = "bench_five"\ndata_dir = "{folder}/data"\nreport_period_s = 20\n'
            f"[page]\nport = {self.page}\n[transfer]\ndwell_s = {DWELL_S}\n"
            "[metering]\nreport_mwh_min = 1\nreport_mwh_max = 10000\n"
        )
        now_us = time.time_ns() // 1_000
        self.environ = {**os.environ, CLOCK_VARIABLE: f"{SPEED},{now_us},{now_us}"}
        self.log = (folder / "edge.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = [sys.executable, "-m", "lumengrid", "edge", "run", "--config", str(self.config)]
        self.process = subprocess.Popen([*words, "--bench", "5"], env=self.environ, stderr=self.log)

    def end(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)

    def state(self) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/state.json", timeout=20) as answer:
                state: dict[str, Any] = json.load(answer)
        except OSError:
            return None
        return state if state["nodes"] else None


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    made.log.close()


def closed(state: dict[str, Any]) -> set[str]:
    return {node["uid"] for node in state["nodes"] if node["relay"] != "idle"}


def sent(state: dict[str, Any]) -> dict[str, int]:
    return {node["uid"]: node["energy_sent_mwh"] for node in state["nodes"]}


def test_after_a_kill_the_relays_are_open_the_dwell_is_kept_and_no_total_shrinks(program: Program) -> None:
    shown: list[dict[str, int]] = []
    for killed in range(2):
        began = time.monotonic()
        program.start()
        first = eventually("a first state", program.state)
        if killed:
            for uid, before in shown[-1].items():
                assert sent(first)[uid] >= before
            assert closed(first) == set(), "nothing closes before the dwell is over"
            assert any("may switch in" in node["reason"] for node in first["nodes"])
        running = eventually(
            "a transfer runs and is counted",
            lambda: (s := program.state()) and closed(s) and sum(sent(s).values()) and s,
        )
        if killed:
            assert (time.monotonic() - began) * SPEED > DWELL_S
        shown.append(sent(running))
        program.end(signal.SIGKILL)

    program.start()
    last = eventually("a state after the second kill", program.state)
    assert all(sent(last)[uid] >= before for uid, before in shown[-1].items())
    assert closed(last) == set()
    program.end(signal.SIGTERM)
