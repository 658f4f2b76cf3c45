"""What the service says over MQTT: price, forecast, totals and tree head (retained), trades, and commands.

It follows the event log behind its own cursor, so nothing is skipped by a crash; retained topics are sent
again at every reconnection, commands until their lease ends (an agent obeys each id once).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
from msgspec import Struct, structs

from cloud.devices.service import Devices
from cloud.errors import CloudError
from cloud.grid import storage
from cloud.grid.link import GridLink
from cloud.grid.service import Grid
from cloud.grid.transfers import COMMAND_EVENT
from cloud.kit.events import Event, EventLog
from cloud.kit.store import Store
from cloud.ledger.books import Books
from cloud.ledger.service import Ledger
from cloud.market.dealing import TRADE_EVENT
from cloud.market.model import TradeNews
from cloud.pricing.service import Pricing
from shared import topics
from shared.clock import EPOCH, Clock, from_micros
from shared.messages import GridSummary, MarketTrade, encode
from shared.money import show_amount
from shared.units import kwh

logger = logging.getLogger(__name__)

READER = "mqtt"
FOLLOWED = (COMMAND_EVENT, "heartbeat", TRADE_EVENT)
ROOT_EVERY_S = 5.0
"""The tree head follows its entries within this time: it moves with every one of them."""
FORECAST_EVERY_S = 900.0
TICK_S = 1.0


class _Named(Struct):
    device_id: str = ""
    status: str = ""


class Publisher:
    """A worker; while the broker is away nothing piles up."""

    def __init__(
        self,
        *,
        link: GridLink,
        store: Store,
        clock: Clock,
        events: EventLog,
        devices: Devices,
        grid: Grid,
        pricing: Pricing,
        ledger: Ledger,
        books: Books,
    ) -> None:
        self._link = link
        self._store = store
        self._clock = clock
        self._events = events
        self._devices = devices
        self._grid = grid
        self._pricing = pricing
        self._ledger = ledger
        self._books = books
        self._reconnected = asyncio.Event()
        self._sent: dict[str, bytes] = {}
        self._due_s: dict[str, float] = {}
        self.failures = 0
        link.on_up(self._reconnected.set)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._follow())
            parts.create_task(self._keep_retained())

    # Commands and trades, as they are announced

    async def _follow(self) -> None:
        position = await self._events.cursor(READER)
        async for batch in self._events.follow(position, types=FOLLOWED):
            for device_id in dict.fromkeys(filter(None, map(_device_to_tell, batch))):
                await self._guarded(partial(self._commands_for, device_id))
            for event in batch:
                if event.type == TRADE_EVENT:
                    self._link.publish(topics.MARKET_TRADES, encode(_trade(event)))
            await self._guarded(partial(self._move, batch[-1].id))

    async def _move(self, event_id: int) -> None:
        async with self._store.write() as tx:
            await self._events.move_cursor(tx, READER, event_id)

    async def _commands_for(self, device_id: str) -> None:
        async with self._store.read() as tx:
            commands = await self._devices.commands.active_commands(tx, device_id)
        topic = topics.device_topic(device_id, topics.COMMAND)
        for command in commands:
            self._link.publish(topic, encode(self._devices.commands.sign_command(command)))

    # Retained topics, when they change

    async def _keep_retained(self) -> None:
        while True:
            if self._reconnected.is_set():
                self._reconnected.clear()
                self._sent.clear()
                self._due_s.clear()
                await self._guarded(self._commands_for_all)
            if self._link.up:
                for publish in (self._price, self._summary, self._tree_head, self._forecast):
                    await self._guarded(publish)
            tick = asyncio.ensure_future(self._clock.sleep(TICK_S))
            woken = asyncio.ensure_future(self._reconnected.wait())
            try:
                await asyncio.wait({tick, woken}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                tick.cancel()
                woken.cancel()

    async def _commands_for_all(self) -> None:
        async with self._store.read() as tx:
            device_ids = await storage.devices_with_transfers(tx)
        for device_id in device_ids:
            await self._commands_for(device_id)

    async def _price(self) -> None:
        self._retain(topics.GRID_PRICE, encode((await self._pricing.current()).to_wire()))

    async def _summary(self) -> None:
        totals = await self._grid.totals()
        supply = await self._books.supply()
        summary = GridSummary(
            utc=from_micros(self._clock.now_us()),
            devices_online=totals.devices_online,
            nodes_online=totals.nodes_online,
            soc_percent_mean=None if totals.soc_percent_mean is None else round(totals.soc_percent_mean, 1),
            lt_minted=float(show_amount(supply.minted)),
            energy_minted_kwh=kwh(supply.energy_mwh),
        )
        shown = encode(structs.replace(summary, utc=EPOCH))
        if self._sent.get("summary") != shown and self._retain(topics.GRID_SUMMARY, encode(summary)):
            self._sent["summary"] = shown

    async def _tree_head(self) -> None:
        if not self._due(topics.LEDGER_ROOT, ROOT_EVERY_S):
            return
        head = await self._ledger.tree_head()
        if self._sent.get("root") != head.root_hash.encode() and self._retain(
            topics.LEDGER_ROOT, encode(head)
        ):
            self._sent["root"] = head.root_hash.encode()

    async def _forecast(self) -> None:
        if self._due(topics.GRID_FORECAST, FORECAST_EVERY_S):
            self._retain(topics.GRID_FORECAST, encode(await self._pricing.forecast()))

    def _due(self, what: str, every_s: float) -> bool:
        now_s = self._clock.monotonic()
        if now_s < self._due_s.get(what, now_s):
            return False
        self._due_s[what] = now_s + every_s
        return True

    def _retain(self, topic: str, payload: bytes) -> bool:
        """Publish when it differs from what was last sent on this connection."""
        if self._sent.get(topic) == payload:
            return True
        taken = self._link.publish(topic, payload, retain=True)
        if taken:
            self._sent[topic] = payload
        return taken

    async def _guarded(self, act: Callable[[], Awaitable[None]]) -> None:
        """One failure delays that one thing, and is tried again; it never ends the worker."""
        try:
            await act()
        except CloudError as error:
            self.failures += 1
            logger.warning("not published, tried again later: %s", error)


def _trade(event: Event) -> MarketTrade:
    news = msgspec.json.decode(event.payload, type=TradeNews)
    return MarketTrade(
        id=news.trade_id,
        kwh=float(news.kwh_amount),
        price_xlm_per_kwh=float(news.token_price),
        status=news.status.value,
        utc=from_micros(event.at_us),
    )


def _device_to_tell(event: Event) -> str | None:
    """The device whose commands an event calls for: new ones, or it has just come back."""
    try:
        named = msgspec.json.decode(event.payload, type=_Named)
    except msgspec.MsgspecError:
        return None
    asked = event.type == COMMAND_EVENT or (event.type == "heartbeat" and named.status == "online")
    return named.device_id if asked else None
