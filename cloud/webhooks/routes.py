"""Webhook endpoints for programs; `/developers/webhooks` is the same for people."""

from typing import Annotated, Any

from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from cloud.identity.principal import Principal
from cloud.identity.scope_guard import needs
from cloud.identity.scopes import Scope
from cloud.kit.cursors import Cursors, PageCursor
from cloud.kit.documented import raises
from cloud.kit.envelope import Data, Listed
from cloud.kit.paging import LIMIT_DEFAULT, PageLimit
from cloud.realtime.platform_events import ID_DIGITS_MAX, event_name, event_number
from cloud.webhooks.deliveries import Deliveries, DeliveryShown
from cloud.webhooks.errors import EndpointDisabled
from cloud.webhooks.model import Attempt, Delivery, Endpoint, NewWebhookSecret
from cloud.webhooks.service import DESCRIPTION_LENGTH_MAX, EndpointWish, Webhooks
from shared.clock import rfc3339

PATH = "/v1/webhooks"

Url = Annotated[str, Meta(max_length=2_000)]
Events = Annotated[list[str], Meta(min_length=1, max_length=20)]
Description = Annotated[str, Meta(max_length=DESCRIPTION_LENGTH_MAX)]


class NewEndpointBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`client_id`: one of the caller's applications, absent: the caller."""

    url: Url
    events: Events
    description: Description = ""
    client_id: Annotated[str, Meta(max_length=100)] | None = None


class EndpointChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is absent stays."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType = UNSET


class EndpointShown(Struct, frozen=True, kw_only=True):
    id: str
    client_id: str | None
    url: str
    description: str
    events: list[str]
    status: str
    """`enabled` or `disabled`."""
    disabled_because: str | None
    created_at: str


class NewEndpoint(EndpointShown, frozen=True, kw_only=True):
    """With its secret, this once."""

    secret: str


class AttemptShown(Struct, frozen=True, kw_only=True):
    number: int
    at: str
    duration_ms: int
    status_code: int | None
    problem: str | None
    response_excerpt: str


class DeliveryView(Struct, frozen=True, kw_only=True):
    event_id: str
    type: str
    status: str
    tries: int
    next_try_at: str | None
    """None: over, or it waits for an earlier event about the same object, or for the endpoint."""
    created_at: str
    last_attempt: AttemptShown | None


class DeliveryDetail(Struct, frozen=True, kw_only=True):
    event_id: str
    type: str
    status: str
    tries: int
    next_try_at: str | None
    created_at: str
    attempts: list[AttemptShown]


@get(PATH, status_code=200, opt=needs(Scope.READ_PROFILE))
async def list_endpoints(
    principal: NamedDependency[Principal], webhooks: NamedDependency[Webhooks]
) -> Data[list[EndpointShown]]:
    """Own endpoints, the newest first."""
    found = await webhooks.endpoints_of(await webhooks.manager(principal))
    return Data(data=[EndpointShown(**_fields(endpoint)) for endpoint in found])


@post(PATH, status_code=201, opt=needs(Scope.WRITE_PROFILE))
async def create_endpoint(
    data: JSONBody[NewEndpointBody],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
) -> Data[NewEndpoint]:
    """A new endpoint; each event needs the scope that reads it."""
    wish = EndpointWish(
        url=data.url, events=data.events, description=data.description, client_id=data.client_id
    )
    return Data(data=_new(await webhooks.create(await webhooks.manager(principal), wish)))


@get(PATH + "/{endpoint_id:str}", status_code=200, opt=needs(Scope.READ_PROFILE))
async def show_endpoint(
    endpoint_id: FromPath[str],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
) -> Data[EndpointShown]:
    found = await webhooks.endpoint(await webhooks.manager(principal), endpoint_id)
    return Data(data=EndpointShown(**_fields(found)))


@patch(PATH + "/{endpoint_id:str}", status_code=200, opt=needs(Scope.WRITE_PROFILE))
async def change_endpoint(
    endpoint_id: FromPath[str],
    data: JSONBody[EndpointChange],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
) -> Data[EndpointShown]:
    """Change what is named; all of it or nothing."""
    changed = await webhooks.change(
        await webhooks.manager(principal),
        endpoint_id,
        url=None if data.url is UNSET else data.url,
        events=None if data.events is UNSET else data.events,
        description=None if data.description is UNSET else data.description,
    )
    return Data(data=EndpointShown(**_fields(changed)))


@delete(PATH + "/{endpoint_id:str}", status_code=204, opt=needs(Scope.WRITE_PROFILE))
async def delete_endpoint(
    endpoint_id: FromPath[str],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
) -> None:
    await webhooks.delete(await webhooks.manager(principal), endpoint_id)


