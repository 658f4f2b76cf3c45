"""Bearer guard: a handler that takes `person: Person` is answered only for a signed-in person."""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.params import SkipValidation
from litestar.types import ASGIApp, Receive, Scope, Send

from cloud.errors import Unauthenticated
from cloud.identity.model import Person
from cloud.identity.service import Identity
from cloud.kit.http import header_of
from cloud.kit.idempotency import Once, once_of
from shared.clock import Clock

PERSON = "person"
"""Under this name a connection's state holds the signed-in person, once looked for; None for nobody."""


def bearer_token(request: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The token of the Authorization header; None without the header.

    Raises:
        Unauthenticated: the header is there, but is no bearer token.
    """
    header = header_of(request.scope, "authorization")
    if header is None:
        return None
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Authorization: must be Bearer and an access token")
    return token.strip()


async def person_of(request: ASGIConnection[Any, Any, Any, Any], identity: Identity) -> Person | None:
    """Whose access token came; None without one. Looked up once for each request.

    Raises:
        Unauthenticated: what came is no good access token.
    """
    state = request.scope["state"]
    if PERSON not in state:
        token = bearer_token(request)
        state[PERSON] = None if token is None else await identity.person_of_token(token)
    found: Person | None = state[PERSON]
    return found


class Admission(ASGIMiddleware):
    """Who asks comes before what is asked: no body is read for a stranger.

    As a guard of Litestar it would be copied, with its handler, for every request.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Raise Unauthenticated where a handler takes `person` and no good token came."""
        if "person" in scope["route_handler"].parsed_fn_signature.parameters:
            person = await person_of(ASGIConnection(scope, receive, send), self._identity)
            if person is None:
                raise Unauthenticated("sign in first: Authorization: Bearer <access token>")
        await next_app(scope, receive, send)


def signed_in(request: Request[Any, Any, Any]) -> Person:
    """The person who asks, as `Admission` found them."""
    person: Person = request.scope["state"][PERSON]
    return person


async def once_of_person(
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    clock: NamedDependency[SkipValidation[Clock]],
) -> Once:
    """A person's request under its Idempotency-Key."""
    return await once_of(request, person.account, clock)


DEPENDENCIES = {"person": Provide(signed_in, sync_to_thread=False), "once": Provide(once_of_person)}
"""By the parameter name under which handlers ask for it."""
