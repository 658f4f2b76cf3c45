"""What investors read: lists, search, one project, its updates and documents."""

from typing import Annotated, Any
from urllib.parse import quote

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import FromPath, QueryParameter

from cloud.identity.scope_guard import needs
from cloud.identity.scopes import Scope
from cloud.kit.cursors import PageCursor
from cloud.kit.envelope import Data, Listed
from cloud.kit.etag import NOT_MODIFIED, is_known
from cloud.kit.http import MadeJson
from cloud.kit.paging import LIMIT_DEFAULT, PageLimit
from cloud.projects.answers import (
    ListedProject,
    ShownProject,
    ShownUpdate,
    shown,
    shown_update,
)
from cloud.projects.documents import Documents
from cloud.projects.errors import BadListing
from cloud.projects.listing import (
    FIELDS,
    QUERY_LENGTH_MAX,
    RETURN_PERCENT_MAX,
    Sort,
    filter_of,
    search_of,
    sort_of,
)
from cloud.projects.lists import ProjectLists
from cloud.projects.model import Risk, Stage, Technology
from cloud.projects.service import Projects
from cloud.settings import Settings

FILTERS = "filters[{}]"
"""How the search writes the names of filters."""


_PERCENT = Schema(type=OpenAPIType.NUMBER, minimum=0, maximum=RETURN_PERCENT_MAX)


def _words(name: str, kind: type[Technology | Stage | Risk | Sort]) -> Any:
    return QueryParameter(name=name, schema_extra={"enum": list(kind)})


def _percent(name: str) -> Any:
    return QueryParameter(
        name=name,
        description="Least expected annual return, %.",
        schema_extra={"one_of": [_PERCENT]},
    )


def _country(name: str) -> Any:
    return QueryParameter(
        name=name, description="US, UK, DE, ...", schema_extra={"minLength": 2, "maxLength": 2}
    )


def _text(name: str, description: str) -> Any:
    return QueryParameter(name=name, description=description, schema_extra={"maxLength": QUERY_LENGTH_MAX})


@get("/v1/projects", status_code=200, opt=needs(Scope.READ_PROJECTS))
async def list_projects(
    project_lists: NamedDependency[ProjectLists],
    technology: Annotated[str | None, _words("technology", Technology)] = None,
    country: Annotated[str | None, _country("country")] = None,
    stage: Annotated[str | None, _words("stage", Stage)] = None,
    min_return: Annotated[str | None, _percent("min_return")] = None,
    max_risk: Annotated[str | None, _words("max_risk", Risk)] = None,
    search: Annotated[str | None, _text("search", "Words of name and description.")] = None,
    sort: Annotated[str | None, _words("sort", Sort)] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: PageCursor = None,
) -> MadeJson[Listed[ListedProject]]:
    """Projects that pass every filter, the newest first unless sorted otherwise."""
    sent = {
        "technology": technology,
        "country": country,
        "stage": stage,
        "min_return": min_return,
        "max_risk": max_risk,
    }
    wanted = filter_of(sent, search_of(search, "search", in_text_only=True))
    return MadeJson(await project_lists.page_json(wanted, sort_of(sort), limit=limit, cursor=cursor))


@get("/v1/projects/search", status_code=200, opt=needs(Scope.READ_PROJECTS))
async def search_projects(
    request: Request[Any, Any, Any],
    project_lists: NamedDependency[ProjectLists],
    q: Annotated[str | None, _text("q", "Words; the last may be the beginning of one.")] = None,
    technology: Annotated[str | None, _words("filters[technology]", Technology)] = None,
    country: Annotated[str | None, _country("filters[country]")] = None,
    stage: Annotated[str | None, _words("filters[stage]", Stage)] = None,
    min_return: Annotated[str | None, _percent("filters[min_return]")] = None,
    max_risk: Annotated[str | None, _words("filters[max_risk]", Risk)] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: PageCursor = None,
) -> MadeJson[Listed[ListedProject]]:
    """Projects that fit the words, in name, description, technology or place: the best fit first."""
    known = {FILTERS.format(name) for name in FIELDS}
    for name in request.query_params:
        if name.startswith("filters") and name not in known:
            raise BadListing(name[:80], f"unknown; filters are {', '.join(FIELDS)}")
    sent = {
        "technology": technology,
        "country": country,
        "stage": stage,
        "min_return": min_return,
        "max_risk": max_risk,
    }
    search = search_of(q, "q", in_text_only=False)
    wanted = filter_of(sent, search, shown=FILTERS)
    sort = Sort.NEWEST if search is None else None
    return MadeJson(await project_lists.page_json(wanted, sort, limit=limit, cursor=cursor))


@get("/v1/projects/{project_id:str}", status_code=200, opt=needs(Scope.READ_PROJECTS))
async def project_detail(
    project_id: FromPath[str], projects: NamedDependency[Projects], settings: NamedDependency[Settings]
) -> Data[ShownProject]:
    """One project with everything about it."""
    project, documents = await projects.with_documents(project_id)
    return Data(data=shown(project, documents, settings.base_url))


@get("/v1/projects/{project_id:str}/updates", status_code=200, opt=needs(Scope.READ_PROJECTS))
async def project_updates(
    project_id: FromPath[str],
    project_lists: NamedDependency[ProjectLists],
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: PageCursor = None,
) -> Listed[ShownUpdate]:
    """What is new about a project, the newest first."""
    page = await project_lists.updates(project_id, limit=limit, cursor=cursor)
    return page.shown(shown_update)


@get(
    "/v1/projects/{project_id:str}/documents/{document_id:str}",
    status_code=200,
    opt=needs(Scope.READ_PROJECTS),
    media_type="application/octet-stream",
)
async def project_document(
    request: Request[Any, Any, Any],
    project_id: FromPath[str],
    document_id: FromPath[str],
    documents: NamedDependency[Documents],
) -> Response[bytes]:
    """A document as it was uploaded, to be saved; no browser shows it in this service's name."""
    document = await documents.find(project_id, document_id)
    tag = f'"{document.sha256}"'
    headers = {
        "ETag": tag,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if is_known(tag, request.headers.get("if-none-match", "")):
        return Response(b"", status_code=NOT_MODIFIED, headers=headers, media_type=document.media_type)
    content = await documents.content(document)
    return Response(content, headers=headers, media_type=document.media_type)


ROUTES: list[BaseRouteHandler] = [
    list_projects,
    search_projects,
    project_detail,
    project_updates,
    project_document,
]
