"""A few projects, an operator, and somebody who reads."""

from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.identity.model import Person
from cloud.identity.scopes import Scope
from cloud.projects.model import Project
from tests.cloud.projects.example import described


class World:
    """The service with an operator and an investor, each with an API key of every scope they may have."""

    def __init__(self, client: httpx.AsyncClient, parts: Parts) -> None:
        self.client = client
        self.parts = parts
        self.projects = parts.services.projects
        self.operator: dict[str, str] = {}
        self.investor: dict[str, str] = {}

    async def person(self, email: str, *, is_admin: bool = False) -> Person:
        body = {"email": email, "password": "securepass123", "name": "Ana", "user_type": "consumer"}
        answer = await self.client.post("/api/v1/auth/register", json=body)
        identity = self.parts.services.identity
        if is_admin:
            await identity.grant(email, "admin")
        async with self.parts.store.read() as tx:
            return await identity.person(tx, answer.json()["user_id"])

    async def key(self, person: Person, *scopes: Scope) -> dict[str, str]:
        made = await self.parts.services.api_keys.create(person, name="test", scopes=frozenset(scopes))
        return {"X-API-Key": made.text}

    async def get(self, path: str, **parameters: Any) -> httpx.Response:
        return await self.client.get(path, params=parameters, headers=self.investor)

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=body, headers=self.operator | headers)

    async def patch(self, path: str, body: Any) -> httpx.Response:
        return await self.client.patch(path, json=body, headers=self.operator)

    async def add(self, project_id: str, **changes: Any) -> dict[str, Any]:
        answer = await self.post("/v1/projects", described(id=project_id, **changes))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()["data"]
        return made

    async def ids(self, path: str = "/v1/projects", **parameters: Any) -> list[str]:
        """Of all pages."""
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await self.get(path, **parameters, **cursor)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found += [project["id"] for project in page["data"]]
            if not page["pagination"]["has_more"]:
                assert page["pagination"]["next_cursor"] is None
                return found
            cursor = {"cursor": page["pagination"]["next_cursor"]}

    async def raise_money(self, project_id: str, amount_minor: int, investor: str = "acct_a") -> Project:
        async with self.parts.store.write() as tx:
            await self.projects.reserve(tx, await self.projects.get(tx, project_id), amount_minor)
            return await self.projects.confirm(tx, project_id, amount_minor, investor=investor)


@pytest.fixture
async def world(client: httpx.AsyncClient, parts: Parts) -> World:
    made = World(client, parts)
    operator = await made.person("operator@example.com", is_admin=True)
    investor = await made.person("investor@example.com")
    made.operator = await made.key(operator, *Scope)
    made.investor = await made.key(investor, Scope.READ_PROJECTS)
    return made
