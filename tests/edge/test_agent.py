"""The whole agent on the bench: it balances by itself, reports what it moved, and lets go of the relays."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from edge.agent import run_agent
from edge.config import CloudConfig, PageConfig
from edge.errors import ConfigWrong
from edge.journal.disk import DiskJournal
from edge.journal.memory import MemoryJournal
from edge.loop import HANG_CYCLES, Agent
from hardware.bench import Bench
from shared.clock import ManualClock
from shared.messages import Action, Command, EnergyReport, Hold, NodeState
from shared.mqtt import Broker
from shared.signatures import Purpose, public_key_of, verify
from tests.edge.agents import SETTINGS, an_agent, config, fast_clock
from tests.edge.eventually import eventually
from tests.edge.uplink.cloud import SmallCloud
from tests.edge.uplink.conftest import Mosquitto, mosquitto

__all__ = ["mosquitto"]


@asynccontextmanager
async def _running(agent: Agent) -> AsyncIterator[asyncio.Task[int]]:
    stop = asyncio.Event()
    task = asyncio.create_task(agent.run(stop))
    try:
        yield task
    finally:
        stop.set()
        assert await asyncio.wait_for(task, 40) == 0
        # The agent leaves a slow disk alone after a second; here everything is on it before anybody looks.
        agent.worker._thread.close()
        await asyncio.to_thread(agent.worker._thread._thread.join, 40)


async def _reports(agent: Agent, count: int = 1) -> list[EnergyReport]:
    await eventually(lambda: agent.worker.call(lambda j: len(j.reports(100)) >= count))
    stored = await agent.worker.call(lambda j: j.reports(100))
    for report in stored:
        verify(public_key_of(agent.connection.key), Purpose.ENERGY, report.report, report.signature)
    return [msgspec.json.decode(report.report, type=EnergyReport) for report in stored]


def _states(agent: Agent) -> dict[str, NodeState]:
    return {} if agent.state is None else {node.uid: node.state for node in agent.state.nodes}


def _closed(bench: Bench) -> list[int]:
    pins = [pin for node in bench.board.nodes for pin in (node.charge_pin, node.discharge_pin)]
    return [pin for pin in pins if bench.pin_factory.level(pin)]


async def test_five_nodes_balance_by_themselves_and_signed_reports_appear_in_the_journal(
    tmp_path: Path,
) -> None:
    clock = fast_clock()
    bench = Bench.five(clock, settings=SETTINGS)
    agent = an_agent(tmp_path, clock, bench)
    async with _running(agent):
        reports = await _reports(agent, 4)

        # 82 % and 66 % give to 24 % and 38 %: highest with lowest, then inwards.
        pairs = {(report.sender_uid, report.receiver_uid) for report in reports}
        assert pairs == {("NODE_A", "NODE_E"), ("NODE_B", "NODE_D")}
        assert _states(agent)["NODE_C"] is NodeState.IDLE
        assert len(_closed(bench)) == 4
        for report in reports:
            # 1 A from a cell between 3 V and 4.2 V.
            expected_mwh = report.duration_ms / 3.6e6 * 1_000
            assert 3.0 * expected_mwh - 1 <= report.energy_mwh <= 4.2 * expected_mwh + 1
            assert report.synced
    assert _closed(bench) == []


async def test_a_stop_closes_running_transfers_with_a_report_and_writes_everything(tmp_path: Path) -> None:
    clock = fast_clock()
    agent = an_agent(tmp_path, clock, report_period_s=3_000.0)
    async with _running(agent):
        await eventually(lambda: agent.turn is not None and agent.turn.sent_mwh["NODE_A"] >= 5)

    journal = DiskJournal(tmp_path / "journal.sqlite", clock=clock, boot_id="later")
    kept = [msgspec.json.decode(report.report, type=EnergyReport) for report in journal.reports(9)]
    assert {report.sender_uid for report in kept} == {"NODE_A", "NODE_B"}
    assert journal.history(0)
    journal.close()


async def test_a_restart_goes_on_with_charge_totals_and_dwell(tmp_path: Path) -> None:
    clock = fast_clock()
    first = an_agent(tmp_path, clock)
    async with _running(first):
        await _reports(first, 2)
        # A total is shown once it is on disk.
        await eventually(lambda: first.state is not None and first.state.nodes[0].energy_sent_mwh > 0)
    assert first.turn is not None
    assert first.state is not None
    before = {node.uid: node for node in first.state.nodes}

    second = an_agent(tmp_path, clock)
    async with _running(second):
        await eventually(lambda: second.turns >= 2)
        assert second.state is not None
        for node in second.state.nodes:
            assert node.energy_sent_mwh >= before[node.uid].energy_sent_mwh
            assert node.soc_percent == pytest.approx(before[node.uid].soc_percent, abs=1.0)
        assert before["NODE_A"].energy_sent_mwh > 0
        # The relays opened at the stop: they keep their dwell of 60 s over the restart.
        assert set(_states(second).values()) == {NodeState.IDLE}
    assert first.boot_id != second.boot_id


class _HangingBus:
    """The bench's bus, until it is told to hang."""

    def __init__(self, bench: Bench) -> None:
        self._bus = bench.bus
        self.free = threading.Event()
        self.free.set()
        self.hangs = threading.Event()
        """Set once somebody waits for it in vain."""

    def _wait(self) -> None:
        if not self.free.is_set():
            self.hangs.set()
            self.free.wait(600)  # longer than anybody below waits

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        self._wait()
        return self._bus.read_i2c_block_data(i2c_addr, register, length)

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        self._wait()
        self._bus.write_i2c_block_data(i2c_addr, register, data)

    def read_byte(self, i2c_addr: int) -> int:
        return self._bus.read_byte(i2c_addr)

    def close(self) -> None: ...


