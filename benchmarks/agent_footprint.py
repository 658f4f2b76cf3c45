"""What the agent costs a Raspberry Pi: memory, processor, time to the first reading, bytes written a day.

    python benchmarks/agent_footprint.py [--seconds 60] [--starts 3] [--speed 120] [--nodes 5]

The real agent, started from the command line, five nodes at one cycle a second and one record per 10 s, with
a Mosquitto and a small cloud that acknowledges, so that the journal also gives records up. The reference is a
bare process in the same run: it imports what the agent cannot do without (asyncio, sqlite3, paho, smbus2,
aiohttp, gpiozero), wakes once a second, and commits each record by itself.

    memory, processor   over `seconds`, after 10 s to settle; psutil
    start               from the start of the process to a good voltage of every node at /state.json, median
    bytes written       /proc/<pid>/io write_bytes, with time running `speed` times as fast, scaled to a day

The chips are imitated in the agent's own process, so their memory and time count against it. Only the saving
of the imitated cells is left out, because copper does not write to the disk.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lumengrid.processes import free_port
from shared.mqtt import Broker
from tests.edge.uplink.cloud import SmallCloud

ROOT = Path(__file__).resolve().parent.parent
DEVICE = "footprint-1"
DAY_S = 86_400
RECORD_PERIOD_S = 10
TARGETS = {"memory": 60.0, "processor": 2.0, "start": 1.5, "bytes": 15.0}
SETTLE_S = 10
START_TIMEOUT_S = 30
T = TypeVar("T")

AGENT = """
import sys
import hardware.bench.site
hardware.bench.site.Bench.save = lambda *_: None
from lumengrid.cli import main
main(sys.argv[1:])
"""

FLOOR = f"""
import asyncio, sqlite3, sys
import aiohttp.web, gpiozero, paho.mqtt.client, smbus2
store = sqlite3.connect(sys.argv[1])
store.execute("PRAGMA journal_mode=WAL")
store.execute("PRAGMA synchronous=FULL")
store.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, body BLOB)")
speed, body = float(sys.argv[2]), bytes(900)
print("ready", flush=True)
async def run():
    second = 0
    while True:
        await asyncio.sleep(1 / speed)
        second += 1
        if second % {RECORD_PERIOD_S} == 0:
            with store:
                store.execute("INSERT INTO records (body) VALUES (?)", (body,))
asyncio.run(run())
"""


def main() -> None:
    """Measure and print; exit code 1 when a target is missed."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--starts", type=int, default=3)
    options.add_argument("--speed", type=float, default=120.0)
    options.add_argument("--nodes", type=int, default=5)
    given = options.parse_args()
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if binary is None:
        sys.exit("mosquitto is not installed: apt-get install mosquitto")
    # A folder on a real disk: a memory file system counts no bytes.
    with tempfile.TemporaryDirectory(prefix="footprint-", dir=os.environ.get("FOOTPRINT_DIR")) as name:
        sys.exit(asyncio.run(measure(Path(name), binary, given)))


