"""Projects and their updates, page by page."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, NamedTuple

from cloud.kit.cursors import AskedList, Cursors, Rows
from cloud.kit.envelope import Listed
from cloud.kit.http import encode_json
from cloud.kit.store import ReadTx, Store
from cloud.projects import storage
from cloud.projects.answers import listed_json
from cloud.projects.errors import NoSuchProject
from cloud.projects.listing import Filter, Sort
from cloud.projects.model import ProjectUpdate
from cloud.projects.storage import Place

FOUND_KEPT = 2_000


class _Asked(NamedTuple):
    """Part of a list."""

    wanted: Filter
    sort: Sort | None
    after: Hashable
    limit: int


class ProjectLists:
    """Reads only."""

    def __init__(self, store: Store, cursors: Cursors) -> None:
        self._store = store
        self._cursors = cursors
        self._found = _Found()

    async def page_json(self, wanted: Filter, sort: Sort | None, *, limit: int, cursor: str | None) -> bytes:
        """A page of `ListedProject`, to be sent as it is. Sort None: the best fit to the search first.

        Raises:
            CursorRefused: not of this filter and sort.
        """
        asked = self._cursors.asked("projects", wanted.asked() | {"sort": sort or "fit"}, cursor)
        part = _Asked(wanted, sort, asked.after, limit)
        async with self._store.read(brief=True) as tx:
            known = self._found.of(part, await storage.changes(tx))
            if known is not None:
                return await _shown(tx, asked, part, known)
        async with self._store.read() as tx:
            found = await self._look(tx, part, asked)
            return await _shown(tx, asked, part, found)

    async def _look(self, tx: ReadTx, part: _Asked, asked: AskedList) -> Rows[Place]:
        changes = await storage.changes(tx)
        places = await storage.page(tx, part.wanted, part.sort, after=asked.after, limit=part.limit + 1)
        total = self._found.of(part.wanted, changes)
        if total is None:
            total = await storage.total(tx, part.wanted)
            self._found.keep(part.wanted, changes, total)
        found = Rows(places, total)
        if part.sort is not Sort.FUNDED:  # that changes with every investment
            self._found.keep(part, changes, found)
        return found

    async def updates(self, project_id: str, *, limit: int, cursor: str | None) -> Listed[ProjectUpdate]:
        """The newest first.

        Raises:
            NoSuchProject
            CursorRefused: not of this project's updates.
        """
        asked = self._cursors.asked("project updates", {"project": project_id}, cursor)
        async with self._store.read() as tx:
            project = await storage.project(tx, project_id)
            if project is None:
                raise NoSuchProject(project_id)
            rows = await storage.updates(tx, project_id, after=asked.after, limit=limit + 1)
        return asked.page(
            Rows(rows, project.update_count),
            limit=limit,
            keys=lambda update: (update.published_at_us, update.id),
        )


async def _shown(tx: ReadTx, asked: AskedList, part: _Asked, found: Rows[Place]) -> bytes:
    page = asked.page(found, limit=part.limit, keys=lambda place: (place.sort_key, place.id))
    rows = {row.id: row for row in await storage.rows(tx, [place.id for place in page.data])}
    return encode_json(page.shown(lambda place: listed_json(rows[place.id])))


class _Found:
    """What was found and counted, each kept until a project is described anew, the newest used."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()
        """With the number of changes that it was found at."""

    def of(self, key: Hashable, changes: int) -> Any:
        """None where it is not known as of so many changes."""
        known = self._kept.get(key)
        if known is None or known[0] != changes:
            return None
        self._kept.move_to_end(key)
        return known[1]

    def keep(self, key: Hashable, changes: int, found: object) -> None:
        self._kept[key] = (changes, found)
        self._kept.move_to_end(key)
        while len(self._kept) > FOUND_KEPT:
            self._kept.popitem(last=False)
