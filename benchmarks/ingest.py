"""MQTT to durable row, against a subscriber that only counts: both through the same broker, in turns.

    python benchmarks/ingest.py [--messages N] [--rounds N]

One publisher process (paho) sends pre-encoded telemetry records of five nodes at QoS 1 as fast as it can. The reference is paho with a callback that counts. Ours is the service's own subscriber: decoded,
checked, applied behind its cursors, committed with fsync, acknowledged. Both are processes of their own. The
ratio is of median rates; the target is 0.7. Then the same at half our rate for the time from arrival to disk.
"""

import argparse
import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from nacl.signing import SigningKey

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from shared import topics
from shared.messages import NodeReading, NodeState, Quality, Stream, TelemetryRecord, encode
from shared.mqtt import Broker, MqttLink

DEVICES = 20
NODES = "ABCDE"
WINDOW = 200
READY_TOPIC = "bench/ready"
TARGET_RATIO = 0.7
TARGET_P99_MS = 100


def records(count: int) -> list[tuple[str, bytes]]:
    """Topics and payloads, round robin over the devices, each device's sequence ascending."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = []
    for number in range(count):
        device, seq = number % DEVICES, number // DEVICES + 1
        record = TelemetryRecord(
            journal_id=f"jrn_{device:026d}",
            stream=Stream.LIVE,
            seq=seq,
            oldest=max(1, seq - 5),
            boot_id=f"boot_{device:026d}",
            monotonic_us=seq * 1_000_000,
            utc=start + timedelta(seconds=seq, microseconds=123_456),
            synced=True,
            historical=False,
            nodes=tuple(
                NodeReading(
                    uid=f"NODE_{name}",
                    voltage_mv=3_700 + (number * 7 + place) % 300,
                    current_ma=(number * 13 + place) % 900 - 450,
                    temperature_c=24.5,
                    soc_percent=round(20 + (number * 3 + place * 11) % 6_000 / 100, 2),
                    soc_band_percent=2.5,
                    state=NodeState.IDLE,
                    quality=Quality.GOOD,
                    age_ms=12,
                )
                for place, name in enumerate(NODES)
            ),
        )
        found.append((topics.device_topic(f"dev{device}", topics.TELEMETRY), encode(record)))
    return found


# The publisher


def publish(port: int, count: int, rate: float) -> None:
    """Send with paho at QoS 1, at `rate` messages a second, 0: as fast as it can."""
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    prepared = records(count)
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-publisher", protocol=paho.MQTTv311)
    client.max_inflight_messages_set(WINDOW)
    client.connect("127.0.0.1", port)
    client.loop_start()
    room = threading.BoundedSemaphore(WINDOW)
    client.on_publish = lambda *_: room.release()
    begun = time.perf_counter()
    for number, (topic, payload) in enumerate(prepared):
        room.acquire()
        if rate and (early := number / rate - (time.perf_counter() - begun)) > 0.002:
            time.sleep(early)
        client.publish(topic, payload, qos=1)
    for _ in range(WINDOW):
        room.acquire()
    client.disconnect()
    client.loop_stop()


# The subscribers


def count_only(port: int, count: int) -> dict[str, float]:
    """paho and a counter."""
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-null", protocol=paho.MQTTv311)
    seen: list[float] = [0, 0.0, 0.0]

    def received(_client: Any, _userdata: Any, _message: Any) -> None:
        seen[0] += 1
        if seen[0] == 1:
            seen[1] = time.perf_counter()
        if seen[0] == count:
            seen[2] = time.perf_counter()
            client.disconnect()

    def subscribed(*_: Any) -> None:
        client.publish(READY_TOPIC, b"1", retain=True)

    client.on_message = received
    client.on_subscribe = subscribed
    client.on_connect = lambda *_: client.subscribe(topics.any_device(topics.TELEMETRY), qos=1)
    client.connect("127.0.0.1", port)
    begun_s = time.process_time()
    client.loop_forever()
    return {"rate": (count - 1) / (seen[2] - seen[1]), "cpu_us": (time.process_time() - begun_s) / count * 1e6}


async def store_all(port: int, count: int, folder: Path) -> dict[str, float]:
    """The service's subscriber on a database of its own."""
    from cloud.app import MIGRATIONS
    from cloud.devices.model import Device
    from cloud.grid.ingest import Ingest
    from cloud.grid.link import GridLink
    from cloud.grid.service import Grid
    from cloud.grid.subscriber import Subscriber
    from cloud.grid.transfers import Transfers
    from cloud.kit.events import EventLog
    from cloud.kit.store.sqlite import SqliteStore
    from cloud.devices.service import Devices
    from cloud.identity.service import Identity
    from cloud.ledger.service import Ledger
    from cloud.settings import Settings
    from shared.clock import SystemClock

    clock = SystemClock()
    store = SqliteStore(folder / "bench.sqlite")
    await store.migrate(MIGRATIONS)
    events = EventLog(store, clock)
    key = SigningKey.generate()
    settings = Settings(data_dir=folder)
    ledger = Ledger(store, clock, key)
    identity = Identity(store, clock, ledger, bytes(32), settings)
    devices = Devices(store, clock, identity, ledger, key, settings)
    async with store.write() as tx:
        for number in range(DEVICES):
            await devices.first_contact(tx, f"dev{number}", "127.0.0.1")
    grid = Grid(store=store, clock=clock, events=events, devices=devices)
    transfers = Transfers(store=store, clock=clock, events=events, devices=devices)
    ingest = Ingest(
        store=store, clock=clock, devices=devices, minting=SimpleNamespace(), grid=grid, transfers=transfers
    )

    arrived: deque[float] = deque()
    latencies: list[float] = []
    first = last = 0.0
    done = asyncio.Event()
    received, apply = MqttLink._received, ingest.apply

    def noting(link: MqttLink, *args: Any) -> None:
        arrived.append(time.perf_counter())
        received(link, *args)

    async def timed(batch: Sequence[Any]) -> Any:
        nonlocal first, last
        acks = await apply(batch)
        last = time.perf_counter()
        for _ in batch:
            latencies.append(last - arrived.popleft())
        first = first or last - latencies[0]
        if len(latencies) >= count:
            done.set()
        return acks

    MqttLink._received = noting  # type: ignore[method-assign]
    ingest.apply = timed  # type: ignore[method-assign]
    link = GridLink(Broker(host="127.0.0.1", port=port))
    subscriber = Subscriber(link=link, ingest=ingest, signing_key=key, clock=clock)
    link.on_up(lambda: link.publish(READY_TOPIC, b"1", retain=True))
    begun_s = time.process_time()
    worker = asyncio.create_task(subscriber.run())
    await done.wait()
    cpu_s = time.process_time() - begun_s
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    async with store.read() as tx:
        rows = await tx.fetch_value("SELECT COUNT(*) FROM telemetry")
    await store.close()
    assert rows == count, f"{rows} rows of {count} messages"
    latencies.sort()
    return {
        "rate": (count - 1) / (last - first),
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1_000,
        "cpu_us": cpu_s / count * 1e6,
        "commits": store.commits,
    }


