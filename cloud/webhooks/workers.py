"""What runs beside the requests: events become deliveries, deliveries are sent.

Events are taken in behind an own cursor, so a crash loses none; a delivery is marked only after the receiver
has answered, so a crash sends it again. Each endpoint has a few connections at most: one that hangs keeps
nobody else waiting.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping

from cloud.errors import CloudError
from cloud.kit.egress import Answer, Egress, Unanswered
from cloud.kit.events import EventLog
from cloud.realtime.platform_events import WEBHOOK_TYPES
from cloud.webhooks.deliveries import READER, Deliveries, Sending
from cloud.webhooks.model import Attempt, Delivery
from cloud.webhooks.schedule import GONE, is_received
from cloud.webhooks.signing import signed_headers
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

AT_ONCE_MAX = 64
AT_ONCE_PER_ENDPOINT_MAX = 4
LOOK_AGAIN_S = 60
TROUBLE_S = 5
EXCERPT_LENGTH_MAX = 500
_HEADERS = {"Content-Type": "application/json", "User-Agent": "TerraLumina-Webhooks/1"}


class WebhookIntake:
    """Makes deliveries of events."""

    def __init__(self, clock: Clock, events: EventLog, deliveries: Deliveries) -> None:
        self._clock = clock
        self._events = events
        self._deliveries = deliveries

    async def catch_up(self) -> None:
        """Make the deliveries of all events that are there; `run` may be making the same ones."""
        position = await self._events.cursor(READER)
        while batch := await self._events.after(position, types=WEBHOOK_TYPES):
            await self._deliveries.take(batch)
            position = batch[-1].id

    async def run(self) -> None:
        """Until cancelled; while the store cannot serve, it waits."""
        while True:
            try:
                position = await self._events.cursor(READER)
                async for batch in self._events.follow(position, types=WEBHOOK_TYPES):
                    await self._deliveries.take(batch)
            except CloudError as error:
                logger.warning("webhook events wait error=%s", error)
                await self._clock.sleep(TROUBLE_S)


class WebhookSender:
    """Sends what is due."""

    def __init__(self, clock: Clock, deliveries: Deliveries, egress: Egress, news: asyncio.Event) -> None:
        self._clock = clock
        self._deliveries = deliveries
        self._egress = egress
        self._news = news
        """Set when something may have become due."""
        self._going: set[tuple[str, int]] = set()
        self._busy: Counter[str] = Counter()
        self._rests = asyncio.Event()
        """Set when nothing was due at the last look, and nothing is on its way."""

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._news.clear()
                    began_us = self._clock.now_us()
                    try:
                        again_us = await self._start_due(tasks, began_us)
                    except CloudError as error:
                        logger.warning("webhook deliveries wait error=%s", error)
                        again_us = began_us + TROUBLE_S * MICROS_PER_SECOND
                    if not self._going and not self._news.is_set():
                        self._rests.set()
                    await self._wait(again_us or began_us + LOOK_AGAIN_S * MICROS_PER_SECOND)
        finally:
            await self._egress.close()

    async def rest(self) -> None:
        """Return when all that is due was tried, which `run` does meanwhile: for a clock that is moved."""
        self._rests.clear()
        self._news.set()
        await self._rests.wait()

    async def _start_due(self, tasks: asyncio.TaskGroup, now_us: int) -> int | None:
        """When there is more to start, None: unknown; a delivery that ends wakes us as well."""
        while len(self._going) < AT_ONCE_MAX:
            full = [name for name, count in self._busy.items() if count >= AT_ONCE_PER_ENDPOINT_MAX]
            due = await self._deliveries.due(now_us, limit=2 * AT_ONCE_MAX, but_endpoints=full)
            if not sum(self._start(tasks, delivery) for delivery in due):
                break
        return await self._deliveries.next_due_us(now_us)

    def _start(self, tasks: asyncio.TaskGroup, delivery: Delivery) -> bool:
        key = delivery.endpoint_id, delivery.event_id
        is_full = self._busy[delivery.endpoint_id] >= AT_ONCE_PER_ENDPOINT_MAX
        if key in self._going or is_full or len(self._going) >= AT_ONCE_MAX:
            return False
        self._going.add(key)
        self._busy[delivery.endpoint_id] += 1
        tasks.create_task(self._deliver(delivery))
        return True

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            sending = await self._deliveries.sending(delivery)
            if sending is not None:
                await self._deliveries.record(delivery, await self._attempt(sending))
        except CloudError as error:
            logger.warning("webhook delivery waits endpoint_id=%s error=%s", delivery.endpoint_id, error)
            await self._clock.sleep(TROUBLE_S)
        finally:
            self._going.discard((delivery.endpoint_id, delivery.event_id))
            self._busy[delivery.endpoint_id] -= 1
            self._busy += Counter()  # drops those at 0
            self._news.set()

    async def _attempt(self, sending: Sending) -> Attempt:
        at_us, began_s = self._clock.now_us(), self._clock.monotonic()
        problem: str | None
        try:
            answer = await self._post(sending)
        except Unanswered as error:
            status_code, problem, excerpt = None, str(error)[:EXCERPT_LENGTH_MAX], ""
        else:
            status_code, excerpt = answer.status, _excerpt(answer.body)
            problem = None if is_received(status_code) else f"answered {status_code}"
        return Attempt(
            number=0,
            at_us=at_us,
            duration_ms=round((self._clock.monotonic() - began_s) * 1_000),
            status_code=status_code,
            problem=problem,
            excerpt=excerpt,
        )

    async def _post(self, sending: Sending) -> Answer:
        """With the newest secret in the document's header; if that is refused, with the one before it.

        The receiver may not have the new one yet.
        """
        answer = await self._egress.post(sending.url, sending.body, self._signed(sending, 0))
        for number in range(1, len(sending.secrets)):
            if not 400 <= answer.status < 500 or answer.status == GONE:  # noqa: PLR2004
                break
            answer = await self._egress.post(sending.url, sending.body, self._signed(sending, number))
        return answer

    def _signed(self, sending: Sending, first: int) -> Mapping[str, str]:
        secrets = [*sending.secrets[first:], *sending.secrets[:first]]
        now_s = self._clock.now_us() // MICROS_PER_SECOND
        return _HEADERS | dict(
            signed_headers(sending.body, id_=sending.id, timestamp_s=now_s, secrets=secrets)
        )

    async def _wait(self, until_us: int) -> None:
        """For news, or for the time; a wall clock that is set is noticed within a minute."""
        news = asyncio.ensure_future(self._news.wait())
        due = asyncio.ensure_future(self._sleep_until(until_us))
        try:
            await asyncio.wait({news, due}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            due.cancel()

    async def _sleep_until(self, at_us: int) -> None:
        await self._clock.sleep(min((at_us - self._clock.now_us()) / MICROS_PER_SECOND, LOOK_AGAIN_S))


def _excerpt(body: bytes) -> str:
    """The beginning, printable."""
    text = body[: 4 * EXCERPT_LENGTH_MAX].decode("utf-8", "replace")[:EXCERPT_LENGTH_MAX]
    return "".join(letter if letter.isprintable() else " " for letter in text)
