"""`lumengrid up` as a person starts it, driven from outside."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from lumengrid.processes import free_port

T = TypeVar("T")
WAIT_S = 90.0
UNLIMITED = {"LUMENGRID_RATE_LIMIT_PER_MINUTE": "0", "LUMENGRID_SIGN_INS_PER_MINUTE": "0"}
"""`eventually` asks ten times a second, more than any caller may."""


def eventually(what: str, ask: Callable[[], T | None], *, within_s: float = WAIT_S) -> T:
    """The first answer that is true; fails with `what` when none comes in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {within_s:.0f} s: {what}")


class Grid:
    """One running `lumengrid up` with ports of its own."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.ports = {name: free_port() for name in ("--port", "--edge-port", "--mqtt-port")}
        self.arguments = arguments
        self.service = f"http://127.0.0.1:{self.ports['--port']}"
        self.page = f"http://127.0.0.1:{self.ports['--edge-port']}"
        self.reader_password = ""
        self.greeting = ""
        """What was printed at the start."""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Return once the addresses were printed."""
        given = [text for name, port in self.ports.items() for text in (name, str(port))]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LUMENGRID")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lumengrid", "up", "--data", str(self.data), *given, *self.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**environ, **UNLIMITED, "PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stdout is not None
        seen = []
        for line in self._process.stdout:
            seen.append(line)
            match = re.search(r"-u reader -P (\S+)", line)
            if match:
                self.reader_password = match.group(1)
            if "Ctrl-C stops" in line:
                self.greeting = "".join(seen)
                return
        raise AssertionError("did not start:\n" + "".join(seen) + self.logs())

    def stop(self) -> None:
        """SIGTERM; return once everything has ended in good order, with nothing left behind."""
        assert self._process is not None
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.send_signal(signal.SIGTERM)
        last_words, _ = self._process.communicate(timeout=60)
        assert "stopped; everything is kept in" in last_words
        _, left_behind = psutil.wait_procs(children, timeout=60)
        assert left_behind == []

    def kill(self) -> None:
        """Whatever still runs, at once."""
        if self._process is not None and self._process.poll() is None:
            children = psutil.Process(self._process.pid).children(recursive=True)
            for process in (*children, self._process):
                process.kill()
            self._process.communicate()

    def pid_of(self, program: str) -> int | None:
        """The process of `broker`, `cloud`, `edge` or `neighbours`; None while it is down."""
        assert self._process is not None
        for child in psutil.Process(self._process.pid).children():
            try:
                words = child.cmdline()
            except psutil.Error:
                continue
            if words[2:4] == ["lumengrid", program]:
                return child.pid
        return None

    def get(self, path: str, *, page: bool = False) -> Any:
        """The JSON answer; None while nobody answers."""
        try:
            response = httpx.get((self.page if page else self.service) + path, timeout=20)
        except httpx.HTTPError:
            return None
        return response.json() if response.status_code == 200 else None

    def logs(self) -> str:
        """The end of every program's log."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-15:])
            for path in sorted((self.data / "logs").glob("*.log"))
        )
