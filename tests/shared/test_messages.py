"""The wire: strict in, the same out."""

from datetime import UTC, datetime

import msgspec
import pytest

from shared.messages import (
    Ack,
    Command,
    EnergyRecord,
    EnergyReport,
    Hold,
    Refusal,
    SignedMessage,
    Status,
    TelemetryRecord,
    TreeHead,
    Wire,
    encode,
)

NODE = {
    "uid": "NODE_A",
    "voltage_mv": 3921,
    "current_ma": -270,
    "temperature_c": 21.5,
    "soc_percent": 72.4,
    "soc_band_percent": 1.5,
    "state": "IDLE",
    "quality": "good",
    "age_ms": 12,
}
RECORD = {
    "journal_id": "j1",
    "stream": "live",
    "seq": 7,
    "oldest": 1,
    "boot_id": "b1",
    "monotonic_us": 5,
    "utc": "2026-02-23T09:56:48Z",
    "synced": True,
    "historical": False,
    "nodes": [NODE],
}
REPORT = {
    "report_id": "r1",
    "device_id": "pi-1",
    "sender_uid": "NODE_A",
    "receiver_uid": "NODE_B",
    "started_at": "2026-02-23T09:00:00Z",
    "ended_at": "2026-02-23T09:30:00Z",
    "duration_ms": 1_800_000,
    "energy_mwh": 529,
    "received_mwh": None,
    "voltage_mv_mean": 3920,
    "current_ma_mean": 270,
    "boot_id": "b1",
    "synced": True,
}


def changed(message, path, value):
    """A copy of the message with one field set, or dropped where the value is Ellipsis."""
    copy = msgspec.json.decode(msgspec.json.encode(message))
    at = copy
    *steps, last = path.split(".")
    for step in steps:
        at = at[int(step) if step.isdigit() else step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return msgspec.json.encode(copy)


def test_a_telemetry_record_survives_the_wire():
    raw = msgspec.json.encode(RECORD)

    record = msgspec.json.decode(raw, type=TelemetryRecord)

    assert record.utc == datetime(2026, 2, 23, 9, 56, 48, tzinfo=UTC)
    assert record.nodes[0].current_ma == -270
    assert msgspec.json.decode(encode(record)) == RECORD


def test_a_missing_measurement_is_null_and_stays_null():
    missing = changed(RECORD, "nodes.0.voltage_mv", None)

    record = msgspec.json.decode(missing, type=TelemetryRecord)

    assert record.nodes[0].voltage_mv is None
    assert b'"voltage_mv":null' in encode(record)


@pytest.mark.parametrize(
    "path, value",
    [
        ("seq", 0),
        ("seq", 2**53 + 1),
        ("seq", "7"),
        ("seq", 7.5),
        ("oldest", 0),
        ("stream", "energy"),
        ("stream", "other"),
        ("utc", "2026-02-23T09:56:48"),
        ("utc", "yesterday"),
        ("utc", 1771840608),
        ("synced", 1),
        ("synced", "true"),
        ("journal_id", ""),
        ("journal_id", "x" * 65),
        ("extra", 1),
        ("boot_id", ...),
        ("nodes", [NODE] * 65),
        ("nodes.0.uid", "a/b"),
        ("nodes.0.uid", ""),
        ("nodes.0.soc_percent", 100.1),
        ("nodes.0.soc_percent", -0.1),
        ("nodes.0.soc_percent", "72"),
        ("nodes.0.state", "idle"),
        ("nodes.0.quality", "fine"),
        ("nodes.0.age_ms", -1),
        ("nodes.0.voltage_mv", 3.9),
        ("nodes.0.ip", "192.168.1.101"),
        ("nodes.0.current_ma", ...),
    ],
)
def test_a_telemetry_record_that_breaks_a_rule_is_refused(path, value):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(changed(RECORD, path, value), type=TelemetryRecord)


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"-Infinity"])
def test_no_number_is_not_a_number(text):
    raw = msgspec.json.encode(RECORD).replace(b"72.4", text)

    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(raw, type=TelemetryRecord)


@pytest.mark.parametrize(
    "path, value",
    [
        ("energy_mwh", -1),
        ("energy_mwh", 2**53 + 1),
        ("energy_mwh", 529.0),
        ("received_mwh", -1),
        ("duration_ms", 0),
        ("voltage_mv_mean", -1),
        ("report_id", ""),
        ("device_id", "a b"),
        ("sender_uid", "#"),
        ("started_at", "2026-02-23T09:00:00"),
        ("ended_at", None),
        ("extra", None),
    ],
)
def test_an_energy_report_that_breaks_a_rule_is_refused(path, value):
    msgspec.json.decode(msgspec.json.encode(REPORT), type=EnergyReport)

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(changed(REPORT, path, value), type=EnergyReport)


def test_the_signed_bytes_of_a_report_travel_unchanged():
    signed = b'{ "report_id":"r1",  "spaces": "kept" }'
    raw = b'{"journal_id":"j","seq":1,"oldest":1,"report":' + signed + b',"signature":"s"}'

    record = msgspec.json.decode(raw, type=EnergyRecord)

    assert bytes(record.report) == signed


def test_the_body_of_a_signed_message_travels_unchanged():
    body = msgspec.Raw(b'{"id": "c1"}')

    received = msgspec.json.decode(encode(SignedMessage(body=body, signature="s")), type=SignedMessage)

    assert bytes(received.body) == b'{"id": "c1"}'


def test_an_ack_says_what_is_stored_and_what_was_refused():
    ack = Ack(
        device_id="pi-1",
        journal_id="j1",
        stream="energy",
        through=9,
        refused=(Refusal(seq=8, reason="circular"),),
    )

    assert msgspec.json.decode(encode(ack), type=Ack) == ack
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"device_id":"pi","journal_id":"j","stream":"live","through":-1}', type=Ack)


@pytest.mark.parametrize(
    "kind, raw",
    [
        (Status, b'{"state":"away","boot_id":"b","version":"1"}'),
        (
            Command,
            (
                b'{"id":"c","device_id":"pi","node_uid":"a","action":"explode","issued_at":"2026-01-01T00:00:00Z",'
                b'"expires_at":"2026-01-01T00:30:00Z"}'
            ),
        ),
        (
            Command,
            b'{"id":"c","device_id":"pi","node_uid":"a","action":"idle","issued_at":"2026-01-01T00:00:00Z"}',
        ),
        (TreeHead, b'{"tree_size":1,"root_hash":"XY","utc":"2026-01-01T00:00:00Z","signature":"s"}'),
    ],
)
def test_other_messages_are_strict_too(kind, raw):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=kind)


def test_every_message_is_frozen_and_refuses_unknown_fields():
    kinds = Wire.__subclasses__()

    assert len(kinds) >= 20
    for kind in kinds:
        config = kind.__struct_config__
        assert (
            config.frozen,
            config.forbid_unknown_fields,
            config.kw_only if hasattr(config, "kw_only") else True,
        ) == (
            True,
            True,
            True,
        )


@pytest.mark.parametrize("action", ["charge", "discharge", "idle", "release"])
def test_a_hold_is_read_as_home_assistant_writes_it(action: str) -> None:
    wire = f'{{"node_uid":"NODE_A","action":"{action}","minutes":15}}'.encode()

    hold = msgspec.json.decode(wire, type=Hold)

    assert (hold.node_uid, hold.action, hold.minutes) == ("NODE_A", action, 15)


@pytest.mark.parametrize("minutes", [0, 1441, -5])
def test_a_hold_without_a_sensible_end_is_refused(minutes: int) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"node_uid":"A","action":"idle","minutes":{minutes}}}', type=Hold)
