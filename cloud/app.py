"""Builds the service: the only list of domains, and the only place where they meet.

`create_app` wires store, clock and services together; handlers receive a service by the name of its
parameter. Workers (subscriber, publisher, jobs) run as long as the app does; one that fails ends it.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from msgspec import Struct
from nacl.signing import SigningKey

from cloud.api import stelltron
from cloud.devices import guard as device_guard
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
from cloud.identity.service import Identity
from cloud.kit import health, metrics
from cloud.kit.events import EventLog
from cloud.kit.http import JsonBody, JsonResponse
from cloud.kit.metrics import Metrics
from cloud.kit.secrets import load_or_make
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.books import Books
from cloud.ledger.service import Ledger
from cloud.market.service import Market
from cloud.minting.service import Minting
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


class Worker(Protocol):
    """Something that runs beside the requests."""

    async def run(self) -> None:
        """Work until cancelled; anything raised ends the service, which its supervisor restarts."""
        ...


class Parts(Struct, frozen=True, kw_only=True):
    """Everything the app is made of. Tests reach the services through it."""

    store: SqliteStore
    clock: Clock
    settings: Settings
    events: EventLog
    metrics: Metrics
    services: Mapping[str, object]
    """By the parameter name under which handlers ask for them."""
    workers: Sequence[Worker]


def build(settings: Settings, clock: Clock) -> Parts:
    """Every service, made once and passed down; nothing is opened on the network yet."""
    store = SqliteStore(settings.data_dir / DATABASE)
    events = EventLog(store, clock)
    signing_key = SigningKey(load_or_make(settings.data_dir / SIGNING_KEY))
    ledger = Ledger(store, clock, signing_key)
    books = Books(store, clock)
    figures = Metrics(store)
    figures.gauge("lumengrid_ledger_entries", "Entries of both books.", books.entry_total)
    identity = Identity(store, clock, ledger, load_or_make(settings.data_dir / TOKEN_KEY), settings)
    devices = Devices(store, clock, identity, ledger, signing_key, settings)
    market = Market(store, clock, ledger, identity)
    devices.escrow.add_follower(market)
    grid = Grid(store=store, clock=clock, events=events, devices=devices)
    pricing = Pricing(store, clock, events, market, grid, settings)
    minting = Minting(store, clock, events, ledger, devices, market, pricing, settings)
    transfers = Transfers(store=store, clock=clock, events=events, devices=devices)
    agent_calls = AgentCalls(
        store=store, clock=clock, devices=devices, minting=minting, grid=grid, transfers=transfers
    )
    event_stream = EventStream(events=events, clock=clock)
    services: dict[str, object] = {
        "store": store,
        "events": events,
        "settings": settings,
        "clock": clock,
        "signing_key": signing_key,
        "ledger": ledger,
        "books": books,
        "metrics": figures,
        "identity": identity,
        "devices": devices,
        "commands": devices.commands,
        "market": market,
        "grid": grid,
        "pricing": pricing,
        "minting": minting,
        "transfers": transfers,
        "agent_calls": agent_calls,
        "event_stream": event_stream,
    }
    workers: list[Worker] = [
        pricing,
        event_stream,
        Upkeep(store=store, clock=clock, events=events, transfers=transfers, settings=settings),
    ]
    if settings.mqtt_url is not None:
        link = GridLink(
            parse_broker_url(
                settings.mqtt_url, password=settings.mqtt_password, ca_file=settings.mqtt_ca_file
            )
        )
        ingest = Ingest(
            store=store, clock=clock, devices=devices, minting=minting, grid=grid, transfers=transfers
        )
        subscriber = Subscriber(link=link, ingest=ingest, signing_key=signing_key, clock=clock)
        publisher = Publisher(
            link=link,
            store=store,
            clock=clock,
            events=events,
            devices=devices,
            grid=grid,
            pricing=pricing,
            ledger=ledger,
            books=books,
        )
        workers += [subscriber, publisher]
    return Parts(
        store=store,
        clock=clock,
        settings=settings,
        events=events,
        metrics=figures,
        services=services,
        workers=workers,
    )


def create_app(settings: Settings, clock: Clock | None = None) -> Litestar:
    """The ASGI application; `app.state.parts` holds its `Parts`."""
    parts = build(settings, clock or SystemClock())
    app = Litestar(
        route_handlers=[*stelltron.ROUTES, *health.ROUTES, *metrics.ROUTES],
        dependencies={name: _given(service) for name, service in parts.services.items()}
        | identity_guard.DEPENDENCIES
        | device_guard.DEPENDENCIES,
        exception_handlers={Exception: stelltron.render_error},
        dto=JsonBody,
        return_dto=None,
        response_class=JsonResponse,
        before_send=[parts.metrics.count_request],
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
