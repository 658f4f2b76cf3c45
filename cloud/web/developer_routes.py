"""The portal of developers: applications and API keys. A secret is shown once, in the answer that made it."""

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from cloud.errors import InvalidFields
from cloud.identity.api_keys.key import Mode
from cloud.identity.api_keys.service import ApiKeys
from cloud.identity.model import Person
from cloud.identity.oauth.applications import Applications
from cloud.identity.oauth.service import OAuth
from cloud.identity.scopes import Scopes, UnknownScope, scopes_of
from cloud.web.pages import sent_to
from cloud.web.portal import Portal
from cloud.web.visitor import Form, Visitor

APPS = "/developers/apps"
KEYS = "/developers/keys"


@get(APPS, status_code=200, include_in_schema=False)
async def apps_page(
    visitor: NamedDependency[Visitor], member: NamedDependency[Person], portal: NamedDependency[Portal]
) -> Response[Any]:
    return await portal.apps(visitor, member)


@post(APPS, status_code=201, include_in_schema=False)
async def register_app(
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    applications: NamedDependency[Applications],
) -> Response[Any]:
    """The new application's credentials."""
    try:
        made = await applications.register(
            member,
            name=form.text("name"),
            is_confidential=form.text("kind") != "public",
            redirect_uris=form.text("redirect_uris").split(),
            scopes=_scopes(form),
        )
    except InvalidFields as error:
        return await portal.apps(visitor, member, form, error)
    return await portal.new_secret(visitor, member, made)


@get(APPS + "/{client_id:str}", status_code=200, include_in_schema=False)
async def app_page(
    client_id: FromPath[str],
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    applications: NamedDependency[Applications],
) -> Response[Any]:
    return await portal.app(visitor, member, await applications.application(member, client_id))


@post(APPS + "/{client_id:str}", status_code=200, include_in_schema=False)
async def change_app(
    client_id: FromPath[str],
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    applications: NamedDependency[Applications],
) -> Response[Any]:
    known = await applications.application(member, client_id)
    try:
        await applications.change(
            member,
            client_id,
            name=form.text("name"),
            redirect_uris=form.text("redirect_uris").split(),
            scopes=_scopes(form),
        )
    except InvalidFields as error:
        return await portal.app(visitor, member, known, form, error)
    return sent_to(APPS)


@post(APPS + "/{client_id:str}/rotate", status_code=201, include_in_schema=False)
async def rotate_secret(
    client_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    applications: NamedDependency[Applications],
) -> Response[Any]:
    """The new secret."""
    return await portal.new_secret(visitor, member, await applications.rotate_secret(member, client_id))


@post(APPS + "/{client_id:str}/revoke", status_code=200, include_in_schema=False)
async def revoke_app(
    client_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    member: NamedDependency[Person],
    applications: NamedDependency[Applications],
) -> Response[Any]:
    await applications.revoke(member, client_id)
    return sent_to(APPS)


@post(APPS + "/{client_id:str}/withdraw", status_code=200, include_in_schema=False)
async def withdraw(
    client_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    member: NamedDependency[Person],
    oauth: NamedDependency[OAuth],
) -> Response[Any]:
    """No longer let the application act for the person."""
    await oauth.withdraw(member, client_id)
    return sent_to(APPS)


@get(KEYS, status_code=200, include_in_schema=False)
async def keys_page(
    visitor: NamedDependency[Visitor], member: NamedDependency[Person], portal: NamedDependency[Portal]
) -> Response[Any]:
    return await portal.keys(visitor, member)


@post(KEYS, status_code=201, include_in_schema=False)
async def create_key(
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    api_keys: NamedDependency[ApiKeys],
) -> Response[Any]:
    """The new key."""
    mode = Mode.TEST if form.text("mode") == Mode.TEST else Mode.LIVE
    try:
        made = await api_keys.create(member, name=form.text("name"), scopes=_scopes(form), mode=mode)
    except InvalidFields as error:
        return await portal.keys(visitor, member, form, error)
    return await portal.new_key(visitor, member, made)


@post(KEYS + "/{key_id:str}/rotate", status_code=201, include_in_schema=False)
async def rotate_key(
    key_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    visitor: NamedDependency[Visitor],
    member: NamedDependency[Person],
    portal: NamedDependency[Portal],
    api_keys: NamedDependency[ApiKeys],
) -> Response[Any]:
    """The key in the old one's place."""
    return await portal.new_key(visitor, member, await api_keys.rotate(member, key_id))


@post(KEYS + "/{key_id:str}/revoke", status_code=200, include_in_schema=False)
async def revoke_key(
    key_id: FromPath[str],
    form: NamedDependency[Form],  # noqa: ARG001  it was really sent from our page
    member: NamedDependency[Person],
    api_keys: NamedDependency[ApiKeys],
) -> Response[Any]:
    await api_keys.revoke(member, key_id)
    return sent_to(KEYS)


def _scopes(form: Form) -> Scopes:
    try:
        return scopes_of(" ".join(form.all("scopes")))
    except UnknownScope as error:
        raise InvalidFields({"scopes": [str(error)]}) from None


ROUTES: list[BaseRouteHandler] = [
    apps_page,
    register_app,
    app_page,
    change_app,
    rotate_secret,
    revoke_app,
    withdraw,
    keys_page,
    create_key,
    rotate_key,
    revoke_key,
]
