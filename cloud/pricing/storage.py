"""The SQL of prices."""

from collections.abc import Sequence

from msgspec import structs

from cloud.kit.paging import NumberRange
from cloud.kit.store import ReadTx, WriteTx
from cloud.pricing.forecast import SLOT_US, SLOTS, SlotMean
from cloud.pricing.model import Price

_COLUMNS = ", ".join(Price.__struct_fields__)
_VALUES = ", ".join(f":{name}" for name in Price.__struct_fields__)
MINUTE_US = 60_000_000


async def insert(tx: WriteTx, price: Price) -> None:
    """Under the next number: PostgreSQL's own way leaves a gap for each that was undone."""
    next_id = "(SELECT COALESCE(MAX(id), 0) + 1 FROM prices)"
    await tx.execute(
        f"INSERT INTO prices (id, {_COLUMNS}) VALUES ({next_id}, {_VALUES})", structs.asdict(price)
    )


async def latest(tx: ReadTx) -> Price | None:
    return await tx.fetch_one(Price, f"SELECT {_COLUMNS} FROM prices ORDER BY id DESC LIMIT 1")


async def total(tx: ReadTx) -> int:
    """How many there are; ids are the numbers from 1 to this."""
    return int(await tx.fetch_value("SELECT MAX(id) FROM prices") or 0)


async def numbered(tx: ReadTx, rows: NumberRange) -> list[Price]:
    """Newest first."""
    return await tx.fetch_all(
        Price,
        f"SELECT {_COLUMNS} FROM prices WHERE id > :above AND id <= :through ORDER BY id DESC",
        {"above": rows.above, "through": rows.through},
    )


async def oldest_at_us(tx: ReadTx) -> int | None:
    """When the first price was made; None before there is one."""
    found = await tx.fetch_value("SELECT at_us FROM prices ORDER BY id LIMIT 1")
    return None if found is None else int(found)


async def slot_means(tx: ReadTx, *, since_us: int) -> Sequence[SlotMean]:
    """Means for each slot of the day since a moment; slots without a price are absent.

    Prices come in bursts when much changes, so each minute counts once, whatever its number of prices.
    """
    return await tx.fetch_all(
        SlotMean,
        "SELECT (minute * :minute_us / :slot_us) % :slots AS slot,"
        " AVG(soc_mean) AS soc_mean, AVG(supply) AS supply, AVG(demand) AS demand FROM ("
        " SELECT at_us / :minute_us AS minute, AVG(soc_mean) AS soc_mean,"
        " AVG(supply) AS supply, AVG(demand) AS demand"
        " FROM prices WHERE at_us >= :since_us GROUP BY at_us / :minute_us"
        ") AS by_minute GROUP BY (minute * :minute_us / :slot_us) % :slots",
        {"minute_us": MINUTE_US, "slot_us": SLOT_US, "slots": SLOTS, "since_us": since_us},
    )
