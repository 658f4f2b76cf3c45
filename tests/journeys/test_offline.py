"""Days without a cloud, on a journal with a cap; then the link is back, and everything arrives once.

The agent's journal and the service's own ingest over its real store; only the wire between them is left out.
`make chaos` stays away for thirty days with the shipped cap's share of them; `CHAOS_DAYS` chooses otherwise.
"""

import os
import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS, Parts, build
from cloud.devices.enrolment import Enrolment
from cloud.grid.decoding import Leaf
from cloud.grid.ingest import Arrival, Ingest
from cloud.settings import Settings
from edge.journal.disk import DiskJournal
from edge.journal.port import NewReport, Telemetry
from edge.metering import sign_report
from shared.clock import ManualClock
from shared.messages import Ack, EnergyReport, NodeReading, NodeState, Quality, Stream, encode
from shared.signatures import Purpose, public_key_of, sign

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

DAYS = float(os.environ.get("CHAOS_DAYS", "1"))
CAP_BYTES = int(os.environ.get("CHAOS_CAP_MB", "3")) * 1024 * 1024
RECORD_S, REPORT_S = 10, 900
DEVICE = "pi-1"
BATCH = 100


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def service(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Parts]:
    parts = build(Settings(data_dir=tmp_path / "cloud"), clock)
    await parts.store.migrate(MIGRATIONS)
    yield parts
    await parts.store.close()


class Site:
    """Five nodes, of which two send: what an agent puts into its journal, without the nodes."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.key = SigningKey(bytes(range(32)))
        self.clock = clock
        self.path = folder / "journal.sqlite"
        self.journal = self.open()
        self.dice = random.Random(1)
        self.made: list[str] = []
        self.records = 0

    def open(self) -> DiskJournal:
        return DiskJournal(self.path, clock=self.clock, boot_id="boot_1", bytes_max=CAP_BYTES)

    def live(self, seconds: float) -> None:
        """Time passes without a link."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            self.clock.advance(RECORD_S)
            self.records += 1
            self.journal.put_telemetry(self._telemetry(), link_up=False)
            if self.clock.monotonic() % REPORT_S == 0:
                self.journal.put_energy([self._report("NODE_A", "NODE_E"), self._report("NODE_B", "NODE_D")])
            self.journal.flush()

    def _telemetry(self) -> Telemetry:
        dice = self.dice
        return Telemetry(
            boot_id="boot_1",
            monotonic_us=round(self.clock.monotonic() * 1e6),
            utc_us=self.clock.now_us(),
            synced=True,
            nodes=tuple(
                NodeReading(
                    uid=f"NODE_{letter}",
                    voltage_mv=dice.randrange(3_300, 4_200),
                    current_ma=dice.randrange(-1_300, 1_300),
                    temperature_c=round(dice.uniform(15, 35), 2),
                    soc_percent=round(dice.uniform(20, 95), 2),
                    soc_band_percent=1.9,
                    state=NodeState.IDLE,
                    quality=Quality.GOOD,
                    age_ms=14,
                )
                for letter in "ABCDE"
            ),
        )

    def _report(self, sender: str, receiver: str) -> NewReport:
        """A quarter of an hour of 3.9 V and 1 A: 975 mWh."""
        report = EnergyReport(
            report_id=f"rpt_{sender}_{len(self.made):05}",
            device_id=DEVICE,
            sender_uid=sender,
            receiver_uid=receiver,
            started_at=self.clock.now() - timedelta(seconds=REPORT_S),
            ended_at=self.clock.now(),
            duration_ms=1_000 * REPORT_S,
            energy_mwh=975,
            received_mwh=900,
            voltage_mv_mean=3_900,
            current_ma_mean=1_000,
            boot_id="boot_1",
            synced=True,
        )
        self.made.append(report.report_id)
        return NewReport(report.report_id, *sign_report(self.key, report))

    async def deliver(self, service: Parts) -> None:
        """The link is up: what the journal gives goes to the ingest, whose answers release it."""
        services = service.services
        ingest = Ingest(
            store=service.store,
            clock=self.clock,
            devices=services.devices,
            minting=services.minting,
            grid=services.grid,
            transfers=services.transfers,
        )
        while True:
            energy = self.journal.energy_after(0, BATCH)
            acks = await ingest.apply_energy(
                [Arrival(DEVICE, Leaf.ENERGY, encode(record)) for record in energy]
            )
            backlog = self.journal.telemetry_after(Stream.BACKLOG, 0, BATCH)
            assert all(record.historical for record in backlog)
            acks += await ingest.apply(
                [Arrival(DEVICE, Leaf.TELEMETRY, encode(record)) for record in backlog]
            )
            if not energy and not backlog:
                return
            for ack in acks:
                assert ack.refused == ()
                if self.dice.random() < 0.1:
                    continue  # lost on the way: the records are sent again
                self.journal.acknowledge(
                    Ack(device_id=DEVICE, journal_id=ack.journal_id, stream=ack.stream, through=ack.through)
                )


async def enrol(service: Parts, key: SigningKey) -> None:
    shown = Enrolment(device_id=DEVICE, enrolment_code=None, public_key=public_key_of(key), signature="")
    signature = sign(key, Purpose.ENROL, shown.signed)
    await service.services.devices.enrol(msgspec.structs.replace(shown, signature=signature), trusted=True)


async def test_after_days_without_a_link_everything_arrives_once_and_no_report_is_lost(
    tmp_path: Path, clock: ManualClock, service: Parts
) -> None:
    site = Site(tmp_path, clock)
    await enrol(service, site.key)
    site.live(DAYS * 86_400 / 2)
    site.journal._file.db.close()  # the power fails in the middle; up to a minute of telemetry goes with it
    site.journal = site.open()
    site.live(DAYS * 86_400 / 2)
    site.journal.flush(force=True)

    depth = site.journal.depth()
    assert depth.energy == len(site.made)
    assert site.path.stat().st_size <= CAP_BYTES
    waiting = depth.backlog
    await site.deliver(service)

    with closing(sqlite3.connect(f"file:{tmp_path / 'cloud' / 'lumengrid.sqlite'}?mode=ro", uri=True)) as db:
        minted = [row[0] for row in db.execute("SELECT report_id FROM mints ORDER BY report_id")]
        seqs = [row[0] for row in db.execute("SELECT seq FROM telemetry ORDER BY seq")]
        times = [row[0] for row in db.execute("SELECT monotonic_us FROM telemetry ORDER BY seq")]
    assert minted == sorted(site.made)
    assert len(seqs) == len(set(seqs)) == waiting
    assert times == sorted(times)
    assert site.journal.depth().backlog == site.journal.depth().energy == 0
    # The newest is whole; what is older has lost resolution, the oldest most.
    assert times[-1] == round(clock.monotonic() * 1e6)
    gaps_s = [(later - earlier) / 1e6 for earlier, later in pairwise(times)]
    assert set(gaps_s[-3_600 // RECORD_S :]) == {RECORD_S}
    assert times[0] / 1e6 <= DAYS * 86_400 / 20
    assert max(gaps_s) <= DAYS * 86_400 / 20
    site.journal.close()
    print(
        f"{DAYS:g} days: {site.records} records made, {waiting} kept, largest hole {max(gaps_s):.0f} s,"
        f" {len(minted)} reports minted once"
    )
