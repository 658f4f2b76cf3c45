"""Every SQL statement of the grid."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from msgspec import Struct, structs

from cloud.grid.model import Node, Presence, StreamCursor, Transfer, TransferState
from cloud.kit.in_list import in_lists
from cloud.kit.store import Params, ReadTx, WriteTx
from shared.messages import Refusal, Stream

_TELEMETRY_COLUMNS = (
    "stream_id",
    "seq",
    "boot_id",
    "monotonic_us",
    "utc_us",
    "synced",
    "historical",
    "received_us",
    "nodes",
)
TELEMETRY_ROWS_AT_ONCE = 32
"""Rows in one statement. The driver lets other threads run at every statement, which costs more than the row
itself while the broker's thread is busy."""

_UPSERT_NODE = """
INSERT INTO node_states
    (device_id, uid, voltage_mv, current_ma, temperature_c, soc_percent, soc_band_percent,
     state, quality, ip, seen_us)
VALUES
    (:device_id, :uid, :voltage_mv, :current_ma, :temperature_c, :soc_percent, :soc_band_percent,
     :state, :quality, :ip, :seen_us)
ON CONFLICT (device_id, uid) DO UPDATE SET
    voltage_mv = excluded.voltage_mv, current_ma = excluded.current_ma,
    temperature_c = excluded.temperature_c, soc_percent = excluded.soc_percent,
    soc_band_percent = excluded.soc_band_percent, state = excluded.state, quality = excluded.quality,
    ip = COALESCE(excluded.ip, node_states.ip), seen_us = excluded.seen_us
"""

_TRANSFER_COLUMNS = (
    "id, device_id, sender_uid, receiver_uid, state, requested_us, lease_ends_us, started_us, ended_us,"
    " touched_us, energy_mwh, reports"
)
_OPEN = "('requested', 'active')"


# Streams


async def open_stream(
    tx: WriteTx, *, device_id: str, journal_id: str, stream: Stream, now_us: int
) -> StreamCursor:
    """The cursor of a stream; a stream never heard of begins at 0."""
    key: dict[str, object] = {"device_id": device_id, "journal_id": journal_id, "stream": stream.value}
    found = await tx.fetch_one(
        StreamCursor,
        "SELECT id, through FROM streams"
        " WHERE device_id = :device_id AND journal_id = :journal_id AND stream = :stream",
        key,
    )
    if found is not None:
        return found
    made = await tx.fetch_one(
        StreamCursor,
        "INSERT INTO streams (device_id, journal_id, stream, through, moved_us)"
        " VALUES (:device_id, :journal_id, :stream, 0, :now_us) RETURNING id, through",
        {**key, "now_us": now_us},
    )
    assert made is not None  # noqa: S101  an INSERT with RETURNING gives its row
    return made


async def move_stream(tx: WriteTx, stream_id: int, *, through: int, now_us: int) -> None:
    await tx.execute(
        "UPDATE streams SET through = :through, moved_us = :now_us WHERE id = :id",
        {"id": stream_id, "through": through, "now_us": now_us},
    )


async def refuse(tx: WriteTx, stream_id: int, refusal: Refusal, *, now_us: int) -> None:
    await tx.execute(
        "INSERT INTO stream_refusals (stream_id, seq, reason, at_us)"
        " VALUES (:stream_id, :seq, :reason, :now_us) ON CONFLICT (stream_id, seq) DO NOTHING",
        {"stream_id": stream_id, "seq": refusal.seq, "reason": refusal.reason, "now_us": now_us},
    )


async def refusals(tx: ReadTx, stream_id: int, *, first: int, last: int) -> list[Refusal]:
    return await tx.fetch_all(
        Refusal,
        "SELECT seq, reason FROM stream_refusals"
        " WHERE stream_id = :stream_id AND seq BETWEEN :first AND :last ORDER BY seq LIMIT 100",
        {"stream_id": stream_id, "first": first, "last": last},
    )


TelemetryRow = tuple[object, ...]
"""Values in the order of `_TELEMETRY_COLUMNS`."""


def _telemetry_names(rows: int) -> list[str]:
    return [f"{column}_{row}" for row in range(rows) for column in _TELEMETRY_COLUMNS]


@lru_cache(maxsize=TELEMETRY_ROWS_AT_ONCE)
def _telemetry_insert(rows: int) -> tuple[str, list[str]]:
    values = ", ".join(
        "(" + ", ".join(f":{column}_{row}" for column in _TELEMETRY_COLUMNS) + ")" for row in range(rows)
    )
    return (
        f"INSERT INTO telemetry ({', '.join(_TELEMETRY_COLUMNS)}) VALUES {values}",
        _telemetry_names(rows),
    )


