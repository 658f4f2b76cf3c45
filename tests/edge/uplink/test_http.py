"""The uplink of an agent without a broker, against a service that checks every signature."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from nacl.signing import SigningKey

from edge.journal.disk import DiskJournal
from edge.journal.port import NewReport
from edge.journal.worker import JournalWorker
from edge.uplink.commands import CommandDesk
from edge.uplink.http import COUNTER_RESERVE, HttpUplink, node_data, report_body
from shared.clock import ManualClock, rfc3339, to_micros
from shared.messages import (
    Action,
    Command,
    CommandAck,
    DeviceState,
    EnergyRecord,
    NodeState,
    NodeStatus,
    Quality,
    Stream,
    encode,
)
from shared.signatures import Purpose, public_key_of, request_bytes, sign, verify
from tests.edge.eventually import eventually
from tests.edge.journal.records import report_bytes, telemetry

DEVICE_KEY = SigningKey(bytes(32))
CLOUD_KEY = SigningKey(bytes([7]) * 32)


class Service:
    """Answers as told, and keeps what it got."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.counters: list[int] = []
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.changed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        counter = int(request.headers["X-Device-Counter"])
        assert request.headers["X-Device-Id"] == "rpi"
        signed = request_bytes("POST", request.path, counter, body)
        signature = request.headers["X-Device-Signature"]
        verify(public_key_of(DEVICE_KEY), Purpose.REQUEST, signed, signature)
        self.counters.append(counter)
        self.requests.append((request.path, msgspec.json.decode(body)))
        self.changed.set()
        status, answer = self.answers.get(request.path, (200, {"status": "received"}))
        return web.json_response(answer, status=status)

    def got(self, path: str) -> list[dict[str, Any]]:
        return [body for at, body in self.requests if at == path]

    async def until(self, met: Callable[[], object]) -> None:
        async with asyncio.timeout(40):
            while not met():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def _site(
    service: Service, folder: Path, clock: ManualClock, commands: list[Command] | None = None
) -> AsyncIterator[tuple[HttpUplink, JournalWorker]]:
    app = web.Application()
    app.router.add_post("/iot/{tail:.*}", service.handle)
    server = TestServer(app)
    await server.start_server()
    worker = JournalWorker(DiskJournal(folder / "journal.sqlite", clock=clock, boot_id="boot-a"))
    obeyed = [] if commands is None else commands

    def act(command: Command) -> CommandAck:
        obeyed.append(command)
        return CommandAck(id=command.id, accepted=True, reason="leased")

    uplink = HttpUplink(
        device_id="rpi",
        cloud_url=str(server.make_url("/")),
        key=DEVICE_KEY,
        worker=worker,
        clock=clock,
        enrolled=True,
        desk=CommandDesk(cloud_key=public_key_of(CLOUD_KEY), act=act),
        period_s=10,
        energy_scale=1_000,
    )
    uplink.start()
    try:
        yield uplink, worker
    finally:
        await uplink.stop()
        await worker.close()
        await server.close()


async def _go(clock: ManualClock, seconds: int = 1) -> None:
    for _ in range(seconds):
        await asyncio.sleep(0.01)
        clock.advance(1)
        await asyncio.sleep(0.01)


def _node(uid: str = "NODE_A", soc: float | None = 72.4) -> NodeStatus:
    return NodeStatus(
        uid=uid,
        state=NodeState.IDLE,
        reason="balanced",
        voltage_mv=3_921,
        current_ma=0,
        power_mw=0,
        temperature_c=23.0,
        soc_percent=soc,
        soc_band_percent=2.0,
        energy_sent_mwh=0,
        energy_received_mwh=0,
        quality=Quality.GOOD,
        fault=None,
    )


def _state(clock: ManualClock, *nodes: NodeStatus) -> DeviceState:
    return DeviceState(
        device_id="rpi",
        boot_id="boot-a",
        utc=clock.now(),
        synced=True,
        decided_by="balance",
        nodes=nodes or (_node(),),
    )


