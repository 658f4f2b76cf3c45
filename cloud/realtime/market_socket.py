"""The market live over a WebSocket: a welcome with its state, then each price, each trade, and its depth.

Prices and trades are events of the log: a client that lost its connection asks for those above the last `seq`
it saw and misses none. Depth is state: what changed of it is told at most ten times a second, and a client
that is behind gets the sum of all changes later. So nothing is queued for a slow client; one that takes
nothing at all for a while is closed.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from cloud.errors import BadRequest, CloudError
from cloud.kit.events import EventLog
from cloud.market.dealing import TRADE_EVENT, trade_news
from cloud.market.model import Depth
from cloud.market.service import Market
from cloud.pricing.service import PRICE_EVENT, Pricing
from cloud.realtime.connection import Connection, Connections, Socket, either
from cloud.realtime.market_messages import (
    DepthShown,
    MarketState,
    Request,
    Resume,
    depth_change,
    error_message,
    event_message,
    market_state,
    message,
    request_of,
    resume_of,
)
from cloud.realtime.stopping import told_before_the_server
from cloud.realtime.tail import Tail
from shared.clock import Clock

logger = logging.getLogger(__name__)

TYPES = (PRICE_EVENT, TRADE_EVENT)
LEVELS = 20
"""Prices shown of each side."""
LOOK_EVERY_S = 0.1
CLIENTS_MAX = 500
RESUMED_EVENTS_MAX = 5_000
"""Who missed more begins anew."""


class MarketSocket:
    """A worker, and the clients that it feeds."""

    def __init__(
        self,
        *,
        events: EventLog,
        market: Market,
        pricing: Pricing,
        clock: Clock,
        clients_max: int = CLIENTS_MAX,
    ) -> None:
        self.events = events
        self.clock = clock
        self.tail = Tail(events, types=TYPES, frame=event_message)
        self.depth = Depth(bids=(), asks=())
        """As of the last look."""
        self._market = market
        self._pricing = pricing
        self.connections = Connections(clients_max)
        self._change: tuple[Depth, Depth, DepthShown] | None = None
        """The last one worked out: most clients need the same."""
        self.failures = 0
        """Looks that the store refused."""

    @property
    def clients(self) -> int:
        return len(self.connections)

    async def run(self) -> None:
        """Feed the clients until cancelled; they are closed then, or as soon as the process shall stop."""
        with told_before_the_server(self.connections.close):
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self.tail.run())
                    tasks.create_task(self._watch())
            finally:
                self.connections.close()

    async def serve(self, socket: Socket, after: str | None) -> None:
        """One client, until either side closes; `after` as in its URL."""
        await self.connections.serve(socket, _Client(self, socket, after))

    async def look(self) -> None:
        """Read the depth."""
        depth = await self._market.depth(LEVELS)
        if depth != self.depth:
            self.depth = depth
            self.tail.wake()

    async def state(self) -> MarketState:
        """As of now."""
        await self.look()
        price = await self._pricing.current()
        trades = await self._market.completed_trades()
        news = [trade_news(trade, trade.completed_at_us or trade.created_at_us) for trade in trades]
        return market_state(price.shown(), self.depth, news)

    def change_since(self, before: Depth) -> DepthShown:
        """What became of the depth."""
        if self._change is None or self._change[0] is not before or self._change[1] is not self.depth:
            self._change = before, self.depth, depth_change(before, self.depth)
        return self._change[2]

    async def _watch(self) -> None:
        while True:
            await self.clock.sleep(LOOK_EVERY_S)
            if not self.connections:
                continue
            self.connections.check()
            try:
                await self.look()
                self.failures = 0
            except CloudError as error:
                if not self.failures:
                    logger.warning("market depth not read error=%s", error)
                self.failures += 1


class _Client(Connection):
    def __init__(self, market: MarketSocket, socket: Socket, after: str | None) -> None:
        super().__init__(market.clock, socket)
        self._market = market
        self._after = after
        self._position = 0
        """Every event up to this id was told."""
        self._depth = market.depth
        """As it was told."""

    async def _talk(self) -> None:
        await self._begin("welcome")
        if self._after is not None:
            after = self._after
            await self._answer(lambda: resume_of(after))
        hearing = asyncio.ensure_future(self._socket.receive())
        try:
            while not self.is_over:
                news = self._market.tail.news
                if not await self._tell():
                    await either(hearing, news)
                if hearing.done():
                    heard: Any = hearing.result()
                    if heard["type"] == "websocket.disconnect":
                        return
                    said = self._said(heard)
                    if said is not None:
                        await self._answer(partial(request_of, said))
                    hearing = asyncio.ensure_future(self._socket.receive())
        finally:
            hearing.cancel()

    async def _tell(self) -> bool:
        """What is new, events first; whether there was anything."""
        frames, position = await self._market.tail.next(self._position)
        for frame in frames:
            await self._send(frame)
        self._position = position
        if frames:
            return True
        depth = self._market.depth
        if depth is self._depth:
            return False
        change = self._market.change_since(self._depth)
        self._depth = depth
        await self._send(message("depth", seq=position, at_us=self._clock.now_us(), payload=change))
        return True

    async def _answer(self, ask: Callable[[], Request]) -> None:
        try:
            request = ask()
        except BadRequest as error:
            await self._send(error_message(error))
            return
        if isinstance(request, Resume):
            await self._resume(request.after)
        else:
            await self._send(message("pong", seq=self._position, at_us=self._clock.now_us(), payload={}))

    async def _resume(self, after: int) -> None:
        events = self._market.events
        missed = await events.after(after, types=TYPES, limit=RESUMED_EVENTS_MAX + 1)
        if len(missed) > RESUMED_EVENTS_MAX or after > await events.last_id():
            await self._begin("snapshot")
            return
        await self._begin("resumed", after)
        for event in missed:
            await self._send(event_message(event))
            self._position = event.id

    async def _begin(self, type_: str, position: int | None = None) -> None:
        """Tell the state; the events above `position` follow, None: those to come."""
        self._position = await self._market.events.last_id() if position is None else position
        state = await self._market.state()
        self._depth = self._market.depth
        await self._send(message(type_, seq=self._position, at_us=self._clock.now_us(), payload=state))
