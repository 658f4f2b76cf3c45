from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.grid import Grid


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Callable[..., Grid]]:
    """Start a grid with the given arguments; the data folder is the test's own."""
    started: list[Grid] = []

    def start(*arguments: str) -> Grid:
        grid = Grid(tmp_path / "data", *arguments)
        started.append(grid)
        grid.start()
        return grid

    yield start
    for grid in started:
        grid.kill()
