"""Figures of the whole market, counted at most once a second however many ask."""

import asyncio

from cloud.analytics.model import Dashboard
from cloud.devices.service import Devices
from cloud.identity.service import Identity
from cloud.market.service import Market
from cloud.network.service import Network
from shared.clock import Clock

AGE_S_MAX = 1.0


class Analytics:
    """Reads others' services; it keeps nothing but the figures it showed last."""

    def __init__(
        self, clock: Clock, *, identity: Identity, devices: Devices, network: Network, market: Market
    ) -> None:
        self._clock = clock
        self._identity = identity
        self._devices = devices
        self._network = network
        self._market = market
        self._counting = asyncio.Lock()
        self._counted: tuple[float, Dashboard] | None = None
        self._traded_lots = 0
        self._last_settled = 0
        """The entry of the newest trade in `_traded_lots`."""

    async def dashboard(self) -> Dashboard:
        """Not older than a second; callers who come together share it."""
        async with self._counting:
            now_s = self._clock.monotonic()
            if self._counted is None or now_s - self._counted[0] >= AGE_S_MAX:
                self._counted = (now_s, await self._count())
            return self._counted[1]

    async def _count(self) -> Dashboard:
        settled = await self._market.settled(after_entry=self._last_settled)
        self._traded_lots += settled.lots
        self._last_settled = settled.last_entry
        return Dashboard(
            users=await self._identity.total(),
            devices=await self._devices.total(),
            network_nodes=await self._network.total(),
            traded_lots=self._traded_lots,
            open_orders=len(await self._market.open_orders()),
        )
