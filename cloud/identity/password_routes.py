"""Changing one's password, and setting one with an administrator's code: two routes of LUMEN's family."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Meta, Struct

from cloud.identity.attempts import Attempts
from cloud.identity.email_routes import Secret, shown_session
from cloud.identity.errors import ResetRefused
from cloud.identity.model import Person
from cloud.identity.password_change import PasswordChange
from cloud.kit.documented import raises
from cloud.kit.http import client_address
from cloud.kit.rate_limit import caller_at
from cloud.settings import Settings


class Change(Struct, frozen=True, kw_only=True):
    old_password: Secret
    new_password: Secret


class Reset(Struct, frozen=True, kw_only=True):
    code: Annotated[str, Meta(min_length=1, max_length=100)]
    new_password: Secret


@post("/api/v1/auth/password", status_code=200)
async def change_password(
    data: JSONBody[Change],
    person: NamedDependency[Person],
    request: Request[Any, Any, Any],
    password_change: NamedDependency[PasswordChange],
    attempts: NamedDependency[Attempts],
    settings: NamedDependency[Settings],
) -> dict[str, Any]:
    """A new sign-in under the new password; every other one ends."""
    async with attempts.counted(f"password of {person.id}", _address(request, settings)):
        return shown_session(await password_change.change(person, data.old_password, data.new_password))


@post("/api/v1/auth/password/reset", status_code=200, opt=raises(ResetRefused))
async def reset_password(
    data: JSONBody[Reset],
    request: Request[Any, Any, Any],
    password_change: NamedDependency[PasswordChange],
    attempts: NamedDependency[Attempts],
    settings: NamedDependency[Settings],
) -> dict[str, Any]:
    """A new sign-in for whom an administrator made the code; every other one ends."""
    async with attempts.counted(f"reset {data.code}", _address(request, settings)):
        return shown_session(await password_change.reset(data.code, data.new_password))


def _address(request: Request[Any, Any, Any], settings: Settings) -> str:
    return caller_at(client_address(request, settings.trusted_proxies))


ROUTES: list[BaseRouteHandler] = [change_password, reset_password]
