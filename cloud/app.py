"""The service as it is served: its routes, what wraps them, its workers and jobs, its start and its end.

`create_app` puts the services of `cloud/services` under the routes; handlers receive a service by the name of
its parameter. Workers (subscriber, publisher, jobs) run as long as the app does; one that fails ends it.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import Any, Protocol

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from msgspec import Struct

from cloud.api import lumen, stelltron, terra_lumina
from cloud.api.documents import routes as documents
from cloud.api.rate_limit import LimitHeaders, RateLimiting
from cloud.devices import guard as device_guard
from cloud.grid.ingest import Ingest
from cloud.grid.link import GridLink
from cloud.grid.publisher import FOLLOWED, READER, Publisher
from cloud.grid.subscriber import Subscriber
from cloud.grid.upkeep import Upkeep
from cloud.identity import guard as identity_guard
from cloud.kit import health, metrics
from cloud.kit.events import EventLog
from cloud.kit.http import Given, JsonBody, JsonResponse, give_in_turn, on_head
from cloud.kit.idempotency import forget_old
from cloud.kit.jobs import Job, Jobs
from cloud.kit.metrics import Metrics, Read
from cloud.kit.notices import forget_old as forget_old_notices
from cloud.kit.store import Store
from cloud.kyc import routes as kyc_routes
from cloud.payments import routes as payment_routes
from cloud.projects.catalogue_file import Catalogue
from cloud.sandbox import pages as sandbox_pages
from cloud.sandbox.service import Sandboxes
from cloud.sandbox.tree import MOUNTS
from cloud.services import Services, make_services
from cloud.settings import Settings
from cloud.stellar.service import workers as stellar_workers
from cloud.web import routes as pages
from shared.clock import Clock, SystemClock
from shared.mqtt import parse_broker_url
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"


class Worker(Protocol):
    """Something that runs beside the requests."""

    async def run(self) -> None:
        """Work until cancelled; anything raised ends the service, which its supervisor restarts."""
        ...


class Parts(Struct, frozen=True, kw_only=True):
    """Everything the app is made of. Tests reach the services through it."""

    store: Store
    clock: Clock
    settings: Settings
    events: EventLog
    metrics: Metrics
    services: Services
    sandboxes: Sandboxes
    workers: Sequence[Worker]


def build(settings: Settings, clock: Clock) -> Parts:
    """Every service, made once and passed down; nothing is opened on the network yet."""
    services = make_services(settings, clock)
    _figures(services)
    sandboxes = Sandboxes(services, MIGRATIONS)
    return Parts(
        store=services.store,
        clock=clock,
        settings=settings,
        events=services.events,
        metrics=services.metrics,
        services=services,
        sandboxes=sandboxes,
        workers=[*_workers(services), sandboxes],
    )


def _workers(s: Services) -> list[Worker]:
    upkeep = Upkeep(store=s.store, clock=s.clock, events=s.events, transfers=s.transfers, settings=s.settings)
    workers: list[Worker] = [s.pricing, s.event_stream, s.market_socket, upkeep, Jobs(s.clock, _jobs(s))]
    workers += [s.platform_socket, s.webhook_intake, s.webhook_sender, s.forests]
    workers += stellar_workers(s.store, s.clock, s.ledger, s.outbox, s.deposits, s.settings)
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
    s.metrics.counts(
        "lumengrid_ingest_messages", "Messages of agents, by what became of them.", "outcome", ingest.counts
    )
    s.metrics.gauge("lumengrid_mqtt_up", "Whether the broker is connected, 0 or 1.", _now(lambda: link.up))
    s.metrics.gauge(
        "lumengrid_mqtt_events_waiting",
        "Events that the publisher has still to read.",
        lambda: s.events.lag(READER, types=FOLLOWED),
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


def _figures(s: Services) -> None:
    """What an operator watches; `/metrics` and `/health` show it."""

    def check_age_s() -> float | None:
        last = s.books.last_check
        return None if last is None else (s.clock.now_us() - last.at_us) / MICROS_PER_SECOND

    def discrepancies() -> float | None:
        last = s.books.last_check
        return None if last is None else len(last.discrepancies)

    gauge = s.metrics.gauge
    gauge("lumengrid_ledger_entries", "Entries of both books.", s.books.entry_total)
    if s.settings.network != "offline":
        gauge("lumengrid_stellar_waiting", "Operations not on the network.", s.outbox.waiting_total)
    gauge("lumengrid_ledger_check_age_seconds", "Since the books were last recounted.", _now(check_age_s))
    gauge("lumengrid_ledger_discrepancies", "What the last recount found wrong.", _now(discrepancies))
    gauge("lumengrid_webhooks_waiting", "Deliveries not received.", s.deliveries.waiting_total)
    gauge("lumengrid_event_stream_clients", "Who follows it.", _now(lambda: s.event_stream.clients))
    gauge("lumengrid_market_socket_clients", "Who hears it live.", _now(lambda: s.market_socket.clients))
    gauge("lumengrid_platform_socket_clients", "Who is connected.", _now(lambda: s.platform_socket.clients))


def _now(read: Callable[[], float | None]) -> Read:
    """A number that is at hand, as something to be awaited."""

    async def value() -> float | None:
        return read()

    return value


def _jobs(s: Services) -> list[Job]:
    """What comes round; each acts on what its tables say is due."""
    return [
        Job("books recount", _every(hours=1), s.books.check),
        Job("idempotency keys", _every(hours=1), lambda: forget_old(s.store, s.clock)),
        Job("ended OAuth grants", _every(hours=6), s.oauth.forget_ended),
        Job("old webhook deliveries", _every(hours=6), s.deliveries.forget_old),
        Job("expired orders", _every(seconds=10), s.market.expire_due),
        Job("undelivered trades", _every(seconds=10), s.market.refund_due),
        Job("anchor", CronTrigger(minute=0, timezone=UTC), s.anchoring.anchor),
        Job("flash loans", _every(seconds=1), s.defi.liquidate_due),
        Job("payments", _every(seconds=1), s.payments.run_due),
        Job("unpaid investments", _every(seconds=10), s.investments.expire_due),
        Job("KYC checks", _every(seconds=1), s.kyc.run_due),
        Job("old verifications", _every(hours=1), s.kyc.expire_due),
        Job("mailboxes", _every(seconds=30), s.gmail.sync_due),
        Job("old notices", _every(hours=24), lambda: forget_old_notices(s.store, s.clock)),
        Job("depin months", CronTrigger(day=1, hour=0, minute=0, timezone=UTC), s.depin.pay_months),
    ]


def _every(**interval: int) -> IntervalTrigger:
    return IntervalTrigger(**interval, timezone=UTC)


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
        route_handlers=[
            *stelltron.ROUTES,
            *lumen.ROUTES,
            *terra_lumina.ROUTES,
            *documents.ROUTES,
            *pages.ROUTES,
            *sandbox_pages.ROUTES,
            *MOUNTS,
            *health.ROUTES,
            *metrics.ROUTES,
            *payment_routes.ROUTES,
            *kyc_routes.WEBHOOKS,
        ],
        dependencies={name: _given(getattr(parts.services, name)) for name in Services.__struct_fields__}
        | {"sandboxes": _given(parts.sandboxes)}
        | identity_guard.DEPENDENCIES
        | device_guard.DEPENDENCIES,
        exception_handlers={Exception: lumen.render_any_error},
        dto=JsonBody,
        return_dto=None,
        response_class=JsonResponse,
        middleware=[_rate_limiting(parts.services), identity_guard.Admission(parts.services.identity)],
        before_send=[
            on_head(
                parts.metrics.count_request,
                LimitHeaders(parts.clock).add,
                terra_lumina.AnswerHeaders(parts.clock).add,
            )
        ],
        lifespan=[_running(parts)],
        request_max_body_size=settings.body_bytes_max,
        openapi_config=OpenAPIConfig(
            title="Lumengrid", version="0.1.0", openapi_router=documents.LITESTARS_OWN, render_plugins=[]
        ),
        debug=False,
        logging_config=None,
    )
    app.state.parts = parts
    app.state[documents.STATE] = documents.Documents(app, settings.base_url)
    give_in_turn(app)
    return app


def _rate_limiting(s: Services) -> RateLimiting:
    return RateLimiting(s.call_limits, s.identity, s.access, s.oauth, s.settings)


def _given(service: object) -> Given:
    return Given(lambda: service, sync_to_thread=False)


def _running(parts: Parts) -> Any:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        for name in await parts.store.migrate(MIGRATIONS):
            logger.info("schema migrated name=%s", name)
        await parts.services.outbox.open()
        await _load_catalogue(parts.services)
        tasks = [asyncio.create_task(_guarded(worker)) for worker in parts.workers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await parts.services.payments.close()
            await parts.services.kyc.close()
            await parts.services.receipt_reader.close()
            await parts.services.gmail.close()
            await parts.services.whatsapp.close()
            await parts.store.close()

    return lifespan


async def _load_catalogue(s: Services) -> None:
    if s.settings.project_catalogue is not None:
        count = await Catalogue(s.projects, s.documents).load(s.settings.project_catalogue)
        logger.info("project catalogue loaded name=%s projects=%d", s.settings.project_catalogue, count)


async def _guarded(worker: Worker) -> None:
    try:
        await worker.run()
    except asyncio.CancelledError:
        raise
    except Exception:
        logger.exception("worker failed, stopping worker=%s", type(worker).__name__)
        os.kill(os.getpid(), signal.SIGTERM)
