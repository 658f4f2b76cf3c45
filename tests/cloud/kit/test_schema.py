"""Both back ends have the same tables: columns, keys, checks and indexes, as their catalogues tell."""

import re
import sqlite3

import asyncpg
import pytest

from cloud.app import MIGRATIONS
from cloud.kit.store.sqlite import SqliteStore
from tests.cloud.databases import back_ends, migrated_database

TYPES = {"bigint": "INTEGER", "integer": "INTEGER", "text": "TEXT", "double precision": "REAL"}


def words(sql):
    """A condition in one spelling: PostgreSQL writes types, brackets and lists in its own."""
    sql = re.sub(r"::(text|bigint|integer|double precision)(\[\])?", "", sql)
    sql = re.sub(r"'(-?\d+)'", r"\1", sql)
    sql = re.sub(r"= ANY \(ARRAY\[(.*?)\]\)", r"IN (\1)", sql)
    sql = re.sub(r"<> ALL \(ARRAY\[(.*?)\]\)", r"NOT IN (\1)", sql)
    sql = re.sub(r"(\w+) BETWEEN (\S+) AND ([^\s)]+)", r"\1 >= \2 AND \1 <= \3", sql, flags=re.I)
    sql = re.sub(r" COLLATE \"C\"|[()]", "", sql)
    return re.sub(r"\s+", " ", sql).strip().lower()


def of_sqlite(path):
    """Table, then what it has, each as a sorted list of comparable texts."""
    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row
    found = {}
    tables = database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
    for table, sql in tables:
        if table == "schema_migrations":
            continue
        columns = database.execute(f"PRAGMA table_info({table})").fetchall()
        indexes = database.execute(f"PRAGMA index_list({table})").fetchall()
        keys = {
            row["origin"]: sorted(
                _columns(database, index["name"]) for index in indexes if index["origin"] == row["origin"]
            )
            for row in indexes
        }
        primary = [row["name"] for row in sorted(columns, key=lambda row: row["pk"]) if row["pk"]]
        made = database.execute(
            "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
            (table,),
        )
        found[table] = {
            "columns": sorted(
                (row["name"], row["type"], bool(row["notnull"] or row["pk"]), _default(row["dflt_value"]))
                for row in columns
            ),
            "primary key": ",".join(primary),
            "unique": keys.get("u", []),
            "foreign keys": _foreign_keys(database, table),
            "checks": sorted(words(check) for check in _checks(sql)),
            "indexes": sorted(_index(row["sql"]) for row in made),
        }
    database.close()
    return found


def _columns(database, index):
    return ",".join(row["name"] for row in database.execute(f"PRAGMA index_info({index})"))


def _foreign_keys(database, table):
    keys = {}
    for row in database.execute(f"PRAGMA foreign_key_list({table})"):
        keys.setdefault(row["id"], []).append(row)
    return sorted(
        f"{','.join(row['from'] for row in rows)} -> {rows[0]['table']}"
        f"({','.join(row['to'] for row in rows)}) {rows[0]['on_update']} {rows[0]['on_delete']}"
        for rows in keys.values()
    )


def _checks(sql):
    """The conditions of each CHECK, brackets counted."""
    sql = re.sub(r"--[^\n]*", "", sql)
    for match in re.finditer(r"CHECK \(", sql):
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        yield sql[match.end() : end - 1]


def _index(sql):
    match = re.match(r"CREATE (UNIQUE )?INDEX (\w+) ON (?:public\.)?(\w+)(?: USING btree)? (.*)$", sql, re.S)
    return f"{match[2]} {match[1] or ''}{words(match[4])}"


def _default(text):
    return None if text is None else words(text)


async def of_postgres(url):
    database = await asyncpg.connect(url)
    columns = await database.fetch(
        "SELECT table_name, column_name, data_type, is_nullable = 'NO' AS needed, column_default,"
        " collation_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name <> 'schema_migrations'"
    )
    constraints = await database.fetch(
        "SELECT conrelid::regclass::text AS table_name, contype::text AS kind,"
        " pg_get_constraintdef(oid) AS said FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
    )
    indexes = await database.fetch(
        "SELECT tablename AS table_name, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    await database.close()
    assert {row["collation_name"] for row in columns if row["data_type"] == "text"} == {"C"}
    found = {}
    for table in sorted({row["table_name"] for row in columns}):
        said = [row for row in constraints if row["table_name"] == table]
        found[table] = {
            "columns": sorted(
                (row["column_name"], TYPES[row["data_type"]], row["needed"], _default(row["column_default"]))
                for row in columns
                if row["table_name"] == table
            ),
            "primary key": _listed("p", said)[0],
            "unique": _listed("u", said),
            "foreign keys": sorted(_reference(row["said"]) for row in said if row["kind"] == "f"),
            "checks": sorted(words(row["said"].removeprefix("CHECK")) for row in said if row["kind"] == "c"),
            "indexes": sorted(_index(row["indexdef"]) for row in indexes if row["table_name"] == table),
        }
    return found


def _listed(kind, said):
    return sorted(
        re.search(r"\((.*)\)", row["said"])[1].replace(", ", ",") for row in said if row["kind"] == kind
    )


def _reference(said):
    match = re.match(r"FOREIGN KEY \((.*?)\) REFERENCES (\w+)\((.*?)\)(.*)", said)
    action = re.search(r"ON UPDATE (CASCADE|SET NULL)", match[4])
    removal = re.search(r"ON DELETE (CASCADE|SET NULL)", match[4])
    return (
        f"{match[1].replace(', ', ',')} -> {match[2]}({match[3].replace(', ', ',')})"
        f" {action[1] if action else 'NO ACTION'} {removal[1] if removal else 'NO ACTION'}"
    )


@pytest.mark.skipif("postgres" not in back_ends(), reason="no PostgreSQL: see CONTRIBUTING.md")
async def test_both_back_ends_have_the_same_schema(tmp_path):
    store = SqliteStore(tmp_path / "store.sqlite")
    await store.migrate(MIGRATIONS)
    await store.close()
    async with migrated_database() as url:
        theirs = await of_postgres(url)

    ours = of_sqlite(tmp_path / "store.sqlite")

    assert sorted(ours) == sorted(theirs)
    for table in ours:
        assert ours[table] == theirs[table], table
