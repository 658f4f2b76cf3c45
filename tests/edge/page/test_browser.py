"""The page in a real browser: it shows the nodes moving, escapes all text, and says when it is alone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edge.loop import Agent
from shared.messages import Action, DeviceEvent, Hold
from tests.edge.agents import an_agent, fast_clock
from tests.edge.eventually import eventually
from tests.edge.page.browser import browser, chromium

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_nodes_move_texts_stay_texts_and_a_dead_agent_is_told(tmp_path: Path, browser: Any) -> None:
    agent: Agent = an_agent(tmp_path, fast_clock(10))
    stop = asyncio.Event()
    running = asyncio.create_task(agent.run(stop))
    await eventually(lambda: agent._page is not None and agent._page.port is not None)
    assert agent._page is not None
    page = await browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    evil = "<img src=x onerror=alert(1)>"
    agent.events.appendleft(
        DeviceEvent(kind="fault", node_uid=None, reason=evil, utc=agent.clock.now(), boot_id="b")
    )

    base = f"http://127.0.0.1:{agent._page.port}"
    await page.goto(f"{base}/")
    await page.wait_for_selector("article >> nth=4")
    await page.locator("[data-uid=NODE_A]", has_text="supplying").wait_for(timeout=40_000)
    cards = await page.locator("article").all_inner_texts()
    assert [card[:6] for card in cards] == [f"NODE_{x}" for x in "ABCDE"]
    assert "supplying" in cards[0]
    assert "continues to supply NODE_E" in cards[0] or "starts to supply NODE_E" in cards[0]
    assert "null" not in " ".join(cards)
    assert await page.locator("#events").inner_text() != ""
    assert evil in await page.locator("#events").inner_text()
    assert await page.locator("img").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    agent.on_hold(Hold(node_uid="NODE_A", action=Action.IDLE, minutes=30))
    await page.wait_for_selector("[data-uid=NODE_A] .state.IDLE", timeout=40_000)
    assert await page.locator("#lost").is_hidden()
    assert complaints == []
    assert all(url.startswith((base, "data:")) for url in requests)

    stop.set()
    assert await running == 0
    await page.wait_for_selector("#lost:not([hidden])", timeout=40_000)
    assert "lost" in (await page.locator("#lost").inner_text()).lower()
