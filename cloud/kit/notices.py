"""Events that neighbours send by webhook: each is taken in once, however often it comes."""

from cloud.kit.store import Store, WriteTx
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

LIFE_S = 60 * 24 * 3_600
"""Longer than any provider goes on sending one again."""


async def is_first(tx: WriteTx, clock: Clock, *, provider: str, id_: str, type_: str) -> bool:
    """Write the event down; False where it was there. What it changes belongs into the same transaction."""
    inserted = await tx.execute(
        "INSERT INTO provider_notices (provider, id, type, at_us) VALUES (:provider, :id, :type, :at_us)"
        " ON CONFLICT (provider, id) DO NOTHING",
        {"provider": provider, "id": id_, "type": type_[:100], "at_us": clock.now_us()},
    )
    return inserted == 1


async def forget_old(store: Store, clock: Clock) -> int:
    """Drop those that can no longer come again; how many went."""
    async with store.write() as tx:
        return await tx.execute(
            "DELETE FROM provider_notices WHERE at_us <= :oldest_us",
            {"oldest_us": clock.now_us() - LIFE_S * MICROS_PER_SECOND},
        )
