"""Accelerated time never steps back between runs."""

from pathlib import Path

import pytest

from lumengrid.processes import CLOCK_VARIABLE, clock_from_environment
from lumengrid.simulated_time import SimulatedTime
from shared.clock import ScaledClock, SystemClock


def test_normal_speed_needs_no_clock_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLOCK_VARIABLE, raising=False)

    assert SimulatedTime(tmp_path / "time.json", 1.0).environ() == {}
    assert isinstance(clock_from_environment(), SystemClock)


def test_the_next_run_begins_behind_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "time.json"
    fast = SimulatedTime(path, 50.0)
    fast.save(margin_s=3600)
    reached_us = int(path.read_text().partition(":")[2].rstrip("}"))

    environ = SimulatedTime(path, 1.0).environ()
    monkeypatch.setenv(CLOCK_VARIABLE, environ[CLOCK_VARIABLE])

    assert clock_from_environment().now_us() >= reached_us


def test_processes_given_the_same_anchor_agree() -> None:
    ours = ScaledClock(speed=60, anchor_us=1_700_000_000_000_000, start_us=1_700_000_000_000_000)
    theirs = ScaledClock(speed=60, anchor_us=1_700_000_000_000_000, start_us=1_700_000_000_000_000)

    first, second, third = ours.now_us(), theirs.now_us(), ours.now_us()

    assert first <= second <= third


def test_a_torn_memory_of_the_time_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "time.json").write_text('{"reached')

    assert SimulatedTime(tmp_path / "time.json", 1.0).environ() == {}
