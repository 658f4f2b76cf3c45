"""The documented examples of the IoT part, the bad input it must withstand, and who may do what."""

import json
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from cloud.app import Parts
from cloud.pricing.quality import voltage_stability
from shared.clock import ManualClock
from shared.messages import Command, encode
from shared.signatures import Purpose, request_bytes, sign, verify

from .conftest import Agent

DEVICE = "rpi-4b-prod-01"

HEARTBEAT = {"device_id": DEVICE, "status": "heartbeat"}
NODE_DATA = {
    "device_id": DEVICE,
    "voltage": 3.921,
    "battery_level": 72.4,
    "state": "IDLE",
    "source": "rpi_energy_grid",
    "timestamp": "2026-02-23T09:56:48Z",
    "connected_nodes_count": 2,
    "connected_nodes": [{"uid": "NODE_A", "voltage": 3.921}, {"uid": "NODE_B", "voltage": 3.610}],
    "nodes_detail": [
        {"uid": "NODE_A", "ip": "192.168.1.101", "voltage": 3.921, "soc": 72.4, "state": "IDLE"}
    ],
}
CMD = {
    "device_id": DEVICE,
    "nodes": [
        {"uid": "NODE_A", "voltage": 3.921, "soc": 72.4, "state": "IDLE"},
        {"uid": "NODE_B", "voltage": 3.610, "soc": 28.1, "state": "IDLE"},
    ],
}
TRANSFER = {"device_id": DEVICE, "sender_node_uid": "NODE_A", "receiver_node_uid": "NODE_B"}
REPORT = {
    "device_id": DEVICE,
    "sender_uid": "NODE_A",
    "receiver_uid": "NODE_B",
    "kwh_transferred": 0.5,
    "duration_seconds": 1800,
    "avg_voltage": 3.92,
    "avg_current": 0.27,
}


@pytest.fixture
def parts(app: Litestar) -> Parts:
    found: Parts = app.state.parts
    return found


def kinds(value: Any) -> Any:
    """The shape of an answer: keys and JSON types."""
    if isinstance(value, dict):
        return {name: kinds(part) for name, part in value.items()}
    if isinstance(value, list):
        return [kinds(part) for part in value]
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    )


def covers(answer: Any, documented: Any) -> bool:
    """Whether an answer has at least the documented fields, of the documented types."""
    if isinstance(documented, dict):
        return isinstance(answer, dict) and all(
            name in answer and covers(answer[name], part) for name, part in documented.items()
        )
    if isinstance(documented, list):
        return isinstance(answer, list) and all(covers(part, documented[0]) for part in answer)
    return bool(kinds(answer) == documented)


REPORTED = {
    "status": "str",
    "tokens_minted": "number",
    "quality_factor": "number",
    "sell_order_id": "str",
    "dynamic_price": "number",
    "co2_saved_kg": "number",
    "carbon_credit": "number",
    "tx_hash": "str",
    "message": "str",
}
PINGED = {
    "status": "str",
    "type": "str",
    "updated": "bool",
    "commands": [{"node_id": "str", "action": "str"}],
}
TOLD = {
    "commands": [{"node_id": "str", "action": "str", "reason": "str"}],
    "grid_summary": {
        "avg_soc": "number",
        "discharging_nodes": "number",
        "charging_nodes": "number",
        "idle_nodes": "number",
    },
}


DOCUMENTED = [
    ("/iot/ping", HEARTBEAT, PINGED),
    ("/iot/ping", NODE_DATA, PINGED),
    ("/iot/cmd", CMD, TOLD),
    ("/iot/energy/report", REPORT, REPORTED),
]


async def test_each_documented_request_gets_the_documented_shape(client, subtests) -> None:
    for path, body, documented in DOCUMENTED:
        with subtests.test(path=path):
            answer = await client.post(path, json=body)
            assert answer.status_code == 200, answer.text
            assert covers(answer.json(), documented), answer.text


