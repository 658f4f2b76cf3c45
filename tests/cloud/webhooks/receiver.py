"""A receiver of webhooks that really listens, and does what a test tells it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web

WAIT_S = 40

Reply = Callable[["Came"], Awaitable[web.StreamResponse]]


class Came(NamedTuple):
    """A delivery as it arrived."""

    path: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    def __init__(self) -> None:
        self.came: list[Came] = []
        self.status = 200
        """Answered where `reply` says nothing."""
        self.reply: Reply | None = None
        self.pours = False
        """Answer with a body that never ends."""
        self.url = ""
        self._more = asyncio.Condition()

    async def wait_for(self, count: int) -> list[Came]:
        """The first `count` deliveries, when so many have come."""
        async with asyncio.timeout(WAIT_S), self._more:
            await self._more.wait_for(lambda: len(self.came) >= count)
        return self.came[:count]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        came = Came(request.path, headers, await request.read())
        async with self._more:
            self.came.append(came)
            self._more.notify_all()
        if self.pours:
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"x" * 16_384)
        if self.reply is not None:
            return await self.reply(came)
        return web.Response(status=self.status, text="thanks\x00" if self.status < 300 else "no room")


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield found
    finally:
        await runner.cleanup()
