"""Every statement of the service that stands written out is understood by PostgreSQL, types and all."""

import ast
import importlib
import re
from pathlib import Path

import asyncpg
import pytest

from cloud.kit.store.postgres_words import numbered
from tests.cloud.databases import back_ends, migrated_database

ROOT = Path(__file__).parents[3]
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s")


def written_out(path):
    """The statements of a module; of those put together, the ones made of its own constants."""
    scope = vars(importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {
        id(part)
        for whole in ast.walk(tree)
        if isinstance(whole, ast.JoinedStr)
        for part in ast.walk(whole)
        if part is not whole
    }
    for node in ast.walk(tree):
        if id(node) in parts or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        try:
            text = eval(compile(ast.Expression(node), path.name, "eval"), scope)
        except NameError:  # put together from a function's values: its own tests run it
            continue
        if isinstance(text, str) and STATEMENT.match(text):
            yield node.lineno, text


@pytest.mark.skipif("postgres" not in back_ends(), reason="no PostgreSQL: see CONTRIBUTING.md")
async def test_postgres_can_prepare_every_statement():
    wrong, right = [], 0
    files = sorted([*ROOT.glob("cloud/**/storage.py"), *ROOT.glob("cloud/kit/*.py")])
    async with migrated_database() as url:
        database = await asyncpg.connect(url)
        for path in files:
            for line, statement in written_out(path):
                try:
                    await database.prepare(numbered(statement).sql)
                    right += 1
                except asyncpg.PostgresError as error:
                    wrong.append(f"{path.relative_to(ROOT)}:{line} {error}")
        await database.close()

    assert wrong == []
    assert right > 200
