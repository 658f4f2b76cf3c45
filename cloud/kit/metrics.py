"""Numbers for Prometheus at `/metrics`, in a registry of their own.

Requests are counted by route template, never by the path as sent, so that no caller can make series grow.
Domains add gauges and counts by name; they are read when somebody asks. `/health` shows the gauges too.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import cache
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.types import Message, Scope
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from cloud.kit.store import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NO_ROUTE = "none"
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})

PREFIX = "lumengrid_"

Read = Callable[[], Awaitable[float | None]]
"""None: there is no such number yet."""


class Metrics:
    """The registry and what feeds it."""

    def __init__(self, store: Store) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_StoreCounters(store))
        self._store = store
        self._requests = Counter(
            "lumengrid_requests", "Answered requests.", ("method", "route", "status"), registry=self._registry
        )
        self._requests_of = cache(self._requests.labels)
        self._gauges: dict[str, tuple[Gauge, Read]] = {}
        self.gauge("lumengrid_store_use_cases_per_commit", "How well commits are shared.", self._grouping)

    def gauge(self, name: str, meaning: str, read: Read) -> None:
        """Add a number that is read at each scrape."""
        self._gauges[name] = (Gauge(name, meaning, registry=self._registry), read)

    def counts(self, name: str, meaning: str, label: str, counts: Mapping[str, int]) -> None:
        """Add counts by a label, which only grow; `counts` is looked at, not copied."""
        self._registry.register(_Counts(name, meaning, label, counts))

    async def count_request(self, message: Message, scope: Scope) -> None:
        """Litestar's `before_send` hook."""
        if message["type"] != "http.response.start":
            return
        sent = str(scope.get("method"))
        method = sent if sent in _METHODS else "other"
        route = scope.get("path_template") or NO_ROUTE
        self._requests_of(method, route, message["status"]).inc()

    async def text(self) -> bytes:
        """The exposition format."""
        for gauge, read in self._gauges.values():
            value = await read()
            gauge.set(math.nan if value is None else value)
        return generate_latest(self._registry)

    async def figures(self) -> dict[str, float | None]:
        """The gauges by their names without prefix."""
        return {name.removeprefix(PREFIX): await read() for name, (_, read) in self._gauges.items()}

    async def _grouping(self) -> float | None:
        commits = self._store.commits
        return round(self._store.use_cases / commits, 2) if commits else None


class _Counts(Collector):
    def __init__(self, name: str, meaning: str, label: str, counts: Mapping[str, int]) -> None:
        self._named = (name, meaning, label)
        self._counts = counts

    def collect(self) -> Iterable[Any]:
        name, meaning, label = self._named
        family = CounterMetricFamily(name, meaning, labels=[label])
        for value, count in sorted(self._counts.items()):
            family.add_metric([value], float(count))
        yield family


class _StoreCounters(Collector):
    def __init__(self, store: Store) -> None:
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
