"""What the documents promise, row by row, and how an example of a row is written."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).parent / "endpoints.tsv"


class Row(NamedTuple):
    source: str
    method: str
    path: str
    auth: str
    what: str


class Example(NamedTuple):
    """A documented call, the status it is answered with, and the shape of the answer."""

    call: Callable[[Any], Any]
    status: int
    shape: Any


def rows(path: Path = TABLE) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        found = [Row(*line) for line in csv.reader(file, delimiter="\t") if line]
    return [row for row in found if not row.source.startswith(("#", "source"))]


def name_of(row: Row) -> str:
    return f"{row.method} {row.path}"
