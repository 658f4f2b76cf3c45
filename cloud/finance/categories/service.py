"""What purchases are for; what a person says once holds from then on."""

import asyncio
from collections.abc import Sequence

from cloud.finance.categories import storage
from cloud.finance.categories.choice import Correction, Known, by_meaning, choose, sure_enough
from cloud.finance.categories.meaning import Meaning
from cloud.finance.reading import Direction, Found, Reading
from cloud.finance.transactions.follower import Change
from cloud.finance.transactions.merchants import merchant_key
from cloud.finance.transactions.model import Transaction
from cloud.identity.email_sign_in import EmailSignIn
from cloud.kit.store import Store, WriteTx
from shared.clock import Clock


class Categories:
    """Files purchases under the person's own names."""

    def __init__(self, store: Store, clock: Clock, people: EmailSignIn, meaning: Meaning) -> None:
        self._store = store
        self._clock = clock
        self._people = people
        self._meaning = meaning

    async def categories_of(self, person_id: int, readings: Sequence[Reading]) -> Sequence[Found[str]]:
        """One of the person's own names, or `Unknown`, for each reading, in order."""
        async with self._store.read() as tx:
            known = Known(
                own=(await self._people.profile_of(tx, person_id)).categories,
                corrections=tuple(await storage.corrections(tx, person_id)),
            )
        found = [choose(reading, known) for reading in readings]
        open_names = {
            reading.merchant.value
            for reading, choice in zip(readings, found, strict=True)
            if choice is None and reading.merchant is not None and _is_purchase(reading)
        }
        nearest = await asyncio.to_thread(
            self._meaning.nearest,
            sorted(open_names),
            [correction.merchant for correction in known.corrections],
        )
        return [
            sure_enough(
                by_meaning(nearest[reading.merchant.value], known)
                if choice is None and reading.merchant is not None and reading.merchant.value in nearest
                else choice
            )
            for reading, choice in zip(readings, found, strict=True)
        ]

    async def changed(self, tx: WriteTx, changes: Sequence[Change]) -> None:
        """Learn a category that the person chose, at once, also where it was guessed right; what is sealed
        teaches nothing.
        """
        for before, after in changes:
            merchant = after.merchant_name_raw
            if before is None or _filed(before) == _filed(after) or merchant is None:
                continue
            await storage.learn(
                tx,
                after.person_id,
                Correction(name_key=merchant_key(merchant), merchant=merchant, category=after.category),
                self._clock.now_us(),
            )


def _filed(row: Transaction) -> tuple[str, float | None]:
    return row.category, row.classification_confidence


def _is_purchase(reading: Reading) -> bool:
    return reading.direction.value is Direction.DEBIT
