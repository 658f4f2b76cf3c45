"""The API families that have a document, and what is particular to each."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from litestar import Router
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from msgspec import UNSET, Struct, UnsetType, field

from cloud.api import lumen, stelltron, terra_lumina
from cloud.identity import routes as identity
from cloud.identity.scopes import MEANINGS, Scope

_FOLDER = Path(__file__).parent


class PlatformProblem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str
    """`RATE_LIMIT_EXCEEDED` and the like."""
    message: str
    details: dict[str, str] | UnsetType = UNSET
    """By field or parameter."""
    request_id: str | UnsetType = UNSET
    """Also in `X-Request-Id`; give it when you ask for help."""
    retry_after: int | UnsetType = UNSET
    """Seconds; only where there were too many requests."""


class PlatformError(Struct, frozen=True, kw_only=True):
    """How the investment platform refuses."""

    error: PlatformProblem


class FinanceError(Struct, frozen=True, kw_only=True):
    """How LUMEN refuses."""

    error: str
    """A category, such as `Validation Error`."""
    message: str
    timestamp: str
    details: dict[str, list[str]] | UnsetType = UNSET
    """By field; only where fields are wrong."""


class EnergyError(Struct, frozen=True, kw_only=True):
    """How the energy network refuses."""

    error: str


class Family(Struct, frozen=True, kw_only=True):
    name: str
    title: str
    path: str
    """Where its document is served."""
    collection: str
    """Its Postman collection's name."""
    routes: Sequence[Router | BaseRouteHandler]
    error: type[Struct]
    schemes: Callable[[str], dict[str, Any]]
    """The security schemes, by the service's own address."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every answer carries, with what it means."""
    conditional_reads: bool = False

    @property
    def postman_path(self) -> str:
        return f"/docs/{self.collection}.postman_collection.json"

    @property
    def functions(self) -> frozenset[Any]:
        """Of its handlers; Litestar copies the handlers themselves."""
        return frozenset(_functions(self.routes))

    @property
    def guide(self) -> str:
        """Markdown: what a developer reads first."""
        return (_FOLDER / "guides" / f"{self.name}.md").read_text(encoding="utf-8")

    @property
    def examples(self) -> Mapping[str, Any]:
        """By operation id: `request` and `answer`."""
        return _examples(self.name)


@cache
def _examples(name: str) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads((_FOLDER / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _functions(routes: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for one in routes:
        if isinstance(one, HTTPRouteHandler):
            found.append(one.fn)
        elif isinstance(one, Router):
            found += [handler.fn for route in one.routes for handler in getattr(route, "route_handlers", ())]
    return found


LIMITS = {
    "X-RateLimit-Limit": "Calls that the window allows.",
    "X-RateLimit-Remaining": "Of them, how many are left.",
    "X-RateLimit-Reset": "When all are back, in seconds since 1970.",
}


def _platform_schemes(base_url: str) -> dict[str, Any]:
    scopes = {str(scope): MEANINGS[scope] for scope in Scope}
    asked = {name: meaning for name, meaning in scopes.items() if name != Scope.ADMIN}
    token_url = f"{base_url}/v1/oauth/token"
    code = {
        "authorizationUrl": f"{base_url}/oauth/authorize",
        "tokenUrl": token_url,
        "refreshUrl": token_url,
        "scopes": asked,
    }
    return {
        "OAuth2": {
            "type": "oauth2",
            "description": "Authorization code with PKCE (S256), or an application's own credentials.",
            "flows": {
                "authorizationCode": code,
                "clientCredentials": {"tokenUrl": token_url, "scopes": asked},
            },
        },
        "AccessToken": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token that is at hand: of OAuth, or of a signed-in person.",
        },
        "ApiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "From /developers/keys.",
        },
    }


_ACCESS_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `access_token` of a sign-in.",
}


def _person_schemes(_base_url: str) -> dict[str, Any]:
    return {"AccessToken": _ACCESS_TOKEN}


def _energy_schemes(_base_url: str) -> dict[str, Any]:
    def header(name: str, description: str) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": name, "description": description}

    return {
        "AccessToken": _ACCESS_TOKEN,
        "DeviceId": header("X-Device-Id", "Which device signs."),
        "DeviceCounter": header("X-Device-Counter", "Rises with every request of the device."),
        "DeviceSignature": header(
            "X-Device-Signature", "Base64 of the Ed25519 signature over method, path, counter and body."
        ),
    }


PLATFORM = Family(
    name="platform",
    collection="TERRA_LUMINA_API",
    title="Terra Lumina API",
    path="/v1/openapi.json",
    routes=terra_lumina.ROUTES,
    error=PlatformError,
    schemes=_platform_schemes,
    headers=LIMITS | {"X-Request-Id": "The request's own id: yours, if you sent one."},
    conditional_reads=True,
)
FINANCE = Family(
    name="finance",
    collection="LUMEN_API",
    title="LUMEN API",
    path="/api/openapi.json",
    routes=lumen.ROUTES,
    error=FinanceError,
    schemes=_person_schemes,
    headers=LIMITS,
)
ENERGY = Family(
    name="energy",
    collection="ENERGY_NETWORK_API",
    title="Lumengrid energy network",
    path="/iot/openapi.json",
    routes=[*stelltron.ROUTES, *identity.SHARED],
    error=EnergyError,
    schemes=_energy_schemes,
    headers=LIMITS,
)
FAMILIES = (PLATFORM, FINANCE, ENERGY)
