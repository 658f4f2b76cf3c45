"""Devices, enrolment codes and commands in SQL."""

from collections.abc import Sequence

from msgspec import Struct, structs

from cloud.devices.model import Device, DeviceSite
from cloud.kit.in_list import in_lists
from cloud.kit.store import ReadTx, WriteTx
from shared.coordinates import Coordinates
from shared.messages import Action

_DEVICE = (
    "device_id, owner_person_id, account, public_key, energy_scale, power_w_max, device_type, location,"
    " latitude, longitude, request_counter, created_at_us, seen_at_us"
)

_COMMAND = "id, device_id, node_uid, action, peer_uid, issued_at_us, expires_at_us"
_IN_FORCE = (
    "device_id = :device_id AND expires_at_us > :now_us AND replaced_at_us IS NULL"
    " AND (accepted IS NULL OR accepted = 1)"
    " AND (action <> 'idle' OR answered_at_us IS NULL OR answered_at_us > :stopped_before_us)"
)


class CodeRow(Struct, frozen=True, kw_only=True):
    """An enrolment code with whom and what it binds."""

    device_id: str
    owner_person_id: int
    used_at_us: int | None


class CommandRow(Struct, frozen=True, kw_only=True):
    """A manual command."""

    id: str
    device_id: str
    node_uid: str
    action: Action
    peer_uid: str | None
    issued_at_us: int
    expires_at_us: int


async def device_by_id(tx: ReadTx, device_id: str) -> Device | None:
    return await tx.fetch_one(
        Device, f"SELECT {_DEVICE} FROM devices WHERE device_id = :device_id", {"device_id": device_id}
    )


async def device_by_key(tx: ReadTx, public_key: str) -> Device | None:
    return await tx.fetch_one(
        Device, f"SELECT {_DEVICE} FROM devices WHERE public_key = :public_key", {"public_key": public_key}
    )


async def devices_of(tx: ReadTx, person_id: int) -> list[Device]:
    """Oldest first."""
    return await tx.fetch_all(
        Device,
        f"SELECT {_DEVICE} FROM devices WHERE owner_person_id = :person_id ORDER BY created_at_us, device_id",
        {"person_id": person_id},
    )


async def device_total(tx: ReadTx) -> int:
    return int(await tx.fetch_value("SELECT COUNT(*) FROM devices"))


async def add_device(tx: WriteTx, device: Device) -> None:
    await tx.execute(
        f"INSERT INTO devices ({_DEVICE}) VALUES (:device_id, :owner_person_id, :account, :public_key,"
        " :energy_scale, :power_w_max, :device_type, :location, :latitude, :longitude, :request_counter,"
        " :created_at_us, :seen_at_us)",
        {name: getattr(device, name) for name in Device.__struct_fields__},
    )


async def rename_device(tx: WriteTx, device_id: str, new_id: str) -> None:
    """Only for a device that nothing refers to yet."""
    await tx.execute(
        "UPDATE devices SET device_id = :new_id WHERE device_id = :device_id",
        {"device_id": device_id, "new_id": new_id},
    )
    await tx.execute(
        "UPDATE enrolment_codes SET device_id = :new_id WHERE device_id = :device_id",
        {"device_id": device_id, "new_id": new_id},
    )


async def remove_device(tx: WriteTx, device_id: str) -> None:
    """Only for a device that nothing refers to yet."""
    await tx.execute("DELETE FROM devices WHERE device_id = :device_id", {"device_id": device_id})


async def set_key(tx: WriteTx, device_id: str, public_key: str) -> None:
    await tx.execute(
        "UPDATE devices SET public_key = :public_key WHERE device_id = :device_id",
        {"device_id": device_id, "public_key": public_key},
    )


async def set_owner(
    tx: WriteTx, device_id: str, *, person_id: int, device_type: str | None, location: str | None
) -> None:
    """Type and location stay as they are where None."""
    await tx.execute(
        "UPDATE devices SET owner_person_id = :person_id, device_type = COALESCE(:device_type, device_type),"
        " location = COALESCE(:location, location) WHERE device_id = :device_id",
        {
            "device_id": device_id,
            "person_id": person_id,
            "device_type": device_type,
            "location": location,
        },
    )


async def set_coordinates(tx: WriteTx, device_id: str, coordinates: Coordinates) -> None:
    await tx.execute(
        "UPDATE devices SET latitude = :latitude, longitude = :longitude WHERE device_id = :device_id",
        {"device_id": device_id, **structs.asdict(coordinates)},
    )


async def sites_of_owners(tx: ReadTx, person_ids: Sequence[int]) -> list[DeviceSite]:
    """Of their devices that have one."""
    return await _sites(tx, "owner_person_id", person_ids)


