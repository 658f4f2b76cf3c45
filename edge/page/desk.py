"""Sign-in and commands over HTTP.

    GET    /session            {"mode", "signed_in", "csrf", "reason"}
    POST   /session            {"password"} -> a cookie, and the token that each command must carry
    DELETE /session            sign out
    POST   /control/transfer   {"sender", "receiver", "minutes"}
    POST   /control/hold       {"node", "action": charge | discharge | idle, "minutes"}
    POST   /control/release    {"node"}
    POST   /control/stop       {"nodes": [] for all, "minutes"}
    POST   /control/override   {"node", "minutes"}

A command answers 200 when accepted and 409 when refused, with the reason. It needs the session's cookie
(HttpOnly, SameSite=Strict) and its token in `X-CSRF-Token`. Where no password is set the controls are for
this machine alone, and not through a proxy: it would make everybody look like this machine.
"""

import asyncio
import hmac
import ipaddress
import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from edge.errors import ConfigWrong
from edge.page import controls
from edge.page.password import LENGTH_MAX, Credential, is_right, load_credential
from edge.page.sessions import SESSION_S, Session, Sessions, TryLimiter

if TYPE_CHECKING:
    from edge.loop import Agent

logger = logging.getLogger(__name__)

COOKIE = "lumengrid_session"
CSRF_HEADER = "X-CSRF-Token"
LOCAL_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
NO_PASSWORD = (
    "no password is set, so the controls work from this machine alone:"  # noqa: S105
    " `lumengrid edge init --page-password` sets one"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a sign-in."""

    password: str = ""


class Access(NamedTuple):
    """What a request may ask for."""

    mode: str
    """`password`, `local` (no password needed), or `off`."""
    reason: str | None
    credential: Credential
    is_local: bool


class ControlDesk:
    """The routes of one agent's page."""

    def __init__(self, agent: "Agent") -> None:
        self.limiter = TryLimiter()
        self._agent = agent
        self._sessions = Sessions()
        self._checking = asyncio.Lock()

    def add_routes(self, app: web.Application) -> None:
        """Add all of them."""
        app.router.add_get("/session", self._tell)
        app.router.add_post("/session", self._sign_in)
        app.router.add_delete("/session", self._sign_out)
        for path, kind, act in (
            ("transfer", controls.TransferWish, controls.transfer),
            ("hold", controls.HoldWish, controls.hold),
            ("release", controls.ReleaseWish, controls.release),
            ("stop", controls.StopWish, controls.stop),
            ("override", controls.OverrideWish, controls.override),
        ):
            app.router.add_post(f"/control/{path}", self._command(kind, act))

    # -- signing in

    async def _tell(self, request: web.Request) -> web.Response:
        access = self._access(request)
        session = self._session(request, access)
        return _json(
            {
                "mode": access.mode,
                "signed_in": session is not None,
                "csrf": None if session is None else session.csrf,
                "reason": access.reason,
            }
        )

    async def _sign_in(self, request: web.Request) -> web.Response:
        access = self._access(request)
        if (refusal := _foreign(request)) is not None:
            return _json({"error": refusal}, status=403)
        if access.mode == "off":
            return _json({"error": access.reason}, status=403)
        try:
            given = msgspec.json.decode(await request.read(), type=SignIn)
        except msgspec.MsgspecError as error:
            return _json({"error": str(error)}, status=400)
        if access.mode == "password":
            refused = await self._refuse_password(request, access, given.password)
            if refused is not None:
                return refused
        token, session = self._sessions.begin(
            mark=access.credential.mark,
            local=access.mode == "local",
            monotonic=self._agent.clock.monotonic(),
        )
        response = _json({"mode": access.mode, "signed_in": True, "csrf": session.csrf, "reason": None})
        response.set_cookie(COOKIE, token, max_age=int(SESSION_S), path="/", httponly=True, samesite="Strict")
        return response

    async def _refuse_password(
        self, request: web.Request, access: Access, password: str
    ) -> web.Response | None:
        source, monotonic = _source(request), self._agent.clock.monotonic()
        wait_s = self.limiter.wait_s(source, exempt=access.is_local, monotonic=monotonic)
        if wait_s > 0:
            self.limiter.refused += 1
            minutes = math.ceil(wait_s / 60)
            response = _json({"error": f"too many wrong passwords: try again in {minutes} min"}, status=429)
            response.headers["Retry-After"] = str(math.ceil(wait_s))
            return response
        self.limiter.begin(source, exempt=access.is_local, monotonic=monotonic)
        async with self._checking:  # one at a time: each takes its memory
            right = len(password) <= LENGTH_MAX and await asyncio.to_thread(
                is_right, access.credential, password
            )
        if right:
            self.limiter.succeeded(source)
            logger.info("page signed in from=%s", source)
            return None
        self.limiter.refused += 1
        logger.warning("page sign-in refused from=%s", source)
        self._agent.tell("sign_in_refused", None, f"wrong password from {source}")
        return _json({"error": "that is not the password"}, status=401)

    async def _sign_out(self, request: web.Request) -> web.Response:
        refused, _ = self._refused(request)
        if refused is not None:
            return refused
        self._sessions.end(request.cookies.get(COOKIE))
        response = _json({"signed_in": False})
        response.del_cookie(COOKIE, path="/")
        return response

    # -- commands

    def _command(self, kind: type[msgspec.Struct], act: Callable[..., controls.Answer]) -> Handler:
        decoder: msgspec.json.Decoder[msgspec.Struct] = msgspec.json.Decoder(kind)

        async def handle(request: web.Request) -> web.Response:
            refused, _ = self._refused(request)
            if refused is not None:
                return refused
            try:
                wish = decoder.decode(await request.read())
            except msgspec.MsgspecError as error:
                return _json({"accepted": False, "reason": str(error)}, status=400)
            answer = act(self._agent, wish)
            return _json(msgspec.to_builtins(answer), status=200 if answer.accepted else 409)

        return handle

    def _refused(self, request: web.Request) -> tuple[web.Response | None, Session | None]:
        access = self._access(request)
        session = self._session(request, access)
        if access.mode == "off":
            return _json({"error": access.reason}, status=403), None
        if session is None:
            return _json({"error": "sign in first"}, status=401), None
        reason = _foreign(request)
        if reason is None and not hmac.compare_digest(
            request.headers.get(CSRF_HEADER, "").encode(), session.csrf.encode()
        ):
            reason = f"the {CSRF_HEADER} header does not belong to this session: load the page again"
        return (None, session) if reason is None else (_json({"error": reason}, status=403), None)

    def _access(self, request: web.Request) -> Access:
        config = self._agent.config
        is_local = _is_local(request)
        try:
            credential = load_credential(config.data_dir, config.page.password)
        except ConfigWrong as error:
            return Access("off", str(error), Credential(), is_local)
        if credential.is_set:
            return Access("password", None, credential, is_local)
        return Access("local" if is_local else "off", None if is_local else NO_PASSWORD, credential, is_local)

    def _session(self, request: web.Request, access: Access) -> Session | None:
        return self._sessions.find(
            request.cookies.get(COOKIE),
            mark=access.credential.mark,
            local=access.is_local,
            monotonic=self._agent.clock.monotonic(),
        )


def _is_local(request: web.Request) -> bool:
    """Straight from this machine, under one of its own names."""
    name = urlsplit(f"//{request.host}").hostname
    return (
        request.remote is not None
        and ipaddress.ip_address(request.remote.partition("%")[0]).is_loopback
        and name in LOCAL_NAMES
        and not any(header in request.headers for header in _FORWARDED)
    )


def _source(request: web.Request) -> str:
    """The peer's address; of IPv6 the network, as one home has many addresses."""
    address = ipaddress.ip_address((request.remote or "::").partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _foreign(request: web.Request) -> str | None:
    """Why this request does not come from the page itself."""
    if request.content_type != "application/json":
        return "commands are application/json"
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return f"{origin} is another site"
    return None


def _json(body: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