async def test_the_documented_session_of_one_device(client: httpx.AsyncClient) -> None:
    """In the order of the document: ping, transfer, schedule, nodes, report, stop."""
    await client.post("/iot/ping", json=NODE_DATA)
    begun = await client.post("/iot/transfer", json=TRANSFER)
    assert begun.status_code == 200

    pinged = (await client.post("/iot/ping", json=NODE_DATA)).json()
    assert (pinged["status"], pinged["type"], pinged["updated"]) == ("received", "node_data", True)
    assert [(one["node_id"], one["action"]) for one in pinged["commands"]] == [
        ("NODE_A", "discharge"),
        ("NODE_B", "charge"),
    ]

    told = (await client.post("/iot/cmd", json=CMD)).json()
    assert [(one["node_id"], one["action"], one["reason"]) for one in told["commands"]] == [
        ("NODE_A", "discharge", "manual transfer command (discharge)"),
        ("NODE_B", "charge", "manual transfer command (charge)"),
    ]
    assert told["grid_summary"] == {
        "avg_soc": 50.25,
        "discharging_nodes": 1,
        "charging_nodes": 1,
        "idle_nodes": 0,
    }

    nodes = (await client.get(f"/iot/nodes/{DEVICE}")).json()
    assert [(node["uid"], node["voltage"], node["soc"], node["state"]) for node in nodes] == [
        ("NODE_A", 3.921, 72.4, "IDLE"),
        ("NODE_B", 3.61, 28.1, "IDLE"),
    ]
    assert all("ip" not in node for node in nodes), "an address is its owner's business"

    minted = (await client.post("/iot/energy/report", json=REPORT)).json()
    # 0.5 kWh at 3.92 V: quality 1 + 0.32/6 = 1.053, 526.67 LT; 0.5 · 0.82 kg; · 0.05
    assert minted["status"] == "minted"
    assert minted["tokens_minted"] == 526.67
    assert minted["quality_factor"] == 1.053
    assert minted["co2_saved_kg"] == 0.41
    assert minted["carbon_credit"] == 0.0205
    assert minted["message"].startswith("526.67 LT tokens minted for 0.5000 kWh → auto-listed at ")

    stopped = await client.post("/iot/transfer/stop", json={"device_id": DEVICE})
    assert stopped.status_code == 200
    assert {one["action"] for one in stopped.json()["commands"]} == {"idle"}
    after = (await client.post("/iot/ping", json=NODE_DATA)).json()
    assert after["commands"] == []


async def actions(client: httpx.AsyncClient) -> list[str]:
    return [one["action"] for one in (await client.post("/iot/cmd", json=CMD)).json()["commands"]]