async def test_a_bus_that_hangs_opens_the_relays_by_another_way_and_is_told(tmp_path: Path) -> None:
    clock = fast_clock(20)
    bench = Bench.five(clock, settings=SETTINGS)
    bus = _HangingBus(bench)
    agent = an_agent(tmp_path, clock, bench, bus=bus)
    async with _running(agent):
        try:
            await eventually(lambda: len(_closed(bench)) == 4)
            bus.free.clear()
            await eventually(bus.hangs.is_set)
            turns, overruns = agent.turns, agent.overruns
            clock.agent = None  # from here on time waits for no turn
            await eventually(lambda: not _closed(bench))

            assert agent.turns == turns
            assert agent.bus_hangs
            assert agent.overruns >= overruns + HANG_CYCLES
            await eventually(lambda: not agent.health.parts(monotonic=clock.monotonic())["control"].ok)
            assert not agent.health.is_live(monotonic=clock.monotonic())
            assert agent.events[0].kind == "bus_hang"
            clock.agent = agent
        finally:
            bus.free.set()
        await eventually(lambda: not agent.bus_hangs and agent.turns > turns + 1)
        await eventually(lambda: agent.health.is_live(monotonic=clock.monotonic()))


async def test_a_stop_while_the_bus_hangs_still_opens_the_relays(tmp_path: Path) -> None:
    clock = fast_clock(20)
    bench = Bench.five(clock, settings=SETTINGS)
    bus = _HangingBus(bench)
    agent = an_agent(tmp_path, clock, bench, bus=bus)
    try:
        async with _running(agent):
            await eventually(lambda: len(_closed(bench)) == 4)
            bus.free.clear()
            await eventually(bus.hangs.is_set)
        # It has ended, and the bus hangs yet.
        assert agent._turn_under_way is not None
        assert not agent._turn_under_way.done()
        assert _closed(bench) == []
    finally:
        bus.free.set()


_HUNG_FOR_EVER = """
import asyncio, sys, threading, time
from pathlib import Path
from edge.agent import run_agent
from hardware.bench import Bench
from tests.edge.agents import config, fast_clock

class Hangs:
    def __init__(self, bus):
        self.bus, self.left = bus, 400
    def __getattr__(self, name):
        def call(*args):
            self.left -= 1
            if self.left < 0:
                print("hangs", flush=True)
                threading.Event().wait()
            return getattr(self.bus, name)(*args)
        return call

clock = fast_clock(20)
bench = Bench.five(clock)
sys.exit(asyncio.run(run_agent(config(Path(sys.argv[1])), clock=clock, bench=bench, bus=Hangs(bench.bus))))
"""


