"""The uplink over MQTT: will, status, retained state, three streams, acknowledgements, commands, holds."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

import msgspec

from edge.errors import EdgeError
from edge.journal.port import Journal
from edge.journal.worker import JournalWorker
from edge.uplink import home_assistant
from edge.uplink.commands import CommandDesk
from edge.uplink.prices import PriceBoard
from edge.uplink.view import UplinkView
from edge.uplink.window import Window
from shared.clock import Clock
from shared.messages import (
    PAYLOAD_BYTES_MAX,
    Ack,
    DeviceEvent,
    DeviceState,
    EnergyRecord,
    Hold,
    SignedMessage,
    Status,
    Stream,
    TelemetryRecord,
    encode,
)
from shared.mqtt import Broker, LinkState, Message, MqttLink, Will
from shared.signatures import BadSignature, Purpose, verify
from shared.topics import (
    ACK,
    COMMAND,
    COMMAND_ACK,
    ENERGY,
    EVENT,
    GRID_FORECAST,
    GRID_PRICE,
    HOLD_SET,
    STATE,
    STATUS,
    TELEMETRY,
    device_topic,
)

logger = logging.getLogger(__name__)

WINDOWS = {Stream.ENERGY: 20, Stream.LIVE: 60, Stream.BACKLOG: 100}
"""Unanswered records at most; the order is the order of sending."""
BATCH_MAX = 50
TURN_S = 1.0
LAST_WORDS_S = 1.0
"""How long a stop waits for the last records to go out."""

_signed_decoder = msgspec.json.Decoder(SignedMessage)
_ack_decoder = msgspec.json.Decoder(Ack)


_hold_decoder = msgspec.json.Decoder(Hold)


class Retained(NamedTuple):
    """A topic with what it shall hold; an empty payload removes it from the broker."""

    topic: str
    payload: bytes


Records = tuple[TelemetryRecord, ...] | tuple[EnergyRecord, ...]


class MqttUplink:
    """All methods are called from the event loop."""

    def __init__(
        self,
        *,
        device_id: str,
        boot_id: str,
        version: str,
        broker: Broker,
        worker: JournalWorker,
        clock: Clock,
        cloud_key: str | None,
        desk: CommandDesk,
        prices: PriceBoard,
        on_hold: Callable[[Hold], object],
        keepalive_s: int = 30,
        discovery: Retained | None = None,
    ) -> None:
        """`discovery` tells Home Assistant of this device, or with nothing in it takes that back."""
        self._device_id = device_id
        self._status = {
            state: encode(Status(state=state, boot_id=boot_id, version=version)) for state in _STATES
        }
        self._worker = worker
        self._clock = clock
        self._cloud_key = cloud_key
        self._desk = desk
        self._prices = prices
        self._on_hold = on_hold
        self._discovery = discovery
        self._link = MqttLink(
            broker,
            client_id=f"{device_id}-{boot_id}"[:64],
            subscriptions=[
                *(device_topic(device_id, leaf) for leaf in (ACK, COMMAND, HOLD_SET)),
                GRID_PRICE,
                GRID_FORECAST,
                home_assistant.BIRTH_TOPIC,
            ],
            on_messages=self._received,
            on_up=self._found,
            will=Will(device_topic(device_id, STATUS), self._status["offline"]),
            keepalive_s=keepalive_s,
        )
        self._windows = {stream: Window(size) for stream, size in WINDOWS.items()}
        self._journal_id = worker.journal.journal_id
        self._acks: list[Ack] = []
        self._acks_refused = 0
        self._last_ack_at: float | None = None
        self._state: bytes | None = None
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._turns = 0

    @property
    def up(self) -> bool:
        """Whether the broker is connected."""
        return self._link.state is LinkState.UP

    def start(self) -> None:
        """Begin connecting; returns at once."""
        self._link.start()
        self._tasks = [asyncio.create_task(self._send_forever()), asyncio.create_task(self._tick())]

    async def stop(self) -> None:
        """Send what is ready, say goodbye, disconnect; within about a second."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self.up:
            with suppress(TimeoutError, EdgeError):
                await asyncio.wait_for(self._turn(), LAST_WORDS_S)
            self._link.publish(self._topic(STATUS), self._status["offline"], retain=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._link.stop(), LAST_WORDS_S)

    def wake(self) -> None:
        """There is something new in the journal."""
        self._wake.set()

    def publish_state(self, state: DeviceState) -> None:
        """Retained; kept for the next connection when there is none now."""
        self._state = encode(state)
        self._link.publish(self._topic(STATE), self._state, retain=True)

    def tell(self, event: DeviceEvent) -> None:
        """An event, for those who listen now."""
        self._link.publish(self._topic(EVENT), encode(event))

    def view(self) -> UplinkView:
        """The connection now."""
        enrolled = self._cloud_key is not None
        last = self._last_ack_at
        problem = None if self.up else "the broker is not connected"
        if not enrolled:
            problem = "not enrolled: without the cloud's key no acknowledgement can be believed"
        elif self._acks_refused and last is None:
            problem = "acknowledgements do not carry the signature of the cloud this device enrolled with"
        return UplinkView(
            kind="mqtt",
            up=self.up,
            enrolled=enrolled,
            problem=problem,
            last_ack_age_s=None if last is None else self._clock.monotonic() - last,
            acks_refused=self._acks_refused,
            commands_refused=self._desk.refused,
            resends=sum(window.resends for window in self._windows.values()),
            turns=self._turns,
        )

    # -- out

    def _found(self) -> None:
        self._link.publish(self._topic(STATUS), self._status["online"], retain=True)
        self._announce()
        for window in self._windows.values():
            window.restart()
        self._wake.set()

    def _announce(self) -> None:
        if self._discovery is not None:
            self._link.publish(self._discovery.topic, self._discovery.payload, retain=True)
        if self._state is not None:
            self._link.publish(self._topic(STATE), self._state, retain=True)

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(TURN_S)
            self._wake.set()

    async def _send_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._turn()

    async def _turn(self) -> None:
        acks, self._acks = self._acks, []
        for ack in acks:
            await self._take(ack)
        for stream in WINDOWS:
            if not self.up or not await self._send(stream):
                break
        self._turns += 1

    async def _take(self, ack: Ack) -> None:
        released = await self._worker.call(lambda journal: journal.acknowledge(ack))
        if released is None:
            # An answer to what was sent before the journal got its present name.
            return
        self._last_ack_at = self._clock.monotonic()
        self._windows[ack.stream].acknowledged(ack.through, monotonic=self._clock.monotonic())

    async def _send(self, stream: Stream) -> bool:
        """Send what the window allows; False when the link takes no more."""
        window = self._windows[stream]
        window.expire(monotonic=self._clock.monotonic())
        while window.room > 0:
            journal_id, records = await self._worker.call(_fetch(stream, window.sent, window.room))
            if journal_id != self._journal_id:
                self._journal_id = journal_id
                for other in self._windows.values():
                    other.restart()
                self._wake.set()
                return False
            if not records:
                return True
            topic = self._topic(ENERGY if stream is Stream.ENERGY else TELEMETRY)
            for record in records:
                if not self._link.publish(topic, encode(record)):
                    return False
                window.sending(record.seq, monotonic=self._clock.monotonic())
        return True

    # -- in

    def _received(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.topic == GRID_PRICE:
                self._prices.take_price(message.payload)
            elif message.topic == GRID_FORECAST:
                self._prices.take_forecast(message.payload)
            elif message.topic == self._topic(ACK):
                self._receive_ack(message)
            elif message.topic == self._topic(COMMAND):
                answer = self._desk.receive(message.payload, retained=message.retained)
                if answer is not None:
                    self._link.publish(self._topic(COMMAND_ACK), encode(answer))
            elif message.topic == self._topic(HOLD_SET):
                self._receive_hold(message)
            elif home_assistant.is_birth(message.topic, message.payload):
                self._announce()

    def _receive_ack(self, message: Message) -> None:
        if self._cloud_key is None:
            self._refuse_ack("not enrolled")
            return
        if len(message.payload) > PAYLOAD_BYTES_MAX:
            self._refuse_ack(f"larger than {PAYLOAD_BYTES_MAX} bytes")
            return
        try:
            signed = _signed_decoder.decode(message.payload)
            verify(self._cloud_key, Purpose.ACK, bytes(signed.body), signed.signature)
            ack = _ack_decoder.decode(signed.body)
        except (msgspec.MsgspecError, BadSignature) as error:
            self._refuse_ack(str(error))
            return
        if ack.device_id != self._device_id:
            self._refuse_ack(f"it is for device {ack.device_id}")
            return
        self._acks.append(ack)
        self._wake.set()

    def _refuse_ack(self, reason: str) -> None:
        if not self._acks_refused:
            logger.warning("acknowledgement refused reason=%s", reason)
        self._acks_refused += 1

    def _receive_hold(self, message: Message) -> None:
        if message.retained:
            logger.warning("hold refused reason=a retained hold is never obeyed")
            return
        try:
            hold = _hold_decoder.decode(message.payload)
        except msgspec.MsgspecError as error:
            logger.warning("hold refused reason=unreadable: %s", error)
            return
        self._on_hold(hold)

    def _topic(self, leaf: str) -> str:
        return device_topic(self._device_id, leaf)


_STATES: tuple[Literal["online"], Literal["offline"]] = ("online", "offline")


def _fetch(stream: Stream, after: int, room: int) -> Callable[[Journal], tuple[str, Records]]:
    limit = min(room, BATCH_MAX)

    def fetch(journal: Journal) -> tuple[str, Records]:
        records: Records
        if stream is Stream.ENERGY:
            records = journal.energy_after(after, limit)
        else:
            records = journal.telemetry_after(stream, after, limit)
        return journal.journal_id, records

    return fetch
