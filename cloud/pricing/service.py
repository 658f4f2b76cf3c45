"""Keeps the price in force, its history and the forecast.

The price is calculated anew at most once a second. One whose shown numbers differ from the one before is a
new price: it is stored with its factors and announced. Without a change the price is confirmed once a minute
by a row of its own, so that the history has no holes where nothing happened.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol
from zoneinfo import ZoneInfo

from cloud.errors import Unavailable
from cloud.kit.events import EventLog
from cloud.kit.http import encode_json
from cloud.kit.paging import NumberRange, page_range
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.market.service import Market
from cloud.pricing import storage
from cloud.pricing.forecast import WEEK_US, forecast, hour_in
from cloud.pricing.formula import Coefficients, Inputs
from cloud.pricing.model import Price, calculate
from cloud.pricing.quality import GridConditions, grid_quality
from cloud.settings import Settings
from shared.clock import Clock
from shared.messages import GridForecast

logger = logging.getLogger(__name__)

REFRESH_S = 1.0
CONFIRM_US = 60_000_000
PRICE_EVENT = "price"


class GridState(Protocol):
    """What pricing asks of the grid, which stands above it."""

    async def conditions(self, tx: ReadTx) -> GridConditions:
        """The grid now; what nobody measured is None or empty."""
        ...


class Pricing:
    """Methods that take `tx` join the caller's use case."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        events: EventLog,
        market: Market,
        grid_state: GridState,
        settings: Settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._market = market
        self._grid_state = grid_state
        self._zone = ZoneInfo(settings.grid_zone)
        self._coefficients = Coefficients(
            base_xlm_per_kwh=settings.price_base_xlm_per_kwh,
            alpha=settings.price_alpha,
            beta=settings.price_beta,
            gamma=settings.price_gamma,
            eta=settings.price_eta,
        )
        self._held: Price | None = None
        self._held_at_s = 0.0
        self._json: tuple[Price, bytes] | None = None
        self._one_at_a_time = asyncio.Lock()
        self.failures = 0
        """Refreshes that the store refused."""

    async def current(self) -> Price:
        """The price in force, at most a second old."""
        held = self._fresh()
        if held is not None:
            return held
        async with self._one_at_a_time:
            held = self._fresh()
            if held is not None:
                return held
            async with self._store.read() as tx:
                price, is_new = await self._next(tx)
            if is_new:
                async with self._store.write() as tx:
                    return await self.current_in(tx)
            self._hold(price)
            return price

    async def current_json(self) -> bytes:
        """The same as JSON, made once for all who ask."""
        price = await self.current()
        if self._json is None or self._json[0] is not price:
            self._json = price, encode_json(price.shown())
        return self._json[1]

    async def current_in(self, tx: WriteTx) -> Price:
        """The price in force, for a use case that acts on it; a new one is stored in that use case."""
        held = self._fresh()
        if held is not None:
            return held
        price, is_new = await self._next(tx)
        if is_new:
            await storage.insert(tx, price)
            await self._events.announce(tx, PRICE_EVENT, price.shown())
        tx.after_commit(lambda: self._hold(price))
        return price

    async def history(self, *, page: int, limit: int) -> Sequence[Price]:
        """Prices, newest first; empty past the end."""
        async with self._store.read() as tx:
            return await storage.numbered(tx, page_range(await storage.total(tx), page, limit))

    async def total_in(self, tx: ReadTx) -> int:
        """How many prices were made so far, within the caller's snapshot."""
        return await storage.total(tx)

    async def numbered(self, *, above: int, through: int) -> Sequence[Price]:
        """The prices numbered in (above, through], oldest first."""
        async with self._store.read() as tx:
            return list(reversed(await storage.numbered(tx, NumberRange(above, through))))

    async def forecast(self) -> GridForecast:
        """The next 24 h, from the slot that is running."""
        now_us = self._clock.now_us()
        async with self._store.read() as tx:
            latest = await self._inputs(tx, now_us)
            oldest_us = await storage.oldest_at_us(tx)
            has_week = oldest_us is not None and oldest_us <= now_us - WEEK_US
            means = await storage.slot_means(tx, since_us=now_us - WEEK_US) if has_week else ()
        return forecast(
            now_us=now_us,
            latest=latest,
            week={mean.slot: mean for mean in means},
            zone=self._zone,
            coefficients=self._coefficients,
        )

    async def run(self) -> None:
        """Keep the price fresh until cancelled."""
        while True:
            try:
                await self.current()
                if self.failures:
                    logger.info("price refreshed again failures=%d", self.failures)
                    self.failures = 0
            except Unavailable as error:
                if not self.failures:
                    logger.warning("price not refreshed error=%s", error)
                self.failures += 1
            await self._clock.sleep(REFRESH_S)

    def _fresh(self) -> Price | None:
        age_s = self._clock.monotonic() - self._held_at_s
        return self._held if self._held is not None and age_s < REFRESH_S else None

    def _hold(self, price: Price) -> None:
        self._held, self._held_at_s = price, self._clock.monotonic()

    async def _next(self, tx: ReadTx) -> tuple[Price, bool]:
        """The price that is right now, and whether it still has to be stored."""
        now_us = self._clock.now_us()
        last = await storage.latest(tx)
        if last is not None and 0 <= now_us - last.at_us < REFRESH_S * 1e6:
            return last, False
        price = calculate(await self._inputs(tx, now_us), self._coefficients, now_us)
        if last is not None and price.looks_like(last) and now_us - last.at_us < CONFIRM_US:
            return last, False
        return price, True

    async def _inputs(self, tx: ReadTx, now_us: int) -> Inputs:
        conditions = await self._grid_state.conditions(tx)
        counts = await self._market.open_counts(tx)
        return Inputs(
            supply=counts.supply,
            demand=counts.demand,
            soc_mean=conditions.soc_mean,
            distance_km=conditions.distance_km,
            hour=hour_in(self._zone, now_us),
            quality=grid_quality(conditions),
        )
