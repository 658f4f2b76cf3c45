"""The authorization endpoint: a person is asked whether an application may act for them."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.identity.oauth.service import AuthorizationRefused, OAuth
from cloud.identity.scopes import MEANINGS, in_order
from cloud.web.pages import page, sent_to
from cloud.web.visitor import Browsers, Form, SignInNeeded, Visitor, address_of
from cloud.web.who import shown_name

ALLOW = "allow"


@get("/oauth/authorize", status_code=200, include_in_schema=False)
async def consent_page(
    request: Request[Any, Any, Any],
    visitor: NamedDependency[Visitor],
    browsers: NamedDependency[Browsers],
    oauth: NamedDependency[OAuth],
    email_sign_in: NamedDependency[EmailSignIn],
) -> Response[Any]:
    """What the application asks for. Whoever is not signed in does that first."""
    query = request.scope["query_string"].decode("latin-1")
    try:
        wish = await oauth.wish(query)
    except AuthorizationRefused as refusal:
        return _refused(refusal)
    if visitor.person is None:
        raise SignInNeeded(address_of(request))
    return page(
        "consent.html",
        cookies=[browsers.browser_cookie(visitor)],
        sent_on_to=wish.redirect_uri,
        who=await shown_name(visitor.person, email_sign_in),
        form_code=visitor.form_code,
        query=query,
        back=address_of(request),
        application=wish.application,
        meanings=[MEANINGS[scope] for scope in in_order(wish.scopes)],
        redirect_uri=wish.redirect_uri,
    )


@post("/oauth/authorize", status_code=200, include_in_schema=False)
async def decide(
    form: NamedDependency[Form], member: NamedDependency[Person], oauth: NamedDependency[OAuth]
) -> Response[Any]:
    """Back to the application, with a code or with the refusal. The request is checked afresh."""
    query = form.raw("query")
    try:
        if form.text("decision") == ALLOW:
            location = await oauth.allow(member, query)
        else:
            location = await oauth.deny(query)
    except AuthorizationRefused as refusal:
        return _refused(refusal)
    return sent_to(location)


def _refused(refusal: AuthorizationRefused) -> Response[Any]:
    if refusal.location is not None:
        return sent_to(refusal.location)
    return page(
        "error.html",
        status_code=refusal.status,
        title="The application sent a request that does not hold",
        message=refusal.message,
    )


ROUTES: list[BaseRouteHandler] = [consent_page, decide]
