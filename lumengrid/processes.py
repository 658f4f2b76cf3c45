"""What every program started from here has in common: its clock, its log, its end."""

import ctypes
import logging
import os
import random
import signal
import socket
import sys
from contextlib import closing

from shared.clock import Clock, ScaledClock, SystemClock

CLOCK_VARIABLE = "LUMENGRID_CLOCK"
"""`speed,anchor_us,start_us`: set by `lumengrid up --speed`, so that all its processes agree on the time."""

PORTS = range(20_000, 32_768)
"""Where free ports are looked for: net.ipv4.ip_local_port_range begins behind it."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_given: set[int] = set()
"""Ports that were found free: nobody may listen there yet, so none is found twice."""


def clock_from_environment() -> Clock:
    """The system's clock, or the accelerated one that the supervisor asked for."""
    text = os.environ.get(CLOCK_VARIABLE)
    if not text:
        return SystemClock()
    speed, anchor_us, start_us = text.split(",")
    return ScaledClock(speed=float(speed), anchor_us=int(anchor_us), start_us=int(start_us))


def set_up_log(level: str = "INFO") -> None:
    """One line per change of state on standard error; journald adds its own time stamps."""
    stamp = "" if os.environ.get("JOURNAL_STREAM") else "%(asctime)s "
    logging.basicConfig(level=level, format=f"{stamp}%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for chatty in ("httpx", "aiohttp.access", "uvicorn.access", "apscheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def end_with_parent() -> None:
    """Get SIGTERM when the process that started us dies, so that nothing is left behind (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on now, below those that Linux hands to outgoing connections.

    Raises:
        OSError: none was found.
    """
    for port in random.sample(PORTS, 200):
        if port not in _given and port_is_free(port, host):
            _given.add(port)
            return port
    raise OSError(f"no free port between {PORTS.start} and {PORTS.stop}")