def test_a_process_whose_bus_hangs_for_ever_still_ends_after_sigterm(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _HUNG_FOR_EVER, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "hangs\n"
        try:
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
        finally:
            process.kill()


async def test_a_journal_that_cannot_be_opened_does_not_stop_the_batteries(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").mkdir()
    agent = an_agent(tmp_path, fast_clock())
    assert isinstance(agent.worker.journal, MemoryJournal)

    async with _running(agent):
        await _reports(agent, 1)
        assert agent.depth is not None
        assert "kept in memory" in (agent.depth.problem or "")


async def test_a_page_port_in_use_is_said_and_the_agent_works_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        agent = an_agent(tmp_path, fast_clock(), page=PageConfig(port=port))
        async with _running(agent):
            await eventually(lambda: agent.turns > 5)
    assert f"page port {port} on 127.0.0.1 is taken" in caplog.text


async def test_two_agents_on_one_data_folder_are_refused(tmp_path: Path) -> None:
    clock = fast_clock()
    stop = asyncio.Event()
    first = asyncio.create_task(run_agent(config(tmp_path), clock=clock, bench=Bench.five(clock), stop=stop))
    await eventually((tmp_path / "bench.json").exists)

    with pytest.raises(ConfigWrong, match="in use by another agent"):
        await run_agent(config(tmp_path), clock=clock, bench=Bench.five(clock), stop=stop)

    stop.set()
    assert await first == 0


def _command(agent: Agent, command_id: str = "cmd_1") -> Command:
    now = agent.clock.now()
    return Command(
        id=command_id,
        device_id="rpi",
        node_uid="NODE_C",
        action=Action.DISCHARGE,
        peer_uid="NODE_E",
        issued_at=now,
        expires_at=now + timedelta(minutes=30),
    )


async def test_a_command_acts_once_also_when_it_comes_again_after_a_restart(tmp_path: Path) -> None:
    clock = fast_clock()
    first = an_agent(tmp_path, clock)
    command = _command(first)
    async with _running(first):
        await eventually(lambda: first.turns > 1)
        answer = first.on_command(command)
        assert answer.accepted
        await eventually(lambda: _states(first)["NODE_C"] is NodeState.SUPPLYING)
        assert first.on_command(command) == answer

    second = an_agent(tmp_path, clock)
    async with _running(second):
        assert second.on_command(command) == answer
        await eventually(lambda: second.turns > 3)
        assert second.turn is not None
        by = {node.uid: node.by for node in second.turn.decision.nodes}
        assert by["NODE_C"] == "balance"


async def test_an_expired_command_and_one_for_an_unknown_node_are_refused(tmp_path: Path) -> None:
    agent = an_agent(tmp_path, ManualClock())
    command = _command(agent)
    late = msgspec.structs.replace(command, expires_at=agent.clock.now() - timedelta(seconds=1))

    assert not agent.on_command(late).accepted
    assert not agent.on_command(msgspec.structs.replace(command, node_uid="NODE_X")).accepted
    assert not agent.on_command(msgspec.structs.replace(command, device_id="other")).accepted


async def test_a_hold_keeps_a_node_off_and_is_told(tmp_path: Path) -> None:
    agent = an_agent(tmp_path, fast_clock())
    async with _running(agent):
        await eventually(lambda: agent.turns > 1)
        agent.on_hold(Hold(node_uid="NODE_A", action=Action.IDLE, minutes=30))
        agent.on_hold(Hold(node_uid="NODE_X", action=Action.IDLE, minutes=30))

        def obeyed() -> bool:
            by = None if agent.state is None else agent.state.decided_by
            return by == "manual" and _states(agent)["NODE_A"] is NodeState.IDLE

        await eventually(obeyed)
        kinds = [event.kind for event in agent.events]
        assert kinds.count("hold") == 1
        assert kinds.count("hold_refused") == 1


async def test_it_enrols_by_itself_and_its_reports_reach_the_cloud_and_are_released(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    cloud = SmallCloud(Broker(host="127.0.0.1", port=mosquitto.port), "rpi")
    cloud.link.start()
    asked: list[dict[str, object]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.json())
        login = {"url": f"mqtt://127.0.0.1:{mosquitto.port}", "username": "rpi", "password": "x"}
        body = {"device_id": "rpi", "cloud_public_key": cloud.public_key, "mqtt": login}
        return web.json_response(body)

    app = web.Application()
    app.router.add_post("/iot/enrol", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        agent = an_agent(tmp_path, fast_clock(), cloud=CloudConfig(url=url))
        async with _running(agent):
            await cloud.until(lambda: len([r for r in cloud.applied if hasattr(r, "report")]) >= 2)
            await eventually(lambda: agent.worker.call(lambda j: any(r.acknowledged for r in j.reports(99))))
            assert cloud.states
            assert agent.connection.view().up
    await cloud.until(lambda: cloud.status[-1].state == "offline")
    await cloud.link.stop()
    assert asked[0]["enrolment_code"] is None
    stored = json.loads((tmp_path / "cloud.json").read_bytes())
    assert stored["cloud_public_key"] == cloud.public_key


async def test_a_cloud_that_shows_another_key_later_is_not_believed(tmp_path: Path) -> None:
    keys = ["ab" * 32, "cd" * 32]

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"device_id": "rpi", "cloud_public_key": keys.pop(0), "mqtt": None})

    app = web.Application()
    app.router.add_post("/iot/enrol", answer)
    async with TestServer(app) as server:
        cloud = CloudConfig(url=str(server.make_url("/")).rstrip("/"))
        shown: Callable[[Agent], str] = lambda a: a.connection.view().problem or ""  # noqa: E731
        first = an_agent(tmp_path, fast_clock(), cloud=cloud)
        async with _running(first):
            await eventually(lambda: first.connection.cloud_key == "ab" * 32)
        second = an_agent(tmp_path, fast_clock(), cloud=cloud)
        async with _running(second):
            await eventually(lambda: "another key than the pinned one" in shown(second))
            assert second.connection.cloud_key == "ab" * 32
