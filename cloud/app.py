"""Builds the service: the only list of domains, and the only place where they meet.

`create_app` wires store, clock and services together; handlers receive a service by the name of its
parameter. Workers (subscriber, publisher, jobs) run as long as the app does; one that fails ends it.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from msgspec import Struct
from nacl.signing import SigningKey

from cloud.api import lumen, stelltron
from cloud.api.rate_limit import LimitHeaders, RateLimiting
from cloud.audit.service import Export
from cloud.devices import guard as device_guard
from cloud.devices.commands import Commands
from cloud.devices.service import Devices
from cloud.grid.agent_calls import AgentCalls
from cloud.grid.ingest import Ingest
from cloud.grid.link import GridLink
from cloud.grid.publisher import Publisher
from cloud.grid.service import Grid
from cloud.grid.subscriber import Subscriber
from cloud.grid.transfers import Transfers
from cloud.grid.upkeep import Upkeep
from cloud.identity import guard as identity_guard
from cloud.identity.attempts import Attempts
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.linking import Linking
from cloud.identity.passwords import Passwords
from cloud.identity.service import Identity
from cloud.identity.web_auth import WebAuth
from cloud.kit import health, metrics
from cloud.kit.events import EventLog
from cloud.kit.http import JsonBody, JsonResponse
from cloud.kit.metrics import Metrics
from cloud.kit.rate_limit import CallLimits, Limits, MemoryCounters
from cloud.kit.secrets import load_or_make
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.books import Books
from cloud.ledger.service import Ledger
from cloud.market.service import Market
from cloud.minting.service import Minting
from cloud.network.service import Network
from cloud.pricing.service import Pricing
from cloud.realtime.sse import EventStream
from cloud.settings import Settings
from shared.clock import Clock, SystemClock
from shared.mqtt import parse_broker_url

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
DATABASE = "lumengrid.sqlite"
SIGNING_KEY = "cloud_key"
TOKEN_KEY = "token_key"  # noqa: S105  a file name
WEB_AUTH_KEY = "sep10_key"


class Worker(Protocol):
    """Something that runs beside the requests."""

    async def run(self) -> None:
        """Work until cancelled; anything raised ends the service, which its supervisor restarts."""
        ...


class Services(Struct, frozen=True, kw_only=True):
    """Every service under the name by which handlers ask for it."""

    settings: Settings
    clock: Clock
    signing_key: SigningKey
    store: SqliteStore
    events: EventLog
    metrics: Metrics
    ledger: Ledger
    books: Books
    call_limits: CallLimits
    attempts: Attempts
    identity: Identity
    email_sign_in: EmailSignIn
    linking: Linking
    web_auth: WebAuth
    network: Network
    devices: Devices
    commands: Commands
    market: Market
    grid: Grid
    pricing: Pricing
    minting: Minting
    transfers: Transfers
    agent_calls: AgentCalls
    event_stream: EventStream
    ledger_export: Export


class Parts(Struct, frozen=True, kw_only=True):
    """Everything the app is made of. Tests reach the services through it."""

    store: SqliteStore
    clock: Clock
    settings: Settings
    events: EventLog
    metrics: Metrics
    services: Services
    workers: Sequence[Worker]


def build(settings: Settings, clock: Clock) -> Parts:
    """Every service, made once and passed down; nothing is opened on the network yet."""
    services = _services(settings, clock)
    return Parts(
        store=services.store,
        clock=clock,
        settings=settings,
        events=services.events,
        metrics=services.metrics,
        services=services,
        workers=_workers(services),
    )


def _services(settings: Settings, clock: Clock) -> Services:
    store = SqliteStore(settings.data_dir / DATABASE)
    events = EventLog(store, clock)
    signing_key = SigningKey(load_or_make(settings.data_dir / SIGNING_KEY))
    ledger = Ledger(store, clock, signing_key)
    books = Books(store, clock)
    figures = Metrics(store)
    figures.gauge("lumengrid_ledger_entries", "Entries of both books.", books.entry_total)
    people = _people(store, clock, ledger, settings)
    identity = people.identity
    devices = Devices(store, clock, identity, ledger, signing_key, settings)
    market = Market(store, clock, ledger, identity)
    devices.escrow.add_follower(market)
    grid = Grid(store=store, clock=clock, events=events, devices=devices)
    pricing = Pricing(store, clock, events, market, grid, settings)
    minting = Minting(store, clock, events, ledger, devices, market, pricing, settings)
    transfers = Transfers(store=store, clock=clock, events=events, devices=devices)
    return Services(
        settings=settings,
        clock=clock,
        signing_key=signing_key,
        store=store,
        events=events,
        metrics=figures,
        ledger=ledger,
        books=books,
        **people._asdict(),
        devices=devices,
        commands=devices.commands,
        market=market,
        grid=grid,
        pricing=pricing,
        minting=minting,
        transfers=transfers,
        agent_calls=AgentCalls(
            store=store, clock=clock, devices=devices, minting=minting, grid=grid, transfers=transfers
        ),
        event_stream=EventStream(events=events, clock=clock),
        ledger_export=Export(store, ledger, books, pricing, signing_key, settings),
    )


class _People(NamedTuple):
    """The services of identity and what counts their callers, by the names in `Services`."""

    call_limits: CallLimits
    attempts: Attempts
    identity: Identity
    email_sign_in: EmailSignIn
    linking: Linking
    web_auth: WebAuth
    network: Network


def _people(store: SqliteStore, clock: Clock, ledger: Ledger, settings: Settings) -> _People:
    limits = Limits(MemoryCounters(clock))
    token_key = load_or_make(settings.data_dir / TOKEN_KEY)
    web_auth_key = load_or_make(settings.data_dir / WEB_AUTH_KEY)
    identity = Identity(store, clock, ledger, token_key, settings)
    passwords = Passwords()
    email_sign_in = EmailSignIn(store, clock, identity, passwords)
    return _People(
        call_limits=CallLimits(
            limits,
            per_minute=settings.rate_limit_per_minute,
            sign_ins_per_minute=settings.sign_ins_per_minute,
        ),
        attempts=Attempts(limits),
        identity=identity,
        email_sign_in=email_sign_in,
        linking=Linking(store, clock, identity, email_sign_in, passwords, token_key),
        web_auth=WebAuth(store, clock, identity, web_auth_key, token_key, settings),
        network=Network(store, clock, identity),
    )


def _workers(s: Services) -> list[Worker]:
    upkeep = Upkeep(store=s.store, clock=s.clock, events=s.events, transfers=s.transfers, settings=s.settings)
    workers: list[Worker] = [s.pricing, s.event_stream, upkeep]
    if s.settings.mqtt_url is None:
        return workers
    broker = parse_broker_url(
        s.settings.mqtt_url, password=s.settings.mqtt_password, ca_file=s.settings.mqtt_ca_file
    )
    link = GridLink(broker)
    ingest = Ingest(
        store=s.store,
        clock=s.clock,
        devices=s.devices,
        minting=s.minting,
        grid=s.grid,
        transfers=s.transfers,
    )
    subscriber = Subscriber(link=link, ingest=ingest, signing_key=s.signing_key, clock=s.clock)
    publisher = Publisher(
        link=link,
        store=s.store,
        clock=s.clock,
        events=s.events,
        devices=s.devices,
        grid=s.grid,
        pricing=s.pricing,
        ledger=s.ledger,
        books=s.books,
    )
    return [*workers, subscriber, publisher]


@asynccontextmanager
async def opened(settings: Settings, clock: Clock) -> AsyncIterator[Parts]:
    """The parts on a migrated store, without serving: for an administrator's command."""
    parts = build(settings, clock)
    try:
        await parts.store.migrate(MIGRATIONS)
        yield parts
    finally:
        await parts.store.close()


