"""Connections to PostgreSQL: how the store's writer and its readers want them."""

from typing import Any

import asyncpg

from cloud.kit.store.errors import StoreUnavailable
from cloud.kit.store.postgres_words import number_from_numeric

CONNECT_TIMEOUT_S = 10.0
LOCK_TIMEOUT = "5s"
STATEMENTS_CACHED = 512

_SESSION = {"application_name": "lumengrid", "jit": "off", "client_encoding": "UTF8"}
WRITER = {
    "lock_timeout": LOCK_TIMEOUT,
    # A writer's plans are made once, perhaps while the tables are empty, and it only ever wants few rows.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
READER = {"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}

LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What the end of a connection looks like."""


async def connected(url: str, settings: dict[str, str]) -> Any:
    try:
        connection = await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT_S,
            statement_cache_size=STATEMENTS_CACHED,
            max_cached_statement_lifetime=0,
            server_settings=_SESSION | settings,
        )
        await connection.set_type_codec(
            "numeric", schema="pg_catalog", encoder=str, decoder=number_from_numeric, format="text"
        )
    except LOST as error:
        raise StoreUnavailable(f"no connection to PostgreSQL: {error}") from error
    return connection


async def begun(connection: Any, url: str, settings: dict[str, str]) -> Any:
    """A connection in a new transaction: the one given, or another where that one is gone."""
    if connection is not None and not connection.is_closed():
        try:
            await connection.execute("BEGIN")
        except LOST:
            connection.terminate()  # its end may show only now
        else:
            return connection
    connection = await connected(url, settings)
    await connection.execute("BEGIN")
    return connection
