"""A pytest plugin: each use of a store takes a random time more.

    make test ARGS="-p tests.random_delays --reruns 0 tests/cloud"

A test that goes wrong under it met an order of events that a loaded machine may bring about, too. The delays
of a test are its own and the same each time; DELAYS_SEED gives others.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cloud.kit.store import postgres, sqlite

SEED = os.environ.get("DELAYS_SEED", "1")
SHARE = 0.3
"""Of the moments in which there could be a delay."""
DELAY_MAX_S = 0.02

_random = random.Random()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    _random.seed(SEED + item.nodeid)


async def _pause() -> None:
    if _random.random() < SHARE:
        await asyncio.sleep(_random.random() * DELAY_MAX_S)


def _slow_writes(use_case: Any) -> None:
    enter, leave = use_case.__aenter__, use_case.__aexit__

    async def slow_enter(self: Any) -> Any:
        await _pause()
        return await enter(self)

    async def slow_leave(self: Any, *error: Any) -> None:
        try:
            await leave(self, *error)
        finally:
            await _pause()

    use_case.__aenter__, use_case.__aexit__ = slow_enter, slow_leave


def _slow_reads(store: Any) -> None:
    read: Callable[..., Any] = store.read

    @asynccontextmanager
    async def slow(self: Any, *, brief: bool = False) -> AsyncIterator[Any]:
        await _pause()
        async with read(self, brief=brief) as tx:
            yield tx
        await _pause()

    store.read = slow


_slow_writes(sqlite._UseCase)
_slow_writes(postgres._UseCase)
_slow_reads(sqlite.SqliteStore)
_slow_reads(postgres.PostgresStore)
