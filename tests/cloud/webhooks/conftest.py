"""The whole service, a person with an endpoint, and receivers on real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.identity.model import Person
from cloud.identity.scopes import role_scopes, text_of
from cloud.kit.events import latest
from cloud.realtime.platform_events import WEBHOOK_TYPES
from cloud.webhooks.errors import NoSuchDelivery
from cloud.webhooks.model import DeliveryStatus, NewWebhookSecret
from cloud.webhooks.service import EndpointWish, manager_in_person
from shared.clock import ManualClock
from tests.cloud.webhooks.receiver import WAIT_S, Receiver, receiving


class Investor:
    """A person, and the headers by which they call."""

    def __init__(self, person: Person, headers: dict[str, str]) -> None:
        self.person = person
        self.headers = headers

    @property
    def manager(self) -> Any:
        return manager_in_person(self.person)


class World:
    """What a test of deliveries does over and over."""

    def __init__(self, parts: Parts, client: httpx.AsyncClient, clock: ManualClock) -> None:
        self.parts = parts
        self.client = client
        self.clock = clock
        self.webhooks = parts.services.webhooks
        self.deliveries = parts.services.deliveries

    async def register(self, name: str) -> Investor:
        wish = {
            "email": f"{name}@example.com",
            "password": "securepass123",
            "name": name,
            "user_type": "consumer",
        }
        answer = await self.client.post("/api/v1/auth/register", json=wish)
        token = answer.json()["access_token"]
        person = await self.parts.services.identity.person_of_token(token)
        return Investor(person, {"Authorization": f"Bearer {token}"})

    async def endpoint(self, of: Investor, receiver: Receiver, **wish: Any) -> NewWebhookSecret:
        made = EndpointWish(url=receiver.url, events=list(WEBHOOK_TYPES))
        return await self.webhooks.create(
            of.manager, EndpointWish(**({"url": made.url, "events": made.events} | wish))
        )

    async def invested(self, who: Investor, number: int = 1, step: str = "created") -> int:
        """Announce what happened to an investment; the event's id."""
        payload = {
            "investment_id": f"inv_{number}",
            "project_id": "prj_sunrise_solar",
            "amount": 500,
            "user_id": who.person.user_id,
        }
        return await self.announce(f"investment.{step}", payload)

    async def announce(self, type_: str, payload: object) -> int:
        async with self.parts.store.write() as tx:
            await self.parts.events.announce(tx, type_, payload)
        async with self.parts.store.read() as tx:
            announced = await latest(tx, type_)  # the newest of all may be the first price of the service
        assert announced is not None
        return announced.id

    async def settled(self, of: Investor, made: NewWebhookSecret, event_id: int, tries: int) -> Any:
        """The delivery and its attempts, once so many are written down."""
        async with asyncio.timeout(WAIT_S):
            while True:
                with contextlib.suppress(NoSuchDelivery):
                    found = await self.deliveries.attempts_of(of.manager, made.endpoint.id, event_id)
                    if len(found[1]) >= tries:
                        return found
                await asyncio.sleep(0.005)

    async def delivered(self, of: Investor, made: NewWebhookSecret, event_id: int) -> None:
        async with asyncio.timeout(WAIT_S):
            while True:
                shown, _ = await self.deliveries.deliveries_of(
                    of.manager, made.endpoint.id, before=10**18, limit=100
                )
                states = {one.delivery.event_id: one.delivery.status for one in shown}
                if states.get(event_id) is DeliveryStatus.DELIVERED:
                    return
                await asyncio.sleep(0.005)


@pytest.fixture
def world(parts: Parts, client: httpx.AsyncClient, clock: ManualClock) -> World:
    return World(parts, client, clock)


@pytest.fixture
async def ana(world: World) -> Investor:
    return await world.register("ana")


@pytest.fixture
async def ben(world: World) -> Investor:
    return await world.register("ben")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as found:
        yield found


@pytest.fixture
def every_scope() -> str:
    return text_of(role_scopes(is_admin=False))
