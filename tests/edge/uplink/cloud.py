"""The cloud's side of the wire contract, small: applies records in order, answers with signed acks."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw
from nacl.signing import SigningKey

from shared.messages import (
    Ack,
    Command,
    CommandAck,
    DeviceEvent,
    DeviceState,
    EnergyRecord,
    Refusal,
    SignedMessage,
    Status,
    Stream,
    TelemetryRecord,
    encode,
)
from shared.mqtt import Broker, LinkState, Message, MqttLink
from shared.signatures import Purpose, public_key_of, sign
from shared.topics import (
    ACK,
    COMMAND,
    COMMAND_ACK,
    ENERGY,
    EVENT,
    STATE,
    STATUS,
    TELEMETRY,
    device_topic,
)


class SmallCloud:
    """Knows one device. `through` counts per journal and stream, as the real one does."""

    def __init__(self, broker: Broker, device_id: str, *, key: SigningKey | None = None) -> None:
        self.key = key or SigningKey.generate()
        self.device_id = device_id
        self.through: dict[tuple[str, Stream], int] = {}
        self.applied: list[TelemetryRecord | EnergyRecord] = []
        self.received: list[TelemetryRecord | EnergyRecord] = []
        self.status: list[Status] = []
        self.states: list[tuple[bool, DeviceState]] = []
        self.events: list[DeviceEvent] = []
        self.answers: list[CommandAck] = []
        self.refuse: Callable[[EnergyRecord], str | None] = lambda _record: None
        self.silent = False
        self.deaf_to: set[int] = set()
        """Sequences lost on the way, each once."""
        self.changed = asyncio.Event()
        leaves = (TELEMETRY, ENERGY, STATUS, STATE, EVENT, COMMAND_ACK)
        self.link = MqttLink(
            broker,
            client_id=f"cloud-{id(self):x}",
            subscriptions=[device_topic(device_id, leaf) for leaf in leaves],
            on_messages=self._received,
            on_up=self.changed.set,
        )

    @property
    def public_key(self) -> str:
        return public_key_of(self.key)

    def ack(self, journal_id: str, stream: Stream, *, refused: tuple[Refusal, ...] = ()) -> None:
        body = encode(
            Ack(
                device_id=self.device_id,
                journal_id=journal_id,
                stream=stream,
                through=self.through.get((journal_id, stream), 0),
                refused=refused,
            )
        )
        self.publish(ACK, SignedMessage(body=Raw(body), signature=sign(self.key, Purpose.ACK, body)))

    def command(self, command: Command, *, retain: bool = False, key: SigningKey | None = None) -> None:
        body = encode(command)
        signature = sign(key or self.key, Purpose.COMMAND, body)
        self.publish(COMMAND, SignedMessage(body=Raw(body), signature=signature), retain=retain)

    def publish(self, leaf: str, message: msgspec.Struct, *, retain: bool = False) -> None:
        assert self.link.publish(device_topic(self.device_id, leaf), encode(message), retain=retain)

    async def until(self, met: Callable[[], object], *, within_s: float = 40.0) -> None:
        """Wait for messages until the condition holds."""
        async with asyncio.timeout(within_s):
            while not met():
                self.changed.clear()
                await self.changed.wait()

    def _received(self, messages: Sequence[Message]) -> None:
        for message in messages:
            leaf = message.topic.partition(f"/{self.device_id}/")[2]
            if leaf == TELEMETRY:
                self._apply(msgspec.json.decode(message.payload, type=TelemetryRecord))
            elif leaf == ENERGY:
                self._apply(msgspec.json.decode(message.payload, type=EnergyRecord))
            elif leaf == STATUS:
                self.status.append(msgspec.json.decode(message.payload, type=Status))
            elif leaf == STATE:
                state = msgspec.json.decode(message.payload, type=DeviceState)
                self.states.append((message.retained, state))
            elif leaf == EVENT:
                self.events.append(msgspec.json.decode(message.payload, type=DeviceEvent))
            elif leaf == COMMAND_ACK:
                self.answers.append(msgspec.json.decode(message.payload, type=CommandAck))
        self.changed.set()

    def _apply(self, record: TelemetryRecord | EnergyRecord) -> None:
        self.received.append(record)
        if record.seq in self.deaf_to:
            self.deaf_to.discard(record.seq)
            return
        stream = Stream.ENERGY if isinstance(record, EnergyRecord) else record.stream
        key = (record.journal_id, stream)
        through = self.through.get(key, 0)
        refused: tuple[Refusal, ...] = ()
        if record.seq == through + 1 or (record.seq == record.oldest and record.oldest > through + 1):
            reason = self.refuse(record) if isinstance(record, EnergyRecord) else None
            if reason is None:
                self.applied.append(record)
            else:
                refused = (Refusal(seq=record.seq, reason=reason),)
            self.through[key] = record.seq
        if not self.silent and self.link.state is LinkState.UP:  # a last batch may come after its end
            self.ack(record.journal_id, stream, refused=refused)
