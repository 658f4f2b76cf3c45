"""Both clients, and what they talk to."""

import asyncio
import inspect
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from terra_lumina import AsyncTerraLumina, TerraLumina
from tests.clients.snippets import CLIENTS
from tests.clients.stand_in import StandIn, listening


@pytest.fixture(scope="session")
def listening_stand_in() -> Iterator[StandIn]:
    with listening() as service:
        yield service


@pytest.fixture
def stand_in(listening_stand_in: StandIn) -> StandIn:
    listening_stand_in.begin_anew()
    return listening_stand_in


@pytest.fixture(scope="session")
def typescript_client() -> Path:
    """Its folder, built."""
    folder = CLIENTS / "typescript"
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    if not (folder / "node_modules").exists():
        subprocess.run([npm, "ci"], cwd=folder, check=True, capture_output=True)
    subprocess.run([npm, "run", "build"], cwd=folder, check=True, capture_output=True)
    return folder


class Waits(list[float]):
    """What a client slept."""

    def sleep(self, seconds: float) -> None:
        self.append(seconds)

    async def asleep(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


class Either:
    """The blocking or the asynchronous client, called in the same words."""

    def __init__(self, kind: str, waits: Waits) -> None:
        self.is_async = kind == "async"
        self._waits = waits
        self._loop = asyncio.new_event_loop()

    def client(self, base_url: str, **given: Any) -> Any:
        credential = {} if {"app", "access_token"} & set(given) else {"api_key": "tl_test_key"}
        given = {"base_url": base_url, "random": lambda: 1.0} | credential | given
        if self.is_async:
            return AsyncTerraLumina(sleep=self._waits.asleep, **given)
        return TerraLumina(sleep=self._waits.sleep, **given)

    def __call__(self, value: Any) -> Any:
        """What comes of a call; of a list, all that it has."""
        if inspect.isawaitable(value):
            return self._loop.run_until_complete(_awaited(value))
        if hasattr(value, "__aiter__"):
            return self._loop.run_until_complete(_all(value))
        return list(value) if hasattr(value, "__iter__") else value

    def together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        """At once: in threads, or as tasks."""
        if self.is_async:
            return self._loop.run_until_complete(_together(calls))
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(lambda call: call(), calls))

    def take(self, updates: Any, count: int) -> list[Any]:
        """The first few of an endless stream."""
        if self.is_async:
            return self._loop.run_until_complete(_first(updates, count))
        taken = [next(updates) for _ in range(count)]
        updates.close()
        return taken

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


async def _awaited(value: Any) -> Any:
    return await value


async def _all(items: Any) -> list[Any]:
    return [item async for item in items]


async def _first(updates: Any, count: int) -> list[Any]:
    taken = [await anext(updates) for _ in range(count)]
    await updates.aclose()
    return taken


async def _together(calls: list[Callable[[], Any]]) -> list[Any]:
    return list(await asyncio.gather(*[call() for call in calls]))


@pytest.fixture(params=["blocking", "async"])
def done(request: pytest.FixtureRequest, waits: Waits) -> Iterator[Either]:
    either = Either(request.param, waits)
    yield either
    either.close()
