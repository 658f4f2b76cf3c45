"""Deliveries: made of events, handed out to be sent, and what came of it."""

import logging
import random
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct, structs

from cloud.identity.oauth.service import OAuth
from cloud.kit.cursors import Rows
from cloud.kit.events import Event, EventLog
from cloud.kit.http import encode_json
from cloud.kit.sealing import Seal
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.realtime.platform_events import EventType, event_name, shown, told
from cloud.webhooks import storage
from cloud.webhooks.errors import EndpointDisabled, NoSuchDelivery
from cloud.webhooks.model import Attempt, Delivery, DeliveryStatus, Endpoint
from cloud.webhooks.schedule import given_up, next_try_us
from cloud.webhooks.service import Manager, own_endpoint
from cloud.webhooks.storage import LastAttempt
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

READER = "webhooks"
KEPT_S = 30 * 24 * 3_600
"""Deliveries that are over can be looked at, and sent again, for so long."""


class Sending(Struct, frozen=True, kw_only=True):
    """A delivery with all that goes out."""

    url: str
    id: str
    body: bytes
    secrets: Sequence[str]
    """Those that are good now, the newest first."""

    def __repr__(self) -> str:
        return f"Sending(id={self.id!r}, ***)"


class DeliveryShown(Struct, frozen=True, kw_only=True):
    """A delivery with its newest try."""

    delivery: Delivery
    last: LastAttempt | None
    """None: never tried."""


