"""What both ledger benchmarks do: many callers post transfers between accounts, and how the outcome reads."""

import asyncio
import time
from collections.abc import Sequence

from nacl.signing import SigningKey

from cloud.app import MIGRATIONS
from cloud.kit.store import Store
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.ledger.service import Ledger
from shared.clock import SystemClock

ACCOUNTS = 1_000
REFERENCE_ACCOUNTS = tuple(f"acct_01kaz3v8f5t0c2m9p7r{number:06d}" for number in range(ACCOUNTS))
PER_COMMIT = 100
"""Transfers a commit of the reference."""
AMOUNT = 12_345
FUNDS = 10**12
DOCUMENT = (
    '{"index":123456,"time":"2026-02-23T09:56:48.123456Z","kind":"trade","postings":'
    '[{"account":"acct_01kaz3v8f5t0c2m9p7r4x6w1ye","asset":"LT","amount":-12345},'
    '{"account":"acct_01kaz3v8f5t0c2m9p7r4x6w1yf","asset":"LT","amount":12345}],"facts":{"trade_id":123456}}'
)
"""What the reference writes for an entry."""


def parties(accounts: Sequence[str], number: int) -> tuple[str, str]:
    """Payer and payee of a transfer."""
    return accounts[number * 7 % ACCOUNTS], accounts[(number * 13 + 1) % ACCOUNTS]


async def posted(store: Store, posts: int, concurrent: int) -> tuple[float, float]:
    """Posts a second into a new database, and how many shared a commit on average."""
    await store.migrate(MIGRATIONS)
    ledger = Ledger(store, SystemClock(), SigningKey.generate())
    async with store.write() as tx:
        accounts = [await ledger.open_account(tx) for _ in range(ACCOUNTS)]
        for account in accounts:
            funds = (Posting("faucet", Asset.LT, -FUNDS), Posting(account, Asset.LT, FUNDS))
            await ledger.post(tx, Entry(kind=EntryKind.FAUCET, postings=funds))

    numbers = iter(range(posts))

    async def caller() -> None:
        for number in numbers:
            payer, payee = parties(accounts, number)
            entry = Entry(
                kind=EntryKind.TRADE,
                postings=(Posting(payer, Asset.LT, -AMOUNT), Posting(payee, Asset.LT, AMOUNT)),
                facts={"trade_id": number},
            )
            async with store.write() as tx:
                await ledger.post(tx, entry)

    commits = store.commits
    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(concurrent)))
    took_s = time.perf_counter() - began
    grouped = posts / (store.commits - commits)
    await store.close()
    return posts / took_s, grouped


def outcome(*, rate: float, grouped: float, raw: float, reference: str, target_per_s: int) -> str:
    reached = "reached" if rate >= target_per_s else "MISSED"
    lines = [
        f"ledger.post               {rate:10,.0f} /s   ({grouped:.0f} use cases a commit)",
        f"{f'raw {reference}, {PER_COMMIT} a commit':25s} {raw:10,.0f} /s",
        f"ratio                     {rate / raw:10.2f}",
        f"target                    {target_per_s:10,} /s   {reached}",
    ]
    return "\n".join(lines)
