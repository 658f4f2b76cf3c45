"""Who may command through the page, what is refused, and what a command does to real relays' imitations."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from edge.config import PageConfig, Secret
from edge.loop import Agent
from edge.page.desk import COOKIE, CSRF_HEADER
from edge.page.password import PASSWORD_FILE, save_password
from edge.page.server import Page
from hardware.bench import Bench
from shared.clock import ManualClock
from shared.messages import Action
from tests.edge.agents import SETTINGS, an_agent

PASSWORD = "correct horse"
Client = TestClient  # type: ignore[type-arg]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bench(clock: ManualClock) -> Bench:
    return Bench.five(clock, settings=SETTINGS)


@pytest.fixture
async def agent(tmp_path: Path, clock: ManualClock, bench: Bench) -> AsyncIterator[Agent]:
    made = an_agent(tmp_path, clock, bench)
    made._watch_parts()
    yield made
    made._opened.close()
    await made.worker.close()


@pytest.fixture
async def page(agent: Agent) -> AsyncIterator[Client]:
    async with TestClient(TestServer(Page(agent).application())) as client:
        yield client


@pytest.fixture
def with_password(agent: Agent) -> None:
    save_password(agent.config.data_dir, PASSWORD)


async def _turns(agent: Agent, times: int = 1) -> dict[str, Action]:
    """Turns one second apart; where the relays are after them."""
    assert isinstance(agent.clock, ManualClock)
    for _ in range(times):
        agent.clock.advance(1)
        agent._record(agent._cycle.turn(manual=agent.manual, plan=None, synced=True))
        while agent._background:
            await asyncio.wait(agent._background)
            await asyncio.sleep(0)
    assert agent.turn is not None
    return agent.turn.dispatched.positions


async def _sign_in(page: Client, password: str | None = None) -> dict[str, str]:
    """The header that each command needs."""
    answer = await page.post("/session", json={} if password is None else {"password": password})
    assert answer.status == 200
    return {CSRF_HEADER: (await answer.json())["csrf"]}


async def _said(response: Any) -> tuple[int, str]:
    body = await response.json()
    return response.status, body.get("reason") or body["error"]


# -- who


async def test_without_a_password_this_machine_alone_may_command(page: Client, agent: Agent) -> None:
    await _turns(agent)
    assert await (await page.get("/session")).json() == {
        "mode": "local", "signed_in": False, "csrf": None, "reason": None,
    }  # fmt: skip
    token = await _sign_in(page)
    assert (await page.post("/control/stop", json={}, headers=token)).status == 200
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        outside = {**token, header: "10.0.0.9"}
        assert (await (await page.get("/session", headers=outside)).json())["mode"] == "off"
        status, reason = await _said(await page.post("/control/stop", json={}, headers=outside))
        assert (status, "no password is set" in reason) == (403, True)
        assert (await page.post("/session", json={}, headers=outside)).status == 403


async def test_on_an_open_address_a_foreign_name_is_not_this_machine(
    tmp_path: Path, clock: ManualClock
) -> None:
    agent = an_agent(tmp_path, clock, page=PageConfig(host="0.0.0.0", port=0))
    async with TestClient(TestServer(Page(agent).application())) as client:
        said = await (await client.get("/session", headers={"Host": "evil.example"})).json()
        assert (said["mode"], "no password is set" in said["reason"]) == ("off", True)
    agent._opened.close()
    await agent.worker.close()


@pytest.mark.usefixtures("with_password")
async def test_the_right_password_gives_a_cookie_no_script_reads_and_no_other_site_sends(
    page: Client,
) -> None:
    assert (await (await page.get("/session")).json())["mode"] == "password"
    wrong = await page.post("/session", json={"password": "wrong horse"})
    assert (wrong.status, COOKIE in wrong.cookies) == (401, False)

    right = await page.post("/session", json={"password": PASSWORD})

    cookie = right.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    said = await (await page.get("/session")).json()
    assert (said["signed_in"], said["csrf"]) == (True, (await right.json())["csrf"])


@pytest.mark.usefixtures("with_password")
async def test_a_command_needs_the_session_its_token_json_and_the_same_site(
    page: Client, agent: Agent
) -> None:
    await _turns(agent)
    paths = [f"/control/{name}" for name in ("transfer", "hold", "release", "stop", "override")]
    for path in paths:
        assert (await page.post(path, json={})).status == 401
    token = await _sign_in(page, PASSWORD)
    host = f"{page.host}:{page.port}"
    for path in paths:
        assert (await page.post(path, json={})).status == 403
        assert (await page.post(path, json={}, headers={CSRF_HEADER: "x" * 43})).status == 403
        assert (
            await page.post(path, data=b"{}", headers={**token, "Content-Type": "text/plain"})
        ).status == 403
        assert (
            await page.post(path, json={}, headers={**token, "Origin": "http://evil.example"})
        ).status == 403
    own = {**token, "Origin": f"http://{host}"}
    assert (await page.post("/control/stop", json={}, headers=own)).status == 200
    assert (await page.delete("/session", json={}, headers=own)).status == 200
    assert (await page.post("/control/stop", json={}, headers=own)).status == 401


@pytest.mark.usefixtures("with_password")
async def test_another_password_signs_everybody_out(page: Client, agent: Agent) -> None:
    token = await _sign_in(page, PASSWORD)
    save_password(agent.config.data_dir, "another horse")

    assert (await page.post("/control/stop", json={}, headers=token)).status == 401


async def test_a_local_session_ends_when_a_password_is_set(page: Client, agent: Agent) -> None:
    await _turns(agent)
    token = await _sign_in(page)
    save_password(agent.config.data_dir, PASSWORD)

    assert (await page.post("/control/stop", json={}, headers=token)).status == 401


async def test_a_damaged_password_file_turns_the_controls_off(page: Client, agent: Agent) -> None:
    (agent.config.data_dir / PASSWORD_FILE).write_text("plain")

    said = await (await page.get("/session")).json()
    assert (said["mode"], "is no password hash" in said["reason"]) == ("off", True)
    assert (await page.post("/session", json={"password": "plain"})).status == 403


async def test_wrong_passwords_are_limited_counted_and_told(
    tmp_path: Path, clock: ManualClock, bench: Bench
) -> None:
    agent = an_agent(tmp_path, clock, bench, page=PageConfig(port=0, password=Secret(PASSWORD)))
    agent._watch_parts()
    async with TestClient(TestServer(Page(agent).application())) as page:
        for _ in range(5):
            assert (await page.post("/session", json={"password": "wrong"})).status == 401

        limited = await page.post("/session", json={"password": PASSWORD})

        assert (limited.status, limited.headers["Retry-After"]) == (429, "300")
        assert "5 min" in (await limited.json())["error"]
        assert "lumengrid_edge_sign_ins_refused_total 6\n" in await (await page.get("/metrics")).text()
        assert [event.kind for event in agent.events] == ["sign_in_refused"] * 5
        clock.advance(300)
        assert (await page.post("/session", json={"password": PASSWORD})).status == 200
    agent._opened.close()
    await agent.worker.close()


# -- what


@pytest.mark.parametrize(
    "path,body",
    [
        ("transfer", b"{"),
        ("transfer", b"{}"),
        ("transfer", b'{"sender": "NODE_A", "receiver": "NODE_B", "minutes": 0}'),
        ("transfer", b'{"sender": "NODE_A", "receiver": "NODE_B", "minutes": 1441}'),
        ("transfer", b'{"sender": "NODE_A", "receiver": "NODE_B", "minutes": 1.5}'),
        ("transfer", b'{"sender": "NODE_A", "receiver": "NODE_B", "more": 1}'),
        ("hold", b'{"node": "NODE_A", "action": "burn"}'),
        ("hold", b'{"node": "../x", "action": "idle"}'),
        ("stop", b'{"nodes": "NODE_A"}'),
        ("override", b'{"node": "NODE_A", "minutes": 61}'),
        ("override", b'{"node": "NODE_A", "minutes": -1}'),
    ],
)
async def test_an_unreadable_command_is_answered_400_and_changes_nothing(
    page: Client, agent: Agent, path: str, body: bytes
) -> None:
    await _turns(agent)
    headers = {**await _sign_in(page), "Content-Type": "application/json"}

    answer = await page.post(f"/control/{path}", data=body, headers=headers)

    assert (answer.status, (await answer.json())["accepted"]) == (400, False)
    assert agent.manual.leases == ()


async def test_a_transfer_runs_with_both_ends_and_is_shown_with_the_time_left(
    page: Client, agent: Agent
) -> None:
    await _turns(agent)
    token = await _sign_in(page)

    wish = {"sender": "NODE_B", "receiver": "NODE_C", "minutes": 10}
    answer = await _said(await page.post("/control/transfer", json=wish, headers=token))
    positions = await _turns(agent, 70)

    assert answer == (200, "NODE_B sends to NODE_C for 10 min")
    assert (positions["NODE_B"], positions["NODE_C"]) == (Action.DISCHARGE, Action.CHARGE)
    state = await (await page.get("/state.json")).json()
    assert state["decided_by"] == "manual"
    hold = state["nodes"][1]["hold"]
    # Ten minutes less the seventy turns, which take a little more than a second each.
    assert hold.pop("left_s") == pytest.approx(530, abs=10)
    assert hold == {"action": "discharge", "peer_uid": "NODE_C", "local": True, "source": "transfer"}
    assert state["nodes"][1]["reason"] == "local transfer"


async def test_stop_opens_both_ends_at_once_and_release_gives_them_back(page: Client, agent: Agent) -> None:
    await _turns(agent)
    token = await _sign_in(page)
    wish = {"sender": "NODE_A", "receiver": "NODE_E", "minutes": 10}
    await page.post("/control/transfer", json=wish, headers=token)
    running = await _turns(agent, 70)

    nodes = {"nodes": ["NODE_A", "NODE_E"], "minutes": 5}
    assert (await page.post("/control/stop", json=nodes, headers=token)).status == 200
    stopped = await _turns(agent)
    assert {lease.uid: lease.action for lease in agent.manual.leases} == {
        "NODE_A": Action.IDLE, "NODE_E": Action.IDLE,
    }  # fmt: skip
    for node in ("NODE_A", "NODE_E"):
        assert (await page.post("/control/release", json={"node": node}, headers=token)).status == 200

    assert (running["NODE_A"], running["NODE_E"]) == (Action.DISCHARGE, Action.CHARGE)
    assert (stopped["NODE_A"], stopped["NODE_E"]) == (Action.IDLE, Action.IDLE)
    assert agent.manual.leases == ()


async def test_releasing_one_end_of_a_transfer_releases_the_other(page: Client, agent: Agent) -> None:
    await _turns(agent)
    token = await _sign_in(page)
    await page.post("/control/transfer", json={"sender": "NODE_B", "receiver": "NODE_C"}, headers=token)

    await page.post("/control/release", json={"node": "NODE_C"}, headers=token)

    assert agent.manual.leases == ()


async def test_stop_without_names_keeps_every_node_off(page: Client, agent: Agent) -> None:
    before = await _turns(agent, 70)
    token = await _sign_in(page)

    assert (await page.post("/control/stop", json={"minutes": 10}, headers=token)).status == 200
    after = await _turns(agent)

    assert Action.DISCHARGE in before.values()
    assert set(after.values()) == {Action.IDLE}
    assert len(agent.manual.leases) == 5


@pytest.mark.parametrize(
    "path,body,reason",
    [
        ("transfer", {"sender": "NODE_X", "receiver": "NODE_B"}, "no node NODE_X on this device"),
        ("transfer", {"sender": "NODE_B", "receiver": "NODE_B"}, "a node cannot send to itself"),
        ("hold", {"node": "NODE_X", "action": "charge"}, "no node NODE_X on this device"),
        ("stop", {"nodes": ["NODE_A", "NODE_X"]}, "no node NODE_X on this device"),
        ("override", {"node": "NODE_X"}, "no node NODE_X on this device"),
        (
            "override",
            {"node": "NODE_A"},
            "NODE_A: no guard of a sensor is in force, there is nothing to set aside",
        ),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(
    page: Client, agent: Agent, path: str, body: dict[str, Any], reason: str
) -> None:
    await _turns(agent)
    token = await _sign_in(page)

    assert await _said(await page.post(f"/control/{path}", json=body, headers=token)) == (409, reason)
    assert agent.manual.leases == ()


async def test_before_the_first_reading_nothing_may_start(page: Client, agent: Agent) -> None:
    token = await _sign_in(page)

    wish = {"sender": "NODE_A", "receiver": "NODE_B"}
    assert await _said(await page.post("/control/transfer", json=wish, headers=token)) == (
        409,
        "nothing was measured yet",
    )


def _silence(bench: Bench, node: int) -> None:
    chip = next(part for part in bench.board.chips if part.id == bench.board.nodes[node].voltage)
    bench.bus.nack(chip.address)  # type: ignore[union-attr]


async def test_safety_s_no_is_the_answer_at_once_and_is_told(
    page: Client, agent: Agent, bench: Bench
) -> None:
    await _turns(agent, 3)
    _silence(bench, 1)
    await _turns(agent, 6)
    token = await _sign_in(page)

    transfer = {"sender": "NODE_A", "receiver": "NODE_B"}
    first = await _said(await page.post("/control/transfer", json=transfer, headers=token))
    second = await _said(
        await page.post("/control/hold", json={"node": "NODE_B", "action": "discharge"}, headers=token)
    )

    assert first == (409, "NODE_B may not charge: voltage reading is stale")
    assert second == (409, "NODE_B may not discharge: voltage reading is stale")
    assert agent.manual.leases == ()
    assert [event.kind for event in list(agent.events)[:2]] == ["hold_refused", "transfer_refused"]
    state = await (await page.get("/state.json")).json()
    safety = state["nodes"][1]["safety"]
    assert safety["charge_veto"] == "voltage reading is stale"
    assert {guard["cause"] for guard in safety["guards"]} == {"voltage_sensor", "current_sensor"}


async def test_an_override_is_refused_without_a_fresh_voltage(
    page: Client, agent: Agent, bench: Bench
) -> None:
    await _turns(agent, 3)
    _silence(bench, 1)
    await _turns(agent, 6)
    token = await _sign_in(page)

    answer = await _said(await page.post("/control/override", json={"node": "NODE_B"}, headers=token))

    assert answer == (409, "NODE_B: without a fresh voltage no override can help: mend the sensor")


async def test_an_override_sets_a_lost_temperature_aside_for_its_time(
    page: Client, agent: Agent, bench: Bench
) -> None:
    await _turns(agent, 3)
    thermometer = next(n for n in bench.board.nodes if n.temperature and n.temperature != n.voltage)
    uid = thermometer.uid
    part = next(p for p in bench.board.chips if p.id == (thermometer.temperature or "").partition(".")[0])
    if hasattr(part, "address"):
        bench.bus.nack(part.address)
    else:
        (bench.onewire_root / part.serial / "w1_slave").unlink()  # type: ignore[union-attr]
    await _turns(agent, 6)
    assert agent.turn is not None
    assert agent.turn.safety.guard(uid).charge_veto == "temperature reading is stale"
    token = await _sign_in(page)

    answer = await _said(
        await page.post("/control/override", json={"node": uid, "minutes": 2}, headers=token)
    )
    await _turns(agent, 1)
    during = agent.turn.safety.guard(uid).charge_veto
    await _turns(agent, 120)

    assert answer == (200, "sensor guards set aside for 2 min")
    assert during is None
    assert agent.turn.safety.guard(uid).charge_veto == "temperature reading is stale"
