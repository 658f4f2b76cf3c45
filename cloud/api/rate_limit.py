"""Whose calls are counted, and on whom: one place for every route.

Counted is the person of a good access token, the device of a good signature, everybody else by address.
Requests in a device's name are counted by its guard, which checks the signature; one that turns out not to
be the device's is put on its address. On the investment platform people have the calls of their tier,
whatever credential acts for them, an application that proves itself those of its owner, and everybody else
those of Free by address. An event stream counts once, when it is opened. Health, metrics and
signed webhooks are never counted, nor is what no route serves.
"""

import math
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from cloud.api import terra_lumina
from cloud.devices.guard import SIGNED_CALLER, is_signed
from cloud.errors import BadRequest, RateLimited, Unauthenticated
from cloud.identity.access import Access
from cloud.identity.guard import person_of
from cloud.identity.model import Person
from cloud.identity.oauth import routes as oauth_routes
from cloud.identity.oauth.service import OAuth
from cloud.identity.scope_guard import principal_of
from cloud.identity.service import Identity
from cloud.identity.tiers import ALLOWANCES, Tier
from cloud.kit.http import client_address
from cloud.kit.rate_limit import STANDING, CallLimits, Rule, Standing, caller_at
from cloud.settings import Settings
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

UNCOUNTED = frozenset(
    {"/health", "/health/live", "/metrics", "/webhooks/stripe", "/webhooks/onfido", "/api/v1/ingest/whatsapp"}
)
SIGN_INS = frozenset(
    {
        ("POST", "/api/v1/auth/signup"),
        ("POST", "/api/v1/auth/login"),
        ("POST", "/api/v1/auth/register"),
        ("POST", "/api/v1/auth/password"),
        ("POST", "/api/v1/auth/password/reset"),
        ("POST", "/api/v1/auth/link/wallet"),
        ("POST", "/api/v1/auth/link/email"),
        ("POST", "/sep10/auth"),
        ("POST", "/sign-in"),
        ("POST", "/sign-up"),
    }
)
"""Each costs a hash or a signature check, and is where guessing happens."""

UPLOADS = "upload"
CHAT = "chat"
_UPLOADS = frozenset(f"/api/v1/ingest/{name}" for name in ("upload", "statement", "sms", "upi"))
_CHAT_PREFIX = "/api/v1/chat/"

_COUNTS_ITSELF = "counts_itself"
COUNTS_ITSELF: dict[str, Any] = {_COUNTS_ITSELF: True}
"""The `opt` of a mount behind which calls are counted."""

TRY_AGAIN_LATER = 1013
"""WebSocket close code (RFC 6455 registry)."""


class RateLimiting(ASGIMiddleware):
    """Counts a call before it is handled."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    def __init__(
        self, limits: CallLimits, identity: Identity, access: Access, oauth: OAuth, settings: Settings
    ) -> None:
        self._limits = limits
        self._identity = identity
        self._access = access
        self._oauth = oauth
        self._settings = settings

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["path_template"] in UNCOUNTED or scope["route_handler"].opt.get(_COUNTS_ITSELF):
            await next_app(scope, receive, send)
            return
        connection = ASGIConnection[Any, Any, Any, Any](scope, receive, send)
        address = caller_at(client_address(connection, self._settings.trusted_proxies))
        state = scope["state"]
        by_device = _has_device_guard(scope) and is_signed(connection.headers)
        try:
            if (scope.get("method"), scope["path_template"]) in SIGN_INS:
                await self._limits.count_sign_in(state, address)
            if terra_lumina.is_ours(scope):
                await self._count_on_platform(scope, receive, address)
            elif not by_device:
                await self._count_caller(scope, await self._person(connection) or address)
        except RateLimited:
            if scope["type"] == ScopeType.WEBSOCKET:
                await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": "too many calls"})
                return
            raise
        await next_app(scope, receive, send)
        if by_device and SIGNED_CALLER not in state:
            await self._count_quietly(address)

    async def _count_caller(self, scope: Scope, caller: str) -> None:
        path = scope["path_template"]
        if path in _UPLOADS:
            await self._limits.count_in_group(scope["state"], UPLOADS, caller)
        elif path.startswith(_CHAT_PREFIX):
            await self._limits.count_in_group(scope["state"], CHAT, caller)
        else:
            await self._limits.count(scope["state"], caller)

    async def _count_on_platform(self, scope: Scope, receive: Receive, address: str) -> None:
        try:
            person, caller = await self._platform_caller(scope, receive)
        except HTTPException:  # a client's body that is too large to be read
            await count_tier(self._limits, scope, Tier.FREE, address)
            raise
        tier = Tier.FREE if person is None else person.tier
        await count_tier(self._limits, scope, tier, caller or address)

    async def _platform_caller(self, scope: Scope, receive: Receive) -> tuple[Person | None, str | None]:
        """Whose tier counts, and on whom; None for an address."""
        if scope.get("method") == "POST" and scope["path"].startswith(oauth_routes.PREFIX):
            request = Request[Any, Any, Any](scope, receive)
            try:
                owner = await self._oauth.client_owner(await oauth_routes.request_of(request))
            except OAuth2Error:
                return None, None
            return owner, None if owner is None else f"clients of person {owner.id}"
        try:
            principal = await principal_of(ASGIConnection[Any, Any, Any, Any](scope, receive), self._access)
        except (Unauthenticated, BadRequest):
            return None, None
        return (None, None) if principal is None else (principal.person, f"person {principal.person.id}")

    async def _person(self, connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
        try:
            person = await person_of(connection, self._identity)
        except Unauthenticated:
            return None
        return None if person is None else f"person {person.id}"

    async def _count_quietly(self, address: str) -> None:
        try:
            await self._limits.count({}, address)
        except RateLimited:
            return  # it was answered already, with 401


async def count_tier(limits: CallLimits, scope: Scope, tier: Tier, caller: str) -> None:
    """A call of somebody who has the calls of a tier.

    Raises:
        RateLimited: too many, in an hour or at once.
    """
    allowance = ALLOWANCES[tier]
    window = burst = None
    if allowance is not None:
        window = Rule(calls=allowance.per_hour, window_s=3_600)
        burst = Rule(calls=allowance.burst, window_s=1)
    await limits.count_in_window(scope["state"], f"{tier} {caller}", window, burst)


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
