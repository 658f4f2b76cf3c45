"""The way into a sandbox: whose it is, and that it is open as long as somebody is in it."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from authlib.oauth2.rfc6749 import InvalidClientError
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, ReceiveMessage, Scope, Send

from cloud.api.rate_limit import count_tier
from cloud.errors import BadRequest, CloudError, NotFound, Unauthenticated
from cloud.identity.guard import bearer_token
from cloud.identity.oauth import routes as oauth
from cloud.identity.scope_guard import API_KEY_HEADER
from cloud.identity.tiers import Tier
from cloud.kit.http import client_address
from cloud.kit.rate_limit import caller_at
from cloud.kit.served import PARTS
from cloud.realtime.connection import REQUEST_BYTES_MAX, TRY_AGAIN_LATER
from cloud.realtime.platform_messages import Auth, request_of
from cloud.realtime.platform_socket import AUTH_WITHIN_S, NOT_AUTHENTICATED
from cloud.sandbox.control_routes import RESET
from cloud.sandbox.errors import NotOfASandbox
from cloud.sandbox.names import name_in_client_id, name_in_token
from cloud.sandbox.sandbox import Visit
from cloud.sandbox.service import Sandboxes
from cloud.services import Services
from cloud.settings import Settings
from shared.clock import Clock

LIVE = "live"
"""Under this name a connection's state holds the live application's parts."""
NAME = "sandbox_name"
"""And under this one which sandbox its address names."""
VISIT = "visit"
"""And under this one the `Visit`."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Live(Protocol):
    """What the live application's parts are here for."""

    @property
    def services(self) -> Services: ...

    @property
    def sandboxes(self) -> Sandboxes: ...

    @property
    def settings(self) -> Settings: ...

    @property
    def clock(self) -> Clock: ...


class Entrance(ASGIMiddleware):
    """Puts the caller's sandbox into the connection's state. Inside there is no limit of calls.

    Who comes to none is counted as anonymous, by address, by the live service.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await _socket(scope, receive, send, next_app)
            return
        try:
            visit = await _enter(scope, await _name(scope, receive))
        except Exception:
            await _count_stranger(scope)
            raise
        with visit:
            await count_tier(live_of(scope).services.call_limits, scope, Tier.ENTERPRISE, "")
            if scope.get("method") not in _READS and scope["path"] != RESET:
                visit.sandbox.check_room()
            await next_app(scope, receive, send)


def live_of(scope: Scope) -> Live:
    found: Live = scope["state"][LIVE]
    return found


async def _enter(scope: Scope, name: str, *, is_socket: bool = False) -> Visit:
    try:
        visit = await live_of(scope).sandboxes.enter(name, is_socket=is_socket)
    except NotFound:
        if NAME in scope["state"]:
            raise
        raise NotOfASandbox from None  # a credential of one that was there on another day
    scope["state"] |= {PARTS: visit.sandbox, VISIT: visit}
    return visit


async def _count_stranger(scope: Scope) -> None:
    live = live_of(scope)
    address = client_address(ASGIConnection[Any, Any, Any, Any](scope), live.settings.trusted_proxies)
    await count_tier(live.services.call_limits, scope, Tier.FREE, caller_at(address))


async def _name(scope: Scope, receive: Receive) -> str:
    """Raises Unauthenticated or OAuth2Error where neither address nor credential name a sandbox."""
    named: str | None = scope["state"].get(NAME)
    if named is not None:
        return named
    request = Request[Any, Any, Any](scope, receive)
    if scope.get("method") == "POST" and scope["path"].startswith(oauth.PREFIX):
        client_id = (await oauth.request_of(request)).client_id
        named = name_in_client_id(client_id or "")
        if named is None:
            raise InvalidClientError(status_code=401)
        return named
    key = request.headers.get(API_KEY_HEADER)
    if key is not None:
        return await live_of(scope).sandboxes.name_of_key(key.strip())
    named = name_in_token(bearer_token(request) or "")
    if named is None:
        raise NotOfASandbox
    return named


async def _socket(scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
    """The first message says whose it is: it is heard here, and once more inside."""
    heard: list[ReceiveMessage] = []
    name: str | None = scope["state"].get(NAME)
    if name is None:
        heard.append(await receive())
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        name = await _name_in_first(receive, heard)
    if name is None:
        await _close(send, NOT_AUTHENTICATED, "the first message must be auth, with a sandbox's token")
        return
    try:
        visit = await _enter(scope, name, is_socket=True)
    except (NotFound, Unauthenticated) as error:
        await _close(send, NOT_AUTHENTICATED, error.message[:100])
        return
    except CloudError as error:
        await _close(send, TRY_AGAIN_LATER, error.message[:100])
        return
    with visit:
        await next_app(scope, _again(heard, receive), _accepted(send) if heard else send)


async def _name_in_first(receive: Receive, heard: list[ReceiveMessage]) -> str | None:
    """None where it does not come, or names none."""
    try:
        async with asyncio.timeout(AUTH_WITHIN_S):
            message: Any = await receive()
    except TimeoutError:
        return None
    heard.append(message)
    said: bytes = message.get("bytes") or (message.get("text") or "").encode()
    try:
        first = request_of(said[: REQUEST_BYTES_MAX + 1])
    except BadRequest:
        return None
    return name_in_token(first.token) if isinstance(first, Auth) else None


async def _close(send: Send, code: int, reason: str) -> None:
    await send({"type": "websocket.close", "code": code, "reason": reason})


def _again(heard: Sequence[ReceiveMessage], receive: Receive) -> Receive:
    """What was heard already, and then the rest."""
    left = list(heard)

    async def next_message() -> Any:
        return left.pop(0) if left else await receive()

    return next_message


def _accepted(send: Send) -> Send:
    """The socket is accepted already."""

    async def all_but_accept(message: Message) -> None:
        if message["type"] != "websocket.accept":
            await send(message)

    return all_but_accept
