"""Which store a `database_url` names: `sqlite:` for a file in the data folder, or `postgresql://...`."""

import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from cloud.kit.store import Store
from cloud.kit.store.sqlite import SqliteStore

SQLITE = "sqlite:"
FILE = "lumengrid.sqlite"
_SERVER_SCHEMES = ("postgresql", "postgres")
_PASSWORD = re.compile(r"(?<=:)[^/?#]*(?=@)|(?<=[?&]password=)[^&#]*")


class BadDatabaseUrl(ValueError):
    """A text that names no store; the message says what is wrong, and no password."""


def masked(url: str) -> str:
    """For people to read: without its password."""
    return _PASSWORD.sub("***", url)


def check(url: str) -> None:
    """Raises BadDatabaseUrl."""
    if url == SQLITE:
        return
    parts = urlsplit(url)
    if parts.scheme not in _SERVER_SCHEMES:
        raise BadDatabaseUrl("must be sqlite: or postgresql://user@host/database")
    if not parts.path.strip("/"):
        raise BadDatabaseUrl("must name a database: postgresql://user@host/database")
    if find_spec("asyncpg") is None:
        raise BadDatabaseUrl("needs the extra lumengrid[postgres]")


def open_store(url: str, data_dir: Path) -> Store:
    """The store of a checked url; a server is first spoken to when the store is first used."""
    if url == SQLITE:
        return SqliteStore(data_dir / FILE)
    from cloud.kit.store.postgres import PostgresStore  # only here: its driver is an extra

    return PostgresStore(url)
