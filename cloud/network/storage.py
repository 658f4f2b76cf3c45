"""Network nodes in SQL."""

from msgspec import Struct

from cloud.kit.store import ReadTx, WriteTx


class NodeRow(Struct, frozen=True, kw_only=True):
    """A network node."""

    id: str
    person_id: int
    location: str
    created_at_us: int


_NODE = "id, person_id, location, created_at_us"


async def set_node(tx: WriteTx, node: NodeRow) -> NodeRow:
    """The person's node; one that is there keeps id and age, and moves."""
    row = await tx.fetch_one(
        NodeRow,
        f"INSERT INTO network_nodes ({_NODE}) VALUES (:id, :person_id, :location, :created_at_us)"
        f" ON CONFLICT (person_id) DO UPDATE SET location = excluded.location RETURNING {_NODE}",
        {name: getattr(node, name) for name in NodeRow.__struct_fields__},
    )
    assert row is not None  # noqa: S101  RETURNING gives the row it wrote
    return row


async def nodes_after(tx: ReadTx, node_id: str, limit: int) -> list[NodeRow]:
    """Oldest first: ids sort by time."""
    return await tx.fetch_all(
        NodeRow,
        f"SELECT {_NODE} FROM network_nodes WHERE id > :node_id ORDER BY id LIMIT :limit",
        {"node_id": node_id, "limit": limit},
    )


async def node_total(tx: ReadTx) -> int:
    return int(await tx.fetch_value("SELECT COUNT(*) FROM network_nodes"))
