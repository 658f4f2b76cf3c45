"""Health from real progress, and what the watchdog of systemd is told."""

import socket
from pathlib import Path

from edge.health import Health, Watchdog


def _health() -> Health:
    health = Health()
    health.watch("control", stall_s=4, vital=True, monotonic=0)
    health.watch("uplink", stall_s=30, vital=False, monotonic=0)
    return health


def test_a_part_that_moves_is_healthy_and_one_that_stands_still_is_not() -> None:
    health = _health()
    health.report("control", 1, monotonic=1)
    assert health.is_live(monotonic=5)

    health.report("control", 1, monotonic=5.1)
    assert not health.is_live(monotonic=5.1)

    health.report("control", 2, monotonic=6)
    assert health.is_live(monotonic=6)


def test_a_part_that_moves_and_does_not_do_its_work_is_not_healthy() -> None:
    health = _health()
    health.report("control", 1, monotonic=1, detail="the bus hangs", failed=True)

    part = health.parts(monotonic=1)["control"]
    assert (part.ok, part.detail) == (False, "the bus hangs")
    assert not health.is_live(monotonic=1)


def test_a_cloud_that_is_away_does_not_restart_the_agent() -> None:
    health = _health()
    health.report("control", 1, monotonic=100)
    health.report("uplink", 1, monotonic=0)

    assert not health.parts(monotonic=100)["uplink"].ok
    assert health.is_live(monotonic=100)


def test_systemd_is_told_ready_once_then_alive_then_stopping(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(2)
        watchdog = Watchdog({"NOTIFY_SOCKET": path})
        watchdog.ready()
        watchdog.ready()
        watchdog.alive("turn 7")
        watchdog.stopping()

        got = [sock.recv(100) for _ in range(3)]
    assert got == [b"READY=1", b"WATCHDOG=1\nSTATUS=turn 7", b"STOPPING=1"]


def test_without_systemd_or_with_a_dead_socket_nothing_happens(tmp_path: Path) -> None:
    Watchdog({}).ready()
    Watchdog({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).alive("turn 1")
