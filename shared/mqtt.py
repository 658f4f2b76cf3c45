"""One MQTT connection, used by the agent and by the cloud alike.

paho runs in its own thread; messages and changes of the connection are handed to the event loop in
batches, in order. The library's queue is memory only, so nothing here promises delivery: the journal and
the cloud's acknowledgement do. Reconnecting backs off from about 1 s to about
30 s with jitter, so that a fleet does not return as one.
"""

import asyncio
import logging
import random
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

logger = logging.getLogger(__name__)

QOS = 1
INFLIGHT_MAX = 200
OUTGOING_MAX = 2_000
"""Messages that may wait in memory; beyond it `publish` refuses and the caller tries later."""
INCOMING_MAX = 50_000
"""Messages that may wait for the event loop; beyond it the oldest are dropped and counted."""

DELIVER_EVERY_S = 0.01
"""Least time between two batches of incoming messages; a lone message is delivered at once."""


class Broker(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is and how to sign in."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    """None: the system's certificate authorities."""

    def __repr__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def parse_broker_url(url: str, *, password: str | None = None, ca_file: Path | None = None) -> Broker:
    """`mqtt://[user[:password]@]host[:port]` or `mqtts://…`; a given `password` wins over the URL's.

    Raises:
        ValueError: another scheme, no host, or a port out of range.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname:
        raise ValueError("an MQTT URL looks like mqtt://user@host:1883 or mqtts://user@host:8883")
    tls = parts.scheme == "mqtts"
    return Broker(
        host=parts.hostname,
        port=parts.port or (8883 if tls else 1883),
        tls=tls,
        username=parts.username,
        password=password if password is not None else parts.password,
        ca_file=ca_file,
    )


def reconnect_delays_s() -> tuple[float, float]:
    """First and longest pause of one connection, drawn once; it doubles in between.

    A broker that restarts loses its whole fleet in one moment: with one first pause they would return as one.
    """
    return random.uniform(0.5, 2.0), random.uniform(20.0, 30.0)  # noqa: S311  no secret


class Message(NamedTuple):
    """One received message."""

    topic: str
    payload: bytes
    retained: bool
    """Delivered because it was retained, not because it was just sent."""


class Will(NamedTuple):
    """What the broker publishes for us when we vanish."""

    topic: str
    payload: bytes


class LinkState(StrEnum):
    """The connection as others see it."""

    DOWN = "down"
    UP = "up"


class MqttLink:
    """A connection that keeps coming back. All methods are called from the event loop's thread.

    `on_up` is called on each (re)connection, after the subscriptions were sent: publish retained topics
    there. `on_messages` gets each batch in order of arrival.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        subscriptions: Sequence[str],
        on_messages: Callable[[Sequence[Message]], None],
        on_up: Callable[[], None] = lambda: None,
        on_down: Callable[[str], None] = lambda _reason: None,
        will: Will | None = None,
        keepalive_s: int = 20,
    ) -> None:
        self.state = LinkState.DOWN
        self.dropped = 0
        self._broker = broker
        self._subscriptions = list(subscriptions)
        self._on_messages = on_messages
        self._on_up = on_up
        self._on_down = on_down
        self._keepalive_s = keepalive_s
        self._incoming: deque[Message] = deque(maxlen=INCOMING_MAX)
        self._wake_sent = False
        self._delivered_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, protocol=paho.MQTTv311
        )
        if broker.username is not None:
            client.username_pw_set(broker.username, broker.password)
        if broker.tls:
            ca_file = str(broker.ca_file) if broker.ca_file else None
            client.tls_set_context(ssl.create_default_context(cafile=ca_file))
        if will is not None:
            client.will_set(will.topic, will.payload, qos=QOS, retain=True)
        client.max_inflight_messages_set(INFLIGHT_MAX)
        client.max_queued_messages_set(OUTGOING_MAX)
        first_s, longest_s = reconnect_delays_s()
        client.reconnect_delay_set(first_s, longest_s)  # type: ignore[arg-type]
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        self._client = client

    def start(self) -> None:
        """Begin connecting in the background; returns at once, also when the broker is not there."""
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(self._broker.host, self._broker.port, self._keepalive_s)
        self._client.loop_start()

    async def stop(self) -> None:
        """Disconnect in good order, so that the broker does not send the will."""
        self.state = LinkState.DOWN  # asked for: nothing to warn about
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the connection; False when it is down or its queue is full."""
        if self.state is LinkState.DOWN:
            return False
        return (
            self._client.publish(topic, payload, qos=QOS, retain=retain).rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        )

    # The three below run in paho's thread; they touch nothing but the deque and the loop's own queue.

    def _connected(
        self,
        client: paho.Client,
        _userdata: Any,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._call(self._lost, f"refused: {reason}")
            return
        if self._subscriptions:
            client.subscribe([(topic, QOS) for topic in self._subscriptions])
        self._call(self._found)

    def _disconnected(
        self,
        _client: paho.Client,
        _userdata: Any,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._call(self._lost, str(reason))

    def _received(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        if len(self._incoming) == INCOMING_MAX:
            self.dropped += 1
        self._incoming.append(Message(message.topic, bytes(message.payload), message.retain))
        if not self._wake_sent:
            self._wake_sent = True
            self._call(self._woken)

    def _call(self, function: Callable[..., None], *args: object) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(function, *args)

    # The four below run in the event loop.

    def _found(self) -> None:
        self.state = LinkState.UP
        logger.info("mqtt connected broker=%r", self._broker)
        self._on_up()

    def _lost(self, reason: str) -> None:
        if self.state is LinkState.UP:
            logger.warning("mqtt lost broker=%r reason=%s", self._broker, reason)
            self.state = LinkState.DOWN
            self._on_down(reason)

    def _woken(self) -> None:
        """Deliver now, or a little later in a stream: waking the loop costs more than many messages."""
        assert self._loop is not None  # noqa: S101  it called this
        wait_s = self._delivered_at + DELIVER_EVERY_S - self._loop.time()
        if wait_s > 0:
            self._loop.call_later(wait_s, self._deliver)
        else:
            self._deliver()

    def _deliver(self) -> None:
        assert self._loop is not None  # noqa: S101
        self._delivered_at = self._loop.time()
        self._wake_sent = False
        batch = [self._incoming.popleft() for _ in range(len(self._incoming))]
        if batch:
            self._on_messages(batch)
