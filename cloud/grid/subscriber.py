"""Messages from the broker to `Ingest`, in bounded batches, and its acknowledgements back.

Two lanes, so that energy reports (one transaction each) never hold up telemetry. What comes while a lane is
full is dropped and counted: nothing was acknowledged, so the agents send it again. Neither a broker that
stalls nor one that floods can block the service.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Raw
from nacl.signing import SigningKey

from cloud.grid.decoding import Leaf, Unreadable, read_topic
from cloud.grid.ingest import Arrival, Ingest
from cloud.grid.link import GridLink
from cloud.grid.model import StreamAck
from shared import topics
from shared.clock import Clock
from shared.messages import Ack, SignedMessage, Stream, encode
from shared.mqtt import Message
from shared.signatures import Purpose, sign

logger = logging.getLogger(__name__)

BATCH_MAX = 500
ENERGY_BATCH_MAX = 100
WAITING_MAX = 20_000
LINGER_S = 0.02
"""How long a batch that is not full waits for more: a commit costs as much as fifty records."""
ACK_EVERY_S = 0.1
"""Under load, acknowledgements of several batches are drawn together for this long."""
RETRY_S = 1.0

Apply = Callable[[Sequence[Arrival]], Awaitable[list[StreamAck]]]


class _Lane:
    """A bounded queue and the batches taken from it."""

    def __init__(self, apply: Apply, *, batch_max: int, linger_s: float) -> None:
        self.apply = apply
        self.batch_max = batch_max
        self.linger_s = linger_s
        self.waiting: deque[Arrival] = deque()
        self.unsent: dict[tuple[str, str, Stream], StreamAck] = {}
        """Acknowledgements that wait while more of the same streams is under way."""
        self.acknowledged_s = 0.0
        self._filled = asyncio.Event()

    def put(self, arrival: Arrival) -> bool:
        if len(self.waiting) >= WAITING_MAX:
            return False
        self.waiting.append(arrival)
        self._filled.set()
        return True

    async def take(self) -> list[Arrival]:
        """The next batch; waits for the first message, then a little for more."""
        if not self.waiting:
            self._filled.clear()
            await self._filled.wait()
        if self.linger_s and len(self.waiting) < self.batch_max:
            await asyncio.sleep(self.linger_s)  # real time: it is about commits, not about the grid
        return [self.waiting.popleft() for _ in range(min(self.batch_max, len(self.waiting)))]


class Subscriber:
    """The worker behind the subscription."""

    def __init__(self, *, link: GridLink, ingest: Ingest, signing_key: SigningKey, clock: Clock) -> None:
        self._link = link
        self._ingest = ingest
        self._signing_key = signing_key
        self._clock = clock
        self._telemetry = _Lane(ingest.apply, batch_max=BATCH_MAX, linger_s=LINGER_S)
        self._energy = _Lane(ingest.apply_energy, batch_max=ENERGY_BATCH_MAX, linger_s=0)
        self.counts: Counter[str] = Counter()
        """Messages dropped, by reason; it only grows."""
        link.on_messages(self._arrived)

    async def run(self) -> None:
        """Until cancelled; a failing store is waited for."""
        self._link.start()
        try:
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(self._drain(self._telemetry))
                lanes.create_task(self._drain(self._energy))
        finally:
            await self._link.stop()

    def _arrived(self, batch: Sequence[Message]) -> None:
        dropped = self.counts
        for message in batch:
            try:
                device_id, leaf = read_topic(message)
            except Unreadable as error:
                self._drop(str(error), message)
                continue
            lane = self._energy if leaf is Leaf.ENERGY else self._telemetry
            if not lane.put(Arrival(device_id, leaf, message.payload)):
                dropped["full"] += 1

    def _drop(self, reason: str, message: Message) -> None:
        self.counts[reason] += 1
        if self.counts[reason] == 1:
            logger.warning("messages are dropped reason=%s first=%s", reason, message.topic[:200])

    async def _drain(self, lane: _Lane) -> None:
        while True:
            batch = await lane.take()
            try:
                acks = await lane.apply(batch)
            except Exception:
                self.counts["not stored"] += len(batch)
                logger.exception("batch not stored, the agents will resend messages=%d", len(batch))
                await self._clock.sleep(RETRY_S)
                continue
            for ack in acks:
                lane.unsent[ack.key] = ack.after(lane.unsent.get(ack.key))
            if not lane.waiting or asyncio.get_running_loop().time() >= lane.acknowledged_s + ACK_EVERY_S:
                lane.acknowledged_s = asyncio.get_running_loop().time()
                for ack in lane.unsent.values():
                    self._acknowledge(ack)
                lane.unsent.clear()

    def _acknowledge(self, ack: StreamAck) -> None:
        """Fire and forget: an acknowledgement that is lost is asked for again by the resend."""
        body = encode(
            Ack(
                device_id=ack.device_id,
                journal_id=ack.journal_id,
                stream=ack.stream,
                through=ack.through,
                refused=ack.refused,
            )
        )
        signed = SignedMessage(body=Raw(body), signature=sign(self._signing_key, Purpose.ACK, body))
        self._link.publish(topics.device_topic(ack.device_id, topics.ACK), encode(signed))
