"""Under which id a provider knows the people who are paid."""

import re

from cloud.errors import BadRequest
from cloud.kit.store import Store
from cloud.payments import storage
from cloud.payments.stripe import STRIPE
from shared.clock import Clock

_STRIPE_ACCOUNT = re.compile(r"acct_[A-Za-z0-9]{1,60}")


class Payees:
    """Set by an administrator's command; without one a payout waits."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def destination(self, account: str) -> str | None:
        """The connected account at Stripe of a pseudonym; None: not told yet."""
        async with self._store.read() as tx:
            return await storage.destination(tx, account=account, provider=STRIPE)

    async def set_destination(self, account: str, destination: str) -> None:
        """Send what is due to this person there from now on.

        Raises:
            BadRequest: not the id of a connected account.
        """
        if not _STRIPE_ACCOUNT.fullmatch(destination):
            raise BadRequest(
                f"destination: {destination!r} is no connected account such as acct_1032D82eZvKYlo2C"
            )
        async with self._store.write() as tx:
            await storage.set_destination(
                tx, account=account, provider=STRIPE, destination=destination, now_us=self._clock.now_us()
            )
