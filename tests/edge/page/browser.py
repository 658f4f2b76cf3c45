"""A real browser, and an agent that runs under it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio

from edge.loop import Agent
from hardware.bench import Bench
from tests.browser import LAUNCH, skip_without_chromium
from tests.edge.agents import SETTINGS, an_agent, fast_clock
from tests.edge.eventually import eventually


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Any]:
    skip_without_chromium()
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(**LAUNCH)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="module")
async def browser(chromium: Any) -> AsyncIterator[Any]:
    """With no window open and no cookie."""
    yield chromium
    for context in chromium.contexts:
        await context.close()


class Site:
    """A page that is open in a browser, with what it complained of and asked for."""

    def __init__(self, agent: Agent, bench: Bench, page: Any) -> None:
        assert agent._page is not None
        self.agent = agent
        self.bench = bench
        self.page = page
        self.base = f"http://127.0.0.1:{agent._page.port}"
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    async def text(self, selector: str) -> str:
        found: str = await self.page.locator(selector).inner_text()
        return found

    async def shows(self, selector: str, words: str | re.Pattern[str]) -> None:
        await self.page.locator(selector, has_text=words).first.wait_for(timeout=40_000)

    def foreign(self) -> list[str]:
        return [url for url in self.requests if not url.startswith((self.base, "data:"))]


@asynccontextmanager
async def site(
    folder: Path, browser: Any, *, speed: float = 10, width: int = 1280, dark: bool = False, **more: Any
) -> AsyncIterator[Site]:
    """The page of a running agent, loaded."""
    clock = fast_clock(speed)
    bench = Bench.five(clock, settings=SETTINGS)
    agent = an_agent(folder, clock, bench, **more)
    stop = asyncio.Event()
    running = asyncio.create_task(agent.run(stop))
    try:
        await eventually(lambda: agent._page is not None and agent._page.port is not None)
        page = await browser.new_page(
            viewport={"width": width, "height": 844}, color_scheme="dark" if dark else "light"
        )
        opened = Site(agent, bench, page)
        await page.goto(opened.base + "/")
        await page.wait_for_selector("article >> nth=4")
        yield opened
        await page.close()
    finally:
        stop.set()
        assert await running == 0
