"""The SQL of minting."""

from msgspec import Struct, structs

from cloud.kit.store import ReadTx, WriteTx
from cloud.minting.model import Claim, HeldState, Mint
from cloud.minting.net_export import Flow

_MINT = ", ".join(Mint.__struct_fields__)
_MINT_VALUES = ", ".join(f":{name}" for name in Mint.__struct_fields__)


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a report; one of the two is there."""

    mint_id: int | None
    refusal: str | None


class Decided(Struct, frozen=True, kw_only=True):
    """A report with its outcome, to be remembered."""

    claim: Claim
    report_id: str
    content_sha256: str
    mint_id: int | None
    refusal: str | None
    at_us: int


class HeldMint(Struct, frozen=True, kw_only=True):
    """The held part of a mint and what became of it."""

    mint_id: int
    state: HeldState
    decided_at_us: int | None


async def outcome_by_id(tx: ReadTx, device_id: str, report_id: str) -> Outcome | None:
    return await tx.fetch_one(
        Outcome,
        "SELECT mint_id, refusal FROM reports WHERE device_id = :device_id AND report_id = :report_id",
        {"device_id": device_id, "report_id": report_id},
    )


async def outcome_by_content(
    tx: ReadTx, device_id: str, content_sha256: str, *, since_us: int
) -> Outcome | None:
    """Of the newest report with this content since a moment."""
    return await tx.fetch_one(
        Outcome,
        "SELECT mint_id, refusal FROM reports WHERE device_id = :device_id"
        " AND content_sha256 = :content_sha256 AND at_us >= :since_us ORDER BY at_us DESC LIMIT 1",
        {"device_id": device_id, "content_sha256": content_sha256, "since_us": since_us},
    )


async def overlaps(tx: ReadTx, device_id: str, sender_uid: str, *, start_us: int, end_us: int) -> bool:
    """Whether an accepted report of this sender shares time with [start, end)."""
    found = await tx.fetch_value(
        "SELECT 1 FROM reports WHERE device_id = :device_id AND sender_uid = :sender_uid"
        " AND mint_id IS NOT NULL AND ended_at_us > :start_us AND started_at_us < :end_us LIMIT 1",
        {"device_id": device_id, "sender_uid": sender_uid, "start_us": start_us, "end_us": end_us},
    )
    return found is not None


async def insert_report(tx: WriteTx, decided: Decided) -> None:
    claim = decided.claim
    await tx.execute(
        "INSERT INTO reports (device_id, report_id, content_sha256, sender_uid, started_at_us, ended_at_us,"
        " mint_id, refusal, at_us) VALUES (:device_id, :report_id, :content_sha256, :sender_uid,"
        " :started_at_us, :ended_at_us, :mint_id, :refusal, :at_us)",
        {
            "device_id": claim.device_id,
            "report_id": decided.report_id,
            "content_sha256": decided.content_sha256,
            "sender_uid": claim.sender_uid,
            "started_at_us": claim.started_at_us,
            "ended_at_us": claim.ended_at_us,
            "mint_id": decided.mint_id,
            "refusal": decided.refusal,
            "at_us": decided.at_us,
        },
    )


async def flow(tx: ReadTx, device_id: str, node_uid: str) -> Flow:
    """A node's flow; all zero for one that never took part in a transfer."""
    found = await tx.fetch_one(
        Flow,
        "SELECT sent_mwh, received_mwh, high_water_mwh FROM node_flows"
        " WHERE device_id = :device_id AND node_uid = :node_uid",
        {"device_id": device_id, "node_uid": node_uid},
    )
    return found or Flow()


async def put_flow(tx: WriteTx, device_id: str, node_uid: str, flow: Flow) -> None:
    await tx.execute(
        "INSERT INTO node_flows (device_id, node_uid, sent_mwh, received_mwh, high_water_mwh)"
        " VALUES (:device_id, :node_uid, :sent_mwh, :received_mwh, :high_water_mwh)"
        " ON CONFLICT (device_id, node_uid) DO UPDATE SET sent_mwh = excluded.sent_mwh,"
        " received_mwh = excluded.received_mwh, high_water_mwh = excluded.high_water_mwh",
        {"device_id": device_id, "node_uid": node_uid, **structs.asdict(flow)},
    )


async def insert_mint(tx: WriteTx, mint: Mint) -> None:
    await tx.execute(f"INSERT INTO mints ({_MINT}) VALUES ({_MINT_VALUES})", structs.asdict(mint))


async def mint(tx: ReadTx, mint_id: int) -> Mint | None:
    return await tx.fetch_one(Mint, f"SELECT {_MINT} FROM mints WHERE id = :id", {"id": mint_id})


async def output_mwh(tx: ReadTx, device_id: str, *, since_us: int) -> int:
    """What was minted for a device after a moment, less what was held."""
    found = await tx.fetch_value(
        "SELECT SUM(energy_mwh - held_mwh) FROM mints WHERE device_id = :device_id AND at_us > :since_us",
        {"device_id": device_id, "since_us": since_us},
    )
    return int(found or 0)


async def insert_held(tx: WriteTx, mint_id: int) -> None:
    await tx.execute(
        "INSERT INTO held_mints (mint_id, state) VALUES (:mint_id, :state)",
        {"mint_id": mint_id, "state": HeldState.HELD},
    )


async def held(tx: ReadTx, mint_id: int) -> HeldMint | None:
    return await tx.fetch_one(
        HeldMint,
        "SELECT mint_id, state, decided_at_us FROM held_mints WHERE mint_id = :mint_id",
        {"mint_id": mint_id},
    )


async def open_held(tx: ReadTx, *, after_id: int, limit: int) -> list[Mint]:
    """Mints of which a part is still held, by rising id."""
    columns = ", ".join(f"mints.{name}" for name in Mint.__struct_fields__)
    return await tx.fetch_all(
        Mint,
        f"SELECT {columns} FROM held_mints JOIN mints ON mints.id = held_mints.mint_id"
        " WHERE held_mints.state = 'held' AND held_mints.mint_id > :after_id"
        " ORDER BY held_mints.mint_id LIMIT :limit",
        {"after_id": after_id, "limit": limit},
    )


async def decide_held(tx: WriteTx, mint_id: int, state: HeldState, at_us: int) -> None:
    await tx.execute(
        "UPDATE held_mints SET state = :state, decided_at_us = :at_us WHERE mint_id = :mint_id",
        {"mint_id": mint_id, "state": state, "at_us": at_us},
    )


async def add_plausible(tx: WriteTx, device_id: str, energy_mwh: int) -> None:
    """More of the device's minted energy is beyond doubt."""
    await tx.execute(
        "INSERT INTO plausible_energy (device_id, energy_mwh) VALUES (:device_id, :energy_mwh)"
        " ON CONFLICT (device_id) DO UPDATE"
        " SET energy_mwh = plausible_energy.energy_mwh + excluded.energy_mwh",
        {"device_id": device_id, "energy_mwh": energy_mwh},
    )


async def plausible_mwh(tx: ReadTx, device_id: str) -> int:
    found = await tx.fetch_value(
        "SELECT energy_mwh FROM plausible_energy WHERE device_id = :device_id", {"device_id": device_id}
    )
    return int(found or 0)
