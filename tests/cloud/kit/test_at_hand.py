"""What was made before is handed out as if Litestar had made it for each request."""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.types import Message, Scope

from cloud.kit.http import MadeJson, give_in_turn, on_head


def _asker(request: Request[Any, Any, Any]) -> str:
    return request.headers["x-asker"]


async def _greeting(asker: NamedDependency[str], shared: NamedDependency[str]) -> str:
    return f"{shared} {asker}"


def _lines(log: list[str], name: str) -> Callable[[], Iterator[str]]:
    def opened() -> Iterator[str]:
        log.append(f"{name} opened")
        yield name
        log.append(f"{name} closed")

    return opened


@pytest.fixture
async def given() -> AsyncIterator[tuple[httpx.AsyncClient, list[str]]]:
    """A client of handlers that take every kind of dependency, and what their files wrote."""
    log: list[str] = []
    numbers = count(1)

    @get("/all", status_code=200)
    async def everything(
        greeting: NamedDependency[str],
        number: NamedDependency[int],
        once: NamedDependency[int],
        file: NamedDependency[str],
    ) -> list[object]:
        return [greeting, number, once, file]

    app = Litestar(
        [everything],
        dependencies={
            "shared": Provide(lambda: "hello", sync_to_thread=False),
            "asker": Provide(_asker, sync_to_thread=False),
            "greeting": Provide(_greeting),
            "number": Provide(lambda: next(numbers), sync_to_thread=False),
            "once": Provide(lambda: next(numbers), sync_to_thread=False, use_cache=True),
            "file": Provide(_lines(log, "file")),
        },
        openapi_config=None,
    )
    give_in_turn(app)
    give_in_turn(app)  # as often as one likes
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client, log


async def test_what_is_at_hand_is_given_as_litestar_would(given):
    client, log = given
    first, second = [(await client.get("/all", headers={"x-asker": name})).json() for name in ("Ana", "Bo")]
    assert (first[0], second[0]) == ("hello Ana", "hello Bo")
    (number, once), (next_number, still) = first[1:3], second[1:3]
    assert once == still
    assert sorted({number, once, next_number}) == [1, 2, 3]
    assert first[3] == second[3] == "file"
    assert log == ["file opened", "file closed"] * 2


async def test_made_json_is_answered_as_the_same_body_of_litestar_is():
    @get("/made", status_code=200)
    async def made() -> Response[list[int]]:
        return MadeJson(b"[1,2]")

    @get("/rendered", status_code=200)
    async def rendered() -> list[int]:
        return [1, 2]

    seen: list[tuple[str, str]] = []

    async def look(message: Message, scope: Scope) -> None:
        seen.append((message["type"], scope["path"]))

    app = Litestar(
        [made, rendered],
        before_send=[on_head(look)],
        openapi_config=None,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        ours, theirs = await client.get("/made"), await client.get("/rendered")
    assert (ours.status_code, ours.headers, ours.content) == (200, theirs.headers, theirs.content)
    assert ours.json() == [1, 2]
    assert seen == [("http.response.start", "/made"), ("http.response.start", "/rendered")]
