"""Whether the service lives (it answers at all) and is ready (its store answers too), with its figures."""

import asyncio
import logging
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from cloud.kit.http import JsonResponse
from cloud.kit.metrics import Metrics
from cloud.kit.store import Store
from cloud.kit.store.errors import StoreUnavailable

logger = logging.getLogger(__name__)

STORE_ANSWER_S_MAX = 2.0


@get("/health/live", status_code=200, tags=["service"])
async def live() -> dict[str, str]:
    return {"status": "healthy"}


@get("/health", status_code=200, tags=["service"])
async def ready(store: NamedDependency[Store], metrics: NamedDependency[Metrics]) -> Response[dict[str, Any]]:
    problem = await _store_problem(store)
    if problem is None:
        return JsonResponse(
            {"status": "healthy", "store": "up", "figures": await metrics.figures()}, status_code=200
        )
    logger.error("health check failed part=store error=%s", problem)
    return JsonResponse({"status": "unhealthy", "store": problem}, status_code=503)


ROUTES: list[BaseRouteHandler] = [live, ready]


async def _store_problem(store: Store) -> str | None:
    """None when it reads, and when it can open a transaction to write."""
    try:
        async with asyncio.timeout(STORE_ANSWER_S_MAX):
            async with store.read() as tx:
                await tx.fetch_value("SELECT 1")
            async with store.write() as tx:
                await tx.fetch_value("SELECT 1")
    except StoreUnavailable as error:
        return error.message
    except TimeoutError:
        return f"no answer within {STORE_ANSWER_S_MAX:.0f} s"
    return None