async def insert_telemetry(tx: WriteTx, rows: Sequence[TelemetryRow]) -> None:
    for first in range(0, len(rows), TELEMETRY_ROWS_AT_ONCE):
        chunk = rows[first : first + TELEMETRY_ROWS_AT_ONCE]
        sql, names = _telemetry_insert(len(chunk))
        await tx.execute(sql, dict(zip(names, chain.from_iterable(chunk), strict=True)))


async def insert_device_event(tx: WriteTx, row: Params) -> None:
    await tx.execute(
        "INSERT INTO device_events (device_id, kind, node_uid, reason, at_us, received_us)"
        " VALUES (:device_id, :kind, :node_uid, :reason, :at_us, :received_us)",
        row,
    )


# Nodes and devices


async def put_nodes(tx: WriteTx, nodes: Iterable[Node]) -> None:
    await tx.execute_many(_UPSERT_NODE, map(structs.asdict, nodes))


async def nodes_of(tx: ReadTx, device_id: str) -> list[Node]:
    return await tx.fetch_all(
        Node,
        "SELECT device_id, uid, voltage_mv, current_ma, temperature_c, soc_percent, soc_band_percent,"
        " state, quality, ip, seen_us FROM node_states WHERE device_id = :device_id ORDER BY uid",
        {"device_id": device_id},
    )


class NodeTotals(Struct, frozen=True, kw_only=True):
    nodes: int
    soc_percent_mean: float | None


async def node_totals(tx: ReadTx, *, since_us: int) -> NodeTotals:
    found = await tx.fetch_one(
        NodeTotals,
        "SELECT COUNT(*) AS nodes, AVG(soc_percent) AS soc_percent_mean FROM node_states"
        " WHERE seen_us >= :since_us",
        {"since_us": since_us},
    )
    assert found is not None  # noqa: S101  an aggregate always gives a row
    return found


class Sum(Struct, frozen=True, kw_only=True):
    """A count and a sum over what was measured; total is None where count is 0."""

    count: int
    total: float | None


async def node_voltages(tx: ReadTx, *, since_us: int) -> list[Sum]:
    """In mV: of the nodes, then of what devices said of themselves as one more reading."""
    return await tx.fetch_all(
        Sum,
        "SELECT COUNT(voltage_mv) AS count, SUM(voltage_mv) AS total FROM node_states"
        " WHERE seen_us >= :since_us"
        " UNION ALL SELECT COUNT(voltage_mv), SUM(voltage_mv) FROM device_presence"
        " WHERE reported_us >= :since_us",
        {"since_us": since_us},
    )


async def battery_level_mean(tx: ReadTx, *, since_us: int) -> float | None:
    value = await tx.fetch_value(
        "SELECT AVG(battery_level_percent) FROM device_presence WHERE reported_us >= :since_us",
        {"since_us": since_us},
    )
    return None if value is None else float(value)


async def presence_of(tx: ReadTx, device_id: str) -> Presence | None:
    return await tx.fetch_one(
        Presence,
        "SELECT device_id, online, heard_us, boot_id, version, voltage_mv, battery_level_percent,"
        " reported_us FROM device_presence WHERE device_id = :device_id",
        {"device_id": device_id},
    )


async def put_presence(tx: WriteTx, presence: Presence) -> None:
    await tx.execute(
        "INSERT INTO device_presence (device_id, online, heard_us, boot_id, version, voltage_mv,"
        " battery_level_percent, reported_us) VALUES (:device_id, :online, :heard_us, :boot_id, :version,"
        " :voltage_mv, :battery_level_percent, :reported_us)"
        " ON CONFLICT (device_id) DO UPDATE SET online = excluded.online, heard_us = excluded.heard_us,"
        " boot_id = excluded.boot_id, version = excluded.version, voltage_mv = excluded.voltage_mv,"
        " battery_level_percent = excluded.battery_level_percent, reported_us = excluded.reported_us",
        structs.asdict(presence) | {"online": int(presence.online)},
    )


async def devices_online(tx: ReadTx) -> int:
    return int(await tx.fetch_value("SELECT COUNT(*) FROM device_presence WHERE online = 1") or 0)


async def fall_silent(tx: WriteTx, *, before_us: int) -> list[str]:
    """Mark devices last heard before then as offline; those that were online until now."""

    class Silent(Struct):
        device_id: str

    rows = await tx.fetch_all(
        Silent,
        "UPDATE device_presence SET online = 0 WHERE online = 1 AND heard_us < :before_us"
        " RETURNING device_id",
        {"before_us": before_us},
    )
    return [row.device_id for row in rows]


