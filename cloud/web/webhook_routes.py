"""The portal's webhooks: endpoints, their secrets, what was sent there and what came of it."""

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery

from cloud.errors import CloudError, InvalidFields
from cloud.identity.model import Person
from cloud.realtime.platform_events import ID_DIGITS_MAX, event_number
from cloud.web.pages import sent_to
from cloud.web.portal import NOTHING_SENT, Portal
from cloud.web.visitor import Form, Visitor
from cloud.webhooks.deliveries import Deliveries
from cloud.webhooks.service import EndpointWish, Webhooks, manager_in_person

WEBHOOKS = "/developers/webhooks"
ENDPOINT = WEBHOOKS + "/{endpoint_id:str}"
SHOWN = 25


@get(WEBHOOKS, status_code=200, include_in_schema=False)
async def webhooks_page(
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    webhooks: NamedDependency[Webhooks],
) -> Response[Any]:
    return await _webhooks(visitor, member, portal, webhooks)


@post(WEBHOOKS, status_code=201, include_in_schema=False)
async def create_endpoint(
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    webhooks: NamedDependency[Webhooks],
) -> Response[Any]:
    """The new endpoint's secret."""
    wish = EndpointWish(
        url=form.text("url"),
        events=form.all("events"),
        description=form.text("description"),
        client_id=form.text("client_id") or None,
    )
    try:
        made = await webhooks.create(manager_in_person(member), wish)
    except InvalidFields as error:
        return await _webhooks(visitor, member, portal, webhooks, form, error)
    return await portal.webhook_secret(visitor, member, made)


@get(ENDPOINT, status_code=200, include_in_schema=False)
async def endpoint_page(
    endpoint_id: FromPath[str],
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    webhooks: NamedDependency[Webhooks],
    deliveries: NamedDependency[Deliveries],
    before: FromQuery[str | None] = None,
) -> Response[Any]:
    """With its deliveries, the newest first, from below an event."""
    manager = manager_in_person(member)
    number = 10**ID_DIGITS_MAX if before is None else event_number(before, "before")
    endpoint = await webhooks.endpoint(manager, endpoint_id)
    found, _ = await deliveries.deliveries_of(manager, endpoint_id, before=number, limit=SHOWN + 1)
    return await portal.webhook(visitor, member, endpoint, found[:SHOWN], has_more=len(found) > SHOWN)


@post(ENDPOINT + "/rotate", status_code=201, include_in_schema=False)
async def rotate_secret(
    endpoint_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    webhooks: NamedDependency[Webhooks],
) -> Response[Any]:
    """The new secret."""
    made = await webhooks.rotate_secret(manager_in_person(member), endpoint_id)
    return await portal.webhook_secret(visitor, member, made)


@post(ENDPOINT + "/disable", status_code=200, include_in_schema=False)
async def disable(
    endpoint_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    member: NamedDependency[Person],
    webhooks: NamedDependency[Webhooks],
) -> Response[Any]:
    await webhooks.disable(manager_in_person(member), endpoint_id)
    return sent_to(f"{WEBHOOKS}/{endpoint_id}")


@post(ENDPOINT + "/enable", status_code=200, include_in_schema=False)
async def enable(
    endpoint_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    member: NamedDependency[Person],
    webhooks: NamedDependency[Webhooks],
) -> Response[Any]:
    await webhooks.enable(manager_in_person(member), endpoint_id)
    return sent_to(f"{WEBHOOKS}/{endpoint_id}")


@post(ENDPOINT + "/delete", status_code=200, include_in_schema=False)
async def delete_endpoint(
    endpoint_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    member: NamedDependency[Person],
    webhooks: NamedDependency[Webhooks],
) -> Response[Any]:
    await webhooks.delete(manager_in_person(member), endpoint_id)
    return sent_to(WEBHOOKS)


@post(ENDPOINT + "/deliveries/{event_id:str}/resend", status_code=200, include_in_schema=False)
async def resend(
    endpoint_id: FromPath[str],
    event_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    member: NamedDependency[Person],
    deliveries: NamedDependency[Deliveries],
) -> Response[Any]:
    await deliveries.resend(manager_in_person(member), endpoint_id, event_number(event_id, "event_id"))
    return sent_to(f"{WEBHOOKS}/{endpoint_id}")


async def _webhooks(
    visitor: Visitor,
    member: Person,
    portal: Portal,
    webhooks: Webhooks,
    sent: Form = NOTHING_SENT,
    error: CloudError | None = None,
) -> Response[Any]:
    endpoints = await webhooks.endpoints_of(manager_in_person(member))
    return await portal.webhooks(visitor, member, endpoints, sent, error)


ROUTES: list[BaseRouteHandler] = [
    webhooks_page,
    create_endpoint,
    endpoint_page,
    rotate_secret,
    disable,
    enable,
    delete_endpoint,
    resend,
]
