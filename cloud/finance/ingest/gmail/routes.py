"""Connecting a mailbox, and how its reading stands."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from cloud.finance.ingest.errors import ConnectRefused
from cloud.finance.ingest.gmail.service import VISIT_S, Gmail
from cloud.identity.model import Person
from cloud.settings import Settings
from shared.clock import rfc3339

PATH = "/api/v1/ingest/gmail"
COOKIE = "gmail_visit"

Secret = Annotated[str, Meta(min_length=1, max_length=2_000)]


class Returned(Struct, frozen=True, kw_only=True):
    """What Google sent back, from an application that has no cookies."""

    state: Secret
    code: Secret


@get(PATH + "/status", status_code=200)
async def gmail_status(person: NamedDependency[Person], gmail: NamedDependency[Gmail]) -> dict[str, Any]:
    account = await gmail.account(person)
    if account is None:
        return {"connected": False, "last_sync": None, "emails_processed": 0, "transactions_extracted": 0}
    last = account.last_sync_us
    return {
        "connected": account.due_at_us is not None,
        "last_sync": None if last is None else rfc3339(last),
        "emails_processed": account.emails_processed,
        "transactions_extracted": account.transactions_extracted,
    }


@post(PATH + "/connect", status_code=200)
async def gmail_connect(
    person: NamedDependency[Person], gmail: NamedDependency[Gmail], settings: NamedDependency[Settings]
) -> Response[dict[str, Any]]:
    """Where to send the person. The cookie lets only the browser that asked come back."""
    begun = await gmail.begin(person)
    cookie = Cookie(
        COOKIE,
        value=begun.browser,
        path=PATH,
        max_age=VISIT_S,
        httponly=True,
        secure=settings.base_url.startswith("https://"),
        samesite="lax",
    )
    return Response(
        {"auth_url": begun.auth_url, "message": "Redirect user to auth_url for Gmail authorization"},
        cookies=[cookie],
        headers={"Cache-Control": "no-store"},
    )


@get(PATH + "/callback", status_code=200)
async def gmail_callback(
    request: Request[Any, Any, Any],
    gmail: NamedDependency[Gmail],
    visit: Annotated[str, QueryParameter(name="state")] = "",
    code: FromQuery[str] = "",
) -> Response[dict[str, str]]:
    """Where Google sends the browser back to."""
    browser = request.cookies.get(COOKIE)
    if not code or browser is None:
        raise ConnectRefused
    await gmail.finish(visit, code, browser=browser)
    gone = Cookie(COOKIE, value="", path=PATH, max_age=0, httponly=True)
    return Response(
        {"message": "Gmail is connected; you can close this page"},
        cookies=[gone],
        headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )


@post(PATH + "/callback", status_code=200)
async def gmail_returned(
    data: JSONBody[Returned], person: NamedDependency[Person], gmail: NamedDependency[Gmail]
) -> dict[str, str]:
    """The same for an application, in the name of the person who began."""
    await gmail.finish(data.state, data.code, person=person)
    return {"message": "Gmail is connected"}


@delete(PATH, status_code=204)
async def gmail_disconnect(person: NamedDependency[Person], gmail: NamedDependency[Gmail]) -> None:
    """Forget how to get in; what was read stays."""
    await gmail.disconnect(person)


ROUTES: list[BaseRouteHandler] = [
    gmail_status,
    gmail_connect,
    gmail_callback,
    gmail_returned,
    gmail_disconnect,
]
