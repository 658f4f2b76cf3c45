"""The platform's events: live, and as a list for those who missed some."""

from typing import Annotated, Any

from litestar import WebSocket, get, websocket
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from cloud.identity.principal import Principal
from cloud.identity.scope_guard import PUBLIC, needs
from cloud.identity.scopes import Scope
from cloud.realtime.missed_events import MissedEvents
from cloud.realtime.platform_events import Shown, event_name, event_number, shown
from cloud.realtime.platform_socket import PlatformSocket

LIMIT_DEFAULT = 50
LIMIT_MAX = 100


class EventsPage(Struct, frozen=True, kw_only=True):
    next_after: str
    """To be sent as `after` for what comes next, also where nothing was shown."""
    has_more: bool


class EventList(Struct, frozen=True, kw_only=True):
    data: list[Shown]
    pagination: EventsPage


@websocket("/v1/ws", opt=PUBLIC)
async def platform_live(
    socket: WebSocket[Any, Any, Any], platform_socket: NamedDependency[PlatformSocket]
) -> None:
    """The first message says who it is."""
    await platform_socket.serve(socket)


@get("/v1/events", status_code=200, opt=needs(Scope.READ_PROJECTS))
async def list_events(
    principal: NamedDependency[Principal],
    missed_events: NamedDependency[MissedEvents],
    after: FromQuery[str] = "0",
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
) -> EventList:
    """Own events and those of projects above an event, the oldest first; each needs its own scope as well."""
    found = await missed_events.page(principal, event_number(after, "after"), limit)
    return EventList(
        data=[shown(event) for event in found.events],
        pagination=EventsPage(next_after=event_name(found.position), has_more=found.has_more),
    )


ROUTES: list[BaseRouteHandler] = [platform_live, list_events]