class Deliveries:
    """The use cases of the workers, and what owners see of them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        events: EventLog,
        oauth: OAuth,
        seal: Seal,
        wake: Callable[[], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._oauth = oauth
        self._seal = seal
        self._wake = wake
        self._chance = chance

    async def take(self, batch: Sequence[Event]) -> None:
        """Make the deliveries of the next events of the log, each once, however often they come."""
        async with self._store.write() as tx:
            wanted = {
                type_ for type_ in {event.type for event in batch} if await storage.is_wanted(tx, type_)
            }
            made = sum([await self._take(tx, event) for event in batch if event.type in wanted])
            await self._events.move_cursor(tx, READER, batch[-1].id)
            if made:
                tx.after_commit(self._wake)

    async def due(self, now_us: int, *, limit: int, but_endpoints: Sequence[str]) -> list[Delivery]:
        """What is to be sent now, the longest due first."""
        async with self._store.read() as tx:
            return await storage.due(tx, now_us=now_us, limit=limit, but_endpoints=but_endpoints)

    async def next_due_us(self, now_us: int) -> int | None:
        """When something that is not due now will be; None: nothing waits for its time."""
        async with self._store.read() as tx:
            return await storage.next_due_us(tx, now_us)

    async def sending(self, delivery: Delivery) -> Sending | None:
        """What is sent; None where it was tried since it was found due.

        None, and the delivery is given up, where its event may not be told any more.
        """
        event = await self._events.one(delivery.event_id)
        async with self._store.read() as tx:
            if await storage.delivery(tx, delivery.endpoint_id, delivery.event_id) != delivery:
                return None
            endpoint = await storage.endpoint(tx, delivery.endpoint_id)
            found = await storage.secrets(tx, delivery.endpoint_id, self._clock.now_us())
            is_allowed = endpoint is not None and await self._may_hear(tx, endpoint, delivery)
        if endpoint is None or event is None or not is_allowed:
            await self._give_up(delivery)
            return None
        return Sending(
            url=endpoint.url,
            id=event_name(event.id),
            body=encode_json(shown(event)),
            secrets=[self._seal.open(secret.sealed) for secret in found],
        )

    async def record(self, sent: Delivery, attempt: Attempt) -> None:
        """What a try came to, and what follows from it."""
        now_us = self._clock.now_us()
        async with self._store.write() as tx:
            endpoint = await storage.endpoint(tx, sent.endpoint_id)
            delivery = await storage.delivery(tx, sent.endpoint_id, sent.event_id)
            if endpoint is None or delivery is None:
                return  # deleted meanwhile
            await storage.insert_attempt(tx, sent.endpoint_id, sent.event_id, attempt)
            if attempt.problem is None:
                await storage.put_failing(tx, endpoint.id, None)
                await self._over(tx, endpoint, delivery, DeliveryStatus.DELIVERED)
            elif delivery.status is DeliveryStatus.PENDING:
                await self._failed(tx, endpoint, delivery, attempt, now_us)
            tx.after_commit(self._wake)

    async def deliveries_of(
        self, manager: Manager, endpoint_id: str, *, before: int, limit: int
    ) -> Rows[DeliveryShown]:
        """Of events below an id, the newest first.

        Raises:
            NoSuchEndpoint: unknown, or someone else's.
        """
        async with self._store.read() as tx:
            await own_endpoint(tx, manager, endpoint_id)
            found = await storage.deliveries(tx, endpoint_id, before=before, limit=limit)
            last = await storage.last_attempts(tx, endpoint_id, [one.event_id for one in found])
            total = await storage.delivery_total(tx, endpoint_id)
        return Rows([DeliveryShown(delivery=one, last=last.get(one.event_id)) for one in found], total)

    async def attempts_of(
        self, manager: Manager, endpoint_id: str, event_id: int
    ) -> tuple[Delivery, list[Attempt]]:
        """A delivery with every try, the first first.

        Raises:
            NoSuchEndpoint, NoSuchDelivery: unknown, or someone else's.
        """
        async with self._store.read() as tx:
            await own_endpoint(tx, manager, endpoint_id)
            delivery = await _known(tx, endpoint_id, event_id)
            return delivery, await storage.attempts(tx, endpoint_id, event_id)

    async def resend(self, manager: Manager, endpoint_id: str, event_id: int) -> Delivery:
        """Send it now, whatever became of it, with all its tries before it.

        Raises:
            NoSuchEndpoint, NoSuchDelivery: unknown, or someone else's.
            EndpointDisabled: nothing is sent there.
        """
        async with self._store.write() as tx:
            endpoint = await own_endpoint(tx, manager, endpoint_id)
            delivery = await _known(tx, endpoint_id, event_id)
            if endpoint.disabled_at_us is not None:
                raise EndpointDisabled(endpoint_id)
            again = structs.replace(
                delivery, status=DeliveryStatus.PENDING, tries=0, due_at_us=self._clock.now_us()
            )
            await storage.put_delivery(tx, again)
            tx.after_commit(self._wake)
        return again

    async def waiting_total(self) -> int:
        async with self._store.read() as tx:
            return await storage.waiting_total(tx)

    async def forget_old(self) -> int:
        """Drop what was over long ago; how many deliveries went."""
        async with self._store.write() as tx:
            return await storage.forget_old(tx, self._clock.now_us() - KEPT_S * MICROS_PER_SECOND)

    async def _take(self, tx: WriteTx, event: Event) -> int:
        """How many deliveries it made."""
        try:
            found = told(event)
        except msgspec.ValidationError as error:
            logger.error("event told to nobody id=%d error=%s", event.id, error)  # noqa: TRY400
            return 0
        clients: Sequence[str] = ()
        if found.person_id is not None:
            clients = await self._oauth.readers_of(tx, found.person_id, found.type.scope)
        wanted = Delivery(
            endpoint_id="",
            event_id=event.id,
            type=event.type,
            about=found.about,
            person_id=found.person_id,
            status=DeliveryStatus.PENDING,
            tries=0,
            due_at_us=None,
            created_at_us=self._clock.now_us(),
        )
        return await storage.insert_deliveries(tx, wanted, clients)

    async def _may_hear(self, tx: ReadTx, endpoint: Endpoint, delivery: Delivery) -> bool:
        """An application hears of people only as long as they let it."""
        if endpoint.client_id is None or delivery.person_id is None:
            return True
        scope = EventType(delivery.type).scope
        return endpoint.client_id in await self._oauth.readers_of(tx, delivery.person_id, scope)

    async def _give_up(self, delivery: Delivery) -> None:
        async with self._store.write() as tx:
            endpoint = await storage.endpoint(tx, delivery.endpoint_id)
            known = await storage.delivery(tx, delivery.endpoint_id, delivery.event_id)
            if endpoint is not None and known is not None:
                await self._over(tx, endpoint, known, DeliveryStatus.FAILED)
                tx.after_commit(self._wake)

    async def _failed(
        self, tx: WriteTx, endpoint: Endpoint, delivery: Delivery, attempt: Attempt, now_us: int
    ) -> None:
        since_us = now_us if endpoint.failing_since_us is None else endpoint.failing_since_us
        await storage.put_failing(tx, endpoint.id, since_us)
        tries = delivery.tries + 1
        due_us = next_try_us(tries, now_us, self._chance())
        if due_us is None:
            await self._over(tx, endpoint, structs.replace(delivery, tries=tries), DeliveryStatus.FAILED)
        else:
            due_us = None if endpoint.disabled_at_us is not None else due_us
            await storage.put_delivery(tx, structs.replace(delivery, tries=tries, due_at_us=due_us))
        because = given_up(attempt.status_code, since_us, now_us)
        if because is not None and endpoint.disabled_at_us is None:
            await storage.disable(tx, endpoint.id, because, now_us)
            logger.warning("webhook endpoint disabled id=%s because=%s", endpoint.id, because)

    async def _over(
        self, tx: WriteTx, endpoint: Endpoint, delivery: Delivery, status: DeliveryStatus
    ) -> None:
        await storage.put_delivery(tx, structs.replace(delivery, status=status, due_at_us=None))
        if endpoint.disabled_at_us is None:
            await storage.release_next(tx, endpoint.id, delivery.about, self._clock.now_us())


async def _known(tx: ReadTx, endpoint_id: str, event_id: int) -> Delivery:
    found = await storage.delivery(tx, endpoint_id, event_id)
    if found is None:
        raise NoSuchDelivery(event_name(event_id))
    return found
