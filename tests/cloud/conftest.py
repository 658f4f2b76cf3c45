"""One store, one clock, one service: what every test of the cloud begins with."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from nacl.signing import SigningKey

from cloud.app import MIGRATIONS, Parts, create_app
from cloud.kit.events import EventLog
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.service import Ledger
from cloud.settings import Settings
from shared.clock import ManualClock


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
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store of its own with every migration applied; not the one of `app`."""
    store = SqliteStore(tmp_path / "store.sqlite")
    await store.migrate(MIGRATIONS)
    yield store
    await store.close()


@pytest.fixture
def events(store: SqliteStore, clock: ManualClock) -> EventLog:
    return EventLog(store, clock)


@pytest.fixture
def ledger(store: SqliteStore, clock: ManualClock, signing_key: SigningKey) -> Ledger:
    """Over `store`."""
    return Ledger(store, clock, signing_key)


@pytest.fixture
async def app(settings: Settings, clock: ManualClock) -> AsyncIterator[Litestar]:
    """The whole service, started, in the test's own event loop, so that a test may use its parts."""
    app = create_app(settings, clock)
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
    yield app
    over.set()
    await life


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
