"""Whose calls are counted, and on whom: one place for every route.

Counted is the person of a good access token, the device of a good signature, everybody else by address.
Requests in a device's name are counted by its guard, which checks the signature; one that turns out not to
be the device's is put on its address. An event stream counts once, when it is opened. Health and metrics are
never counted, nor is what no route serves.
"""

import math
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from cloud.devices.guard import SIGNED_CALLER, is_signed
from cloud.errors import RateLimited, Unauthenticated
from cloud.identity.guard import bearer_token
from cloud.identity.service import Identity
from cloud.kit.http import client_address
from cloud.kit.rate_limit import STANDING, CallLimits, Standing, caller_at
from cloud.settings import Settings
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

UNCOUNTED = frozenset({"/health", "/health/live", "/metrics"})
SIGN_INS = frozenset(
    {
        ("POST", "/api/v1/auth/signup"),
        ("POST", "/api/v1/auth/login"),
        ("POST", "/api/v1/auth/register"),
        ("POST", "/api/v1/auth/link/wallet"),
        ("POST", "/api/v1/auth/link/email"),
        ("POST", "/sep10/auth"),
    }
)
"""Each costs a hash or a signature check, and is where guessing happens."""

TRY_AGAIN_LATER = 1013
"""WebSocket close code (RFC 6455 registry)."""


class RateLimiting(ASGIMiddleware):
    """Counts a call before it is handled."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    def __init__(self, limits: CallLimits, identity: Identity, settings: Settings) -> None:
        self._limits = limits
        self._identity = identity
        self._settings = settings

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["path_template"] in UNCOUNTED:
            await next_app(scope, receive, send)
            return
        connection = ASGIConnection[Any, Any, Any, Any](scope, receive, send)
        address = caller_at(client_address(connection, self._settings.trusted_proxies))
        state = scope["state"]
        by_device = is_signed(connection.headers) and _has_device_guard(scope)
        try:
            if (scope.get("method"), scope["path_template"]) in SIGN_INS:
                await self._limits.count_sign_in(state, address)
            if not by_device:
                await self._limits.count(state, self._person(connection) or address)
        except RateLimited:
            if scope["type"] == ScopeType.WEBSOCKET:
                await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": "too many calls"})
                return
            raise
        await next_app(scope, receive, send)
        if by_device and SIGNED_CALLER not in state:
            await self._count_quietly(address)

    def _person(self, connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
        try:
            token = bearer_token(connection)
        except Unauthenticated:
            return None
        person_id = None if token is None else self._identity.holder_of(token)
        return None if person_id is None else f"person {person_id}"

    async def _count_quietly(self, address: str) -> None:
        try:
            await self._limits.count({}, address)
        except RateLimited:
            return  # it was answered already, with 401


def _has_device_guard(scope: Scope) -> bool:
    return "caller" in scope["route_handler"].parsed_fn_signature.parameters


class LimitHeaders:
    """The answer of a counted call tells how its caller stands."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def add(self, message: Message, scope: Scope) -> None:
        """Litestar's `before_send` hook."""
        standing: Standing | None = scope["state"].get(STANDING)
        if standing is None or message["type"] != "http.response.start":
            return
        whole_at_s = math.ceil(self._clock.now_us() / MICROS_PER_SECOND + standing.whole_after_s)
        message["headers"] = [
            *message["headers"],
            (b"x-ratelimit-limit", str(standing.rule.calls).encode()),
            (b"x-ratelimit-remaining", str(standing.remaining).encode()),
            (b"x-ratelimit-reset", str(whole_at_s).encode()),
        ]
