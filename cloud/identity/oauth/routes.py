"""The endpoints of OAuth clients. They answer as RFC 6749, 7009, 7662 and 8414 say, errors included."""

from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from cloud.errors import BadRequest, Unauthenticated
from cloud.identity.oauth.authorization_server import GRANT_TYPES, Answer
from cloud.identity.oauth.client_request import ClientRequest, client_request
from cloud.identity.oauth.service import NOT_KEPT, OAuth
from cloud.identity.oauth.shapes import (
    IntrospectionAnswer,
    OAuthError,
    Revoked,
    TokenAnswer,
    TokenQuestion,
    TokenRequest,
)
from cloud.identity.scope_guard import PUBLIC
from cloud.identity.scopes import CONSENTABLE, in_order
from cloud.kit.documented import FORM, JSON, raises, shapes
from cloud.kit.http import JsonResponse
from cloud.settings import Settings

PREFIX = "/v1/oauth/"
CLIENT_AUTHENTICATION = ("client_secret_basic", "client_secret_post", "none")


def _told(body: type[Struct], answer: type[Struct]) -> dict[str, Any]:
    """What the documents of the API say of an endpoint that reads its body itself."""
    told = shapes(
        body=body, body_media_types=(FORM, JSON), answer=answer, error=OAuthError, schemes=("Client",)
    )
    return PUBLIC | told | raises(BadRequest, Unauthenticated)


async def request_of(request: Request[Any, Any, Any]) -> ClientRequest:
    """What the client sends.

    Raises:
        OAuth2Error: it cannot be read.
    """
    return client_request(request.content_type[0], await request.body(), request.headers.get("authorization"))


def render_oauth_error(_request: Request[Any, Any, Any], error: OAuth2Error) -> Response[dict[str, Any]]:
    """A refusal in the words of RFC 6749, section 5.2."""
    status, body, headers = error()
    return JsonResponse(
        body, status_code=status, headers=dict(headers) | NOT_KEPT, media_type="application/json"
    )


@post("/v1/oauth/token", status_code=200, opt=_told(TokenRequest, TokenAnswer))
async def token(request: Request[Any, Any, Any], oauth: NamedDependency[OAuth]) -> Response[dict[str, Any]]:
    """Tokens for a code, a refresh token, or a client's own credentials; as a form or as JSON."""
    return _answer(await oauth.token(await request_of(request)))


@post("/v1/oauth/revoke", status_code=200, opt=_told(TokenQuestion, Revoked))
async def revoke(request: Request[Any, Any, Any], oauth: NamedDependency[OAuth]) -> Response[dict[str, Any]]:
    """End a token, and with it all that came of the same consent."""
    return _answer(await oauth.revoke(await request_of(request)))


@post("/v1/oauth/introspect", status_code=200, opt=_told(TokenQuestion, IntrospectionAnswer))
async def introspect(
    request: Request[Any, Any, Any], oauth: NamedDependency[OAuth]
) -> Response[dict[str, Any]]:
    """What one of the client's own tokens says."""
    return _answer(await oauth.introspect(await request_of(request)))


@get("/.well-known/oauth-authorization-server", status_code=200, opt=PUBLIC)
async def metadata(settings: NamedDependency[Settings]) -> dict[str, Any]:
    """RFC 8414."""
    base = settings.base_url
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/oauth/authorize",
        "token_endpoint": f"{base}/v1/oauth/token",
        "token_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "revocation_endpoint": f"{base}/v1/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "introspection_endpoint": f"{base}/v1/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION[:2],
        "scopes_supported": in_order(CONSENTABLE),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANT_TYPES,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "service_documentation": f"{base}/docs",
    }


def _answer(answer: Answer) -> Response[dict[str, Any]]:
    status, body, headers = answer
    return JsonResponse(
        body, status_code=status, headers=dict(headers) | NOT_KEPT, media_type="application/json"
    )


ROUTES: list[BaseRouteHandler] = [token, revoke, introspect, metadata]
