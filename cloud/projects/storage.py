"""The SQL of projects."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import Struct, structs

from cloud.kit.cursors import Keyset, SortKeys
from cloud.kit.in_list import in_lists
from cloud.kit.store import ReadTx, WriteTx
from cloud.projects.description_check import deadline_us
from cloud.projects.listing import Filter, Search, Sort
from cloud.projects.model import Attachment, Description, Document, Project, ProjectUpdate
from cloud.projects.room import Room
from cloud.projects.words import Weighed

_encode = msgspec.json.Encoder(decimal_format="number").encode

DESCRIPTIONS_KEPT = 4_096
"""Read and understood; one is some 2 KB as text and 5 KB as what it means."""
BEYOND_WORDS = "\U0010ffff"
"""Behind every letter in the order of bytes: `sol` and this bound all that begins with `sol`."""


class ProjectRow(Struct, frozen=True, kw_only=True):
    """One row, without the columns that only filters and sorts look at."""

    id: str
    target_minor: int
    raised_minor: int
    reserved_minor: int
    investor_count: int
    update_count: int
    description: str
    created_at_us: int
    updated_at_us: int
    funded_at_us: int | None

    def project(self) -> Project:
        described, deadline = _understood(self.description)
        return Project(
            id=self.id,
            described=described,
            room=Room(
                target_minor=self.target_minor,
                raised_minor=self.raised_minor,
                reserved_minor=self.reserved_minor,
            ),
            investor_count=self.investor_count,
            update_count=self.update_count,
            created_at_us=self.created_at_us,
            updated_at_us=self.updated_at_us,
            deadline_us=deadline,
            funded_at_us=self.funded_at_us,
        )


@lru_cache(maxsize=DESCRIPTIONS_KEPT)
def _understood(description: str) -> tuple[Description, int]:
    """With the deadline. Every request has projects described, and hardly any describes one anew."""
    described = msgspec.json.decode(description, type=Description)
    return described, deadline_us(described)


class Place(Struct, frozen=True):
    """Where a project stands in a list."""

    sort_key: int
    id: str


class _Matching(NamedTuple):
    """What a filter is in SQL."""

    tables: str
    condition: str
    params: dict[str, object]
    score: str
    """How well a project fits the search; 0 where there is none."""


_ROW = ", ".join(f"projects.{name}" for name in ProjectRow.__struct_fields__)
_SORT_COLUMNS = {
    Sort.NEWEST: "projects.created_at_us",
    Sort.FUNDED: "projects.funded_ppm",
    Sort.RATING: "projects.rating_sum",
    Sort.RETURN: "projects.return_bp",
}
_DOCUMENT = ", ".join(Document.__struct_fields__)


async def project(tx: ReadTx, project_id: str) -> Project | None:
    row = await tx.fetch_one(ProjectRow, f"SELECT {_ROW} FROM projects WHERE id = :id", {"id": project_id})
    return None if row is None else row.project()


async def rows(tx: ReadTx, project_ids: Sequence[str]) -> list[ProjectRow]:
    """Those that there are, in no order."""
    found: list[ProjectRow] = []
    for names, params in in_lists(project_ids):
        found += await tx.fetch_all(ProjectRow, f"SELECT {_ROW} FROM projects WHERE id IN ({names})", params)
    return found


async def page(
    tx: ReadTx, wanted: Filter, sort: Sort | None, *, after: SortKeys | None, limit: int
) -> list[Place]:
    """The next projects of a list; sort None: the best fit to the search first.

    Thousands may match: those that are shown are read whole afterwards, by their ids.
    """
    matching = _matching(wanted)
    key = matching.score if sort is None else _SORT_COLUMNS[sort]
    keyset = Keyset([(key, True), ("projects.id", True)])
    behind, params = keyset.after(after)
    return await tx.fetch_all(
        Place,
        f"SELECT {key} AS sort_key, projects.id FROM {matching.tables}"
        f" WHERE {matching.condition} AND {behind} ORDER BY {keyset.order_by} LIMIT :limit",
        matching.params | params | {"limit": limit},
    )


async def total(tx: ReadTx, wanted: Filter) -> int:
    """How many projects the filter lets through."""
    matching = _matching(wanted)
    found = await tx.fetch_value(
        f"SELECT COUNT(*) FROM {matching.tables} WHERE {matching.condition}", matching.params
    )
    return int(found)


async def changes(tx: ReadTx) -> int:
    """How often what filters look at was changed."""
    return int(await tx.fetch_value("SELECT changes FROM project_changes WHERE id = 1"))


def _matching(wanted: Filter) -> _Matching:
    columns = {
        "technology = :technology": wanted.technology,
        "country = :country": wanted.country,
        "stage = :stage": wanted.stage,
        "return_bp >= :return_bp": wanted.min_return_bp,
        "risk_rank <= :risk_rank": None if wanted.max_risk is None else wanted.max_risk.rank,
    }
    conditions = ["1 = 1"]
    params: dict[str, object] = {}
    for condition, value in columns.items():
        if value is not None:
            conditions.append(f"projects.{condition}")
            params[condition.rpartition(":")[2]] = value
    tables, score = "projects", "0"
    if wanted.search is not None:
        hits = [_hits(wanted.search, n, params) for n in range(len(wanted.search.words))]
        tables += "".join(hits)
        score = " + ".join(f"hits_{n}.score" for n in range(len(hits))) or "0"
        conditions += [] if hits else ["1 = 0"]
    return _Matching(tables, " AND ".join(conditions), params, f"({score})")


def _hits(search: Search, n: int, params: dict[str, object]) -> str:
    """The projects that have the n-th word, joined, `score` being how much it says.

    A whole word counts twice, and stands once for each project; only beginnings must be gathered.
    """
    params[f"word_{n}"] = search.words[n]
    in_text = " AND in_text = 1" if search.in_text_only else ""
    if n < len(search.words) - 1:
        found = f"SELECT project_id, weight * 2 AS score FROM project_words WHERE word = :word_{n}{in_text}"
    else:
        params[f"beyond_{n}"] = search.words[n] + BEYOND_WORDS
        found = (
            f"SELECT project_id, MAX(CASE WHEN word = :word_{n} THEN weight * 2 ELSE weight END) AS score"
            f" FROM project_words WHERE word >= :word_{n} AND word < :beyond_{n}{in_text} GROUP BY project_id"
        )
    return f" JOIN ({found}) AS hits_{n} ON hits_{n}.project_id = projects.id"


async def insert(
    tx: WriteTx, project_id: str, described: Description, room: Room, *, created_at_us: int, now_us: int
) -> None:
    values = _columns(described) | {
        "id": project_id,
        "funded_ppm": room.funded_ppm,
        "raised_minor": room.raised_minor,
        "reserved_minor": room.reserved_minor,
        "investor_count": 0,
        "update_count": 0,
        "target_minor": room.target_minor,
        "created_at_us": created_at_us,
        "updated_at_us": now_us,
    }
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    await tx.execute(f"INSERT INTO projects ({names}) VALUES ({places})", values)
    await _changed(tx)


async def put_description(
    tx: WriteTx, project_id: str, described: Description, room: Room, *, now_us: int
) -> None:
    values = _columns(described) | {
        "target_minor": room.target_minor,
        "funded_ppm": room.funded_ppm,
        "updated_at_us": now_us,
    }
    changed = ", ".join(f"{name} = :{name}" for name in values)
    await tx.execute(f"UPDATE projects SET {changed} WHERE id = :id", values | {"id": project_id})
    await _changed(tx)


def _columns(described: Description) -> dict[str, object]:
    ratings = described.rating_breakdown
    return {
        "technology": described.technology,
        "country": described.location.country,
        "stage": described.stage,
        "risk_rank": described.effective_risk.rank,
        "return_bp": described.return_bp,
        "rating_sum": 0 if ratings is None else ratings.sum_tenths,
        "currency": described.financial.currency,
        "description": _encode(described).decode(),
    }


async def _changed(tx: WriteTx) -> None:
    await tx.execute("UPDATE project_changes SET changes = changes + 1 WHERE id = 1")


async def put_words(tx: WriteTx, project_id: str, weighed: Sequence[Weighed]) -> None:
    """In the place of those that were there."""
    await tx.execute("DELETE FROM project_words WHERE project_id = :id", {"id": project_id})
    await tx.execute_many(
        "INSERT INTO project_words (word, project_id, weight, in_text)"
        " VALUES (:word, :project_id, :weight, :in_text)",
        [
            {"word": one.word, "project_id": project_id, "weight": one.weight, "in_text": int(one.in_text)}
            for one in weighed
        ],
    )


async def put_room(tx: WriteTx, project_id: str, room: Room) -> None:
    await tx.execute(
        "UPDATE projects SET raised_minor = :raised_minor, reserved_minor = :reserved_minor,"
        " funded_ppm = :funded_ppm WHERE id = :id",
        {
            "id": project_id,
            "raised_minor": room.raised_minor,
            "reserved_minor": room.reserved_minor,
            "funded_ppm": room.funded_ppm,
        },
    )


async def add_investor(tx: WriteTx, project_id: str, account: str) -> int:
    """Counts an account once; 1 where it is new, else 0."""
    is_new = await tx.execute(
        "INSERT INTO project_investors (project_id, account) VALUES (:project_id, :account)"
        " ON CONFLICT (project_id, account) DO NOTHING",
        {"project_id": project_id, "account": account},
    )
    if is_new:
        await tx.execute(
            "UPDATE projects SET investor_count = investor_count + 1 WHERE id = :id", {"id": project_id}
        )
    return is_new


async def put_funded(tx: WriteTx, project_id: str, at_us: int) -> None:
    await tx.execute(
        "UPDATE projects SET funded_at_us = :at_us WHERE id = :id", {"id": project_id, "at_us": at_us}
    )


class UpdateRow(Struct, frozen=True, kw_only=True):
    id: str
    project_id: str
    title: str
    content: str
    type: str
    attachments: str
    published_at_us: int

    def update(self) -> ProjectUpdate:
        attachments = msgspec.json.decode(self.attachments, type=tuple[Attachment, ...])
        return ProjectUpdate(**structs.asdict(self) | {"attachments": attachments})


_UPDATE = ", ".join(UpdateRow.__struct_fields__)


async def insert_update(tx: WriteTx, update: ProjectUpdate) -> None:
    values = structs.asdict(update) | {"attachments": _encode(update.attachments).decode()}
    places = ", ".join(f":{name}" for name in UpdateRow.__struct_fields__)
    await tx.execute(f"INSERT INTO project_updates ({_UPDATE}) VALUES ({places})", values)
    await tx.execute(
        "UPDATE projects SET update_count = update_count + 1 WHERE id = :id", {"id": update.project_id}
    )


UPDATES_KEYSET = Keyset([("published_at_us", True), ("id", True)])


async def updates(tx: ReadTx, project_id: str, *, after: SortKeys | None, limit: int) -> list[ProjectUpdate]:
    behind, params = UPDATES_KEYSET.after(after)
    rows = await tx.fetch_all(
        UpdateRow,
        f"SELECT {_UPDATE} FROM project_updates WHERE project_id = :project_id AND {behind}"
        f" ORDER BY {UPDATES_KEYSET.order_by} LIMIT :limit",
        params | {"project_id": project_id, "limit": limit},
    )
    return [row.update() for row in rows]


async def insert_document(tx: WriteTx, document: Document) -> None:
    places = ", ".join(f":{name}" for name in Document.__struct_fields__)
    await tx.execute(
        f"INSERT INTO project_documents ({_DOCUMENT}) VALUES ({places})", structs.asdict(document)
    )


async def documents(tx: ReadTx, project_id: str) -> list[Document]:
    """In the order in which they came."""
    return await tx.fetch_all(
        Document,
        f"SELECT {_DOCUMENT} FROM project_documents WHERE project_id = :project_id"
        " ORDER BY uploaded_at_us, id",
        {"project_id": project_id},
    )


async def document(tx: ReadTx, project_id: str, document_id: str) -> Document | None:
    return await tx.fetch_one(
        Document,
        f"SELECT {_DOCUMENT} FROM project_documents WHERE id = :id AND project_id = :project_id",
        {"id": document_id, "project_id": project_id},
    )


async def document_by_content(tx: ReadTx, project_id: str, sha256: str) -> Document | None:
    return await tx.fetch_one(
        Document,
        f"SELECT {_DOCUMENT} FROM project_documents WHERE project_id = :project_id AND sha256 = :sha256",
        {"project_id": project_id, "sha256": sha256},
    )
