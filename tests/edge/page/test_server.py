"""The page's routes on a real agent with imitated copper: what they say, and what they let nobody do."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from edge.loop import Agent
from edge.page import server
from edge.page.server import HEADERS, STATIC, Page
from hardware.bench import Bench
from shared.clock import ManualClock
from shared.messages import GridPrice, encode
from tests.edge.agents import SETTINGS, an_agent


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
async def page(agent: Agent) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    async with TestClient(TestServer(Page(agent).application())) as client:
        yield client


async def _turn(agent: Agent, times: int = 1) -> None:
    """Turns of the cycle, one second apart, without the loop."""
    assert isinstance(agent.clock, ManualClock)
    for _ in range(times):
        agent.clock.advance(1)
        turn = agent._cycle.turn(manual=agent._manual, plan=None, synced=True)
        agent._record(turn)
        while agent._background:
            await asyncio.wait(agent._background)
            await asyncio.sleep(0)
    agent.health.report("control", agent.turns, monotonic=agent.clock.monotonic())
    agent.health.report("sense", agent.turns, monotonic=agent.clock.monotonic())


@pytest.mark.parametrize("path", [*STATIC, "/state.json", "/session", "/health", "/metrics", "/nothing"])
async def test_every_answer_carries_the_strict_headers(page: TestClient, path: str) -> None:  # type: ignore[type-arg]
    response = await page.get(path)

    for name, value in HEADERS.items():
        assert response.headers[name] == value


async def test_the_page_with_all_it_loads_is_small_and_needs_nobody_else(page: TestClient) -> None:  # type: ignore[type-arg]
    texts = [await (await page.get(path)).text() for path in STATIC]

    assert sum(len(text.encode()) for text in texts) < 60_000
    foreign = [url for text in texts for url in re.findall(r"https?://[^\s\"'`]+", text)]
    assert foreign == ["http://www.w3.org/2000/svg"] * len(foreign)
    assert not any("innerHTML" in text for text in texts)
    assert not re.search(r"\son\w+=|style=", texts[0])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/state.json", "/events", "/health"])
async def test_nothing_can_be_changed_through_it(page: TestClient, method: str, path: str) -> None:  # type: ignore[type-arg]
    response = await page.request(method, path)

    assert response.status == 405


async def test_a_foreign_name_that_points_here_is_not_served(page: TestClient) -> None:  # type: ignore[type-arg]
    assert (await page.get("/state.json", headers={"Host": "evil.example:8090"})).status == 421
    assert (await page.get("/state.json", headers={"Host": "localhost:8090"})).status == 200
    assert (await page.get("/state.json", headers={"Host": "[::1]:8090"})).status == 200


async def test_before_the_first_turn_it_says_that_nothing_is_known(page: TestClient) -> None:  # type: ignore[type-arg]
    state = await (await page.get("/state.json")).json()

    assert (state["nodes"], state["turn_age_s"], state["price"], state["journal"]) == ([], None, None, None)
    assert (await page.get("/health")).status == 503


async def test_the_state_tells_every_node_with_its_reason_and_ages(
    page: TestClient,  # type: ignore[type-arg]
    agent: Agent,
    clock: ManualClock,
) -> None:
    await _turn(agent, 3)
    agent.connection.prices.take_price(
        encode(GridPrice(price_xlm_per_kwh=7.38, supply=7, demand=5, breakdown={}, utc=clock.now()))
    )
    clock.advance(2)

    state = await (await page.get("/state.json")).json()

    nodes = {node["uid"]: node for node in state["nodes"]}
    assert list(nodes) == ["NODE_A", "NODE_B", "NODE_C", "NODE_D", "NODE_E"]
    sender = nodes["NODE_A"]
    assert (sender["state"], sender["relay"], sender["by"]) == ("SUPPLYING", "discharge", "balance")
    assert sender["peer_uid"] == "NODE_E"
    assert "NODE_E" in sender["reason"]
    assert sender["soc_percent"] == pytest.approx(82, abs=3)
    assert sender["soc_band_percent"] > 0
    assert sender["voltage_mv"] == pytest.approx(4_000, abs=100)
    # Read in the turn, which ended two seconds ago.
    assert sender["values"]["voltage"]["age_s"] == pytest.approx(2, abs=0.3)
    assert sender["values"]["voltage"]["stale"] is False
    assert state["turn_age_s"] == pytest.approx(2, abs=0.3)
    assert (state["price"]["price_xlm_per_kwh"], state["price"]["age_s"]) == (7.38, 2.0)
    assert state["journal"]["backlog"] == 1
    assert state["cloud"]["up"] is False


async def test_a_chip_that_falls_silent_is_shown_as_stale_and_never_as_zero(
    page: TestClient,  # type: ignore[type-arg]
    agent: Agent,
    bench: Bench,
) -> None:
    await _turn(agent, 3)
    fresh = await (await page.get("/state.json")).json()
    meter = next(chip for chip in bench.board.chips if chip.id == bench.board.nodes[0].voltage)
    bench.bus.nack(meter.address)  # type: ignore[union-attr]
    await _turn(agent, 4)
    soon = (await (await page.get("/state.json")).json())["nodes"][0]["values"]["voltage"]
    await _turn(agent, 4)

    state = await (await page.get("/state.json")).json()

    node = state["nodes"][0]
    assert fresh["nodes"][0]["values"]["voltage"]["stale"] is False
    # Three missed readings make it stale, also while it is younger than any limit of the page.
    assert (soon["stale"], soon["age_s"] < 5) == (True, True)
    assert node["values"]["voltage"]["stale"] is True
    assert node["values"]["voltage"]["age_s"] > 5
    assert node["voltage_mv"] is None or node["voltage_mv"] == pytest.approx(4_000, abs=100)
    assert node["quality"] in {"stale", "missing"}
    assert (node["state"], node["relay"]) != ("SUPPLYING", "discharge")


async def test_health_is_live_and_ready_while_turns_go_on_and_not_when_they_stop(
    page: TestClient,  # type: ignore[type-arg]
    agent: Agent,
    clock: ManualClock,
) -> None:
    await _turn(agent)
    good = await page.get("/health")
    assert (good.status, (await good.json())["live"]) == (200, True)

    clock.advance(60)
    bad = await page.get("/health")
    assert (bad.status, (await bad.json())["live"]) == (503, False)


async def test_metrics_are_in_prometheus_text_and_leave_out_what_is_missing(
    page: TestClient,  # type: ignore[type-arg]
    agent: Agent,
) -> None:
    await _turn(agent, 2)

    response = await page.get("/metrics")
    text = await response.text()

    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "lumengrid_edge_turns_total 2\n" in text
    assert re.search(r'^lumengrid_edge_node_soc_percent\{node="NODE_A"\} 8\d', text, re.MULTILINE)
    assert 'lumengrid_edge_journal_records{stream="backlog"} 1' in text
    comment, sample = r"# (HELP|TYPE) \w+ .+", r"\w+(\{\w+=\"[^\"]*\"\})? -?[0-9.e+-]+"
    for line in text.splitlines():
        assert re.fullmatch(f"{comment}|{sample}", line)
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


async def test_history_gives_the_last_hours_and_refuses_nonsense(
    page: TestClient,  # type: ignore[type-arg]
    agent: Agent,
) -> None:
    await _turn(agent, 130)

    answer = await (await page.get("/history.json?hours=1")).json()
    assert len(answer["nodes"]["NODE_A"]) == 3
    for hours in ("0", "-1", "nan", "x", "1e9", ""):
        assert (await page.get(f"/history.json?hours={hours}")).status == 400


async def test_the_stream_sends_a_frame_for_a_turn(
    page: TestClient,  # type: ignore[type-arg]
    agent: Agent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "KEEPALIVE_S", 600)
    await _turn(agent)
    async with page.get("/events") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert await response.content.readline() == b"event: state\n"
        assert b'"turns":1' in await response.content.readline()
        await response.content.readline()
        assert await response.content.readline() == b"event: plan\n"
        assert (await response.content.readline()).startswith(b"data: [")
        await response.content.readline()
        await _turn(agent)
        assert await response.content.readline() == b"event: state\n"
        frame = await response.content.readline()
        assert b'"turns":2' in frame
        assert b'"slots"' not in frame
    assert len(agent.listeners) <= 1