@post(PATH + "/{endpoint_id:str}/rotate", status_code=201, opt=needs(Scope.WRITE_PROFILE))
async def rotate_secret(
    endpoint_id: FromPath[str],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
) -> Data[NewEndpoint]:
    """A new secret; the old one is good for another 24 hours."""
    made = await webhooks.rotate_secret(await webhooks.manager(principal), endpoint_id)
    return Data(data=_new(made))


@post(PATH + "/{endpoint_id:str}/disable", status_code=200, opt=needs(Scope.WRITE_PROFILE))
async def disable_endpoint(
    endpoint_id: FromPath[str],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
) -> Data[EndpointShown]:
    found = await webhooks.disable(await webhooks.manager(principal), endpoint_id)
    return Data(data=EndpointShown(**_fields(found)))


@post(PATH + "/{endpoint_id:str}/enable", status_code=200, opt=needs(Scope.WRITE_PROFILE))
async def enable_endpoint(
    endpoint_id: FromPath[str],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
) -> Data[EndpointShown]:
    found = await webhooks.enable(await webhooks.manager(principal), endpoint_id)
    return Data(data=EndpointShown(**_fields(found)))


@get(PATH + "/{endpoint_id:str}/deliveries", status_code=200, opt=needs(Scope.READ_PROFILE))
async def list_deliveries(
    endpoint_id: FromPath[str],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
    deliveries: NamedDependency[Deliveries],
    cursors: NamedDependency[Cursors],
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: PageCursor = None,
) -> Listed[DeliveryView]:
    """Of the newest events first, each with its last attempt."""
    asked = cursors.asked("webhook deliveries", {"endpoint_id": endpoint_id}, cursor)
    before = 10**ID_DIGITS_MAX if asked.after is None else int(asked.after[0])
    found = await deliveries.deliveries_of(
        await webhooks.manager(principal), endpoint_id, before=before, limit=limit + 1
    )
    return asked.page(found, limit=limit, keys=lambda one: (one.delivery.event_id,)).shown(_view)


@get(PATH + "/{endpoint_id:str}/deliveries/{event_id:str}", status_code=200, opt=needs(Scope.READ_PROFILE))
async def show_delivery(
    endpoint_id: FromPath[str],
    event_id: FromPath[str],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
    deliveries: NamedDependency[Deliveries],
) -> Data[DeliveryDetail]:
    """With every attempt."""
    number = event_number(event_id, "event_id")
    delivery, attempts = await deliveries.attempts_of(await webhooks.manager(principal), endpoint_id, number)
    return Data(
        data=DeliveryDetail(**_delivery_fields(delivery), attempts=[_attempt(one) for one in attempts])
    )


@post(
    PATH + "/{endpoint_id:str}/deliveries/{event_id:str}/resend",
    status_code=202,
    opt=needs(Scope.WRITE_PROFILE) | raises(EndpointDisabled),
)
async def resend_delivery(
    endpoint_id: FromPath[str],
    event_id: FromPath[str],
    principal: NamedDependency[Principal],
    webhooks: NamedDependency[Webhooks],
    deliveries: NamedDependency[Deliveries],
) -> Data[DeliveryView]:
    """Send it once more, at once."""
    number = event_number(event_id, "event_id")
    again = await deliveries.resend(await webhooks.manager(principal), endpoint_id, number)
    return Data(data=_view(DeliveryShown(delivery=again, last=None)))


def _fields(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "client_id": endpoint.client_id,
        "url": endpoint.url,
        "description": endpoint.description,
        "events": endpoint.events.split(),
        "status": "enabled" if endpoint.disabled_at_us is None else "disabled",
        "disabled_because": endpoint.disabled_because,
        "created_at": rfc3339(endpoint.created_at_us),
    }


def _new(made: NewWebhookSecret) -> NewEndpoint:
    return NewEndpoint(**_fields(made.endpoint), secret=made.secret)


def _delivery_fields(delivery: Delivery) -> dict[str, Any]:
    return {
        "event_id": event_name(delivery.event_id),
        "type": delivery.type,
        "status": delivery.status,
        "tries": delivery.tries,
        "next_try_at": None if delivery.due_at_us is None else rfc3339(delivery.due_at_us),
        "created_at": rfc3339(delivery.created_at_us),
    }


def _view(one: DeliveryShown) -> DeliveryView:
    return DeliveryView(
        **_delivery_fields(one.delivery), last_attempt=None if one.last is None else _attempt(one.last)
    )


def _attempt(attempt: Attempt) -> AttemptShown:
    return AttemptShown(
        number=attempt.number,
        at=rfc3339(attempt.at_us),
        duration_ms=attempt.duration_ms,
        status_code=attempt.status_code,
        problem=attempt.problem,
        response_excerpt=attempt.excerpt,
    )


ROUTES: list[BaseRouteHandler] = [
    list_endpoints,
    create_endpoint,
    show_endpoint,
    change_endpoint,
    delete_endpoint,
    rotate_secret,
    disable_endpoint,
    enable_endpoint,
    list_deliveries,
    show_delivery,
    resend_delivery,
]
