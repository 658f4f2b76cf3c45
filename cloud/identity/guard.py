"""Bearer guard: a handler that takes `person: Person` is answered only for a signed-in person."""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide

from cloud.errors import Unauthenticated
from cloud.identity.model import Person
from cloud.identity.service import Identity


def bearer_token(request: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The token of the Authorization header; None without the header.

    Raises:
        Unauthenticated: the header is there, but is no bearer token.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Authorization: must be Bearer and an access token")
    return token.strip()


async def signed_in(request: Request[Any, Any, Any], identity: NamedDependency[Identity]) -> Person:
    """The person who asks.

    Raises:
        Unauthenticated: no token, or one that is refused.
    """
    token = bearer_token(request)
    if token is None:
        raise Unauthenticated("sign in first: Authorization: Bearer <access token>")
    return await identity.person_of_token(token)


DEPENDENCIES = {"person": Provide(signed_in)}
"""By the parameter name under which handlers ask for it."""
