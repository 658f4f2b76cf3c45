"""Sandboxes in the live database, and the clock of each in its own."""

from msgspec.structs import asdict

from cloud.kit.store import ReadTx, WriteTx
from cloud.sandbox.model import ClockRow, SandboxRow

_ROW = ", ".join(SandboxRow.__struct_fields__)


async def of_person(tx: ReadTx, person_id: int) -> SandboxRow | None:
    return await tx.fetch_one(
        SandboxRow, f"SELECT {_ROW} FROM sandboxes WHERE person_id = :person_id", {"person_id": person_id}
    )


async def by_name(tx: ReadTx, name: str) -> SandboxRow | None:
    return await tx.fetch_one(SandboxRow, f"SELECT {_ROW} FROM sandboxes WHERE name = :name", {"name": name})


async def add(tx: WriteTx, row: SandboxRow) -> None:
    """Nothing where the person has one."""
    values = ", ".join(f":{name}" for name in SandboxRow.__struct_fields__)
    await tx.execute(
        f"INSERT INTO sandboxes ({_ROW}) VALUES ({values}) ON CONFLICT (person_id) DO NOTHING", asdict(row)
    )


async def begin_anew(tx: WriteTx, name: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE sandboxes SET generation = generation + 1, begun_at_us = :now_us WHERE name = :name",
        {"name": name, "now_us": now_us},
    )


async def clock(tx: ReadTx) -> ClockRow | None:
    """None in a database that is not a sandbox's, or not a finished one."""
    return await tx.fetch_one(
        ClockRow, "SELECT ahead_us, distributed_until_us FROM sandbox_clock WHERE id = 1"
    )


async def put_clock(tx: WriteTx, row: ClockRow) -> None:
    await tx.execute(
        "INSERT INTO sandbox_clock (id, ahead_us, distributed_until_us)"
        " VALUES (1, :ahead_us, :distributed_until_us)"
        " ON CONFLICT (id) DO UPDATE SET ahead_us = excluded.ahead_us,"
        " distributed_until_us = excluded.distributed_until_us",
        asdict(row),
    )


async def set_ahead(tx: WriteTx, ahead_us: int) -> None:
    await tx.execute("UPDATE sandbox_clock SET ahead_us = :ahead_us WHERE id = 1", {"ahead_us": ahead_us})


async def set_distributed(tx: WriteTx, until_us: int) -> None:
    await tx.execute(
        "UPDATE sandbox_clock SET distributed_until_us = :until_us WHERE id = 1", {"until_us": until_us}
    )
