"""`ledger.post` on SQLite: durable entries a second, against raw sqlite3 in the same run.

Ours: many use cases at a time, each its own `store.write()` with one balanced, checked entry that becomes
a leaf of the verifiable log; answered only when it is on disk (WAL, synchronous=FULL, group commit).
Reference: a loop on one sqlite3 connection that writes equivalent rows with prepared statements, one
commit for every 100 transfers, nothing checked, nothing hashed. Rounds alternate; the median counts.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from nacl.signing import SigningKey

from cloud.app import MIGRATIONS
from cloud.kit.store.sqlite import SqliteStore
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.ledger.service import Ledger
from shared.clock import SystemClock

ACCOUNTS = 1_000
TARGET_PER_S = 10_000
PER_COMMIT = 100
DOCUMENT = (
    '{"index":123456,"time":"2026-02-23T09:56:48.123456Z","kind":"trade","postings":'
    '[{"account":"acct_01kaz3v8f5t0c2m9p7r4x6w1ye","asset":"LT","amount":-12345},'
    '{"account":"acct_01kaz3v8f5t0c2m9p7r4x6w1yf","asset":"LT","amount":12345}],"facts":{"trade_id":123456}}'
)


async def ours(folder: Path, posts: int, concurrent: int) -> tuple[float, float]:
    """Posts a second, and how many shared a commit on average."""
    store = SqliteStore(folder / "ours.sqlite")
    await store.migrate(MIGRATIONS)
    ledger = Ledger(store, SystemClock(), SigningKey.generate())
    async with store.write() as tx:
        accounts = [await ledger.open_account(tx) for _ in range(ACCOUNTS)]
        for account in accounts:
            funds = (Posting("faucet", Asset.LT, -(10**12)), Posting(account, Asset.LT, 10**12))
            await ledger.post(tx, Entry(kind=EntryKind.FAUCET, postings=funds))

    numbers = iter(range(posts))

    async def caller() -> None:
        for number in numbers:
            payer, payee = accounts[number * 7 % ACCOUNTS], accounts[(number * 13 + 1) % ACCOUNTS]
            entry = Entry(
                kind=EntryKind.TRADE,
                postings=(Posting(payer, Asset.LT, -12_345), Posting(payee, Asset.LT, 12_345)),
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


def reference(folder: Path, posts: int) -> float:
    """Transfers a second of the raw loop."""
    database = sqlite3.connect(folder / "reference.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.executescript(
        """
        CREATE TABLE balances (account TEXT, asset TEXT, amount INTEGER CHECK (amount >= 0),
            PRIMARY KEY (account, asset)) STRICT;
        CREATE TABLE entries (id INTEGER PRIMARY KEY, kind TEXT, at_us INTEGER, document TEXT) STRICT;
        CREATE TABLE postings (account TEXT, asset TEXT, number INTEGER, entry_id INTEGER, amount INTEGER,
            PRIMARY KEY (account, asset, number)) STRICT;
        """
    )
    accounts = [f"acct_01kaz3v8f5t0c2m9p7r{number:06d}" for number in range(ACCOUNTS)]
    database.executemany("INSERT INTO balances VALUES (?, 'LT', 1000000000000)", [(a,) for a in accounts])
    began = time.perf_counter()
    for number in range(posts):
        if number % PER_COMMIT == 0:
            database.execute("BEGIN IMMEDIATE")
        payer, payee = accounts[number * 7 % ACCOUNTS], accounts[(number * 13 + 1) % ACCOUNTS]
        change = "UPDATE balances SET amount = amount + ? WHERE account = ? AND asset = 'LT'"
        database.execute(change, (-12_345, payer))
        database.execute(change, (12_345, payee))
        database.execute("INSERT INTO entries VALUES (NULL, 'trade', ?, ?)", (time.time_ns(), DOCUMENT))
        posting = "INSERT INTO postings VALUES (?, 'LT', ?, ?, ?)"
        database.execute(posting, (payer, number, number, -12_345))
        database.execute(posting, (payee, number, number, 12_345))
        if number % PER_COMMIT == PER_COMMIT - 1:
            database.execute("COMMIT")
    if database.in_transaction:
        database.execute("COMMIT")
    took_s = time.perf_counter() - began
    database.close()
    return posts / took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--concurrent", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measured, references, groups = [], [], []
    for _ in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            references.append(reference(Path(folder), arguments.posts))
            rate, grouped = asyncio.run(ours(Path(folder), arguments.posts, arguments.concurrent))
            measured.append(rate)
            groups.append(grouped)
    rate, raw = statistics.median(measured), statistics.median(references)
    print(
        f"ledger.post               {rate:10,.0f} /s   ({statistics.median(groups):.0f} use cases a commit)"
    )
    print(f"raw sqlite3, 100 a commit {raw:10,.0f} /s")
    print(f"ratio                     {rate / raw:10.2f}")
    print(
        f"target                    {TARGET_PER_S:10,} /s   {'reached' if rate >= TARGET_PER_S else 'MISSED'}"
    )


if __name__ == "__main__":
    main()
