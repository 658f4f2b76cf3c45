"""Signing up, in and out at the pages, by email or by wallet."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from cloud.errors import CloudError, InvalidFields
from cloud.identity.attempts import Attempts
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.registration import Registration, UserType, email_key
from cloud.identity.service import Identity, WalletProof
from cloud.identity.sessions.service import Sessions
from cloud.kit.http import client_address, error_parts
from cloud.kit.rate_limit import caller_at
from cloud.settings import Settings
from cloud.web.pages import page, sent_to
from cloud.web.portal import problems_of
from cloud.web.visitor import Browsers, Form, Visitor, next_of, sign_in_address

BY_WALLET = "wallet"
LINE_MAX = 200
LENGTH_MAX = {"email": 300, "password": 300, "next": 20_000}
"""Of fields that may be longer than a line."""


@get("/sign-in", status_code=200, include_in_schema=False)
async def sign_in_page(
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    browsers: NamedDependency[Browsers],
    identity: NamedDependency[Identity],
) -> Response[Any]:
    """Two forms: email and password, or a message to sign."""
    onward = next_of(request.query_params.get("next", ""))
    return await _form_page("sign_in.html", visitor, browsers, identity, onward=onward)


@get("/sign-up", status_code=200, include_in_schema=False)
async def sign_up_page(
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    browsers: NamedDependency[Browsers],
    identity: NamedDependency[Identity],
) -> Response[Any]:
    onward = next_of(request.query_params.get("next", ""))
    return await _form_page("sign_up.html", visitor, browsers, identity, onward=onward)


@post("/sign-in", status_code=200, include_in_schema=False)
async def sign_in(
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    browsers: NamedDependency[Browsers],
    sessions: NamedDependency[Sessions],
    identity: NamedDependency[Identity],
    email_sign_in: NamedDependency[EmailSignIn],
    attempts: NamedDependency[Attempts],
    settings: NamedDependency[Settings],
    request: Request[Any, Any, Any],
) -> Response[Any]:
    """On to where the person wanted to go; the page again where they are not who they say."""
    onward = next_of(form.text("next"))
    address = caller_at(client_address(request, settings.trusted_proxies))
    try:
        if form.text("by") == BY_WALLET:
            proof = _proof(form)
            async with attempts.counted(proof.wallet_address, address):
                person_id = (await identity.proven(proof)).id
        else:
            email, user_type = form.text("email"), _user_type(form)
            async with attempts.counted(f"{email_key(email)} {user_type}", address):
                person_id = await email_sign_in.proven(email, form.raw("password"), user_type)
    except CloudError as error:
        return await _form_page(
            "sign_in.html", visitor, browsers, identity, onward=onward, form=form, error=error
        )
    return await _signed_in(person_id, visitor, browsers, sessions, onward)


@post("/sign-up", status_code=200, include_in_schema=False)
async def sign_up(
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    browsers: NamedDependency[Browsers],
    sessions: NamedDependency[Sessions],
    identity: NamedDependency[Identity],
    email_sign_in: NamedDependency[EmailSignIn],
) -> Response[Any]:
    """A new account, signed in; the page again where a field does not hold."""
    onward = next_of(form.text("next"))
    try:
        if form.text("by") == BY_WALLET:
            person, _ = await identity.signup(_proof(form))
            person_id = person.id
        else:
            person_id = (await email_sign_in.register(_registration(form))).person_id
    except CloudError as error:
        return await _form_page(
            "sign_up.html", visitor, browsers, identity, onward=onward, form=form, error=error
        )
    return await _signed_in(person_id, visitor, browsers, sessions, onward)


@post("/sign-out", status_code=200, include_in_schema=False)
async def sign_out(
    form: NamedDependency[Form],
    visitor: NamedDependency[Visitor],
    browsers: NamedDependency[Browsers],
    sessions: NamedDependency[Sessions],
) -> Response[Any]:
    """End this browser's session."""
    if visitor.session is not None:
        await sessions.end(visitor.session)
    onward = sign_in_address(next_of(form.text("next")))
    return sent_to(onward, cookies=[browsers.no_session_cookie()])


async def _signed_in(
    person_id: int, visitor: Visitor, browsers: Browsers, sessions: Sessions, onward: str
) -> Response[Any]:
    """With a session of its own: an earlier one of this browser ends."""
    if visitor.session is not None:
        await sessions.end(visitor.session)
    cookie = browsers.session_cookie(await sessions.open(person_id))
    return sent_to(onward, cookies=[cookie])


async def _form_page(
    template: str,
    visitor: Visitor,
    browsers: Browsers,
    identity: Identity,
    *,
    onward: str,
    form: Form | None = None,
    error: CloudError | None = None,
) -> Response[str]:
    challenge, _ = await identity.challenge(None)
    answer = page(
        template,
        status_code=200 if error is None else error.status,
        cookies=[browsers.browser_cookie(visitor)],
        form_code=visitor.form_code,
        onward=onward,
        challenge=challenge,
        sent=form or Form({}),
        error=None if error is None else error.message,
        problems=problems_of(error),
    )
    if error is not None:
        answer.headers.update(dict(error_parts(error)[2]))
    return answer


def _proof(form: Form) -> WalletProof:
    return WalletProof(
        wallet_address=form.text("wallet_address"),
        signature=form.text("signature"),
        message=form.text("message") or None,
    )


def _user_type(form: Form) -> UserType:
    return UserType.BUSINESS if form.text("user_type") == UserType.BUSINESS else UserType.CONSUMER


def _registration(form: Form) -> Registration:
    """What the form asks for.

    Raises:
        InvalidFields: longer than anybody's name is.
    """
    too_long = [
        name for name, values in form.fields.items() if len(values[0]) > LENGTH_MAX.get(name, LINE_MAX)
    ]
    if too_long:
        raise InvalidFields(
            {name: [f"At most {LENGTH_MAX.get(name, LINE_MAX)} characters"] for name in too_long}
        )
    user_type = _user_type(form)
    business = {
        name: form.text(name) if user_type is UserType.BUSINESS else None
        for name in ("business_name", "contact_person", "gstin")
    }
    return Registration(
        email=form.text("email"),
        password=form.raw("password"),
        name=form.text("name"),
        user_type=user_type,
        phone=None,
        **business,
    )


ROUTES: list[BaseRouteHandler] = [sign_in_page, sign_up_page, sign_in, sign_up, sign_out]
