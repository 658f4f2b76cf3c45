"""What operators of projects do. Administrators only."""

from typing import Annotated, Any

from litestar import patch, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody, MultipartBody
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from cloud.errors import InvalidFields
from cloud.identity.scope_guard import needs
from cloud.identity.scopes import Scope
from cloud.kit.documented import raises
from cloud.kit.envelope import Data
from cloud.kit.idempotency import Once
from cloud.projects.answers import (
    ShownDocument,
    ShownProject,
    ShownUpdate,
    shown,
    shown_document,
    shown_update,
)
from cloud.projects.documents import BYTES_MAX, Documents
from cloud.projects.errors import DocumentTooLarge, ProjectExists
from cloud.projects.model import Attachment, Description, Line, ProjectId, Prose, Slug, Validation
from cloud.projects.service import Projects
from cloud.settings import Settings

ATTACHMENTS_MAX = 20
_MULTIPART_OVERHEAD = 64 * 1_024
"""Boundaries, headers and the other fields beside the file."""


class NewProject(Description, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: ProjectId | None = None
    """None: one is made."""

    @property
    def described(self) -> Description:
        return Description(**{name: getattr(self, name) for name in Description.__struct_fields__})


class ProjectChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is absent stays; of a block what is absent in it; null takes out what is optional."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    technology: str | UnsetType = UNSET
    capacity_mw: float | UnsetType = UNSET
    location: dict[str, Any] | UnsetType = UNSET
    stage: str | UnsetType = UNSET
    financial: dict[str, Any] | UnsetType = UNSET
    technical: dict[str, Any] | UnsetType = UNSET
    impact: dict[str, Any] | UnsetType = UNSET
    construction_progress: int | UnsetType | None = UNSET
    expected_cod: str | UnsetType | None = UNSET
    risk: str | UnsetType | None = UNSET
    accepts_investments: bool | UnsetType = UNSET
    rating_breakdown: dict[str, Any] | UnsetType | None = UNSET
    third_party_validation: list[Any] | UnsetType = UNSET

    def patch(self) -> dict[str, Any]:
        return {name: value for name, value in structs.asdict(self).items() if value is not UNSET}


class NewUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Line
    content: Prose
    type: Slug = "progress"
    attachments: Annotated[tuple[Attachment, ...], Meta(max_length=ATTACHMENTS_MAX)] = ()


class Upload(Struct, frozen=True, kw_only=True):
    """A form with a file; `name` is the file's own unless given."""

    file: UploadFile | None = None
    type: str | None = None
    name: str | None = None


@post("/v1/projects", status_code=201, opt=needs(Scope.ADMIN) | raises(ProjectExists))
async def create_project(
    data: JSONBody[NewProject],
    projects: NamedDependency[Projects],
    settings: NamedDependency[Settings],
    once: NamedDependency[Once],
) -> Data[ShownProject]:
    """A new project, without any money."""
    project = await projects.create(data.described, project_id=data.id, once=once)
    return Data(data=shown(project, [], settings.base_url))


@patch("/v1/projects/{project_id:str}", status_code=200, opt=needs(Scope.ADMIN))
async def change_project(
    project_id: FromPath[str],
    data: JSONBody[ProjectChange],
    projects: NamedDependency[Projects],
    settings: NamedDependency[Settings],
) -> Data[ShownProject]:
    """Describe anew what is named; all of it or nothing."""
    await projects.change(project_id, data.patch())
    return await _project(projects, project_id, settings)


@post("/v1/projects/{project_id:str}/validations", status_code=201, opt=needs(Scope.ADMIN))
async def add_validation(
    project_id: FromPath[str],
    data: JSONBody[Validation],
    projects: NamedDependency[Projects],
    settings: NamedDependency[Settings],
    once: NamedDependency[Once],
) -> Data[ShownProject]:
    """What an independent firm concluded."""
    await projects.add_validation(project_id, data, once=once)
    return await _project(projects, project_id, settings)


@post("/v1/projects/{project_id:str}/updates", status_code=201, opt=needs(Scope.ADMIN))
async def publish_update(
    project_id: FromPath[str],
    data: JSONBody[NewUpdate],
    projects: NamedDependency[Projects],
    once: NamedDependency[Once],
) -> Data[ShownUpdate]:
    """News of a project, told to everyone who follows it."""
    update = await projects.publish(
        project_id,
        title=data.title,
        content=data.content,
        type_=data.type,
        attachments=data.attachments,
        once=once,
    )
    return Data(data=shown_update(update))


@post(
    "/v1/projects/{project_id:str}/documents",
    status_code=201,
    opt=needs(Scope.ADMIN) | raises(InvalidFields, DocumentTooLarge),
    dto=None,
    request_max_body_size=BYTES_MAX + _MULTIPART_OVERHEAD,
)
async def upload_document(
    project_id: FromPath[str],
    data: MultipartBody[Upload],
    documents: NamedDependency[Documents],
    settings: NamedDependency[Settings],
) -> Data[ShownDocument]:
    """A PDF, PNG or JPEG by its content; the same file again is the document that is there."""
    if data.file is None:
        raise InvalidFields({"file": ["Required"]})
    document = await documents.add(
        project_id,
        await data.file.read(),
        type_=data.type or "other",
        name=data.name or data.file.filename,
    )
    return Data(data=shown_document(document, settings.base_url))


async def _project(projects: Projects, project_id: str, settings: Settings) -> Data[ShownProject]:
    project, documents = await projects.with_documents(project_id)
    return Data(data=shown(project, documents, settings.base_url))


ROUTES: list[BaseRouteHandler] = [
    create_project,
    change_project,
    add_validation,
    publish_update,
    upload_document,
]
