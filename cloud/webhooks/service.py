"""Endpoints as their owners manage them: made, changed, their secret rotated, disabled, deleted."""

import logging
from collections.abc import Callable, Collection, Sequence

from msgspec import Struct, structs

from cloud.errors import InvalidFields, NotFound
from cloud.identity.model import Person
from cloud.identity.oauth.applications import Applications
from cloud.identity.principal import Credential, Principal
from cloud.identity.scopes import Scopes, role_scopes
from cloud.kit.egress import Egress, EgressRefused
from cloud.kit.sealing import Seal
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.realtime.platform_events import WEBHOOK_TYPES, EventType
from cloud.webhooks import storage
from cloud.webhooks.errors import NoSuchEndpoint, NotTheOwner
from cloud.webhooks.model import DisabledBecause, Endpoint, NewWebhookSecret
from cloud.webhooks.signing import new_secret
from shared.clock import Clock
from shared.ids import new_id
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

ENDPOINTS_MAX = 20
DESCRIPTION_LENGTH_MAX = 200
OVERLAP_S = 24 * 3_600
"""After a rotation the old secret is still good for so long."""


class Manager(Struct, frozen=True, kw_only=True):
    """Somebody who manages endpoints, and how far that reaches."""

    person: Person
    scopes: Scopes
    client_id: str | None = None
    """Only those of this application; None: all of the person's."""


def manager_in_person(person: Person) -> Manager:
    """Signed in at the portal."""
    return Manager(person=person, scopes=role_scopes(is_admin=person.is_admin))


class EndpointWish(Struct, frozen=True, kw_only=True):
    """What an owner asks for."""

    url: str
    events: Sequence[str]
    description: str = ""
    client_id: str | None = None
    """One of the owner's applications; None: for the owner."""


