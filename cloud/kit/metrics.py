"""Numbers for Prometheus at `/metrics`, in a registry of their own.

Requests are counted by route template, never by the path as sent, so that no caller can make series grow.
Domains add gauges by name; they are read when somebody asks.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from cloud.kit.store.sqlite import SqliteStore

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NO_ROUTE = "none"
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

Read = Callable[[], Awaitable[float]]


class Metrics:
    """The registry and what feeds it."""

    def __init__(self, store: SqliteStore) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_StoreCounters(store))
        self._requests = Counter(
            "lumengrid_requests", "Answered requests.", ("method", "route", "status"), registry=self._registry
        )
        self._gauges: list[tuple[Gauge, Read]] = []

    def gauge(self, name: str, meaning: str, read: Read) -> None:
        """Add a number that is read at each scrape."""
        self._gauges.append((Gauge(name, meaning, registry=self._registry), read))

    async def count_request(self, message: Message, scope: Scope) -> None:
        """Litestar's `before_send` hook."""
        if message["type"] != "http.response.start":
            return
        sent = str(scope.get("method"))
        method = sent if sent in _METHODS else "other"
        route = scope.get("path_template") or NO_ROUTE
        self._requests.labels(method, route, str(message["status"])).inc()

    async def text(self) -> bytes:
        """The exposition format."""
        for gauge, read in self._gauges:
            gauge.set(await read())
        return generate_latest(self._registry)


class _StoreCounters(Collector):
    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def collect(self) -> Iterable[Any]:
        yield CounterMetricFamily(
            "lumengrid_store_commits", "Commits to disk.", value=float(self._store.commits)
        )
        yield CounterMetricFamily(
            "lumengrid_store_use_cases", "Use cases made durable by them.", value=float(self._store.use_cases)
        )


@get("/metrics", status_code=200, include_in_schema=False)
async def metrics_page(metrics: NamedDependency[Metrics]) -> Response[bytes]:
    return Response(await metrics.text(), media_type=CONTENT_TYPE)


ROUTES: list[BaseRouteHandler] = [metrics_page]
