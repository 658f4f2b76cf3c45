"""Builders of valid records for the journal's tests."""

from datetime import UTC, datetime

from edge.journal.port import Telemetry
from shared.clock import from_micros
from shared.messages import Ack, EnergyReport, NodeReading, NodeState, Quality, Refusal, Stream, encode

START = datetime(2026, 1, 1, tzinfo=UTC)
START_US = 1_767_225_600_000_000


def telemetry(
    number: int, *, boot_id: str = "boot-a", nodes: int = 5, step_us: int = 10_000_000
) -> Telemetry:
    return Telemetry(
        boot_id=boot_id,
        monotonic_us=number * step_us,
        utc_us=START_US + number * step_us,
        synced=True,
        nodes=tuple(
            NodeReading(
                uid=f"NODE_{chr(65 + n)}",
                voltage_mv=3_700 + number % 100,
                current_ma=-1_250,
                temperature_c=24.5,
                soc_percent=55.25,
                soc_band_percent=2.5,
                state=NodeState.IDLE,
                quality=Quality.GOOD,
                age_ms=12,
            )
            for n in range(nodes)
        ),
    )


def report_bytes(report_id: str) -> bytes:
    return encode(
        EnergyReport(
            report_id=report_id,
            device_id="rpi",
            sender_uid="NODE_A",
            receiver_uid="NODE_B",
            started_at=from_micros(START_US),
            ended_at=from_micros(START_US + 60_000_000),
            duration_ms=60_000,
            energy_mwh=61,
            received_mwh=55,
            voltage_mv_mean=3_700,
            current_ma_mean=1_000,
            boot_id="boot-a",
            synced=True,
        )
    )


def ack(journal_id: str, stream: Stream, through: int, refused: tuple[Refusal, ...] = ()) -> Ack:
    return Ack(device_id="rpi", journal_id=journal_id, stream=stream, through=through, refused=refused)
