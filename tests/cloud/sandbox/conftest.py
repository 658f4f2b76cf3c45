"""Developers with a test key each, who call their sandboxes."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import httpx
import pytest

from cloud.app import Parts
from cloud.identity.api_keys.key import Mode
from cloud.identity.model import Person
from cloud.identity.scopes import Scope
from cloud.sandbox.sandbox import Sandbox


class Developer:
    """`await ana.get("/portfolio")` asks the sandbox; `await ana.verified_investor()` may invest then."""

    def __init__(self, client: httpx.AsyncClient, person: Person, key: str) -> None:
        self.client, self.person, self.key = client, person, key

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"X-API-Key": self.key} | more.pop("headers", {})
        return await self.client.request(method, f"/sandbox/v1{path}", headers=headers, **more)

    async def get(self, path: str, **query: Any) -> Any:
        answer = await self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        answer = await self.call("POST", path, json={} if body is None else body)
        assert answer.status_code == status, answer.text
        return answer.json().get("data")

    async def verify(self) -> None:
        wish = {"provider": "sandbox", "return_url": "https://app.example.com/done"}
        await self.post("/user/me/kyc", wish)
        decided = await self.post("/kyc", {"decision": "verify"}, 200)
        assert decided == {"status": "verified"}

    async def invest(self, amount: str = "10000.00", project_id: str = "prj_sunrise_solar") -> Any:
        wish = {
            "project_id": project_id,
            "amount": float(amount),
            "payment_method": "stripe",
            "payment_source": "pm_card_visa",
        }
        made = await self.post("/investments", wish)
        assert made["status"] == "completed", made
        return made

    async def name(self, parts: Parts) -> str:
        return await parts.sandboxes.name_of(self.person.id)

    async def sandbox(self, parts: Parts) -> Sandbox:
        with await parts.sandboxes.enter(await self.name(parts)) as visit:
            return visit.sandbox

    async def move(self, **wish: Any) -> Any:
        return await self.post("/clock", wish, 200)


Developers: TypeAlias = Callable[[str], Awaitable[Developer]]


async def signed_up(parts: Parts) -> Person:
    async with parts.store.write() as tx:
        return await parts.services.identity.add(tx, wallet_address=None)


async def key_of(parts: Parts, person: Person, scopes: frozenset[Scope] = frozenset(Scope)) -> str:
    made = await parts.services.api_keys.create(person, name="tests", scopes=scopes, mode=Mode.TEST)
    return made.text


@pytest.fixture
def developers(parts: Parts, client: httpx.AsyncClient) -> Developers:
    known: dict[str, Developer] = {}

    async def of(name: str) -> Developer:
        if name not in known:
            person = await signed_up(parts)
            known[name] = Developer(client, person, await key_of(parts, person))
        return known[name]

    return of


@pytest.fixture
async def ana(developers: Developers) -> Developer:
    return await developers("ana")
