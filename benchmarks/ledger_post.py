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
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks._ledger_load import (
    AMOUNT,
    DOCUMENT,
    FUNDS,
    PER_COMMIT,
    REFERENCE_ACCOUNTS,
    outcome,
    parties,
    posted,
)
from cloud.kit.store.sqlite import SqliteStore

TARGET_PER_S = 10_000


async def ours(folder: Path, posts: int, concurrent: int) -> tuple[float, float]:
    return await posted(SqliteStore(folder / "ours.sqlite"), posts, concurrent)


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
    database.executemany("INSERT INTO balances VALUES (?, 'LT', ?)", [(a, FUNDS) for a in REFERENCE_ACCOUNTS])
    began = time.perf_counter()
    for number in range(posts):
        if number % PER_COMMIT == 0:
            database.execute("BEGIN IMMEDIATE")
        payer, payee = parties(REFERENCE_ACCOUNTS, number)
        change = "UPDATE balances SET amount = amount + ? WHERE account = ? AND asset = 'LT'"
        database.execute(change, (-AMOUNT, payer))
        database.execute(change, (AMOUNT, payee))
        database.execute("INSERT INTO entries VALUES (NULL, 'trade', ?, ?)", (time.time_ns(), DOCUMENT))
        posting = "INSERT INTO postings VALUES (?, 'LT', ?, ?, ?)"
        database.execute(posting, (payer, number, number, -AMOUNT))
        database.execute(posting, (payee, number, number, AMOUNT))
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
    print(
        outcome(
            rate=statistics.median(measured),
            grouped=statistics.median(groups),
            raw=statistics.median(references),
            reference="sqlite3",
            target_per_s=TARGET_PER_S,
        )
    )


if __name__ == "__main__":
    main()