# Transfers


async def open_transfers(tx: ReadTx, device_id: str) -> list[Transfer]:
    return await tx.fetch_all(
        Transfer,
        f"SELECT {_TRANSFER_COLUMNS} FROM transfers"
        f" WHERE device_id = :device_id AND state IN {_OPEN} ORDER BY touched_us DESC, id DESC",
        {"device_id": device_id},
    )


async def stale_transfers(tx: ReadTx, *, now_us: int, quiet_before_us: int) -> list[Transfer]:
    """Requested ones whose lease has ended, active ones not heard of since."""
    return await tx.fetch_all(
        Transfer,
        f"SELECT {_TRANSFER_COLUMNS} FROM transfers WHERE (state = 'requested' AND lease_ends_us < :now_us)"
        " OR (state = 'active' AND touched_us < :quiet_before_us) ORDER BY touched_us LIMIT 500",
        {"now_us": now_us, "quiet_before_us": quiet_before_us},
    )


async def put_transfer(tx: WriteTx, transfer: Transfer) -> None:
    await tx.execute(
        f"INSERT INTO transfers ({_TRANSFER_COLUMNS}) VALUES (:id, :device_id, :sender_uid, :receiver_uid,"
        " :state, :requested_us, :lease_ends_us, :started_us, :ended_us, :touched_us, :energy_mwh, :reports)"
        " ON CONFLICT (id) DO UPDATE SET state = excluded.state, lease_ends_us = excluded.lease_ends_us,"
        " started_us = excluded.started_us, ended_us = excluded.ended_us, touched_us = excluded.touched_us,"
        " energy_mwh = excluded.energy_mwh, reports = excluded.reports",
        structs.asdict(transfer) | {"state": transfer.state.value},
    )


async def transfer_counts(tx: ReadTx, *, since_us: int) -> Mapping[TransferState, int]:
    class Count(Struct):
        state: TransferState
        count: int

    rows = await tx.fetch_all(
        Count,
        "SELECT state, COUNT(*) AS count FROM transfers WHERE touched_us >= :since_us GROUP BY state",
        {"since_us": since_us},
    )
    return {row.state: row.count for row in rows}


# Retention


async def trim(tx: WriteTx, *, before_us: int, limit: int) -> Sequence[int]:
    """Drop the oldest rows of what only matters for a while; how many of each kind went."""
    bounds: Params = {"before_us": before_us, "limit": limit}
    return [
        await tx.execute(
            "DELETE FROM telemetry WHERE (stream_id, seq) IN (SELECT stream_id, seq FROM telemetry"
            " WHERE received_us < :before_us ORDER BY received_us LIMIT :limit)",
            bounds,
        ),
        await tx.execute(
            "DELETE FROM device_events WHERE id IN (SELECT id FROM device_events"
            " WHERE received_us < :before_us ORDER BY received_us LIMIT :limit)",
            bounds,
        ),
        await tx.execute(
            "DELETE FROM stream_refusals WHERE (stream_id, seq) IN (SELECT stream_id, seq"
            " FROM stream_refusals WHERE at_us < :before_us ORDER BY at_us LIMIT :limit)",
            bounds,
        ),
    ]


async def superseded_streams(tx: ReadTx, *, before_us: int, limit: int) -> list[int]:
    """Streams that have not moved since, of journals that a newer one of the same device has followed.

    A device that is only away keeps its own, so that nothing it sends again is applied twice.
    """

    class Row(Struct):
        id: int

    rows = await tx.fetch_all(
        Row,
        "SELECT id FROM streams WHERE moved_us < :before_us AND EXISTS (SELECT 1 FROM streams AS newer"
        " WHERE newer.device_id = streams.device_id AND newer.stream = streams.stream"
        " AND newer.id > streams.id) LIMIT :limit",
        {"before_us": before_us, "limit": limit},
    )
    return [row.id for row in rows]


async def drop_streams(tx: WriteTx, ids: Sequence[int], *, before_us: int) -> None:
    """With what was refused of them; one that has moved again stays."""
    for names, params in in_lists(ids):
        await tx.execute(
            f"DELETE FROM streams WHERE moved_us < :before_us AND id IN ({names})",
            {**params, "before_us": before_us},
        )


async def devices_with_transfers(tx: ReadTx) -> list[str]:
    """Devices with a transfer under way: those that may have commands to be sent again."""

    class Row(Struct):
        device_id: str

    rows = await tx.fetch_all(
        Row, f"SELECT DISTINCT device_id FROM transfers WHERE state IN {_OPEN} ORDER BY device_id"
    )
    return [row.device_id for row in rows]
