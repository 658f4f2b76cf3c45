"""Both journals, made the same way."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.journal.disk import DiskJournal
from edge.journal.memory import MemoryJournal
from edge.journal.port import Journal
from shared.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "disk"])
def journal(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Journal]:
    made: Journal
    if request.param == "memory":
        made = MemoryJournal(clock=clock, boot_id="boot-a")
    else:
        made = DiskJournal(tmp_path / "journal.db", clock=clock, boot_id="boot-a")
    yield made
    made.close()


OpenDisk = Callable[..., DiskJournal]


@pytest.fixture
def disk(tmp_path: Path, clock: ManualClock) -> Iterator[OpenDisk]:
    """Open the journal of this test's folder; every one is dropped, not closed, unless the test closes it."""
    opened: list[DiskJournal] = []

    def open_it(**kwargs: object) -> DiskJournal:
        arguments: dict[str, object] = {"clock": clock, "boot_id": "boot-a", **kwargs}
        made = DiskJournal(tmp_path / "journal.db", **arguments)  # type: ignore[arg-type]
        opened.append(made)
        return made

    yield open_it
    for made in opened:
        made._file.db.close()
