"""The whole way over a real broker: records in, acknowledgements, commands and retained topics out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from cloud.grid.link import GridLink
from cloud.grid.publisher import Publisher
from cloud.grid.subscriber import Subscriber
from cloud.market.dealing import TRADE_EVENT, trade_news
from cloud.market.model import Trade, TradeStatus
from shared import topics
from shared.messages import (
    PAYLOAD_BYTES_MAX,
    Ack,
    Command,
    GridForecast,
    GridPrice,
    GridSummary,
    MarketTrade,
    SignedMessage,
    Stream,
    TreeHead,
)
from shared.mqtt import Broker, Message, MqttLink
from shared.signatures import Purpose, verify

from .conftest import Agent, rows


class Client:
    """A stock MQTT client that remembers what it was sent."""

    def __init__(self, broker: Broker, name: str, *subscriptions: str) -> None:
        self.messages: list[Message] = []
        self._came = asyncio.Event()
        self._up = asyncio.Event()
        self.link = MqttLink(
            broker,
            client_id=name,
            subscriptions=subscriptions,
            on_messages=self._remember,
            on_up=self._up.set,
        )

    def _remember(self, batch: Any) -> None:
        self.messages += batch
        self._came.set()

    async def start(self) -> None:
        self.link.start()
        await asyncio.wait_for(self._up.wait(), 40)

    async def until(self, wanted: Callable[[list[Message]], bool]) -> None:
        async with asyncio.timeout(40):
            while not wanted(self.messages):
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def service(parts, ingest, broker: Broker) -> AsyncIterator[Subscriber]:
    """Subscriber and publisher as the service runs them."""
    services: Any = parts.services
    link = GridLink(broker)
    up = asyncio.Event()
    link.on_up(up.set)
    subscriber = Subscriber(link=link, ingest=ingest, signing_key=services.signing_key, clock=parts.clock)
    publisher = Publisher(
        link=link,
        store=parts.store,
        clock=parts.clock,
        events=parts.events,
        devices=services.devices,
        grid=services.grid,
        pricing=services.pricing,
        ledger=services.ledger,
        books=services.books,
    )
    tasks = [asyncio.create_task(subscriber.run()), asyncio.create_task(publisher.run())]
    await asyncio.wait_for(up.wait(), 40)
    try:
        yield subscriber
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def acks(messages: list[Message], cloud_key: str) -> list[Ack]:
    found = []
    for message in messages:
        signed = msgspec.json.decode(message.payload, type=SignedMessage)
        verify(cloud_key, Purpose.ACK, bytes(signed.body), signed.signature)
        found.append(msgspec.json.decode(signed.body, type=Ack))
    return found


async def test_telemetry_and_energy_are_stored_and_acknowledged_under_the_cloud_s_key(
    parts, ingest, agent: Agent, broker: Broker
) -> None:
    key = parts.services.devices.public_key
    client = Client(broker, "agent", topics.device_topic("pi-1", topics.ACK))
    await client.start()
    async with service(parts, ingest, broker):
        await _subscribed(client, agent, "pi-1")
        for seq in range(2, 41):
            client.link.publish(topics.device_topic("pi-1", topics.TELEMETRY), agent.telemetry(seq))
        for seq in (1, 2, 3):
            client.link.publish(topics.device_topic("pi-1", topics.ENERGY), agent.energy(seq))
        await client.until(
            lambda messages: (
                {(ack.stream, ack.through) for ack in acks(messages, key)}
                >= {(Stream.LIVE, 40), (Stream.ENERGY, 3)}
            )
        )
    assert len(await rows(parts, "SELECT seq AS a FROM telemetry")) == 40
    assert (await parts.services.books.supply()).mints == 3
    assert len(client.messages) < 40, "acknowledgements are drawn together"
    await client.link.stop()


async def _subscribed(client: Client, agent: Agent, device_id: str) -> None:
    """Wait until the service listens: it acknowledges the first record."""
    topic = topics.device_topic(device_id, topics.TELEMETRY)
    async with asyncio.timeout(40):
        while not client.messages:
            client.link.publish(topic, agent.telemetry(1))
            client._came.clear()
            try:
                await asyncio.wait_for(client._came.wait(), 0.5)
            except TimeoutError:
                continue


async def test_foreign_oversized_and_retained_messages_are_dropped_and_the_rest_goes_on(
    parts, ingest, agent: Agent, broker: Broker
) -> None:
    key = parts.services.devices.public_key
    client = Client(broker, "agent", topics.device_topic("pi-1", topics.ACK))
    await client.start()
    energy = topics.device_topic("pi-1", topics.ENERGY)
    client.link.publish(energy, agent.energy(1), retain=True)  # replayed at every connect of the service
    async with service(parts, ingest, broker) as subscriber:
        await _subscribed(client, agent, "pi-1")
        telemetry = topics.device_topic("pi-1", topics.TELEMETRY)
        client.link.publish(telemetry, b"x" * (PAYLOAD_BYTES_MAX + 1))
        client.link.publish(topics.device_topic("bad name!", topics.TELEMETRY), agent.telemetry(2))
        client.link.publish(telemetry, b"\x00\x01")
        client.link.publish(telemetry, agent.telemetry(2))
        await client.until(lambda messages: any(ack.through == 2 for ack in acks(messages, key)))
        assert subscriber.counts["payload too large"] == 1
        assert subscriber.counts["foreign topic"] == 1
        assert subscriber.counts["retained"] == 1
    assert (await parts.services.books.supply()).mints == 0
    await client.link.stop()


async def test_a_manual_transfer_reaches_the_agent_as_signed_commands_that_are_never_retained(
    parts, ingest, agent: Agent, broker: Broker
) -> None:
    key = parts.services.devices.public_key
    command_topic = topics.device_topic("pi-1", topics.COMMAND)
    client = Client(broker, "agent", command_topic)
    await client.start()
    async with service(parts, ingest, broker):
        await parts.services.transfers.start("pi-1", "NODE_A", "NODE_B")
        await client.until(lambda messages: len(messages) >= 2)
    found = {}
    for message in client.messages:
        assert not message.retained
        signed = msgspec.json.decode(message.payload, type=SignedMessage)
        verify(key, Purpose.COMMAND, bytes(signed.body), signed.signature)
        command = msgspec.json.decode(signed.body, type=Command)
        found[command.node_uid] = (command.action, command.peer_uid, command.device_id)
    assert found == {"NODE_A": ("discharge", "NODE_B", "pi-1"), "NODE_B": ("charge", "NODE_A", "pi-1")}

    late = Client(broker, "late", command_topic)
    await late.start()
    async with service(parts, ingest, broker):  # the service reconnects: unexpired commands come again
        await late.until(lambda messages: len(messages) >= 2)
    assert not any(message.retained for message in late.messages)
    await client.link.stop()
    await late.link.stop()


async def test_price_forecast_summary_and_tree_head_are_retained(
    parts, ingest, agent: Agent, broker: Broker
) -> None:
    expected = {
        topics.GRID_PRICE: GridPrice,
        topics.GRID_FORECAST: GridForecast,
        topics.GRID_SUMMARY: GridSummary,
        topics.LEDGER_ROOT: TreeHead,
    }
    watcher = Client(broker, "watcher", *expected)
    await watcher.start()
    async with service(parts, ingest, broker):
        await watcher.until(lambda messages: {message.topic for message in messages} == set(expected))
    newcomer = Client(broker, "newcomer", *expected)
    await newcomer.start()
    await newcomer.until(lambda messages: {message.topic for message in messages} == set(expected))
    for message in newcomer.messages:
        assert message.retained
        decoded = msgspec.json.decode(message.payload, type=expected[message.topic])
        if isinstance(decoded, GridForecast):
            assert len(decoded.slots) == 96
    await watcher.link.stop()
    await newcomer.link.stop()


async def test_a_broker_that_is_not_there_holds_up_nothing(parts, ingest, agent: Agent) -> None:
    services: Any = parts.services
    link = GridLink(Broker(host="127.0.0.1", port=1))
    subscriber = Subscriber(link=link, ingest=ingest, signing_key=services.signing_key, clock=parts.clock)
    worker = asyncio.create_task(subscriber.run())
    await asyncio.sleep(0)
    assert not link.up
    assert not link.publish(topics.GRID_PRICE, b"{}")
    await parts.services.transfers.start("pi-1", "NODE_A", "NODE_B")
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def test_each_change_of_a_trade_is_published_and_none_is_retained(
    parts, ingest, broker: Broker
) -> None:
    trade = Trade(
        seq=1,
        id="trade_1",
        buy_order_id="b",
        sell_order_id="s",
        buyer="acct_b",
        seller="acct_s",
        lots=1_500,
        price_ticks=73_800,
        status=TradeStatus.MATCHED,
        created_at_us=0,
    )
    client = Client(broker, "listener", topics.MARKET_TRADES)
    await client.start()
    async with service(parts, ingest, broker):
        async with parts.store.write() as tx:
            for news in (trade, trade.completed(at_us=1, burn_entry_id=1)):
                await parts.events.announce(tx, TRADE_EVENT, trade_news(news, 0))
        await client.until(lambda messages: len(messages) == 2)
    await client.link.stop()

    heard = [msgspec.json.decode(message.payload, type=MarketTrade) for message in client.messages]
    assert [(trade.id, trade.status) for trade in heard] == [
        ("trade_1", "Matched"),
        ("trade_1", "Completed"),
    ]
    assert (heard[0].kwh, heard[0].price_xlm_per_kwh) == (1.5, 7.38)
    late = Client(broker, "late", topics.MARKET_TRADES)
    await late.start()
    assert late.messages == []
    await late.link.stop()
