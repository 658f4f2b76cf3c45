"""Numbered, forward-only schema files: `0001_events.sql`, each applied once, in order, in one transaction.

A file for one back end says so before its suffix, `0017_writer_turns.postgresql.sql`; the other passes it by.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from cloud.kit.store import Dialect

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+(?:\.(sqlite|postgresql))?\.sql$")


class Migration(Struct, frozen=True, kw_only=True):
    """One schema file."""

    number: int
    name: str
    sha256: str
    dialect: Dialect | None
    """None where it is in the common words."""
    statements: tuple[str, ...]
    """Split at `;` at the end of a line; the file of one dialect is one, with whatever it holds."""


class MigrationError(RuntimeError):
    """The folder and the database do not tell the same story; the service must not start."""


def load(folder: Path) -> list[Migration]:
    """All files, ascending.

    Raises:
        MigrationError: a file name without its four digits, or a number used twice.
    """
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named like 0001_events.sql")
        number = int(match.group(1))
        if number in found:
            raise MigrationError(f"{path.name}: number {number} is taken by {found[number].name}")
        text = path.read_text(encoding="utf-8")
        dialect: Dialect | None = match.group(2)  # type: ignore[assignment]  # the pattern knows only these
        parts = [text] if dialect else re.split(r";\s*(?:\n|$)", text)
        found[number] = Migration(
            number=number,
            name=path.name.partition(".")[0],
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            dialect=dialect,
            statements=tuple(part.strip() for part in parts if part.strip()),
        )
    return [found[number] for number in sorted(found)]


def pending(folder: Path, applied: Mapping[int, str], dialect: Dialect) -> list[Migration]:
    """The files that a back end has still to apply, given the sha256 of those applied by number.

    Raises:
        MigrationError: an applied file was changed or removed since, or a new one comes before it.
    """
    migrations = [migration for migration in load(folder) if migration.dialect in (None, dialect)]
    known = {migration.number: migration for migration in migrations}
    for number, sha256 in applied.items():
        if number not in known:
            raise MigrationError(
                f"migration {number} was applied but its file is gone: is this an older version?"
            )
        if known[number].sha256 != sha256:
            raise MigrationError(f"{known[number].name}.sql was changed after it was applied")
    new = [migration for migration in migrations if migration.number not in applied]
    if new and applied and new[0].number < max(applied):
        raise MigrationError(f"{new[0].name} comes before one that is applied already: give it a new number")
    return new
