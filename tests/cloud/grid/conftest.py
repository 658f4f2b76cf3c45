"""An agent that makes its own records, and the service that takes them."""

import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS, Parts, build
from cloud.devices.enrolment import Enrolment
from cloud.grid.decoding import Leaf
from cloud.grid.ingest import Arrival, Ingest
from cloud.settings import Settings
from lumengrid.processes import free_port
from shared.clock import ManualClock
from shared.messages import (
    EnergyRecord,
    EnergyReport,
    NodeReading,
    NodeState,
    Quality,
    Stream,
    TelemetryRecord,
    encode,
)
from shared.mqtt import Broker
from shared.signatures import Purpose, public_key_of, sign


def reading(uid: str, **changes: Any) -> NodeReading:
    values: dict[str, Any] = {
        "uid": uid,
        "voltage_mv": 3_900,
        "current_ma": 120,
        "temperature_c": 24.5,
        "soc_percent": 60.0,
        "soc_band_percent": 2.0,
        "state": NodeState.IDLE,
        "quality": Quality.GOOD,
        "age_ms": 5,
    }
    return NodeReading(**values | changes)


class Agent:
    """Speaks for one device; nothing is sent, only made."""

    def __init__(self, device_id: str, clock: ManualClock, journal_id: str = "jrn_1") -> None:
        self.device_id = device_id
        self.journal_id = journal_id
        self.key = SigningKey(device_id.ljust(32, ".").encode())
        self._clock = clock

    def telemetry(self, seq: int, *, oldest: int = 1, **changes: Any) -> bytes:
        values: dict[str, Any] = {
            "journal_id": self.journal_id,
            "stream": Stream.LIVE,
            "seq": seq,
            "oldest": oldest,
            "boot_id": "boot_1",
            "monotonic_us": seq * 1_000_000,
            "utc": self._clock.now(),
            "synced": True,
            "historical": False,
            "nodes": (reading("NODE_A"), reading("NODE_B", soc_percent=40.0)),
        }
        return encode(TelemetryRecord(**values | changes))

    def report(self, number: int, **changes: Any) -> EnergyReport:
        """A minute of 3.9 V and 1 A: 65 mWh, which a bench's scale of 1000 makes 0.065 kWh."""
        start = self._clock.now() + timedelta(minutes=number)
        values: dict[str, Any] = {
            "report_id": f"rep_{self.device_id}_{number}",
            "device_id": self.device_id,
            "sender_uid": "NODE_A",
            "receiver_uid": "NODE_B",
            "started_at": start - timedelta(minutes=500),
            "ended_at": start - timedelta(minutes=499),
            "duration_ms": 60_000,
            "energy_mwh": 65,
            "received_mwh": 60,
            "voltage_mv_mean": 3_900,
            "current_ma_mean": 1_000,
            "boot_id": "boot_1",
            "synced": True,
        }
        return EnergyReport(**values | changes)

    def energy(
        self,
        seq: int,
        *,
        oldest: int = 1,
        key: SigningKey | None = None,
        purpose: Purpose = Purpose.ENERGY,
        raw: bytes | None = None,
        signed: bytes | None = None,
        **changes: Any,
    ) -> bytes:
        """`signed`: what the signature is over, where that is not the report."""
        body = raw if raw is not None else encode(self.report(seq, **changes))
        record = EnergyRecord(
            journal_id=self.journal_id,
            seq=seq,
            oldest=oldest,
            report=Raw(body),
            signature=sign(key or self.key, purpose, body if signed is None else signed),
        )
        return encode(record)

    def arrive(self, leaf: Leaf, *payloads: bytes) -> list[Arrival]:
        return [Arrival(self.device_id, leaf, payload) for payload in payloads]

    async def enrol(self, parts: Parts) -> None:
        shown = Enrolment(
            device_id=self.device_id, enrolment_code=None, public_key=public_key_of(self.key), signature=""
        )
        signature = sign(self.key, Purpose.ENROL, shown.signed)
        devices: Any = parts.services.devices
        await devices.enrol(msgspec.structs.replace(shown, signature=signature), trusted=True)


@pytest.fixture
async def parts(settings: Settings, database_url: str, clock: ManualClock) -> AsyncIterator[Parts]:
    """Every service over an empty database, without the HTTP side."""
    found = build(msgspec.structs.replace(settings, database_url=database_url), clock)
    await found.store.migrate(MIGRATIONS)
    yield found
    await found.store.close()


@pytest.fixture
async def agent(parts: Parts, clock: ManualClock) -> Agent:
    """An enrolled agent; under open trust its scale is 1000."""
    found = Agent("pi-1", clock)
    await found.enrol(parts)
    return found


@pytest.fixture
def ingest(parts: Parts) -> Ingest:
    services: Any = parts.services
    return Ingest(
        store=parts.store,
        clock=parts.clock,
        devices=services.devices,
        minting=services.minting,
        grid=services.grid,
        transfers=services.transfers,
    )


async def rows(parts: Parts, sql: str) -> list[tuple[Any, ...]]:
    """What the database holds; the columns are named in the statement."""

    class Row(msgspec.Struct):
        a: Any
        b: Any = None
        c: Any = None

    async with parts.store.read() as tx:
        return [msgspec.structs.astuple(row) for row in await tx.fetch_all(Row, sql)]


async def event_types(parts: Parts) -> Sequence[str]:
    return [event.type for event in await parts.events.after(0)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A real mosquitto on a free port."""
    binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    if not Path(binary).exists():
        if os.environ.get("CI") == "true":
            pytest.fail("mosquitto is not installed")
        pytest.skip("mosquitto is not installed")
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_type none\n")
    process = subprocess.Popen([binary, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield Broker(host="127.0.0.1", port=port)
    finally:
        process.terminate()
        process.wait()
