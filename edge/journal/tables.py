"""The journal's tables, how its file is opened, and what counts as torn."""

import sqlite3
from pathlib import Path

SCHEMA_VERSION = 1
PAGE_BYTES = 2048
"""Small, because a commit writes whole pages and mostly changes a few hundred bytes; the tables' definitions
fit in the first one, which `salvage` counts on."""
WAL_PAGES = 512
"""Pages in the write-ahead log before they are copied into the file: about 1 MB."""
QUICK_CHECK_BYTES_MAX = 16 * 1024 * 1024
"""A larger file that was closed in good order is not read through at the start."""

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    """CREATE TABLE energy (seq INTEGER PRIMARY KEY, report_id TEXT NOT NULL UNIQUE, report BLOB NOT NULL,
    signature TEXT NOT NULL, made_us INTEGER NOT NULL, done_us INTEGER, refusal TEXT,
    acknowledged INTEGER GENERATED ALWAYS AS (done_us IS NOT NULL) VIRTUAL) STRICT""",
    "CREATE INDEX energy_open ON energy (seq) WHERE done_us IS NULL",
    # With rowids: a value of several hundred bytes then stays in its own page.
    "CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
    "CREATE TABLE live (seq INTEGER PRIMARY KEY, made_us INTEGER NOT NULL, body BLOB NOT NULL) STRICT",
    # A backlog row gets its sequence when it is first sent; until then it may be thinned.
    """CREATE TABLE backlog (id INTEGER PRIMARY KEY, seq INTEGER, made_us INTEGER NOT NULL,
    body BLOB NOT NULL) STRICT""",
    "CREATE UNIQUE INDEX backlog_sent ON backlog (seq) WHERE seq IS NOT NULL",
    "CREATE TABLE history (made_us INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
)

_CORRUPT_CODES = {
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_FORMAT,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_SCHEMA,
}


class TornFile(sqlite3.DatabaseError):
    """The file opens but its content is not a whole journal."""


def is_torn(error: sqlite3.Error) -> bool:
    """Whether the error means damaged content, as opposed to a disk that refuses at the moment."""
    if isinstance(error, TornFile):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    short_read: int = sqlite3.SQLITE_IOERR_SHORT_READ
    # A plain ERROR here is a table or column that should exist: the statements are constants.
    return code & 0xFF in _CORRUPT_CODES or code in (short_read, sqlite3.SQLITE_ERROR)


def connect(path: Path) -> sqlite3.Connection:
    """The file, opened or created, every commit with fsync.

    Raises:
        sqlite3.Error: it cannot be opened, or it is no database.
    """
    # The journal is called by one thread at a time, not always by the same.
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        db.execute(f"PRAGMA page_size={PAGE_BYTES}")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
        db.execute(f"PRAGMA journal_size_limit={4 * WAL_PAGES * PAGE_BYTES}")
        db.execute("PRAGMA cache_size=-1024")
        db.execute("PRAGMA temp_store=MEMORY")
    except sqlite3.Error:
        db.close()
        raise
    return db


def create(db: sqlite3.Connection, journal_id: str) -> None:
    """The empty tables, in one transaction."""
    db.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        db.execute(statement)
    db.execute("INSERT INTO meta VALUES ('journal_id', ?)", (journal_id,))
    db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    db.execute("COMMIT")


def check(db: sqlite3.Connection, path: Path) -> None:
    """Return silently when the file is whole.

    Raises:
        TornFile: it is not, or it is of another program or version.
        sqlite3.Error: it cannot be read.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise TornFile(f"schema version {version}, expected {SCHEMA_VERSION}")
    closed = db.execute("SELECT value FROM meta WHERE key = 'closed'").fetchone()
    if closed is not None and path.stat().st_size > QUICK_CHECK_BYTES_MAX:
        return
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise TornFile(str(verdict))


def bytes_used(db: sqlite3.Connection) -> int:
    """Bytes of pages that hold something."""
    pages: int = db.execute("PRAGMA page_count").fetchone()[0]
    free: int = db.execute("PRAGMA freelist_count").fetchone()[0]
    return (pages - free) * PAGE_BYTES
