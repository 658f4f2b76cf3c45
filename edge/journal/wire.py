"""Packed records as the messages that go out."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from edge.journal.packing import unpack
from edge.journal.port import LATE_AFTER_S, TelemetryStream
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
) -> TelemetryRecord:
    """`boot_id` and `monotonic_us` are those of now: a live record that waited is told as historical."""
    telemetry = unpack(body)
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