def create_app(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The ASGI application; `app.state.parts` holds its `Parts`."""
    parts = build(settings, clock or SystemClock())
    app = Litestar(
        route_handlers=[*stelltron.ROUTES, *lumen.ROUTES, *health.ROUTES, *metrics.ROUTES],
        dependencies={name: _given(getattr(parts.services, name)) for name in Services.__struct_fields__}
        | identity_guard.DEPENDENCIES
        | device_guard.DEPENDENCIES,
        exception_handlers={Exception: lumen.render_any_error},
        dto=JsonBody,
        return_dto=None,
        response_class=JsonResponse,
        middleware=[RateLimiting(parts.services.call_limits, parts.services.identity, settings)],
        before_send=[parts.metrics.count_request, LimitHeaders(parts.clock).add],
        lifespan=[_running(parts)],
        request_max_body_size=settings.body_bytes_max,
        openapi_config=OpenAPIConfig(
            title="Lumengrid", version="0.1.0", path="/schema", render_plugins=[JsonRenderPlugin()]
        ),
        debug=False,
        logging_config=None,
    )
    app.state.parts = parts
    return app


def _given(service: object) -> Provide:
    return Provide(lambda: service, use_cache=True, sync_to_thread=False)


def _running(parts: Parts) -> Any:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        for name in await parts.store.migrate(MIGRATIONS):
            logger.info("schema migrated name=%s", name)
        tasks = [asyncio.create_task(_guarded(worker)) for worker in parts.workers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await parts.store.close()

    return lifespan


async def _guarded(worker: Worker) -> None:
    try:
        await worker.run()
    except asyncio.CancelledError:
        raise
    except Exception:
        logger.exception("worker failed, stopping worker=%s", type(worker).__name__)
        os.kill(os.getpid(), signal.SIGTERM)