def test_the_body_of_a_ping_has_the_documented_fields() -> None:
    clock = ManualClock()
    body = node_data(_state(clock, _node(), _node("NODE_B", soc=None)))

    assert body == {
        "device_id": "rpi",
        "voltage": 3.921,
        "battery_level": 72.4,
        "state": "IDLE",
        "source": "rpi_energy_grid",
        "timestamp": "2026-01-01T00:00:00Z",
        "connected_nodes_count": 2,
        "connected_nodes": [{"uid": "NODE_A", "voltage": 3.921}, {"uid": "NODE_B", "voltage": 3.921}],
        "nodes_detail": [
            {"uid": "NODE_A", "state": "IDLE", "voltage": 3.921, "soc": 72.4},
            {"uid": "NODE_B", "state": "IDLE", "voltage": 3.921},
        ],
    }


def test_the_body_of_a_report_is_scaled_and_carries_the_signed_bytes() -> None:
    record = EnergyRecord(
        journal_id="j", seq=1, oldest=1, report=msgspec.Raw(report_bytes("rpt_1")), signature="sig"
    )

    body = report_body(record, energy_scale=1_000)

    # 61 mWh on a bench where one Wh stands for one kWh.
    assert body["kwh_transferred"] == pytest.approx(0.061)
    assert (body["duration_seconds"], body["avg_voltage"], body["avg_current"]) == (60.0, 3.7, 1.0)
    assert body["report"].encode() == report_bytes("rpt_1")


async def test_heartbeat_and_node_data_are_posted_and_live_telemetry_is_done(tmp_path: Path) -> None:
    clock, service = ManualClock(), Service()
    async with _site(service, tmp_path, clock) as (uplink, worker):
        await worker.call(lambda j: j.put_telemetry(telemetry(0), link_up=True))
        uplink.publish_state(_state(clock, *(_node(f"NODE_{n}") for n in range(6))))
        uplink.wake()
        await service.until(lambda: service.got("/iot/cmd"))

        assert service.got("/iot/ping")[0] == {"device_id": "rpi", "status": "heartbeat"}
        assert service.got("/iot/ping")[1]["connected_nodes_count"] == 6
        assert len(service.got("/iot/cmd")[0]["nodes"]) == 5
        assert uplink.up
        assert (await worker.call(lambda j: j.depth())).live == 0


async def test_a_report_is_released_by_200_and_by_a_refusal_for_good(tmp_path: Path) -> None:
    clock, service = ManualClock(), Service()
    async with _site(service, tmp_path, clock) as (uplink, worker):
        await worker.call(lambda j: j.put_energy([NewReport("rpt_1", report_bytes("rpt_1"), "sig")]))
        uplink.wake()
        await service.until(lambda: service.got("/iot/energy/report"))
        service.answers["/iot/energy/report"] = (400, {"error": "kwh_transferred: above 10.0"})
        await worker.call(lambda j: j.put_energy([NewReport("rpt_2", report_bytes("rpt_2"), "sig")]))
        uplink.wake()
        await service.until(lambda: len(service.got("/iot/energy/report")) == 2)
        await eventually(lambda: worker.call(lambda j: j.depth().energy == 0))

        newest, oldest = await worker.call(lambda j: j.reports(2))
        assert (newest.refusal, oldest.refusal) == ("kwh_transferred: above 10.0", None)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_a_report_waits_while_the_answer_may_still_change(tmp_path: Path, status: int) -> None:
    clock, service = ManualClock(), Service()
    service.answers["/iot/energy/report"] = (status, {"error": "not now"})
    async with _site(service, tmp_path, clock) as (uplink, worker):
        await worker.call(lambda j: j.put_energy([NewReport("rpt_1", report_bytes("rpt_1"), "sig")]))
        uplink.wake()
        await service.until(lambda: service.got("/iot/energy/report"))
        await eventually(lambda: uplink.view().problem is not None)

        assert (await worker.call(lambda j: j.depth())).energy == 1


