"""Failed sign-ins, counted by account and by address; the more of them, the longer the wait.

Each ladder's steps are windows: after 5 failures within a minute wait for it to pass, after 10 within ten
minutes for those, after 20 within an hour for that. A try is counted before it is judged and given back
unless it failed, so tries at the same time count too. An account need not exist to be counted.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cloud.errors import Unauthenticated
from cloud.kit.rate_limit import Limits, Rule, Standing, refused

ACCOUNT_FROM_ADDRESS = (
    Rule(calls=5, window_s=60),
    Rule(calls=10, window_s=600),
    Rule(calls=20, window_s=3_600),
)
ADDRESS = (Rule(calls=30, window_s=600), Rule(calls=100, window_s=3_600))
"""One address over all accounts: more people than one may sign in from behind it."""
ACCOUNT = (Rule(calls=100, window_s=3_600),)
"""One account over all addresses: so many that nobody locks another out at no cost."""


class Attempts:
    """The counts."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    @asynccontextmanager
    async def counted(self, account: str, address: str) -> AsyncIterator[None]:
        """Try to sign in to `account` (an email of a type, or a wallet) from `address` inside.

        Raises:
            RateLimited: too many failures before; what is inside does not run.
        """
        who = hashlib.sha256(account.encode()).hexdigest()[:32]
        keys = [
            *(_key("account-address", f"{who} {address}", rule) for rule in ACCOUNT_FROM_ADDRESS),
            *(_key("address", address, rule) for rule in ADDRESS),
            *(_key("account", who, rule) for rule in ACCOUNT),
        ]
        taken: list[str] = []
        try:
            over: list[Standing] = []
            for key, rule in zip(keys, (*ACCOUNT_FROM_ADDRESS, *ADDRESS, *ACCOUNT), strict=True):
                standing = await self._limits.take(key, rule)
                if standing is not None and not standing.allowed:
                    over.append(standing)
                else:
                    taken.append(key)
            if over:
                raise refused(max(over, key=lambda standing: standing.retry_after_s))
            yield
        except Unauthenticated:
            taken.clear()
            raise
        finally:
            for key in taken:
                await self._limits.give_back(key)


def _key(kind: str, who: str, rule: Rule) -> str:
    return f"failed {kind} {rule.window_s} {who}"
