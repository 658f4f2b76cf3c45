"""Becoming a network node operator, and the list of those who are."""

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct

from cloud.identity.model import Person
from cloud.kit.coordinates import coordinates
from cloud.kit.documented import also
from cloud.kit.http import JsonResponse, Text
from cloud.network.model import NetworkNode
from cloud.network.service import Network
from shared.clock import rfc3339
from shared.coordinates import Latitude, Longitude

LIMIT_DEFAULT = 100
LIMIT_MAX = 1_000


class NodeRegistration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    location: Annotated[str, Text]
    latitude: Latitude | None = None
    """With the longitude, or neither; shown to nobody."""
    longitude: Longitude | None = None


@post("/api/v1/network/node/register", status_code=201, opt=also(200))
async def register(
    data: JSONBody[NodeRegistration], person: NamedDependency[Person], network: NamedDependency[Network]
) -> Response[dict[str, Any]]:
    """Become an operator at a place; 200 for somebody who was one, whose place changes."""
    node, is_new = await network.register(person, data.location, coordinates(data.latitude, data.longitude))
    return JsonResponse(_shown(node), status_code=201 if is_new else 200, media_type="application/json")


@get("/api/v1/network/nodes", status_code=200)
async def nodes(
    person: NamedDependency[Person],  # noqa: ARG001  the guard
    network: NamedDependency[Network],
    after: Annotated[str, QueryParameter(max_length=64, description="The last id of the page before.")] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
) -> list[dict[str, Any]]:
    """Operators and their places, oldest first."""
    return [_shown(node) for node in await network.nodes(after=after, limit=limit)]


def _shown(node: NetworkNode) -> dict[str, Any]:
    return {
        "id": node.id,
        "user_id": node.user_id,
        "location": node.location,
        "created_at": rfc3339(node.created_at_us),
    }


ROUTES: list[BaseRouteHandler] = [register, nodes]
