"""Nobody reads or operates projects without the scope for it."""

from typing import Any

import pytest

from cloud.identity.scopes import Scope
from tests.cloud.projects.conftest import World
from tests.cloud.projects.example import described

READS = [
    ("GET", "/v1/projects", None),
    ("GET", "/v1/projects/search", None),
    ("GET", "/v1/projects/prj_a", None),
    ("GET", "/v1/projects/prj_a/updates", None),
]
WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/v1/projects", described(id="prj_b")),
    ("PATCH", "/v1/projects/prj_a", {"name": "Mine now"}),
    ("POST", "/v1/projects/prj_a/updates", {"title": "Buy", "content": "now"}),
    (
        "POST",
        "/v1/projects/prj_a/validations",
        {"firm": "Me", "type": "opinion", "conclusion": "Great", "date": "2026-01-01"},
    ),
    ("POST", "/v1/projects/prj_a/documents", None),
]
CODES = {401: "AUTHENTICATION_REQUIRED", 403: "INSUFFICIENT_PERMISSIONS", 404: "RESOURCE_NOT_FOUND"}


@pytest.mark.parametrize("method, path, body", [*READS, *WRITES])
async def test_each_route_is_for_those_with_its_scope(world: World, method: str, path: str, body: Any):
    await world.add("prj_a")
    is_read = method == "GET"
    person = await world.person("bo@example.com")
    all_but = [scope for scope in Scope if scope not in {Scope.READ_PROJECTS, Scope.ADMIN}]
    wrong = await world.key(person, *all_but)
    files = {"file": ("a.pdf", b"%PDF-1")} if path.endswith("documents") else None

    async def call(headers: dict[str, str]) -> int:
        answer = await world.client.request(method, path, json=body, headers=headers, files=files)
        if answer.status_code >= 400:
            assert answer.json()["error"]["code"] == CODES[answer.status_code]
        return answer.status_code

    assert await call({}) == 401
    assert await call(wrong) == 403
    assert await call(world.investor) == (200 if is_read else 403)
    assert await call(world.operator) == (201 if method == "POST" else 200)


async def test_a_sign_in_token_of_an_investor_reads_and_does_not_operate(world: World):
    await world.add("prj_a")
    credentials = {"email": "investor@example.com", "password": "securepass123", "user_type": "consumer"}
    answer = await world.client.post("/api/v1/auth/login", json=credentials)
    token = {"Authorization": f"Bearer {answer.json()['access_token']}"}

    assert (await world.client.get("/v1/projects/prj_a", headers=token)).status_code == 200
    patched = await world.client.patch("/v1/projects/prj_a", json={"name": "x"}, headers=token)
    assert patched.status_code == 403


async def test_a_key_of_an_operator_without_admin_does_not_operate(world: World):
    await world.add("prj_a")
    async with world.parts.store.read() as tx:
        operator = await world.parts.services.identity.known(tx, "operator@example.com")
    reading = await world.key(operator, Scope.READ_PROJECTS)

    answer = await world.client.post("/v1/projects", json=described(), headers=reading)
    assert answer.status_code == 403


@pytest.mark.parametrize("method, path, body", [*READS[2:], *WRITES[1:]])
async def test_what_is_unknown_is_not_found(world: World, method: str, path: str, body: Any):
    files = {"file": ("a.pdf", b"%PDF-1")} if path.endswith("documents") else None
    answer = await world.client.request(method, path, json=body, headers=world.operator, files=files)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "RESOURCE_NOT_FOUND"
