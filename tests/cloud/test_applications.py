"""The applications that tests pass on to each other are as good as new ones."""

import asyncio
import gc
import weakref
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import msgspec
from litestar import get

from cloud.app import Parts, create_app
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.applications import application

PERSON = {"email": "ana@example.com", "password": "a long enough password", "user_type": "consumer"}


@asynccontextmanager
async def served(settings: Settings, clock: ManualClock):
    async with (
        application(settings, clock) as app,
        app.lifespan(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8080") as client,
    ):
        yield app, client


def in_folder(settings: Settings, path: Path, **changes: object) -> Settings:
    return msgspec.structs.replace(settings, data_dir=path, **changes)


async def register(client: httpx.AsyncClient, name: str) -> int:
    answer = await client.post("/api/v1/auth/register", json=PERSON | {"name": name})
    return answer.status_code


async def name_of(client: httpx.AsyncClient) -> str | None:
    """Of the one whose address it is; None where nobody has it."""
    wanted = {name: PERSON[name] for name in ("email", "password", "user_type")}
    answer = await client.post("/api/v1/auth/login", json=wanted)
    if answer.status_code == 401:
        return None
    token = answer.json()["access_token"]
    shown = await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})
    found: str = shown.json()["name"]
    return found


async def test_what_one_application_stored_the_next_does_not_know(settings, clock, tmp_path):
    async with served(in_folder(settings, tmp_path / "a"), clock) as (first, client):
        assert await register(client, "Ana") == 201
        assert await name_of(client) == "Ana"

    async with served(in_folder(settings, tmp_path / "b"), clock) as (second, client):
        assert second is first  # else this shows nothing
        assert await name_of(client) is None
        assert await register(client, "Ben") == 201
        assert await name_of(client) == "Ben"


async def test_two_at_once_are_two(settings, clock, tmp_path):
    async with AsyncExitStack() as stack:
        names = ("Ana", "Ben")
        apps = [
            await stack.enter_async_context(served(in_folder(settings, tmp_path / name), clock))
            for name in names
        ]
        assert apps[0][0] is not apps[1][0]
        clients = [client for _, client in apps]
        registered = await asyncio.gather(*map(register, clients, names))
        found = await asyncio.gather(*map(name_of, clients))

    assert registered == [201, 201]
    assert found == ["Ana", "Ben"]


async def test_nothing_of_the_application_before_is_left(settings, tmp_path):
    async with served(in_folder(settings, tmp_path / "a"), ManualClock()) as (first, client):
        await register(client, "Ana")
        assert (await client.get("/health")).status_code == 200
        parts: Parts = first.state.parts
        services = [getattr(parts.services, name) for name in type(parts.services).__struct_fields__]
        had = [weakref.ref(each) for each in services if hasattr(type(each), "__weakref__")]
    assert len(had) > 40
    del parts, services, client

    async with served(in_folder(settings, tmp_path / "b"), ManualClock()) as (second, _):
        assert second is first
        gc.collect()
        assert [left for each in had if (left := each()) is not None] == []


async def test_limits_clocks_and_sizes_are_those_of_the_settings_given(settings, tmp_path):
    narrow = in_folder(settings, tmp_path / "a", rate_limit_per_minute=1, body_bytes_max=2_000)
    async with served(narrow, ManualClock()) as (_, client):
        assert (await client.post("/api/v1/auth/login", content=b"x" * 3_000)).status_code == 413
        assert (await client.get("/api/v1/auth/me")).status_code == 429
    late = ManualClock()
    late.advance(3_600)
    wide = in_folder(settings, tmp_path / "b", rate_limit_per_minute=7, body_bytes_max=2_000)
    async with served(wide, late) as (_, client):
        answer = await client.get("/api/v1/auth/me")
    assert answer.headers["x-ratelimit-remaining"] == "6"


async def test_an_answer_counts_in_its_own_application_alone(settings, clock, tmp_path):
    async with served(in_folder(settings, tmp_path / "a"), clock) as (_, client):
        for _ in range(3):
            await client.get("/health/live")
    async with served(in_folder(settings, tmp_path / "b"), clock) as (_, client):
        await client.get("/health/live")
        text = (await client.get("/metrics")).text
    assert 'lumengrid_requests_total{method="GET",route="/health/live",status="200"} 1.0' in text


async def test_a_route_that_a_test_adds_goes_with_it(settings, clock, tmp_path):
    @get("/only-here")
    async def only_here() -> str:
        return "here"

    async with served(in_folder(settings, tmp_path / "a"), clock) as (app, client):
        app.register(only_here)
        assert (await client.get("/only-here")).status_code == 200
    async with served(in_folder(settings, tmp_path / "b"), clock) as (_, client):
        assert (await client.get("/only-here")).status_code == 404


async def test_it_serves_what_a_new_one_serves(settings, clock, tmp_path):
    async with application(in_folder(settings, tmp_path / "a"), clock):
        pass
    async with application(in_folder(settings, tmp_path / "b"), clock) as passed_on:
        new = create_app(in_folder(settings, tmp_path / "c"), clock)
        await new.state.parts.store.close()
        assert {route.path for route in passed_on.routes} == {route.path for route in new.routes}
        assert set(passed_on.dependencies) == set(new.dependencies)
        assert list(map(type, passed_on.middleware)) == list(map(type, new.middleware))
        assert list(map(repr, map(type, passed_on.before_send))) == list(
            map(repr, map(type, new.before_send))
        )
        await passed_on.state.parts.store.close()
