"""Who takes part as a network node operator: a role anyone may take, which gives no power over others."""

import logging

from cloud.identity.model import Person
from cloud.identity.service import Identity
from cloud.kit.store import Store
from cloud.network import storage
from cloud.network.model import NetworkNode
from cloud.network.storage import NodeRow
from shared.clock import Clock
from shared.coordinates import Coordinates
from shared.ids import new_id

logger = logging.getLogger(__name__)


class Network:
    """The use cases of network nodes."""

    def __init__(self, store: Store, clock: Clock, identity: Identity) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity

    async def register(
        self, person: Person, location: str, coordinates: Coordinates | None = None
    ) -> tuple[NetworkNode, bool]:
        """The person's node, and whether it is new; one that is there moves to the location."""
        wish = NodeRow(
            id=new_id("nn", self._clock),
            person_id=person.id,
            location=location,
            created_at_us=self._clock.now_us(),
        )
        async with self._store.write() as tx:
            row = await storage.set_node(tx, wish)
            await self._identity.become_operator(tx, person, location, coordinates)
        node = _shown(row, person.shown_id)
        logger.info("network node registered id=%s person_id=%d", node.id, person.id)
        return node, row.id == wish.id

    async def nodes(self, *, after: str, limit: int) -> list[NetworkNode]:
        """Registered after the node with that id (empty: from the first), oldest first."""
        async with self._store.read() as tx:
            rows = await storage.nodes_after(tx, after, limit)
            user_ids = await self._identity.shown_ids(tx, [row.person_id for row in rows])
        return [_shown(row, user_ids[row.person_id]) for row in rows]

    async def total(self) -> int:
        """How many there are."""
        async with self._store.read() as tx:
            return await storage.node_total(tx)


def _shown(row: NodeRow, user_id: str) -> NetworkNode:
    return NetworkNode(
        id=row.id,
        person_id=row.person_id,
        user_id=user_id,
        location=row.location,
        created_at_us=row.created_at_us,
    )
