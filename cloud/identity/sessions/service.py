"""Signing in to the pages: a random token in a cookie, kept hashed, good for twelve hours."""

from cloud.identity import storage as people
from cloud.identity.model import Person
from cloud.identity.sessions import storage
from cloud.identity.token_hash import new_token, token_hash
from cloud.kit.store import Store
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

LIFE_S = 12 * 3_600


class Sessions:
    """The use cases of people at the pages. How they prove who they are is not its matter."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def open(self, person_id: int) -> str:
        """The token of a new session. A secret."""
        token, now_us = new_token(), self._clock.now_us()
        async with self._store.write() as tx:
            await storage.add(
                tx,
                token_hash=token_hash(token),
                person_id=person_id,
                now_us=now_us,
                expires_at_us=now_us + LIFE_S * MICROS_PER_SECOND,
            )
        return token

    async def person(self, token: str) -> Person | None:
        """Whose session it is; None where it has ended."""
        async with self._store.read() as tx:
            person_id = await storage.person_of(tx, token_hash(token), self._clock.now_us())
            return None if person_id is None else await people.person_by_id(tx, person_id)

    async def end(self, token: str) -> None:
        """Silently, also where there is none."""
        async with self._store.write() as tx:
            await storage.end(tx, token_hash(token))
