"""Packed records as the messages that go out."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, structs

from edge.journal.packing import unpack
from edge.journal.port import LATE_AFTER_S, Telemetry, TelemetryStream
from shared.clock import from_micros
from shared.messages import EnergyRecord, EnergyReport, Stream, TelemetryRecord

_report_decoder = msgspec.json.Decoder(EnergyReport)


def telemetry_record(
    body: bytes,
    *,
    journal_id: str,
    stream: TelemetryStream,
    seq: int,
    oldest: int,
    boot_id: str,
    monotonic_us: int,
    booted_us: Mapping[str, int],
) -> TelemetryRecord:
    """`boot_id` and `monotonic_us` are those of now: a live record that waited is told as historical.

    `booted_us` as in `dated`.
    """
    telemetry = dated(unpack(body), booted_us)
    late = (
        stream is Stream.BACKLOG
        or telemetry.boot_id != boot_id
        or monotonic_us - telemetry.monotonic_us > LATE_AFTER_S * 1e6
    )
    return TelemetryRecord(
        journal_id=journal_id,
        stream=stream,
        seq=seq,
        oldest=oldest,
        boot_id=telemetry.boot_id,
        monotonic_us=telemetry.monotonic_us,
        utc=from_micros(telemetry.utc_us),
        synced=telemetry.synced,
        historical=late,
        nodes=telemetry.nodes,
    )


def dated(telemetry: Telemetry, booted_us: Mapping[str, int]) -> Telemetry:
    """In UTC where it was made before the time was known and is known now.

    `booted_us` has, by boot_id, the wall time at which the monotonic clock was 0.
    """
    booted = booted_us.get(telemetry.boot_id)
    if telemetry.synced or booted is None:
        return telemetry
    return structs.replace(telemetry, utc_us=booted + telemetry.monotonic_us, synced=True)


def is_report(report: bytes) -> bool:
    """Whether the bytes are an energy report; anything else would make the message unreadable."""
    try:
        _report_decoder.decode(report)
    except msgspec.MsgspecError:
        return False
    return True


def energy_records(
    rows: Sequence[tuple[int, bytes, str]], *, journal_id: str, oldest: int
) -> tuple[EnergyRecord, ...]:
    """`rows`: sequence, report bytes, signature.

    Raises:
        msgspec.MsgspecError: the bytes of a row are no report.
    """
    for _, report, _ in rows:
        _report_decoder.decode(report)
    return tuple(
        EnergyRecord(journal_id=journal_id, seq=seq, oldest=oldest, report=Raw(report), signature=signature)
        for seq, report, signature in rows
    )


BOOT_KEY = "booted/"
BOOTS_MAX = 64


def read_boots(state: Mapping[str, bytes]) -> dict[str, int]:
    """The known boots among the values of the state; one that cannot be read is left out."""
    found = {}
    for key, value in state.items():
        if key.startswith(BOOT_KEY) and value.isdigit():
            found[key.removeprefix(BOOT_KEY)] = int(value)
    return found
