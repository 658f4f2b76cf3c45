"""The guard of the investment platform: no route without the scope it names, nobody without a credential.

A handler names its scope, `opt=needs(Scope.READ_PROFILE)`, and takes `principal: Principal`; `opt=PUBLIC`
lets everybody in. A handler that names neither is answered to nobody.
"""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.params import SkipValidation
from litestar.types import ASGIApp, Receive, Send
from litestar.types import Scope as AsgiScope

from cloud.errors import BadRequest, CloudError, Forbidden, Unauthenticated
from cloud.identity.access import Access
from cloud.identity.guard import bearer_token
from cloud.identity.principal import Principal
from cloud.identity.scopes import Scope
from cloud.kit.http import header_of
from cloud.kit.idempotency import Once, once_of
from cloud.kit.served import parts_of
from shared.clock import Clock

API_KEY_HEADER = "x-api-key"
PUBLIC: dict[str, Any] = {"scope": None}

_FOUND = "principal"
"""Under this name a connection's state holds the `Principal`, the refusal, or None for nobody."""


class MissingScope(Forbidden):
    """The credential does not reach so far."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"the scope {scope} is required")


def needs(scope: Scope) -> dict[str, Any]:
    """The `opt` of a route that only this scope opens."""
    return {"scope": scope}


async def principal_of(connection: ASGIConnection[Any, Any, Any, Any], access: Access) -> Principal | None:
    """Who calls; None for nobody. Looked up once for each request.

    Raises:
        Unauthenticated: the credential does not work.
        BadRequest: there are two.
    """
    state = connection.scope["state"]
    if _FOUND not in state:
        try:
            state[_FOUND] = await _look_up(connection, access)
        except (Unauthenticated, BadRequest) as error:
            state[_FOUND] = error
    found: Principal | CloudError | None = state[_FOUND]
    if isinstance(found, CloudError):
        raise found
    return found


async def _look_up(connection: ASGIConnection[Any, Any, Any, Any], access: Access) -> Principal | None:
    key = header_of(connection.scope, API_KEY_HEADER)
    if key is None:
        token = bearer_token(connection)
        return None if token is None else await access.by_token(token)
    if header_of(connection.scope, "authorization") is not None:
        raise BadRequest("send either X-API-Key or Authorization, not both")
    return await access.by_api_key(key.strip())


class ScopeGuard(ASGIMiddleware):
    """Before a body is read. As a guard of Litestar it would be copied with its handler for each request."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    async def handle(self, scope: AsgiScope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Let in whom the route is open to.

        Raises:
            Unauthenticated: no credential, or one that does not work.
            MissingScope: the credential lacks the scope.
        """
        if (
            scope.get("method") != "OPTIONS"
        ):  # that tells which methods a path has, and runs no handler of ours
            await _check(ASGIConnection(scope, receive, send))
        await next_app(scope, receive, send)


async def _check(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    opt = connection.scope["route_handler"].opt
    if "scope" not in opt:
        raise Forbidden("this route is open to nobody")
    needed: Scope | None = opt["scope"]
    if needed is None:
        return
    principal = await principal_of(connection, parts_of(connection).services.access)
    if principal is None:
        raise Unauthenticated("authenticate with Authorization: Bearer <access token> or X-API-Key")
    if needed not in principal.scopes:
        raise MissingScope(needed)


async def _principal(request: Request[Any, Any, Any], access: NamedDependency[Access]) -> Principal:
    found = await principal_of(request, access)
    if found is None:
        raise Unauthenticated("authenticate with Authorization: Bearer <access token> or X-API-Key")
    return found


async def _once(
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    clock: NamedDependency[SkipValidation[Clock]],
) -> Once:
    """A request under its Idempotency-Key, which belongs to the person, whatever the credential."""
    return await once_of(request, principal.person.account, clock)


DEPENDENCIES = {"principal": Provide(_principal), "once": Provide(_once)}
"""By the parameter name under which handlers of the platform ask for it."""