async def sites_of_accounts(tx: ReadTx, accounts: Sequence[str]) -> list[DeviceSite]:
    """Of the devices whose escrow accounts these are."""
    return await _sites(tx, "account", accounts)


async def _sites(tx: ReadTx, column: str, values: Sequence[object]) -> list[DeviceSite]:
    rows: list[DeviceSite] = []
    for names, params in in_lists(values):
        rows += await tx.fetch_all(
            DeviceSite,
            "SELECT owner_person_id, account, latitude, longitude FROM devices"
            f" WHERE {column} IN ({names}) AND latitude IS NOT NULL",
            params,
        )
    return rows


async def raise_counter(tx: WriteTx, device_id: str, public_key: str, counter: int) -> bool:
    """Whether the counter was above the last one, under the same key."""
    return bool(
        await tx.execute(
            "UPDATE devices SET request_counter = :counter WHERE device_id = :device_id"
            " AND public_key = :public_key AND request_counter < :counter",
            {"device_id": device_id, "public_key": public_key, "counter": counter},
        )
    )


async def set_seen(tx: WriteTx, device_id: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE devices SET seen_at_us = :now_us WHERE device_id = :device_id",
        {"device_id": device_id, "now_us": now_us},
    )


async def set_energy_scale(tx: WriteTx, device_id: str, energy_scale: int) -> int:
    return await tx.execute(
        "UPDATE devices SET energy_scale = :energy_scale WHERE device_id = :device_id",
        {"device_id": device_id, "energy_scale": energy_scale},
    )


async def set_power_max(tx: WriteTx, device_id: str, power_w_max: float) -> int:
    return await tx.execute(
        "UPDATE devices SET power_w_max = :power_w_max WHERE device_id = :device_id",
        {"device_id": device_id, "power_w_max": power_w_max},
    )


async def add_code(tx: WriteTx, *, code_hash: str, device_id: str, person_id: int, now_us: int) -> None:
    await tx.execute(
        "INSERT INTO enrolment_codes (code_hash, device_id, owner_person_id, created_at_us)"
        " VALUES (:code_hash, :device_id, :person_id, :now_us)",
        {"code_hash": code_hash, "device_id": device_id, "person_id": person_id, "now_us": now_us},
    )


async def code_row(tx: ReadTx, code_hash: str) -> CodeRow | None:
    return await tx.fetch_one(
        CodeRow,
        "SELECT device_id, owner_person_id, used_at_us FROM enrolment_codes WHERE code_hash = :code_hash",
        {"code_hash": code_hash},
    )


async def use_code(tx: WriteTx, code_hash: str, *, device_id: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE enrolment_codes SET used_at_us = :now_us, device_id = :device_id"
        " WHERE code_hash = :code_hash",
        {"code_hash": code_hash, "device_id": device_id, "now_us": now_us},
    )


async def add_command(tx: WriteTx, row: CommandRow) -> None:
    await tx.execute(
        f"INSERT INTO device_commands ({_COMMAND}) VALUES (:id, :device_id, :node_uid, :action, :peer_uid,"
        " :issued_at_us, :expires_at_us)",
        structs.asdict(row),
    )


async def replace_commands(
    tx: WriteTx, device_id: str, node_uid: str, now_us: int, *, stopped_before_us: int
) -> None:
    """What is in force for the node is so no more."""
    await tx.execute(
        f"UPDATE device_commands SET replaced_at_us = :now_us WHERE node_uid = :node_uid AND {_IN_FORCE}",
        {
            "device_id": device_id,
            "node_uid": node_uid,
            "now_us": now_us,
            "stopped_before_us": stopped_before_us,
        },
    )


async def commands_in_force(
    tx: ReadTx, device_id: str, now_us: int, *, stopped_before_us: int
) -> list[CommandRow]:
    """In the order they were given; without the stops that were answered before then."""
    return await tx.fetch_all(
        CommandRow,
        f"SELECT {_COMMAND} FROM device_commands WHERE {_IN_FORCE} ORDER BY number",
        {"device_id": device_id, "now_us": now_us, "stopped_before_us": stopped_before_us},
    )


async def answer_command(
    tx: WriteTx, command_id: str, *, device_id: str | None, accepted: bool, answer: str, now_us: int
) -> bool:
    """Whether this was the first answer, and the command the device's own (any device's where None)."""
    return bool(
        await tx.execute(
            "UPDATE device_commands SET answered_at_us = :now_us, accepted = :accepted, answer = :answer"
            " WHERE id = :id AND answered_at_us IS NULL AND device_id = COALESCE(:device_id, device_id)",
            {
                "id": command_id,
                "device_id": device_id,
                "now_us": now_us,
                "accepted": int(accepted),
                "answer": answer,
            },
        )
    )
