"""The SQL of DePIN."""

from msgspec import structs

from cloud.depin.model import DepinNode, NetworkFigures
from cloud.kit.store import ReadTx, WriteTx

_NODE = ", ".join(DepinNode.__struct_fields__)
_NODE_VALUES = ", ".join(f":{name}" for name in DepinNode.__struct_fields__)
_CHANGING = (
    "hardware_type",
    "firmware_version",
    "operator_person_id",
    "operator_account",
    "operator_wallet",
    "counted_until_us",
    "uptime_us",
    "energy_mwh",
    "rewards",
    "signed_key",
    "signed_day",
    "signed_days",
)


async def node(tx: ReadTx, device_id: str) -> DepinNode | None:
    return await tx.fetch_one(
        DepinNode, f"SELECT {_NODE} FROM depin_nodes WHERE device_id = :device_id", {"device_id": device_id}
    )


async def nodes_after(tx: ReadTx, node_id: str, limit: int) -> list[DepinNode]:
    """Oldest first: ids sort by time."""
    return await tx.fetch_all(
        DepinNode,
        f"SELECT {_NODE} FROM depin_nodes WHERE id > :node_id ORDER BY id LIMIT :limit",
        {"node_id": node_id, "limit": limit},
    )


async def insert_node(tx: WriteTx, node: DepinNode) -> None:
    await tx.execute(f"INSERT INTO depin_nodes ({_NODE}) VALUES ({_NODE_VALUES})", structs.asdict(node))


async def update_node(tx: WriteTx, node: DepinNode) -> None:
    """All of it but id, device and time of registration."""
    await tx.execute(
        f"UPDATE depin_nodes SET {', '.join(f'{name} = :{name}' for name in _CHANGING)}"
        " WHERE device_id = :device_id",
        {name: getattr(node, name) for name in (*_CHANGING, "device_id")},
    )


async def pay_key(tx: WriteTx, public_key: str, device_id: str, at_us: int) -> bool:
    """Whether neither the key nor the device was paid before; from now on both were."""
    return bool(
        await tx.execute(
            "INSERT INTO depin_keys (public_key, device_id, at_us) VALUES (:public_key, :device_id, :at_us)"
            " ON CONFLICT DO NOTHING",
            {"public_key": public_key, "device_id": device_id, "at_us": at_us},
        )
    )


async def last_month(tx: ReadTx, device_id: str) -> str | None:
    """The newest month that was looked at."""
    found: str | None = await tx.fetch_value(
        "SELECT MAX(month) FROM depin_months WHERE device_id = :device_id", {"device_id": device_id}
    )
    return found


async def insert_month(tx: WriteTx, device_id: str, month: str, *, uptime_us: int, rewarded: bool) -> None:
    await tx.execute(
        "INSERT INTO depin_months (device_id, month, uptime_us, rewarded)"
        " VALUES (:device_id, :month, :uptime_us, :rewarded)",
        {"device_id": device_id, "month": month, "uptime_us": uptime_us, "rewarded": int(rewarded)},
    )


async def nodes_due(tx: ReadTx, month: str, *, start_us: int, after_id: str, limit: int) -> list[DepinNode]:
    """Nodes that were there when the month began and for which it was not looked at, by rising id."""
    return await tx.fetch_all(
        DepinNode,
        f"SELECT {_NODE} FROM depin_nodes WHERE id > :after_id AND registered_at_us <= :start_us"
        " AND NOT EXISTS (SELECT 1 FROM depin_months WHERE depin_months.device_id = depin_nodes.device_id"
        " AND month = :month) ORDER BY id LIMIT :limit",
        {"month": month, "start_us": start_us, "after_id": after_id, "limit": limit},
    )


async def figures(tx: ReadTx, *, now_us: int, online_since_us: int) -> NetworkFigures:
    found = await tx.fetch_one(
        NetworkFigures,
        "SELECT COUNT(*) AS nodes,"
        " COALESCE(SUM(CASE WHEN counted_until_us >= :online_since_us THEN 1 ELSE 0 END), 0) AS online,"
        " COALESCE(AVG(CASE WHEN registered_at_us >= :now_us THEN 0.0"
        " WHEN uptime_us >= :now_us - registered_at_us THEN 100.0"
        " ELSE 100 * CAST(uptime_us AS DOUBLE PRECISION)"
        " / CAST(:now_us - registered_at_us AS DOUBLE PRECISION) END), 0.0) AS reliability_percent_mean,"
        " CAST(COALESCE(SUM(uptime_us), 0) AS BIGINT) AS uptime_us,"
        " CAST(COALESCE(SUM(energy_mwh), 0) AS BIGINT) AS energy_mwh,"
        " CAST(COALESCE(SUM(rewards), 0) AS BIGINT) AS rewards FROM depin_nodes",
        {"now_us": now_us, "online_since_us": online_since_us},
    )
    assert found is not None  # noqa: S101  an aggregate has one row
    return found
