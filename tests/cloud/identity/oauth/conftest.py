"""A developer with an application, and a person who lets it in; PKCE worked out here, not by the service."""

import base64
import hashlib
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from cloud.app import Parts
from cloud.identity.model import Person
from cloud.identity.scopes import Scope, Scopes

CALLBACK = "https://diary.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""RFC 7636, appendix B, with its challenge."""
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
SCOPES: Scopes = frozenset({Scope.READ_PROFILE, Scope.WRITE_PROFILE, Scope.READ_PORTFOLIO})
ME = "/v1/user/me"


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


class App(NamedTuple):
    """An application as its developer knows it."""

    client_id: str
    secret: str | None

    def proof(self) -> dict[str, str]:
        return {"client_id": self.client_id} | ({"client_secret": self.secret} if self.secret else {})


class World:
    """The service with its people and applications."""

    def __init__(self, client: httpx.AsyncClient, parts: Parts) -> None:
        self.client = client
        self.parts = parts
        self.oauth = parts.services.oauth

    async def person(self, email: str) -> Person:
        body = {"email": email, "password": "securepass123", "name": "Ana", "user_type": "consumer"}
        answer = await self.client.post("/api/v1/auth/register", json=body)
        async with self.parts.store.read() as tx:
            return await self.parts.services.identity.person(tx, answer.json()["user_id"])

    async def app(self, owner: Person, *, is_confidential: bool = True, scopes: Scopes = SCOPES) -> App:
        made = await self.parts.services.applications.register(
            owner,
            name="Solar Diary",
            is_confidential=is_confidential,
            redirect_uris=[CALLBACK],
            scopes=scopes,
        )
        return App(made.application.client_id, made.secret)

    async def code(self, person: Person, app: App, **parameters: str) -> str:
        location = await self.oauth.allow(person, query(app, **parameters))
        return parse_qs(urlsplit(location).query)["code"][0]

    async def token(self, **body: str) -> httpx.Response:
        return await self.client.post("/v1/oauth/token", json=body)

    async def exchange(self, app: App, code: str, **more: str) -> httpx.Response:
        body = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return await self.token(**(body | app.proof() | more))

    async def refresh(self, app: App, refresh_token: str, **more: str) -> httpx.Response:
        body = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.token(**(body | app.proof() | more))

    async def tokens(self, person: Person, app: App) -> dict[str, Any]:
        """Of a whole flow."""
        code = await self.code(person, app, code_challenge=CHALLENGE, code_challenge_method="S256")
        answer = await self.exchange(app, code, code_verifier=VERIFIER)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def me(self, token: str) -> int:
        return (await self.client.get(ME, headers={"Authorization": f"Bearer {token}"})).status_code


def query(app: App, **parameters: str) -> str:
    return urlencode(
        {"response_type": "code", "client_id": app.client_id, "redirect_uri": CALLBACK} | parameters
    )


@pytest.fixture
def world(client: httpx.AsyncClient, parts: Parts) -> World:
    return World(client, parts)


@pytest.fixture
async def developer(world: World) -> Person:
    return await world.person("dev@example.com")


@pytest.fixture
async def ana(world: World) -> Person:
    return await world.person("ana@example.com")


@pytest.fixture
async def app_on_a_server(world: World, developer: Person) -> App:
    return await world.app(developer)


@pytest.fixture
async def app_on_a_phone(world: World, developer: Person) -> App:
    return await world.app(developer, is_confidential=False)