async def measure(folder: Path, binary: str, given: argparse.Namespace) -> int:
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    with subprocess.Popen(  # noqa: ASYNC220  returns at once
        [binary, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as broker:
        try:
            await until(lambda: listens(port))
            cloud = SmallCloud(Broker(host="127.0.0.1", port=port), DEVICE)
            cloud.link.start()
            starts = [await started(folder / f"start{n}", cloud, port, given) for n in range(given.starts)]
            start_s = statistics.median(ours for ours, _ in starts)
            floor_start_s = statistics.median(floor for _, floor in starts)
            ours, floor = await side_by_side(folder / "real", cloud, port, given, speed=1.0)
            ours_fast, floor_fast = await side_by_side(folder / "fast", cloud, port, given, speed=given.speed)
            await cloud.link.stop()
        finally:
            broker.terminate()
    day = DAY_S / (given.seconds * given.speed) / 1e6
    rows = [
        ("memory", "RSS", "MiB", ours["rss_mib"], floor["rss_mib"]),
        ("", "of it private", "MiB", ours["uss_mib"], floor["uss_mib"]),
        ("processor", "share of a core", "%", ours["cpu_percent"], floor["cpu_percent"]),
        ("start", "first reading", "s", start_s, floor_start_s),
        ("bytes", "written a day", "MB", ours_fast["written"] * day, floor_fast["written"] * day),
    ]
    print(f"{given.nodes} nodes, {given.seconds:.0f} s, records acknowledged: {len(cloud.applied)}")
    print(f"{'':<26} {'agent':>9} {'floor':>9} {'ratio':>7} {'target':>8}")
    missed = 0
    for key, what, unit, mine, reference in rows:
        ratio = f"{mine / reference:7.2f}" if reference else f"{'-':>7}"
        target = TARGETS.get(key)
        verdict = "" if target is None else f"{target:8g} {'ok' if mine <= target else 'MISSED'}"
        missed += target is not None and mine > target
        print(f"{what + ' [' + unit + ']':<26} {mine:9.2f} {reference:9.2f} {ratio} {verdict}")
    return 1 if missed else 0


async def started(
    folder: Path, cloud: SmallCloud, port: int, given: argparse.Namespace
) -> tuple[float, float]:
    """Seconds to the first readings, and to the floor's imports."""
    began = time.perf_counter()
    with the_floor(folder, 1.0) as floor:
        assert floor.stdout is not None
        await asyncio.to_thread(floor.stdout.readline)
        floor_s = time.perf_counter() - began
        floor.kill()
    page = free_port()
    began = time.perf_counter()
    with the_agent(folder, cloud, port, page, given, 1.0) as agent:
        try:
            await until(lambda: reads(page, given.nodes))
            return time.perf_counter() - began, floor_s
        finally:
            agent.terminate()


async def side_by_side(
    folder: Path, cloud: SmallCloud, port: int, given: argparse.Namespace, *, speed: float
) -> tuple[dict[str, float], dict[str, float]]:
    """What agent and floor took in the same seconds."""
    page = free_port()
    with the_floor(folder, speed) as floor, the_agent(folder, cloud, port, page, given, speed) as agent:
        try:
            await until(lambda: reads(page, given.nodes))
            await asyncio.sleep(SETTLE_S)
            both = [psutil.Process(agent.pid), psutil.Process(floor.pid)]
            before = [reading(process) for process in both]
            began = time.perf_counter()
            await asyncio.sleep(given.seconds)
            took_s = time.perf_counter() - began
            after = [reading(process) for process in both]
        finally:
            floor.kill()
            agent.terminate()
    agent_took, floor_took = (
        {
            "rss_mib": late["rss_mib"],
            "uss_mib": late["uss_mib"],
            "cpu_percent": 100 * (late["cpu_s"] - early["cpu_s"]) / took_s,
            "written": late["written"] - early["written"],
        }
        for early, late in zip(before, after, strict=True)
    )
    return agent_took, floor_took


def reading(process: psutil.Process) -> dict[str, float]:
    memory, times = process.memory_full_info(), process.cpu_times()
    written = (
        Path(f"/proc/{process.pid}/io").read_text(encoding="ascii").split("\nwrite_bytes: ")[1].split()[0]
    )
    return {
        "rss_mib": memory.rss / 2**20,
        "uss_mib": memory.uss / 2**20,
        "cpu_s": times.user + times.system,
        "written": float(written),
    }


def the_agent(
    folder: Path, cloud: SmallCloud, port: int, page: int, given: argparse.Namespace, speed: float
) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    config = folder / "edge.toml"
    config.write_text(
        f'device_id = "{DEVICE}"\nboard = "bench_five"\ndata_dir = "{folder}/data"\n'
        f"telemetry_period_s = {RECORD_PERIOD_S}\n"
        f'[cloud]\npublic_key = "{cloud.public_key}"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\n[page]\nport = {page}\n',
        encoding="utf-8",
    )
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LUMENGRID")}
    if speed != 1:
        now_us = time.time_ns() // 1_000
        environ["LUMENGRID_CLOCK"] = f"{speed},{now_us},{now_us}"
    words = ["edge", "run", "--config", str(config), "--bench", str(given.nodes)]
    return subprocess.Popen(
        [sys.executable, "-c", AGENT, *words],
        cwd=ROOT,
        env={**environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=(folder / "agent.log").open("wb"),
        text=True,
    )


def the_floor(folder: Path, speed: float) -> "subprocess.Popen[str]":
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", FLOOR, str(folder / "floor.sqlite"), str(speed)],
        stdout=subprocess.PIPE,
        text=True,
    )


def reads(page: int, nodes: int) -> bool:
    """Whether the page shows a good voltage of every node."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{page}/state.json", timeout=1) as answer:
            state: dict[str, Any] = json.load(answer)
    except (OSError, ValueError):
        return False
    good = [node for node in state["nodes"] if node["values"]["voltage"]["quality"] == "good"]
    return len(good) == nodes


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(START_TIMEOUT_S):
        while not await asyncio.to_thread(met):  # noqa: ASYNC110  another process announces nothing
            await asyncio.sleep(0.01)


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
