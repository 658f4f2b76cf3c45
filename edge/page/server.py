"""The page's web server: one HTML page with its own script and style, a live stream, health and metrics.

Everything it serves lies in this package; the strict policy lets a browser load nothing else. What changes
something is in `edge.page.desk`.
"""

import asyncio
import errno
import logging
from contextlib import suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from edge.page import view
from edge.page.desk import LOCAL_NAMES, ControlDesk
from edge.page.metrics import CONTENT_TYPE, exposition
from shared.clock import rfc3339

if TYPE_CHECKING:
    from edge.loop import Agent

logger = logging.getLogger(__name__)

FRAME_PAUSE_S = 0.5
"""Least real time between two frames to one browser."""
KEEPALIVE_S = 10.0
STREAMS_MAX = 32
RETRY_S = 30.0
"""A port that is taken is tried again."""
HISTORY_HOURS_MAX = 24 * 7
HISTORY_POINTS_MAX = 360

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATIC = {
    "/": ("index.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/draw.js": ("draw.js", "text/javascript"),
    "/chart.js": ("chart.js", "text/javascript"),
    "/controls.js": ("controls.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
}


class Page:
    """The server of one agent."""

    def __init__(self, agent: "Agent") -> None:
        self.port: int | None = None
        """Where it listens; None while it does not."""
        self.desk = ControlDesk(agent)
        self._agent = agent
        self._runner: web.AppRunner | None = None
        self._streams: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Listen; where the port is taken say so, and try again: the agent works without a page."""
        settings = self._agent.config.page
        said = False
        while True:
            try:
                await self._listen(settings.host, settings.port)
            except OSError as error:
                if not said:
                    why = (
                        "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
                    )
                    logger.error(  # noqa: TRY400  the trace adds nothing
                        "page port %d on %s %s: free it, or set page.port (0 takes any)",
                        settings.port,
                        settings.host,
                        why,
                    )
                    said = True
                await self._agent.clock.sleep(RETRY_S)
            else:
                return

    async def stop(self) -> None:
        """End the streams and close the port."""
        for stream in list(self._streams):
            stream.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    def application(self) -> web.Application:
        """The routes with their headers."""
        app = web.Application(middlewares=[self._guard], client_max_size=8192)
        for path in STATIC:
            app.router.add_get(path, self._static)
        self.desk.add_routes(app)
        app.router.add_get("/state.json", self._state)
        app.router.add_get("/history.json", self._history)
        app.router.add_get("/events", self._events)
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _listen(self, host: str, port: int) -> None:
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = runner.addresses[0][1]
        logger.info("page listens url=http://%s:%d", host, self.port)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Strict headers on every answer. On loopback only loopback names are served: no page of the web may
        reach in through a name of its own that points here.
        """
        response: web.StreamResponse
        name = request.host.rpartition(":")[0] if ":" in request.host.rpartition("]")[2] else request.host
        try:
            if self._agent.config.page.host in LOCAL_NAMES and name.strip("[]") not in LOCAL_NAMES:
                response = web.json_response({"error": "this page is served as localhost only"}, status=421)
            else:
                response = await handler(request)
        except web.HTTPException as error:
            response = web.json_response({"error": error.reason}, status=error.status)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    async def _static(self, request: web.Request) -> web.Response:
        name, content_type = STATIC[request.path]
        body = files("edge.page").joinpath("static", name).read_bytes()
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    async def _state(self, _request: web.Request) -> web.Response:
        return _json(view.state(self._agent))

    async def _history(self, request: web.Request) -> web.Response:
        """The last hours, at most 360 points: `{"nodes": {uid: [[utc, SoC in percent, power in W]]}}`."""
        try:
            hours = float(request.query.get("hours", "3"))
        except ValueError:
            hours = 0.0
        if not 0 < hours <= HISTORY_HOURS_MAX:
            return _json({"error": f"hours must be above 0 and at most {HISTORY_HOURS_MAX}"}, status=400)
        since_us = self._agent.clock.now_us() - round(hours * 3_600e6)
        rows = await self._agent.worker.call(lambda journal: journal.history(since_us))
        rows = rows[:: max(1, -(-len(rows) // HISTORY_POINTS_MAX))]
        nodes: dict[str, list[tuple[str, float | None, float | None]]] = {}
        for row in rows:
            for node in row.nodes:
                power_w = (
                    None
                    if node.voltage_mv is None or node.current_ma is None
                    else round(node.voltage_mv * node.current_ma / 1e6, 3)
                )
                nodes.setdefault(node.uid, []).append((rfc3339(row.utc_us), node.soc_percent, power_w))
        return _json({"hours": hours, "nodes": nodes})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Server-Sent Events: a `state` frame for each turn, not more than two a second; a `plan` frame
        with its slots for each plan.
        """
        if len(self._streams) >= STREAMS_MAX:
            return _json({"error": f"{STREAMS_MAX} browsers listen already"}, status=503)
        task = asyncio.current_task()
        if task is not None:
            self._streams.add(task)
        news = asyncio.Event()
        news.set()
        self._agent.listeners.add(news)
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            planned: str | None = None
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(KEEPALIVE_S):  # `wait_for` would not be cancelled as news come
                        await news.wait()
                # A frame also goes out when nothing is new: what is shown then grows old before one's eyes.
                news.clear()
                state = view.state(self._agent)
                # The slots of a plan weigh more than all the rest: they go out once for each plan.
                slots = state["plan"].pop("slots")
                await response.write(_frame("state", state))
                if planned != state["plan"]["made_utc"]:
                    planned = state["plan"]["made_utc"]
                    await response.write(_frame("plan", slots))
                await asyncio.sleep(FRAME_PAUSE_S)
        except (ConnectionError, asyncio.CancelledError):
            return response
        finally:
            self._agent.listeners.discard(news)
            if task is not None:
                self._streams.discard(task)

    async def _health(self, _request: web.Request) -> web.Response:
        answer = view.health(self._agent)
        return _json(answer, status=200 if answer["live"] and answer["ready"] else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        text = exposition(self._agent, view.state(self._agent), sign_ins_refused=self.desk.limiter.refused)
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})


def _frame(event: str, body: Any) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + msgspec.json.encode(body) + b"\n\n"


def _json(body: dict[str, Any], *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
