"""Who looks at a page, and whether a form was really sent from one of ours.

Each browser has a random cookie from its first page on; a form carries a code made of it and of the session,
so no other site can send one, neither for somebody who is signed in nor to sign somebody in as another.
"""

import hmac
from typing import Any
from urllib.parse import parse_qs, quote

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from msgspec import Struct

from cloud.errors import BadRequest, Forbidden, PayloadTooLarge, Unauthenticated
from cloud.identity.model import Person
from cloud.identity.sessions.service import LIFE_S, Sessions
from cloud.identity.token_hash import new_token
from cloud.settings import Settings

FIELDS_MAX = 60
FORM_BYTES_MAX = 20_000
BROWSER_LIFE_S = 30 * 24 * 3_600
CODE = "form_code"
_DOMAIN = b"lumengrid form\n"
_COOKIE_LENGTH_MAX = 100
_NEXT = ("/oauth/authorize?", "/developers/", "/sandboxes/")
HOME = "/developers/apps"


class SignInNeeded(Unauthenticated):
    """The page is for people who are signed in; `back` is where they wanted to go."""

    def __init__(self, back: str) -> None:
        super().__init__("sign in first")
        self.back = back


class FormRefused(Forbidden):
    """It was not sent from a page of ours, or from one that is too old."""

    def __init__(self) -> None:
        super().__init__("This form is too old or was sent from elsewhere. Open the page again and repeat.")


class Form(Struct, frozen=True):
    """What a form of ours sent."""

    fields: dict[str, list[str]]

    def __repr__(self) -> str:
        return "Form(***)"

    def text(self, name: str) -> str:
        """Without blanks around it; empty where it is absent."""
        return self.fields.get(name, [""])[0].strip()

    def raw(self, name: str) -> str:
        """As it was sent, for passwords."""
        return self.fields.get(name, [""])[0]

    def all(self, name: str) -> list[str]:
        """Every checked box of the name."""
        return self.fields.get(name, [])


class Visitor(Struct, frozen=True, kw_only=True):
    """A browser, and the person in front of it if they are signed in."""

    browser: str
    session: str | None
    person: Person | None
    form_code: str

    def __repr__(self) -> str:
        return f"Visitor(person={self.person.id if self.person else None}, ***)"


class Browsers:
    """Makes and reads cookies and form codes."""

    def __init__(self, sessions: Sessions, key: bytes, settings: Settings) -> None:
        self._sessions = sessions
        self._key = key
        self._is_secure = settings.base_url.startswith("https://")

    async def visitor(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Visitor:
        """Who asks."""
        browser = _sane(connection.cookies.get(self._name("browser"))) or new_token()
        session = _sane(connection.cookies.get(self._name("session")))
        person = None if session is None else await self._sessions.person(session)
        session = None if person is None else session
        return Visitor(
            browser=browser, session=session, person=person, form_code=self._code(browser, session)
        )

    def is_code(self, visitor: Visitor, code: str) -> bool:
        return hmac.compare_digest(visitor.form_code.encode(), code.encode())

    def browser_cookie(self, visitor: Visitor) -> Cookie:
        return self._cookie("browser", visitor.browser, BROWSER_LIFE_S)

    def session_cookie(self, session: str) -> Cookie:
        return self._cookie("session", session, LIFE_S)

    def no_session_cookie(self) -> Cookie:
        return self._cookie("session", "", 0)

    def _code(self, browser: str, session: str | None) -> str:
        said = f"{browser}\n{session or ''}".encode()
        return hmac.digest(self._key, _DOMAIN + said, "sha256").hex()

    def _name(self, name: str) -> str:
        """With the prefix by which a browser takes a cookie from this host over https alone."""
        return f"__Host-{name}" if self._is_secure else f"lumengrid_{name}"

    def _cookie(self, name: str, value: str, max_age_s: int) -> Cookie:
        return Cookie(
            key=self._name(name),
            value=value,
            path="/",
            max_age=max_age_s,
            httponly=True,
            secure=self._is_secure,
            samesite="lax",
        )


async def visitor_of(request: Request[Any, Any, Any], browsers: NamedDependency[Browsers]) -> Visitor:
    return await browsers.visitor(request)


def member_of(request: Request[Any, Any, Any], visitor: NamedDependency[Visitor]) -> Person:
    """The signed-in person in front of the browser.

    Raises:
        SignInNeeded: nobody.
    """
    if visitor.person is None:
        raise SignInNeeded(address_of(request))
    return visitor.person


async def form_of(
    request: Request[Any, Any, Any], visitor: NamedDependency[Visitor], browsers: NamedDependency[Browsers]
) -> Form:
    """What was sent, once it is known to come from a page of ours.

    Raises:
        FormRefused: it does not.
        BadRequest: not a form.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise FormRefused
    body = await request.body()
    if len(body) > FORM_BYTES_MAX:
        raise PayloadTooLarge("the form is too long")
    try:
        form = Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise BadRequest("the form cannot be read") from None
    if not browsers.is_code(visitor, form.raw(CODE)):
        raise FormRefused
    return form


def address_of(request: Request[Any, Any, Any]) -> str:
    """Path and query as they came."""
    query = request.scope["query_string"].decode("latin-1")
    return request.scope.get("root_path", "") + request.scope["path"] + (f"?{query}" if query else "")


def sign_in_address(back: str) -> str:
    return f"/sign-in?next={quote(back, safe='')}"


def next_of(sent: str) -> str:
    """Where somebody who has signed in goes on: a page of ours, whatever was sent."""
    is_ours = sent.startswith(_NEXT) and sent.isascii() and sent.isprintable() and "\\" not in sent
    return sent if is_ours else HOME


def _sane(cookie: str | None) -> str | None:
    return cookie if cookie and len(cookie) <= _COOKIE_LENGTH_MAX and cookie.isascii() else None
