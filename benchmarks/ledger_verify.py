"""`lumengrid ledger verify`: entries checked a second, against the bare cryptography in the same run.

The export is of real services: devices that sign, each report a mint and a sell order, prices between them.
Reference: a loop that splits the same file, hashes each leaf and verifies each meter's signature, and checks
nothing else. Rounds alternate; the median counts. The time to write the export is measured on the way.
"""

import argparse
import asyncio
import hashlib
import json
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from msgspec import structs
from nacl.signing import SigningKey

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cloud.app import MIGRATIONS, build
from cloud.audit.verifier import Verifier
from cloud.devices.enrolment import Enrolment
from cloud.kit.idempotency import NO_KEY
from cloud.settings import Settings
from shared.clock import ManualClock
from shared.messages import EnergyReport, encode
from shared.signatures import Purpose, public_key_of, sign, verify

DEVICES = 20
TARGET_PER_S = 2_000


async def export(folder: Path, reports: int) -> tuple[bytes, float]:
    """An export of so many signed mints, and the seconds it took to write."""
    clock = ManualClock()
    parts = build(Settings(data_dir=folder), clock)
    await parts.store.migrate(MIGRATIONS)
    services = parts.services
    keys = {f"pi-{number}": SigningKey(bytes([number]) * 32) for number in range(DEVICES)}
    for device_id, key in keys.items():
        shown = Enrolment(
            device_id=device_id, enrolment_code=None, public_key=public_key_of(key), signature=""
        )
        signature = sign(key, Purpose.ENROL, shown.signed)
        await services.devices.enrol(structs.replace(shown, signature=signature), trusted=True)
    devices = {device_id: await services.devices.find(device_id) for device_id in keys}
    for number in range(0, reports, DEVICES):
        clock.advance(60)
        now = clock.now()
        calls = []
        for device_id, device in devices.items():
            raw = encode(
                EnergyReport(
                    report_id=f"r-{number}",
                    device_id=device_id,
                    sender_uid="NODE_A",
                    receiver_uid="NODE_B",
                    started_at=now - timedelta(seconds=60),
                    ended_at=now,
                    duration_ms=60_000,
                    energy_mwh=65,
                    received_mwh=60,
                    voltage_mv_mean=3_900,
                    current_ma_mean=1_000,
                    boot_id="boot",
                    synced=True,
                )
            )
            assert device is not None
            signature = sign(keys[device_id], Purpose.ENERGY, raw)
            calls.append(services.agent_calls.signed_report(device, raw.decode(), signature, NO_KEY))
        await asyncio.gather(*calls)
    began = time.perf_counter()
    whole = b"".join([piece async for piece in await services.ledger_export.open()])
    took_s = time.perf_counter() - began
    await parts.store.close()
    return whole, took_s


def ours(lines: list[bytes]) -> int:
    verifier = Verifier()
    verifier.read(lines)
    return verifier.finish().entries


def reference(lines: list[bytes]) -> int:
    """Splits, hashes, verifies signatures; nothing more."""
    entries = 0
    for line in lines:
        if not line.startswith(b'{"entry":'):
            continue
        entries += 1
        begin, end = line.index(b'"leaf":') + 7, line.rindex(b',"leaf_hash"')
        hashlib.sha256(b"\x00" + line[begin:end]).hexdigest()
        evidence = json.loads(line)["leaf"]["facts"].get("evidence")
        if evidence:
            raw = evidence["report"].encode()
            verify(evidence["public_key"], Purpose.ENERGY, raw, evidence["signature"])
    return entries


def rate(run: Callable[[list[bytes]], int], lines: list[bytes]) -> float:
    began = time.perf_counter()
    return run(lines) / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole, wrote_s = asyncio.run(export(Path(folder), arguments.reports))
    lines = whole.splitlines(keepends=True)
    measured, references = [], []
    for _ in range(arguments.rounds):
        references.append(rate(reference, lines))
        measured.append(rate(ours, lines))
    tracemalloc.start()
    entries = ours(lines)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    found, bare = statistics.median(measured), statistics.median(references)
    print(
        f"export                    {entries / wrote_s:10,.0f} entries/s, {len(whole) / entries:.0f} B each"
    )
    status = "reached" if found >= TARGET_PER_S else "MISSED"
    print(f"ledger verify             {found:10,.0f} entries/s   (half of them signed mints)")
    print(f"hashes and signatures     {bare:10,.0f} entries/s")
    print(f"ratio                     {found / bare:10.2f}")
    print(f"memory                    {peak_bytes / entries:10,.0f} B an entry")
    print(f"target                    {TARGET_PER_S:10,} /s   {status}")


if __name__ == "__main__":
    main()
