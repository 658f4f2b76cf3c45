"""`ledger.post` on PostgreSQL: durable entries a second, against a raw asyncpg loop in the same run.

Ours: many use cases at a time, each its own `store.write()` with one balanced, checked entry that becomes
a leaf of the verifiable log; answered only when it is on disk (synchronous_commit on, group commit).
Reference: a loop on one asyncpg connection that writes equivalent rows with prepared statements behind a
savepoint for each transfer, one commit for every 100, nothing checked, nothing hashed. Rounds alternate;
the median counts. Both use uvloop, as the service does.

The server is that of LUMENGRID_TEST_POSTGRES_URL, or the one on 127.0.0.1:5432; without one nothing is
measured. It makes a database of its own and drops it.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import uvloop

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
from cloud.kit.store.postgres import PostgresStore

SERVER = os.environ.get("LUMENGRID_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
DATABASE = f"lumengrid_bench_{os.getpid()}"
TARGET_PER_S = 5_000
REFERENCE_TABLES = """
    CREATE SCHEMA reference;
    CREATE TABLE reference.balances (account TEXT, asset TEXT, amount BIGINT CHECK (amount >= 0),
        PRIMARY KEY (account, asset));
    CREATE TABLE reference.entries (id BIGINT PRIMARY KEY, kind TEXT, at_us BIGINT, document TEXT);
    CREATE TABLE reference.postings (account TEXT, asset TEXT, number BIGINT, entry_id BIGINT, amount BIGINT,
        PRIMARY KEY (account, asset, number));
"""


def url_of(database: str) -> str:
    return urlunsplit(urlsplit(SERVER)._replace(path=f"/{database}"))


async def reference(posts: int) -> float:
    """Transfers a second of the raw loop."""
    connection = await asyncpg.connect(url_of(DATABASE))
    await connection.execute(REFERENCE_TABLES)
    await connection.executemany(
        "INSERT INTO reference.balances VALUES ($1, 'LT', $2)", [(a, FUNDS) for a in REFERENCE_ACCOUNTS]
    )
    change = await connection.prepare(
        "UPDATE reference.balances SET amount = amount + $1 WHERE account = $2 AND asset = 'LT'"
    )
    entry = await connection.prepare("INSERT INTO reference.entries VALUES ($1, 'trade', $2, $3)")
    posting = await connection.prepare("INSERT INTO reference.postings VALUES ($1, 'LT', $2, $3, $4)")
    began = time.perf_counter()
    for number in range(posts):
        if number % PER_COMMIT == 0:
            await connection.execute("BEGIN")
        await connection.execute("SAVEPOINT transfer")
        payer, payee = parties(REFERENCE_ACCOUNTS, number)
        await change.executemany([(-AMOUNT, payer), (AMOUNT, payee)])
        await entry.fetch(number, time.time_ns(), DOCUMENT)
        await posting.executemany([(payer, number, number, -AMOUNT), (payee, number, number, AMOUNT)])
        await connection.execute("RELEASE SAVEPOINT transfer")
        if number % PER_COMMIT == PER_COMMIT - 1:
            await connection.execute("COMMIT")
    if connection.is_in_transaction():
        await connection.execute("COMMIT")
    took_s = time.perf_counter() - began
    await connection.execute("DROP SCHEMA reference CASCADE")
    await connection.close()
    return posts / took_s


async def one_round(posts: int, concurrent: int) -> tuple[float, float, float]:
    server = await asyncpg.connect(SERVER)
    try:
        await server.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
        raw = await reference(posts)
        return (raw, *await posted(PostgresStore(url_of(DATABASE)), posts, concurrent))
    finally:
        await server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        await server.close()


async def why_not() -> str | None:
    """None where a server answers."""
    try:
        connection = await asyncpg.connect(SERVER, timeout=3)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return str(error)
    await connection.close()
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--concurrent", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    reason = uvloop.run(why_not())
    if reason is not None:
        print(f"not measured: no PostgreSQL ({reason})")
        return
    rounds = [uvloop.run(one_round(arguments.posts, arguments.concurrent)) for _ in range(arguments.rounds)]
    raw, rate, grouped = (statistics.median(values) for values in zip(*rounds, strict=True))
    print(outcome(rate=rate, grouped=grouped, raw=raw, reference="asyncpg", target_per_s=TARGET_PER_S))


if __name__ == "__main__":
    main()
