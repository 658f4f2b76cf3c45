"""Schema files: numbered, applied once, in order, never changed."""

import sqlite3

import pytest

from cloud.app import MIGRATIONS
from cloud.kit.store.migrations import MigrationError, load
from cloud.kit.store.sqlite import SqliteStore


@pytest.fixture
async def fresh(tmp_path):
    store = SqliteStore(tmp_path / "x.sqlite")
    yield store
    await store.close()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0002_b.sql").write_text(
        "CREATE TABLE b (x BIGINT) STRICT;\nCREATE TABLE b2 (x TEXT) STRICT;\n"
    )
    (folder / "0001_a.sql").write_text(
        "-- A comment; with a semicolon inside.\nCREATE TABLE a (x TEXT) STRICT;\n"
    )
    return folder


async def tables(store):
    async with store.write() as tx:
        return await tx.fetch_value(
            "SELECT group_concat(name) FROM sqlite_schema WHERE name IN ('a', 'b', 'b2')"
        )


async def test_files_are_applied_in_the_order_of_their_numbers_and_once(fresh, folder):
    assert await fresh.migrate(folder) == ["0001_a", "0002_b"]
    assert await fresh.migrate(folder) == []
    assert await tables(fresh) == "a,b,b2"


async def test_a_new_file_is_applied_to_an_old_database(fresh, folder):
    await fresh.migrate(folder)
    (folder / "0003_c.sql").write_text("ALTER TABLE a ADD COLUMN y BIGINT;\n")

    assert await fresh.migrate(folder) == ["0003_c"]


async def test_a_changed_file_stops_the_start(fresh, folder):
    await fresh.migrate(folder)
    (folder / "0001_a.sql").write_text("CREATE TABLE a (x BIGINT) STRICT;\n")

    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed"):
        await fresh.migrate(folder)


async def test_a_removed_file_stops_the_start(fresh, folder):
    await fresh.migrate(folder)
    (folder / "0002_b.sql").unlink()

    with pytest.raises(MigrationError, match="migration 2 was applied but its file is gone"):
        await fresh.migrate(folder)


async def test_a_file_slipped_in_below_an_applied_one_stops_the_start(fresh, folder):
    (folder / "0001_a.sql").rename(folder.parent / "0001_a.sql")
    await fresh.migrate(folder)
    (folder.parent / "0001_a.sql").rename(folder / "0001_a.sql")

    with pytest.raises(MigrationError, match="0001_a comes before"):
        await fresh.migrate(folder)


@pytest.mark.parametrize("name", ["1_a.sql", "0003-c.sql", "0003_C.sql", "c.sql"])
def test_a_badly_named_file_is_refused(folder, name):
    (folder / name).write_text("SELECT 1;\n")

    with pytest.raises(MigrationError, match="named like"):
        load(folder)


def test_a_number_taken_twice_is_refused(folder):
    (folder / "0002_c.sql").write_text("SELECT 1;\n")

    with pytest.raises(MigrationError, match="number 2 is taken by 0002_b"):
        load(folder)


async def test_a_file_that_fails_leaves_nothing_of_itself(fresh, folder):
    (folder / "0003_c.sql").write_text("CREATE TABLE c (x TEXT) STRICT;\nCREATE TABLE a (x TEXT) STRICT;\n")

    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        await fresh.migrate(folder)

    assert await tables(fresh) == "a,b,b2"
    (folder / "0003_c.sql").write_text("CREATE TABLE c (x TEXT) STRICT;\n")
    assert await fresh.migrate(folder) == ["0003_c"]


def test_the_services_own_files_are_numbered_without_a_gap():
    assert [migration.number for migration in load(MIGRATIONS)] == list(range(1, len(load(MIGRATIONS)) + 1))