class Webhooks:
    """The use cases of owners. `wake` tells the sender that something may be due."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        applications: Applications,
        seal: Seal,
        egress: Egress,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._applications = applications
        self._seal = seal
        self._egress = egress
        self._wake = wake

    async def manager(self, principal: Principal) -> Manager:
        """How far a credential reaches: that of an application to the application's own endpoints.

        Raises:
            NotTheOwner: the application acts for somebody else than its owner.
        """
        client_id = principal.credential_id if principal.credential is Credential.OAUTH else None
        if client_id is not None:
            try:
                await self._applications.application(principal.person, client_id)
            except NotFound:
                raise NotTheOwner from None
        return Manager(person=principal.person, scopes=principal.scopes, client_id=client_id)

    async def create(self, manager: Manager, wish: EndpointWish) -> NewWebhookSecret:
        """A new endpoint with its secret.

        Raises:
            InvalidFields: the URL, an event or the application does not hold, or there are too many.
        """
        if manager.client_id is not None:
            wish = structs.replace(wish, client_id=wish.client_id or manager.client_id)
        problems = await self._problems(manager, wish)
        if wish.client_id is not None and not await self._is_own_application(manager, wish.client_id):
            problems["client_id"] = ["Not an application of yours"]
        if problems:
            raise InvalidFields(problems)
        endpoint = Endpoint(
            id=new_id("hook", self._clock),
            person_id=manager.person.id,
            client_id=wish.client_id,
            url=wish.url,
            description=wish.description,
            events=_text(wish.events),
            created_at_us=self._clock.now_us(),
        )
        async with self._store.write() as tx:
            if len(await storage.endpoints_of(tx, manager.person.id)) >= ENDPOINTS_MAX:
                raise InvalidFields({"url": [f"At most {ENDPOINTS_MAX} endpoints; delete one first"]})
            await storage.insert_endpoint(tx, endpoint)
            secret = await self._new_secret(tx, endpoint.id)
        logger.info("webhook endpoint made id=%s person_id=%d", endpoint.id, endpoint.person_id)
        return NewWebhookSecret(endpoint=endpoint, secret=secret)

    async def endpoints_of(self, manager: Manager) -> list[Endpoint]:
        """The newest first, disabled ones too."""
        async with self._store.read() as tx:
            found = await storage.endpoints_of(tx, manager.person.id)
        return [endpoint for endpoint in found if _reaches(manager, endpoint)]

    async def endpoint(self, manager: Manager, endpoint_id: str) -> Endpoint:
        """One of the manager's.

        Raises:
            NoSuchEndpoint: unknown, or someone else's.
        """
        async with self._store.read() as tx:
            return await own_endpoint(tx, manager, endpoint_id)

    async def change(
        self,
        manager: Manager,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
    ) -> Endpoint:
        """The endpoint with what is named; None: as it was. What waits goes to the new URL.

        Raises:
            NoSuchEndpoint: unknown, or someone else's.
            InvalidFields: what does not hold; nothing is changed then.
        """
        known = await self.endpoint(manager, endpoint_id)
        wish = EndpointWish(
            url=known.url if url is None else url,
            events=known.events.split() if events is None else events,
            description=known.description if description is None else description,
        )
        problems = await self._problems(manager, wish)
        if problems:
            raise InvalidFields(problems)
        named = {"url": url, "events": None if events is None else _text(events), "description": description}
        async with self._store.write() as tx:
            known = await own_endpoint(tx, manager, endpoint_id)  # others may have changed it meanwhile
            changed = structs.replace(
                known, **{name: value for name, value in named.items() if value is not None}
            )
            told = _events_problem(changed.events.split(), manager.scopes)
            if told is not None:
                raise InvalidFields({"events": [told]})
            await storage.change_endpoint(tx, changed)
        return changed

    async def rotate_secret(self, manager: Manager, endpoint_id: str) -> NewWebhookSecret:
        """A new secret; the old one is good for another day.

        Raises:
            NoSuchEndpoint: unknown, or someone else's.
        """
        async with self._store.write() as tx:
            endpoint = await own_endpoint(tx, manager, endpoint_id)
            until_us = self._clock.now_us() + OVERLAP_S * MICROS_PER_SECOND
            await storage.expire_secrets(tx, endpoint_id, until_us)
            secret = await self._new_secret(tx, endpoint_id)
        logger.info("webhook secret rotated endpoint_id=%s", endpoint_id)
        return NewWebhookSecret(endpoint=endpoint, secret=secret)

    async def disable(self, manager: Manager, endpoint_id: str) -> Endpoint:
        """Send nothing more; what waits is kept, what happens meanwhile is not.

        Raises:
            NoSuchEndpoint: unknown, or someone else's.
        """
        async with self._store.write() as tx:
            endpoint = await own_endpoint(tx, manager, endpoint_id)
            if endpoint.disabled_at_us is None:
                await storage.disable(tx, endpoint_id, DisabledBecause.OWNER, self._clock.now_us())
            return await own_endpoint(tx, manager, endpoint_id)

    async def enable(self, manager: Manager, endpoint_id: str) -> Endpoint:
        """Send again, what waited first.

        Raises:
            NoSuchEndpoint: unknown, or someone else's.
        """
        async with self._store.write() as tx:
            endpoint = await own_endpoint(tx, manager, endpoint_id)
            if endpoint.disabled_at_us is not None:
                await storage.enable(tx, endpoint_id, self._clock.now_us())
                tx.after_commit(self._wake)
            return await own_endpoint(tx, manager, endpoint_id)

    async def delete(self, manager: Manager, endpoint_id: str) -> None:
        """With its deliveries.

        Raises:
            NoSuchEndpoint: unknown, or someone else's.
        """
        async with self._store.write() as tx:
            await own_endpoint(tx, manager, endpoint_id)
            await storage.delete_endpoint(tx, endpoint_id)
        logger.info("webhook endpoint deleted id=%s", endpoint_id)

    async def _new_secret(self, tx: WriteTx, endpoint_id: str) -> str:
        secret = new_secret()
        id_ = new_id("whs", self._clock)
        await storage.insert_secret(tx, id_, endpoint_id, self._seal.close(secret), self._clock.now_us())
        return secret

    async def _problems(self, manager: Manager, wish: EndpointWish) -> dict[str, list[str]]:
        problems: dict[str, list[str]] = {}
        told = _events_problem(wish.events, manager.scopes)
        if told is not None:
            problems["events"] = [told]
        if len(wish.description) > DESCRIPTION_LENGTH_MAX or not wish.description.isprintable():
            problems["description"] = [f"Must be at most {DESCRIPTION_LENGTH_MAX} printable characters"]
        try:
            await self._egress.check(wish.url)
        except EgressRefused as error:
            problems["url"] = [str(error)]
        return problems

    async def _is_own_application(self, manager: Manager, client_id: str) -> bool:
        if manager.client_id not in {None, client_id}:
            return False
        try:
            await self._applications.application(manager.person, client_id)
        except NotFound:
            return False
        return True


async def own_endpoint(tx: ReadTx, manager: Manager, endpoint_id: str) -> Endpoint:
    """One of the manager's.

    Raises:
        NoSuchEndpoint: unknown, or someone else's.
    """
    found = await storage.endpoint(tx, endpoint_id)
    if found is None or not _reaches(manager, found):
        raise NoSuchEndpoint(endpoint_id)
    return found


def _reaches(manager: Manager, endpoint: Endpoint) -> bool:
    return endpoint.person_id == manager.person.id and manager.client_id in {None, endpoint.client_id}


def _events_problem(events: Collection[str], scopes: Scopes) -> str | None:
    known = {str(type_) for type_ in WEBHOOK_TYPES}
    if not events:
        return "Choose at least one"
    if not set(events) <= known:
        return f"Known are {', '.join(WEBHOOK_TYPES)}"
    lacking = sorted({EventType(name).scope for name in events} - scopes)
    return f"The scope {lacking[0]} is required" if lacking else None


def _text(events: Collection[str]) -> str:
    """In the document's order, separated by spaces."""
    return " ".join(type_ for type_ in WEBHOOK_TYPES if type_ in set(events))
