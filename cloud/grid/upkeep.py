"""What passes by itself: devices fall silent, transfers end, old telemetry, journals and stream events go."""

import logging

from cloud.errors import CloudError
from cloud.grid import storage
from cloud.grid.model import NODE_FRESH_US
from cloud.grid.transfers import Transfers
from cloud.kit.events import EventLog
from cloud.kit.store import Store
from cloud.settings import Settings
from shared.clock import Clock

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 10.0
TRIM_EVERY_S = 60.0
TRIM_ROWS = 5_000
"""In one transaction, so that trimming never holds up ingest."""
DAY_US = 24 * 3_600 * 1_000_000
HOUR_US = 3_600 * 1_000_000
PASSING_EVENTS = ("heartbeat", "node_data", "depin_reward")
"""Events that no durable reader needs for long; the others stay."""


class Upkeep:
    """A worker."""

    def __init__(
        self, *, store: Store, clock: Clock, events: EventLog, transfers: Transfers, settings: Settings
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._transfers = transfers
        self._telemetry_us = settings.telemetry_days * DAY_US
        self._stream_us = settings.stream_hours * HOUR_US
        self.failures = 0

    async def run(self) -> None:
        """Until cancelled; what fails is done at the next turn."""
        trimmed_s = self._clock.monotonic()
        while True:
            await self._clock.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
                if self._clock.monotonic() - trimmed_s >= TRIM_EVERY_S:
                    trimmed_s = self._clock.monotonic()
                    await self.trim()
            except CloudError as error:
                self.failures += 1
                logger.warning("upkeep failed, next turn in %.0f s: %s", SWEEP_EVERY_S, error)

    async def sweep(self) -> None:
        """Devices unheard for 2 min are offline; transfers that nobody goes on with have ended."""
        before_us = self._clock.now_us() - NODE_FRESH_US
        async with self._store.write() as tx:
            for device_id in await storage.fall_silent(tx, before_us=before_us):
                await self._events.announce(tx, "heartbeat", {"device_id": device_id, "status": "offline"})
        await self._transfers.expire()

    async def trim(self) -> None:
        """Let go of what is older than the settings keep."""
        now_us = self._clock.now_us()
        while True:
            async with self._store.write() as tx:
                gone = await storage.trim(tx, before_us=now_us - self._telemetry_us, limit=TRIM_ROWS)
            if max(gone) < TRIM_ROWS:
                break
        await self._drop_streams(now_us - self._telemetry_us)
        async with self._store.write() as tx:
            await self._events.trim(tx, before_us=now_us - self._stream_us, types=PASSING_EVENTS)

    async def _drop_streams(self, before_us: int) -> None:
        while True:
            async with self._store.read() as reader:  # looks at every stream, so not where writers wait
                ids = await storage.superseded_streams(reader, before_us=before_us, limit=TRIM_ROWS)
            if not ids:
                return
            async with self._store.write() as tx:
                await storage.drop_streams(tx, ids, before_us=before_us)
