"""The service's one connection to the broker: several parts listen to it and publish over it."""

from collections.abc import Callable, Sequence
from secrets import token_hex

from shared import topics
from shared.mqtt import Broker, LinkState, Message, MqttLink

SUBSCRIPTIONS = tuple(
    topics.any_device(leaf)
    for leaf in (topics.TELEMETRY, topics.ENERGY, topics.STATUS, topics.COMMAND_ACK, topics.EVENT)
)


class GridLink:
    """Started by whoever runs it; publishing while it is down is refused, never queued."""

    def __init__(self, broker: Broker) -> None:
        self._messages: Callable[[Sequence[Message]], None] = lambda _batch: None
        self._up: list[Callable[[], None]] = []
        self._link = MqttLink(
            broker,
            client_id=f"lumengrid-cloud-{token_hex(4)}",
            subscriptions=SUBSCRIPTIONS,
            on_messages=self._arrived,
            on_up=self._came_up,
        )

    @property
    def up(self) -> bool:
        return self._link.state is LinkState.UP

    def on_messages(self, listener: Callable[[Sequence[Message]], None]) -> None:
        """Who gets the incoming messages, in batches."""
        self._messages = listener

    def on_up(self, listener: Callable[[], None]) -> None:
        """Called at each (re)connection."""
        self._up.append(listener)

    def start(self) -> None:
        self._link.start()

    async def stop(self) -> None:
        await self._link.stop()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """False when the message was not taken."""
        return self._link.publish(topic, payload, retain=retain)

    def _arrived(self, batch: Sequence[Message]) -> None:
        self._messages(batch)

    def _came_up(self) -> None:
        for listener in self._up:
            listener()
