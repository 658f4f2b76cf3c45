"""HTTP as the benchmarks load it: services in processes of their own, callers who share this one."""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil

HOST = "127.0.0.1"
CALLERS = 32


class Connection(asyncio.Protocol):
    """HTTP/1.1, one request after another, as little work as possible: the caller shares the machine."""

    def __init__(self) -> None:
        self.closed = False
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]]
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, port: int) -> "Connection":
        _, connection = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return connection

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Status and body."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        self.closed = True

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if len(body) == int(length):
            self._received = b""
            self._answer.set_result((int(head[9:12]), body))


def get(path: str, token: str = "none") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def post(path: str, token: str, body: object, *, more: str = "") -> bytes:
    """`more` are header lines, each with its end."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n{more}"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class Server(NamedTuple):
    """One that was started, and where it listens."""

    process: subprocess.Popen[bytes]
    port: int


def started(command: list[str], port: int, environ: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """A process that listens."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **environ}, stdout=output, stderr=output)
    for _ in range(600):
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return process
    raise RuntimeError(log.read_text())


def service_started(folder: Path, port: int) -> Server:
    """Ours, on the database in `folder / "data"`, which limits nobody."""
    environ = {
        "LUMENGRID_PORT": str(port),
        "LUMENGRID_DATA_DIR": str(folder / "data"),
        "LUMENGRID_RATE_LIMIT_PER_MINUTE": "0",
    }
    command = [sys.executable, "-m", "lumengrid", "cloud", "run"]
    return Server(started(command, port, environ, folder / "log"), port)


class Waits(NamedTuple):
    """What callers saw, in milliseconds."""

    p50: float
    p99: float
    worst: float

    def against(self, target_p99_ms: float, *, rate: int) -> str:
        verdict = "reached" if self.p99 < target_p99_ms else "MISSED"
        return (
            f"    at {rate:,} /s: p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms,"
            f" worst {self.worst:.0f} ms (target p99 < {target_p99_ms} ms) {verdict}"
        )


def waits_of(seconds: list[float]) -> Waits:
    ordered = sorted(seconds)
    p50, p99 = (1_000 * ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
    return Waits(p50, p99, 1_000 * ordered[-1])


class Throughput(NamedTuple):
    """What a service gave, and what each answer took of the processor."""

    per_s: float
    service_ms: float
    caller_ms: float


async def flat_out(
    service: subprocess.Popen[bytes], port: int, requests: list[bytes], callers: int, total: int
) -> Throughput:
    """By so many callers, who each take the next request when they have their answer."""
    connections = [await Connection.open(port) for _ in range(callers)]
    numbers = iter(range(total))

    async def call(connection: Connection) -> None:
        for number in numbers:
            status, body = await connection.send(requests[number % len(requests)])
            if status not in (200, 201):
                raise RuntimeError(f"{status}: {body.decode()}")

    used_s, used_here_s, began = _cpu_s(service.pid), time.process_time(), time.perf_counter()
    await asyncio.gather(*map(call, connections))
    took_s = time.perf_counter() - began
    for connection in connections:
        connection.close()
    return Throughput(
        per_s=total / took_s,
        service_ms=1_000 * (_cpu_s(service.pid) - used_s) / total,
        caller_ms=1_000 * (time.process_time() - used_here_s) / total,
    )


def _cpu_s(pid: int) -> float:
    """What all threads of a process have used until now."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def median(runs: list[Throughput]) -> Throughput:
    return Throughput(*(statistics.median(figures) for figures in zip(*runs, strict=True)))


async def at_rate(port: int, requests: list[bytes], rate: int, seconds: float) -> Waits:
    """How long answers take from when each request was due."""
    return waits_of(await waited(port, requests, rate, seconds))


async def waited(port: int, requests: list[bytes], rate: int, seconds: float) -> list[float]:
    """Seconds from when each request was due to its answer, in the order of the requests."""
    idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(4 * CALLERS):
        idle.put_nowait(await Connection.open(port))
    waits = [0.0] * int(rate * seconds)

    async def call(number: int, due: float) -> None:
        connection = await idle.get()
        if connection.closed:  # the service lets go of those that were idle for some seconds
            connection = await Connection.open(port)
        status, body = await connection.send(requests[number % len(requests)])
        waits[number] = time.perf_counter() - due
        idle.put_nowait(connection)
        if status not in (200, 201):
            raise RuntimeError(f"{status}: {body.decode()}")

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(len(waits)):
            due = began + number / rate
            late = time.perf_counter() - due
            if late < 0:
                await asyncio.sleep(-late)
            group.create_task(call(number, due))
    while not idle.empty():
        idle.get_nowait().close()
    return waits