async def test_a_stop_is_told_until_it_was_heard_for_a_minute_and_then_the_rule_speaks_again(
    client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await client.post("/iot/ping", json=NODE_DATA)
    await client.post("/iot/transfer", json=TRANSFER)
    assert await actions(client) == ["discharge", "charge"]
    await client.post("/iot/transfer/stop", json={"device_id": DEVICE})

    clock.advance(600)  # the agent was away, or only gave signs of life
    await client.post("/iot/ping", json={"device_id": DEVICE, "status": "heartbeat"})
    clock.advance(600)
    told = (await client.post("/iot/cmd", json=CMD)).json()["commands"]
    assert [one["action"] for one in told] == ["idle", "idle"]
    assert all(one["signature"] for one in told)
    clock.advance(59)
    assert await actions(client) == ["idle", "idle"]
    clock.advance(1)
    assert await actions(client) == ["discharge", "charge"]


async def test_without_manual_commands_the_balance_rule_speaks(client) -> None:
    told = (await client.post("/iot/cmd", json=CMD)).json()
    assert [one["action"] for one in told["commands"]] == ["discharge", "charge"]
    assert "44.3 above" in told["commands"][0]["reason"]


async def test_the_price_sees_the_ping_as_the_document_computes_it(client, parts: Parts) -> None:
    """Mean of 3.921, 3.610 and the device's own 3.921 V: stability 90.67, behaviour 2.1."""
    await client.post("/iot/ping", json=NODE_DATA)
    grid: Any = parts.services.grid
    async with parts.store.read() as tx:
        conditions = await grid.conditions(tx)
    assert round(voltage_stability(conditions.voltages_v), 2) == 90.67
    assert conditions.soc_mean == pytest.approx(0.724)
    assert conditions.health_percent == pytest.approx(72.4)


async def test_a_repeated_report_gets_the_first_answer(client, clock) -> None:
    body = REPORT | {"report_id": "rep-1"}
    first = await client.post("/iot/energy/report", json=body)
    clock.advance(5)
    again = await client.post("/iot/energy/report", json=body)
    assert (again.status_code, again.json()) == (200, first.json())
    supply = (await client.get("/api/v1/tokens/supply")).json()
    assert supply["total_mint_events"] == 1


async def test_a_command_in_an_answer_can_be_verified(client, parts: Parts) -> None:
    await client.post("/iot/ping", json=NODE_DATA)
    await client.post("/iot/transfer", json=TRANSFER)
    told = (await client.post("/iot/ping", json=HEARTBEAT)).json()["commands"][0]
    command = _command(told)
    devices: Any = parts.services.devices
    verify(devices.public_key, Purpose.COMMAND, encode(command), told["signature"])


def _command(told: dict[str, Any]) -> Command:
    fields = {name: told[name] for name in ("id", "action", "peer_uid", "issued_at", "expires_at")}
    return msgspec.convert(fields | {"device_id": DEVICE, "node_uid": told["node_id"]}, Command)


SIX = [{"uid": f"N{number}", "voltage": 3.9, "soc": 50, "state": "IDLE"} for number in range(6)]


BAD_INPUT = [
    ("/iot/cmd", CMD | {"nodes": SIX}, 400, "nodes"),
    ("/iot/cmd", CMD | {"nodes": SIX[:2] + SIX[:1]}, 400, "uid"),
    ("/iot/cmd", CMD | {"surprise": 1}, 400, "surprise"),
    ("/iot/ping", NODE_DATA | {"surprise": 1}, 400, "surprise"),
    ("/iot/ping", {"device_id": DEVICE}, 400, "status"),
    ("/iot/ping", {"device_id": "../etc"}, 400, "device_id"),
    ("/iot/ping", {"device_id": DEVICE, "status": "dancing"}, 400, "status"),
    ("/iot/ping", NODE_DATA | {"battery_level": 101}, 400, "battery_level"),
    ("/iot/energy/report", REPORT | {"kwh_transferred": 0.0009}, 400, "kwh_transferred"),
    ("/iot/energy/report", REPORT | {"kwh_transferred": 10.000001}, 400, "kwh_transferred"),
    ("/iot/energy/report", REPORT | {"kwh_transferred": 1e300}, 400, "kwh_transferred"),
    ("/iot/energy/report", REPORT | {"kwh_transferred": 0.00100001}, 400, "kwh_transferred"),
    ("/iot/energy/report", REPORT | {"kwh_transferred": "NaN"}, 400, "kwh_transferred"),
    ("/iot/energy/report", REPORT | {"kwh_transferred": -1}, 400, "kwh_transferred"),
    ("/iot/energy/report", REPORT | {"duration_seconds": 0}, 400, "duration_seconds"),
    ("/iot/energy/report", REPORT | {"receiver_uid": "NODE_A"}, 400, "receiver_uid"),
    ("/iot/energy/report", REPORT | {"source": "x"}, 400, "source"),
    ("/iot/energy/report", REPORT | {"report": "{}", "signature": "x"}, 400, "enrol first"),
    ("/iot/energy/report", REPORT | {"ended_at": "2030-01-01T00:00:00Z"}, 400, "future"),
    ("/iot/energy/report", REPORT | {"ended_at": "0001-01-01T00:00:00Z"}, 400, "ended_at"),
    ("/iot/transfer", TRANSFER | {"receiver_node_uid": "NODE_A"}, 400, "receiver_node_uid"),
    ("/iot/transfer", TRANSFER | {"receiver_node_uid": "NODE_Z"}, 404, "NODE_Z"),
    ("/iot/transfer", TRANSFER | {"device_id": "nobody"}, 404, "nobody"),
    ("/iot/transfer/stop", {"device_id": "nobody"}, 404, "nobody"),
]


async def test_bad_input_is_answered_with_the_field_and_changes_nothing(
    client, parts: Parts, subtests
) -> None:
    await client.post("/iot/ping", json=NODE_DATA)
    before = await _told(parts)
    for path, body, status, word in BAD_INPUT:
        with subtests.test(path=path, word=word):
            answer = await client.post(path, json=body)
            assert answer.status_code == status, answer.text
            assert set(answer.json()) == {"error"}
            assert word in answer.json()["error"]
            assert await _told(parts) == before


async def _told(parts: Parts) -> list[int]:
    return [event.id for event in await parts.events.after(0) if event.type != "price"]


async def test_what_is_no_json_of_a_ping_is_a_400(client, subtests) -> None:
    for raw in (b'{"device_id":"a","voltage":NaN}', b"", b"[]", b"{", b"\xff", b'{"device_id":1}'):
        with subtests.test(raw=raw):
            answer = await client.post("/iot/ping", content=raw, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, answer.text
            assert set(answer.json()) == {"error"}


async def test_two_megabytes_are_refused(client) -> None:
    raw = json.dumps(HEARTBEAT | {"source": "x" * 2_000_000}).encode()
    answer = await client.post("/iot/ping", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413, answer.text


async def test_nodes_of_an_unknown_device_are_not_found(client) -> None:
    assert (await client.get("/iot/nodes/nobody")).status_code == 404


class TestSignedTrust:
    """Keyless devices are strangers; a keyed one signs, and nobody commands it but its owner."""

    @pytest.fixture
    def settings(self, settings):
        return msgspec.structs.replace(settings, device_trust="signed")

    async def test_an_unknown_device_is_not_found(self, client) -> None:
        for path, body in (("/iot/ping", HEARTBEAT), ("/iot/cmd", CMD), ("/iot/energy/report", REPORT)):
            assert (await client.post(path, json=body)).status_code == 404, path

    async def test_a_transfer_needs_someone_signed_in(self, client) -> None:
        assert (await client.post("/iot/transfer", json=TRANSFER)).status_code == 401

    async def test_a_keyed_device_reports_with_its_signature(self, client, parts: Parts, clock) -> None:
        agent = Agent(DEVICE, clock)
        await agent.enrol(parts)
        raw = json.dumps(REPORT).encode()

        async def post(counter: int, body: bytes) -> httpx.Response:
            signed = request_bytes("POST", "/iot/energy/report", counter, raw)
            headers = {
                "Content-Type": "application/json",
                "X-Device-Id": DEVICE,
                "X-Device-Counter": str(counter),
                "X-Device-Signature": sign(agent.key, Purpose.REQUEST, signed),
            }
            return await client.post("/iot/energy/report", content=body, headers=headers)

        assert (await client.post("/iot/energy/report", content=raw)).status_code == 401
        assert (await post(1, raw.replace(b"0.5,", b"9.5,"))).status_code == 401
        assert (await post(1, raw)).status_code == 200
        assert (await post(1, raw)).status_code == 401, "a counter is spent once"

    async def test_the_meter_s_own_signed_report_counts(self, client, parts: Parts, clock) -> None:
        agent = Agent(DEVICE, clock)
        await agent.enrol(parts)
        report = encode(agent.report(1)).decode()
        body = REPORT | {
            "kwh_transferred": 9.0,
            "report_id": "ignored",
            "report": report,
            "signature": sign(agent.key, Purpose.ENERGY, report.encode()),
        }
        raw = json.dumps(body).encode()
        signed = request_bytes("POST", "/iot/energy/report", 1, raw)
        headers = {
            "Content-Type": "application/json",
            "X-Device-Id": DEVICE,
            "X-Device-Counter": "1",
            "X-Device-Signature": sign(agent.key, Purpose.REQUEST, signed),
        }
        answer = await client.post("/iot/energy/report", content=raw, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["report_id"] == f"rep_{DEVICE}_1"
