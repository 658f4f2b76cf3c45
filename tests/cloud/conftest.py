"""One store, one clock, one service: what every test of the cloud begins with."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import BaseRouteHandler
from nacl.pwhash import argon2id
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS, Parts
from cloud.identity import passwords
from cloud.kit.events import EventLog
from cloud.kit.jobs import Jobs
from cloud.kit.store import Store, migrations
from cloud.kit.store.database_url import FILE, SQLITE, open_store
from cloud.ledger.service import Ledger
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.applications import application
from tests.cloud.databases import (
    back_ends,
    drop_all,
    migrated_database,
    migrated_file,
    migrations_read_once,
)

CHEAPEST = (argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)
DEAR, NOBODYS_HASH = passwords.COST, passwords.NOBODYS_HASH


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """A hash takes a tenth of a second by design, and most tests begin with one; see `dear_passwords`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "COST", CHEAPEST)
        patch.setattr(passwords, "NOBODYS_HASH", argon2id.str(os.urandom(16), *CHEAPEST).decode())
        yield


@pytest.fixture
def dear_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in production."""
    monkeypatch.setattr(passwords, "COST", DEAR)
    monkeypatch.setattr(passwords, "NOBODYS_HASH", NOBODYS_HASH)


@pytest.fixture(scope="session", autouse=True)
def _migrations_are_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrations, "load", migrations_read_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_database_is_left() -> Iterator[None]:
    yield
    drop_all()


@pytest.fixture(params=back_ends())
def back_end(request: pytest.FixtureRequest) -> str:
    """Whoever asks for a store, or for the service over one, runs once on each."""
    found: str = request.param
    return found


@pytest.fixture
async def database_url(back_end: str, settings: Settings) -> AsyncIterator[str]:
    """For services that are made without an application, over these settings."""
    if back_end == "sqlite":
        migrated_file(settings.data_dir / FILE)
        yield SQLITE
        return
    async with migrated_database() as url:
        yield url


@pytest.fixture
def clock() -> ManualClock:
    """Stands at 2026-01-01T00:00:00Z until a test moves it."""
    return ManualClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, without limits: the clock stands, so no minute of calls would ever be over."""
    return Settings(data_dir=tmp_path / "cloud", rate_limit_per_minute=0, sign_ins_per_minute=0)


@pytest.fixture
def signing_key() -> SigningKey:
    """The cloud's key, the same in every test."""
    return SigningKey(bytes(range(32)))


@pytest.fixture
async def store(tmp_path: Path, back_end: str) -> AsyncIterator[Store]:
    """A store of its own with every migration applied; not the one of `app`."""
    async with AsyncExitStack() as stack:
        url = SQLITE
        if back_end == "sqlite":
            migrated_file(tmp_path / FILE)
        else:
            url = await stack.enter_async_context(migrated_database())
        store = open_store(url, tmp_path)
        await store.migrate(MIGRATIONS)
        yield store
        await store.close()


@pytest.fixture
def events(store: Store, clock: ManualClock) -> EventLog:
    return EventLog(store, clock)


@pytest.fixture
def ledger(store: Store, clock: ManualClock, signing_key: SigningKey) -> Ledger:
    """Over `store`."""
    return Ledger(store, clock, signing_key)


@pytest.fixture(scope="session")
def more_routes() -> Sequence[BaseRouteHandler]:
    """What `app` serves besides; none, unless a folder says so."""
    return ()


@pytest.fixture
async def app(
    settings: Settings, clock: ManualClock, more_routes: Sequence[BaseRouteHandler]
) -> AsyncIterator[Litestar]:
    """The whole service, started, in the test's own event loop, so that a test may use its parts.

    Over SQLite: what is above the services is the same on both. tests/contract calls it on both.
    """
    async with application(settings, clock, more_routes) as app:
        started, over = asyncio.Event(), asyncio.Event()

        async def live() -> None:  # one task from start to stop, which the service's scopes insist on
            async with app.lifespan():
                started.set()
                await over.wait()

        life = asyncio.create_task(live())
        starting = asyncio.create_task(started.wait())
        await asyncio.wait({life, starting}, return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            starting.cancel()
            life.result()
        await _at_rest(app.state.parts)
        yield app
        over.set()
        await life


async def _at_rest(parts: Parts) -> None:
    """What the service does by itself at its start is done; from here on it waits for the test's clock."""
    async with asyncio.timeout(60):
        for worker in parts.workers:
            if isinstance(worker, Jobs):
                await worker.had_first_runs.wait()
        await parts.services.pricing.current()


@pytest.fixture
def parts(app: Litestar) -> Parts:
    """The services behind `client`."""
    found: Parts = app.state.parts
    return found


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A caller from 127.0.0.1. It reads whole answers: a stream that never ends needs a real server."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client
