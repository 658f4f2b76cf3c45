"""MQTT to durable row, against a subscriber that only counts: both through the same broker, in turns.

    python benchmarks/ingest.py [--messages N] [--rounds N]

One publisher process (paho) sends pre-encoded telemetry records of five nodes at QoS 1 as fast as it can. The
reference is paho with a callback that counts. Ours is the service's own subscriber: decoded, checked, applied
behind its cursors, committed with fsync, acknowledged. Each is a process of its own. The ratio is of median
rates; the target is 0.7. Then the same at half our rate, for the time from arrival to disk.
"""

import argparse
import asyncio
import json
import logging
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
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lumengrid.processes import free_port
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
    return {
        "rate": (count - 1) / (seen[2] - seen[1]),
        "cpu_us": (time.process_time() - begun_s) / count * 1e6,
    }


class _Watch:
    """Notes when each message arrives and when it is on disk."""

    def __init__(self, ingest: Any, count: int) -> None:
        self.arrived_s: deque[float] = deque()
        self.latencies_s: list[float] = []
        self.first_s = self.last_s = 0.0
        self.done = asyncio.Event()
        self._count = count
        self._apply = ingest.apply
        ingest.apply = self._timed
        received = MqttLink._received  # noqa: SLF001  the moment of arrival, in the client's own thread

        def noting(link: MqttLink, *message: Any) -> None:
            self.arrived_s.append(time.perf_counter())
            received(link, *message)

        MqttLink._received = noting  # type: ignore[method-assign]  # noqa: SLF001

    async def _timed(self, batch: Sequence[Any]) -> Any:
        acks = await self._apply(batch)
        self.last_s = time.perf_counter()
        arrived = [self.arrived_s.popleft() for _ in batch]
        self.first_s = self.first_s or arrived[0]
        self.latencies_s += [self.last_s - moment for moment in arrived]
        if len(self.latencies_s) >= self._count:
            self.done.set()
        return acks


async def store_all(port: int, count: int, folder: Path) -> dict[str, float]:
    """The service's subscriber on a database of its own."""
    from cloud.app import MIGRATIONS, build
    from cloud.grid.ingest import Ingest
    from cloud.grid.link import GridLink
    from cloud.grid.subscriber import Subscriber
    from cloud.settings import Settings
    from shared.clock import SystemClock

    parts = build(Settings(data_dir=folder), SystemClock())
    services: Any = parts.services
    store, clock = parts.store, parts.clock
    await store.migrate(MIGRATIONS)
    async with store.write() as tx:
        for number in range(DEVICES):
            await services.devices.first_contact(tx, f"dev{number}", "127.0.0.1")
    named = {name: getattr(services, name) for name in ("devices", "minting", "grid", "transfers")}
    ingest = Ingest(store=store, clock=clock, **named)
    watch = _Watch(ingest, count)
    link = GridLink(Broker(host="127.0.0.1", port=port))
    subscriber = Subscriber(link=link, ingest=ingest, signing_key=services.signing_key, clock=clock)
    link.on_up(lambda: link.publish(READY_TOPIC, b"1", retain=True) or None)
    begun_s = time.process_time()
    worker = asyncio.create_task(subscriber.run())
    await watch.done.wait()
    cpu_s = time.process_time() - begun_s
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    async with store.read() as tx:
        rows = await tx.fetch_value("SELECT COUNT(*) FROM telemetry")
    await store.close()
    assert rows == count, f"{rows} rows of {count} messages"
    latencies = sorted(watch.latencies_s)
    return {
        "rate": (count - 1) / (watch.last_s - watch.first_s),
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1_000,
        "cpu_us": cpu_s / count * 1e6,
    }


# The run


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

    logging.getLogger("paho").setLevel(logging.CRITICAL)  # it reports its own disconnect as an error
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
    null_rate, our_rate = (statistics.median(one["rate"] for one in found) for found in (nulls, stores))
    steady = measure("store", count // 2, our_rate / 2)
    ratio = our_rate / null_rate
    for name, found in (("null subscriber", nulls), ("durable rows", stores)):
        rates = sorted(round(one["rate"]) for one in found)
        cpu_us = statistics.median(one["cpu_us"] for one in found)
        print(f"{name:16}{rates[len(rates) // 2]:8} msg/s   cpu {cpu_us:5.1f} us/msg   {rates}")
    print(f"ratio           {ratio:8.2f}         target {TARGET_RATIO}")
    print(
        f"arrival to disk {steady['p99_ms']:8.1f} ms p99  target {TARGET_P99_MS}, at {our_rate / 2:.0f} msg/s"
    )
    return 0 if ratio >= TARGET_RATIO and steady["p99_ms"] <= TARGET_P99_MS else 1


if __name__ == "__main__":
    raise SystemExit(main())