# The run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_broker(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    if not Path(binary).exists():
        sys.exit("mosquitto is not installed: apt-get install mosquitto")
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_type none\n"
    )
    broker = subprocess.Popen([binary, "-c", str(config)], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return broker, port
        time.sleep(0.05)
    broker.kill()
    sys.exit("the broker did not start")


def measure(mode: str, count: int, rate: float = 0) -> dict[str, float]:
    """One subscriber process and one publisher process on a fresh broker."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker, port = start_broker(folder)
        me = [sys.executable, __file__, "--port", str(port), "--messages", str(count)]
        try:
            subscriber = subprocess.Popen([*me, "--as", mode, "--folder", name], stdout=subprocess.PIPE)
            subprocess.run([*me, "--as", "wait"], check=True, timeout=30)
            subprocess.run([*me, "--as", "publish", "--rate", str(rate)], check=True, timeout=300)
            output, _ = subscriber.communicate(timeout=120)
            return msgspec.json.decode(output, type=dict[str, float])
        finally:
            broker.terminate()
            broker.wait()


def wait_until_ready(port: int) -> None:
    from paho.mqtt import subscribe

    subscribe.simple(READY_TOPIC, hostname="127.0.0.1", port=port, qos=1)
    time.sleep(0.2)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--as", dest="role", default="run")
    parser.add_argument("--port", type=int)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.role == "publish":
        publish(options.port, options.messages, options.rate)
    elif options.role == "wait":
        wait_until_ready(options.port)
    elif options.role == "null":
        print(json.dumps(count_only(options.port, options.messages)))
    elif options.role == "store":
        print(json.dumps(asyncio.run(store_all(options.port, options.messages, options.folder))))
    else:
        return run(options.messages, options.rounds)
    return 0


def run(count: int, rounds: int) -> int:
    nulls, stores = [], []
    for _ in range(rounds):
        nulls.append(measure("null", count))
        stores.append(measure("store", count))
    null, ours = ([one["rate"] for one in found] for found in (nulls, stores))
    null_rate, our_rate = statistics.median(null), statistics.median(ours)
    steady = measure("store", count // 2, our_rate / 2)
    ratio = our_rate / null_rate
    for found in (nulls, stores):
        print([{name: round(value, 1) for name, value in one.items()} for one in found])
    print(f"null subscriber   {null_rate:8.0f} msg/s   {[round(rate) for rate in null]}")
    print(f"durable rows      {our_rate:8.0f} msg/s   {[round(rate) for rate in ours]}")
    print(f"ratio             {ratio:8.2f}         target {TARGET_RATIO}")
    print(
        f"arrival to disk   {steady['p99_ms']:8.1f} ms p99 at {our_rate / 2:.0f} msg/s  target {TARGET_P99_MS} ms"
    )
    return 0 if ratio >= TARGET_RATIO and steady["p99_ms"] <= TARGET_P99_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