async def test_the_counter_only_grows_also_over_a_crash(tmp_path: Path) -> None:
    clock, service = ManualClock(), Service()
    async with _site(service, tmp_path, clock):
        await _go(clock, 31)
        await service.until(lambda: len(service.counters) >= 2)
    async with _site(service, tmp_path, clock):
        await _go(clock)
        await service.until(lambda: len(service.counters) >= 3)

    assert service.counters == sorted(set(service.counters))
    assert service.counters[-1] > COUNTER_RESERVE


async def test_signed_commands_of_a_ping_are_obeyed_and_unsigned_ones_are_not(tmp_path: Path) -> None:
    clock, service = ManualClock(), Service()
    obeyed: list[Command] = []
    command = Command(
        id="cmd_1",
        device_id="rpi",
        node_uid="NODE_A",
        action=Action.DISCHARGE,
        issued_at=clock.now(),
        expires_at=clock.now() + timedelta(minutes=30),
    )
    part = {
        "node_id": "NODE_A",
        "action": "discharge",
        "id": "cmd_1",
        "issued_at": rfc3339(to_micros(command.issued_at)),
        "expires_at": rfc3339(to_micros(command.expires_at)),
        "signature": sign(CLOUD_KEY, Purpose.COMMAND, encode(command)),
    }
    forged = {**part, "id": "cmd_2", "node_id": "NODE_B"}
    service.answers["/iot/ping"] = (
        200,
        {"commands": [{"node_id": "NODE_A", "action": "charge"}, part, forged, 7, None]},
    )
    async with _site(service, tmp_path, clock, obeyed) as (uplink, _):
        uplink.publish_state(_state(clock))
        uplink.wake()
        await service.until(lambda: service.got("/iot/cmd"))

        assert obeyed == [command]
        assert uplink.view().commands_refused == 1


async def test_a_signed_stop_of_the_schedule_is_obeyed_and_its_advice_is_not(tmp_path: Path) -> None:
    clock, service = ManualClock(), Service()
    obeyed: list[Command] = []
    stop = Command(
        id="cmd_3",
        device_id="rpi",
        node_uid="NODE_A",
        action=Action.IDLE,
        issued_at=clock.now(),
        expires_at=clock.now() + timedelta(minutes=30),
    )
    told = {
        "node_id": "NODE_A",
        "action": "idle",
        "id": "cmd_3",
        "peer_uid": None,
        "issued_at": rfc3339(to_micros(stop.issued_at)),
        "expires_at": rfc3339(to_micros(stop.expires_at)),
        "signature": sign(CLOUD_KEY, Purpose.COMMAND, encode(stop)),
        "reason": "manual transfer command (idle)",
    }
    advice = {"node_id": "NODE_B", "action": "charge", "reason": "44.3 above"}
    service.answers["/iot/cmd"] = (200, {"commands": [told, advice]})
    async with _site(service, tmp_path, clock, obeyed) as (uplink, _):
        uplink.publish_state(_state(clock))
        uplink.wake()
        await eventually(lambda: obeyed)

    assert obeyed == [stop]


async def test_a_service_that_is_away_is_told_on_the_page_and_loses_nothing(tmp_path: Path) -> None:
    clock, service = ManualClock(), Service()
    async with _site(service, tmp_path, clock) as (uplink, worker):
        uplink._url = "http://127.0.0.1:1"
        await worker.call(lambda j: j.put_energy([NewReport("rpt_1", report_bytes("rpt_1"), "sig")]))
        uplink.wake()
        await eventually(lambda: "reached" in (uplink.view().problem or ""))

        view = uplink.view()
        assert (view.up, view.problem) == (
            False,
            "the service cannot be reached: ClientConnectorError",
        )
        assert len(await worker.call(lambda j: j.energy_after(0, 9))) == 1
        assert (await worker.call(lambda j: j.next_seq(Stream.ENERGY))) == 2
