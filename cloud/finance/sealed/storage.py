"""Devices and wrapped keys in SQL."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct, structs

from cloud.finance.sealed.model import Device
from cloud.kit.store import ReadTx, WriteTx

_DEVICE = ", ".join(Device.__struct_fields__)
_WITH_KEY = "REPLACE(wrapped_deks, :key, '') <> wrapped_deks"
"""LIKE would take other letters of the same kind for equal on one of the stores."""
_READABLE = "wrapped_deks <> '{}'"
"""By somebody: what was sealed to devices that are all gone is lost, and holds nobody up."""
_SEALED = "person_id = :person_id AND encrypted_data IS NOT NULL"


class Wrapped(Struct, frozen=True, kw_only=True):
    """The wrapped keys of one sealed transaction."""

    transaction_id: int
    wrapped_deks: str
    """JSON."""

    @property
    def keys(self) -> dict[str, str]:
        return msgspec.json.decode(self.wrapped_deks, type=dict[str, str])


async def devices(tx: ReadTx, person_id: int) -> list[Device]:
    """All there ever were, the oldest first."""
    return await tx.fetch_all(
        Device,
        f"SELECT {_DEVICE} FROM sealed_devices WHERE person_id = :person_id"
        " ORDER BY created_at_us, device_id",
        {"person_id": person_id},
    )


async def insert(tx: WriteTx, device: Device) -> None:
    await tx.execute(
        f"INSERT INTO sealed_devices ({_DEVICE})"
        f" VALUES ({', '.join(f':{name}' for name in Device.__struct_fields__)})",
        structs.asdict(device) | {"status": device.status.value},
    )


async def save(tx: WriteTx, device: Device) -> None:
    """Its state; what it is never changes."""
    await tx.execute(
        "UPDATE sealed_devices SET status = :status, approved_at_us = :approved_at_us,"
        " revoked_at_us = :revoked_at_us WHERE person_id = :person_id AND device_id = :device_id",
        {
            "status": device.status.value,
            "approved_at_us": device.approved_at_us,
            "revoked_at_us": device.revoked_at_us,
            "person_id": device.person_id,
            "device_id": device.device_id,
        },
    )


async def wrapped(tx: ReadTx, person_id: int, transaction_ids: Sequence[int]) -> dict[int, Wrapped]:
    """By transaction, of those that are sealed and the person's."""
    found = {}
    for transaction_id in transaction_ids:
        row = await tx.fetch_one(
            Wrapped,
            f"SELECT id AS transaction_id, wrapped_deks FROM transactions WHERE {_SEALED} AND id = :id",
            {"person_id": person_id, "id": transaction_id},
        )
        if row is not None:
            found[transaction_id] = row
    return found


async def set_wrapped(
    tx: WriteTx, person_id: int, keys: Mapping[int, Mapping[str, str]], *, now_us: int
) -> None:
    """All wrapped keys of each transaction."""
    await tx.execute_many(
        "UPDATE transactions SET wrapped_deks = :wrapped_deks, updated_at_us = :now_us"
        " WHERE id = :id AND person_id = :person_id",
        [
            {
                "id": transaction_id,
                "person_id": person_id,
                "wrapped_deks": msgspec.json.encode(wrapped_deks).decode(),
                "now_us": now_us,
            }
            for transaction_id, wrapped_deks in keys.items()
        ],
    )


async def without_key(
    tx: ReadTx, person_id: int, device_id: str, *, after_id: int, limit: int
) -> list[Wrapped]:
    """Sealed transactions that this device cannot read, in the order of their ids."""
    return await tx.fetch_all(
        Wrapped,
        f"SELECT id AS transaction_id, wrapped_deks FROM transactions WHERE {_SEALED} AND id > :after_id"
        f" AND NOT ({_WITH_KEY}) AND {_READABLE} ORDER BY id LIMIT :limit",
        {"person_id": person_id, "key": _key(device_id), "after_id": after_id, "limit": limit},
    )


async def without_key_count(tx: ReadTx, person_id: int, device_id: str) -> int:
    return int(
        await tx.fetch_value(
            f"SELECT COUNT(*) FROM transactions WHERE {_SEALED} AND NOT ({_WITH_KEY}) AND {_READABLE}",
            {"person_id": person_id, "key": _key(device_id)},
        )
    )


async def lacking_count(tx: ReadTx, person_id: int, device_id: str, reader_id: str) -> int:
    """How many this device cannot read, of those that another reads."""
    return int(
        await tx.fetch_value(
            f"SELECT COUNT(*) FROM transactions WHERE {_SEALED} AND NOT ({_WITH_KEY})"
            " AND REPLACE(wrapped_deks, :reader_key, '') <> wrapped_deks",
            {"person_id": person_id, "key": _key(device_id), "reader_key": _key(reader_id)},
        )
    )


async def with_key(tx: ReadTx, person_id: int, device_id: str, *, limit: int) -> list[Wrapped]:
    """Some of those whose key is wrapped for it."""
    return await tx.fetch_all(
        Wrapped,
        f"SELECT id AS transaction_id, wrapped_deks FROM transactions WHERE {_SEALED} AND {_WITH_KEY}"
        " ORDER BY id LIMIT :limit",
        {"person_id": person_id, "key": _key(device_id), "limit": limit},
    )


async def with_key_count(tx: ReadTx, person_id: int, device_id: str) -> int:
    return int(
        await tx.fetch_value(
            f"SELECT COUNT(*) FROM transactions WHERE {_SEALED} AND {_WITH_KEY}",
            {"person_id": person_id, "key": _key(device_id)},
        )
    )


def _key(device_id: str) -> str:
    """As it stands in the JSON: ids and Base64 have no quotes."""
    return f'"{device_id}":'
