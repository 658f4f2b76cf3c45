"""Projects that operators write down in a TOML file, loaded at each start.

What the file says wins over what was changed by the API; money, updates and uploaded documents stay. A
project that is no longer in the file stays, too: people may have invested in it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from cloud.errors import InvalidFields
from cloud.projects.description_check import moment_us, problems_of
from cloud.projects.documents import Documents
from cloud.projects.errors import DocumentTooLarge
from cloud.projects.model import Description, Moment, ProjectId, Slug
from cloud.projects.service import Listing, Projects

SAMPLE = "sample"
"""The name of the fictional projects that come with the service."""
_SAMPLE_FILE = Path(__file__).parent / "catalogue" / "sample.toml"

_encode = msgspec.json.Encoder(decimal_format="number").encode


class CatalogueError(ValueError):
    """The file cannot be used: the message names file, project and field."""


class CatalogueDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document beside the file."""

    type: Slug
    name: str
    file: str


class CatalogueProject(Description, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: ProjectId
    created_at: Moment | None = None
    documents: tuple[CatalogueDocument, ...] = ()

    def listing(self) -> Listing:
        described = Description(**{name: getattr(self, name) for name in Description.__struct_fields__})
        return Listing(
            id=self.id,
            described=described,
            created_at_us=None if self.created_at is None else moment_us(self.created_at),
        )


class CatalogueFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    projects: tuple[CatalogueProject, ...]


def read_catalogue(path: Path) -> CatalogueFile:
    """Raises CatalogueError for what cannot be read or does not hold together."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        found = msgspec.json.decode(_encode(told), type=CatalogueFile)
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path}: {error}") from None
    seen: set[str] = set()
    for project in found.projects:
        if project.id in seen:
            raise CatalogueError(f"{path}: {project.id} stands there twice")
        seen.add(project.id)
        problems = problems_of(project)
        if project.created_at is not None and not _is_moment(project.created_at):
            problems["created_at"] = ["Must be a moment with its zone such as 2026-01-01T00:00:00Z"]
        if problems:
            raise CatalogueError(f"{path}: {project.id}: {_told(problems)}")
    return found


class Catalogue:
    def __init__(self, projects: Projects, documents: Documents) -> None:
        self._projects = projects
        self._documents = documents

    async def load(self, name: str) -> int:
        """Load the file, or the sample; the number of its projects.

        Raises:
            CatalogueError: it cannot be used. A document that cannot be read stops the rest, too.
        """
        path = _SAMPLE_FILE if name == SAMPLE else Path(name)
        found = read_catalogue(path)
        try:
            await self._projects.load([project.listing() for project in found.projects])
            for project in found.projects:
                for document in project.documents:
                    await self._add(path.parent, project.id, document)
        except InvalidFields as error:
            raise CatalogueError(f"{path}: {_told(error.details)}") from None
        return len(found.projects)

    async def _add(self, folder: Path, project_id: str, document: CatalogueDocument) -> None:
        path = folder / document.file
        try:
            content = path.read_bytes()
            await self._documents.add(project_id, content, type_=document.type, name=document.name)
        except OSError as error:
            raise CatalogueError(f"{path}: {error.strerror}") from None
        except DocumentTooLarge as error:
            raise CatalogueError(f"{path}: {error.message}") from None


def _told(problems: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{field}: {', '.join(said)}" for field, said in problems.items())


def _is_moment(text: str) -> bool:
    try:
        moment_us(text)
    except ValueError:
        return False
    return True
