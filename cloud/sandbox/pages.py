"""The portal's sandbox: credentials, state, the clock, a new beginning."""

from typing import Any

from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from cloud.errors import CloudError, InvalidFields
from cloud.identity.api_keys.key import Mode
from cloud.identity.api_keys.service import ApiKeys
from cloud.identity.model import Person
from cloud.identity.scopes import CONSENTABLE, Scope, Scopes, UnknownScope, scopes_of
from cloud.projects.description_check import moment_us
from cloud.sandbox.errors import BadMove
from cloud.sandbox.names import MOUNT, base_path
from cloud.sandbox.service import Sandboxes
from cloud.settings import Settings
from cloud.web.pages import sent_to
from cloud.web.portal import NOTHING_SENT, Portal
from cloud.web.routes import DEPENDENCIES, render_error
from cloud.web.visitor import Form, Visitor
from shared.units import MICROS_PER_SECOND

PAGE = "/developers/sandbox"
DAYS_MAX = 36_500
_DAY_US = 24 * 3_600 * MICROS_PER_SECOND
KEY_SCOPES: Scopes = frozenset(Scope)
"""Of a test key made here: in a sandbox the developer is investor and operator in one."""


@get(PAGE, status_code=200, include_in_schema=False)
async def sandbox_page(
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    sandboxes: NamedDependency[Sandboxes],
    settings: NamedDependency[Settings],
) -> Response[Any]:
    return await _page(visitor, member, portal, sandboxes, settings)


@post(PAGE + "/keys", status_code=201, include_in_schema=False)
async def create_key(
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    api_keys: NamedDependency[ApiKeys],
) -> Response[Any]:
    """A test key that may do everything in the sandbox."""
    name = form.text("key_name") or "Sandbox"
    made = await api_keys.create(member, name=name, scopes=KEY_SCOPES, mode=Mode.TEST)
    return await portal.new_key(visitor, member, made)


@post(PAGE + "/apps", status_code=201, include_in_schema=False)
async def register_app(
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    sandboxes: NamedDependency[Sandboxes],
    settings: NamedDependency[Settings],
) -> Response[Any]:
    """An application of the sandbox's own."""
    try:
        with await sandboxes.enter(await sandboxes.name_of(member.id)) as visit:
            made = await visit.sandbox.services.applications.register(
                visit.sandbox.person,
                name=form.text("name"),
                is_confidential=form.text("kind") != "public",
                redirect_uris=form.text("redirect_uris").split(),
                scopes=_scopes(form),
            )
    except InvalidFields as error:
        return await _page(visitor, member, portal, sandboxes, settings, form, error)
    return await portal.new_secret(visitor, member, made, back=PAGE)


@post(PAGE + "/apps/revoke", status_code=200, include_in_schema=False)
async def revoke_app(
    form: NamedDependency[Form], member: NamedDependency[Person], sandboxes: NamedDependency[Sandboxes]
) -> Response[Any]:
    with await sandboxes.enter(await sandboxes.name_of(member.id)) as visit:
        await visit.sandbox.services.applications.revoke(visit.sandbox.person, form.text("client_id"))
    return sent_to(PAGE)


@post(PAGE + "/clock", status_code=200, include_in_schema=False)
async def move_clock(
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    sandboxes: NamedDependency[Sandboxes],
    settings: NamedDependency[Settings],
) -> Response[Any]:
    """By days, or to a date (UTC)."""
    try:
        with await sandboxes.enter(await sandboxes.name_of(member.id)) as visit:
            sandbox = visit.sandbox
            await sandboxes.move(sandbox, _target_us(form, sandbox.clock.now_us()))
    except BadMove as error:
        shown = InvalidFields({"date" if form.text("date") else "days": [error.message]})
        return await _page(visitor, member, portal, sandboxes, settings, form, shown)
    except InvalidFields as error:
        return await _page(visitor, member, portal, sandboxes, settings, form, error)
    return sent_to(PAGE)


@post(PAGE + "/reset", status_code=200, include_in_schema=False)
async def reset(
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    member: NamedDependency[Person],
    sandboxes: NamedDependency[Sandboxes],
) -> Response[Any]:
    await sandboxes.reset(await sandboxes.name_of(member.id))
    return sent_to(PAGE)


async def _page(
    visitor: Visitor,
    member: Person,
    portal: Portal,
    sandboxes: Sandboxes,
    settings: Settings,
    sent: Form = NOTHING_SENT,
    error: CloudError | None = None,
) -> Response[Any]:
    name = await sandboxes.name_of(member.id)
    with await sandboxes.enter(name) as visit:
        applications = await visit.sandbox.services.applications.applications_of(visit.sandbox.person)
    return await portal.sandbox(
        visitor,
        member,
        sent,
        error,
        state=await sandboxes.state(name),
        applications=applications,
        api_url=settings.base_url + MOUNT,
        own_url=settings.base_url + base_path(name),
    )


def _target_us(form: Form, now_us: int) -> int:
    """Raises InvalidFields: neither days nor a date."""
    day = form.text("date")
    if day:
        try:
            return moment_us(f"{day}T00:00:00Z")
        except ValueError:
            raise InvalidFields({"date": ["Must be a date such as 2031-01-01"]}) from None
    days = form.text("days")
    if not (days.isascii() and days.isdigit() and len(days) <= len(str(DAYS_MAX)) and int(days) <= DAYS_MAX):
        raise InvalidFields({"days": [f"Must be 0 to {DAYS_MAX}"]})
    return now_us + int(days) * _DAY_US


def _scopes(form: Form) -> Scopes:
    try:
        return scopes_of(" ".join(form.all("scopes"))) & CONSENTABLE
    except UnknownScope as error:
        raise InvalidFields({"scopes": [str(error)]}) from None


_HANDLERS: list[BaseRouteHandler] = [
    sandbox_page,
    create_key,
    register_app,
    revoke_app,
    move_clock,
    reset,
]

ROUTES = [
    Router(
        path="/",
        route_handlers=_HANDLERS,
        dependencies=DEPENDENCIES,
        exception_handlers={Exception: render_error},
    )
]
