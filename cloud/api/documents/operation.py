"""What one handler answers and who may ask it, read from the handler."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from cloud.api.documents.family import Family
from cloud.api.rate_limit import UNCOUNTED
from cloud.errors import CloudError
from cloud.identity.scopes import Scope
from cloud.kit.documented import JSON, errors_of, shapes_of
from cloud.kit.fields import FieldsBody

MEANINGS = {
    304: "Not changed since the answer whose ETag was sent.",
    400: "The request is malformed.",
    401: "No credential, or one that does not work.",
    403: "The credential does not reach so far.",
    404: "It does not exist, or is someone else's.",
    409: "It is so already.",
    413: "The body is too large.",
    422: "Well formed, but refused: the message says which field or rule.",
    429: "Too many calls: wait as long as Retry-After says.",
    500: "A failure of the service.",
    503: "The service cannot answer now: try again after Retry-After.",
}


class Named(Struct, frozen=True):
    """A handler with one of its methods and paths."""

    handler: HTTPRouteHandler
    method: str
    path: str
    """`/v1/projects/{project_id}`."""

    @property
    def has_body(self) -> bool:
        return self.handler.parsed_data_field is not None or shapes_of(self.handler).body is not None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Of its function."""
        return self.handler.parsed_fn_signature.parameters

    @property
    def body_types(self) -> Sequence[Any]:
        """One, or the members of a union; none without a body."""
        shape = shapes_of(self.handler).body
        if shape is not None:
            return [shape]
        field = self.handler.parsed_data_field
        return [] if field is None else _members(field)

    @property
    def body_media_types(self) -> Sequence[str]:
        if self.handler.parsed_data_field is None:
            return shapes_of(self.handler).body_media_types
        return [_plain(getattr(self.handler.parsed_data_field.kwarg_definition, "media_type", None))]

    @property
    def answer_types(self) -> Sequence[Any]:
        """One, or the members of a union; none without a body."""
        shape = shapes_of(self.handler).answer
        if shape is not None:
            return [shape]
        found = self.handler.parsed_fn_signature.return_type
        if found.is_subclass_of(Response):
            if not found.inner_types:
                return [bytes]
            found = found.inner_types[0]
        return [] if found.annotation in {type(None), None} else _members(found)

    @property
    def answer_media_type(self) -> str:
        return _plain(self.handler.media_type)

    @property
    def tag(self) -> str:
        words = [word for word in self.path.split("/") if word and not word.startswith(".")]
        words = [word for word in words if word not in {"api", "v1"}]
        return words[0].replace("oauth-authorization-server", "oauth") if words else "service"


def _plain(media_type: object) -> str:
    """Of Litestar's enumerations, or as it is written; JSON unless said."""
    return str(getattr(media_type, "value", media_type) or JSON).partition(";")[0]


def _members(field: Any) -> list[Any]:
    return [member.annotation for member in field.inner_types] if field.is_union else [field.annotation]


def security(named: Named) -> list[dict[str, list[str]]]:
    """As OpenAPI has it: alternatives; one that is empty lets everybody in."""
    scope: Scope | None = named.handler.opt.get("scope")
    if scope is not None:
        return [{"OAuth2": _asked(scope)}, {"AccessToken": []}, {"ApiKey": []}]
    if schemes := shapes_of(named.handler).schemes:
        alternatives: list[dict[str, list[str]]] = [{scheme: []} for scheme in schemes]
        return [*alternatives, {}]
    if "person" in named.parameters:
        return [{"AccessToken": []}]
    if "caller" in named.parameters:
        return [{"DeviceId": [], "DeviceCounter": [], "DeviceSignature": []}, {}]
    return [{"AccessToken": []}, {}] if "controlled" in named.parameters else []


def _asked(scope: Scope) -> list[str]:
    """Applications are never given `admin`: it comes with the person."""
    return [] if scope is Scope.ADMIN else [str(scope)]


def refusals(named: Named, family: Family) -> dict[int, str]:
    """The statuses of what can go wrong, each with what it means."""
    special: dict[int, list[type[CloudError]]] = {}
    for error in errors_of(named.handler):
        special.setdefault(error.status, []).append(error)
    statuses = sorted({*_usual(named, family), *special})
    return {status: _meaning(status, special.get(status, [])) for status in statuses}


def _usual(named: Named, family: Family) -> Iterator[int]:
    yield 500
    yield 503
    if named.path not in UNCOUNTED:
        yield 429
    if family.conditional_reads and named.method == "GET":
        yield 304
    asks = security(named)
    if asks:
        yield 401
    if named.handler.opt.get("scope") is not None:
        yield 403
        yield 400  # two credentials at once
    if {"controlled", "caller"} & set(named.parameters):
        yield from (400, 403, 404)
    if "{" in named.path:
        yield 404
    if "once" in named.parameters or "device_once" in named.parameters:
        yield 422
    if named.has_body:
        yield from (400, 413)
        dto = named.handler.resolve_data_dto()
        if named.handler.parsed_data_field is not None and dto is not None and issubclass(dto, FieldsBody):
            yield 422
    if named.handler.parsed_data_field is None and _has_query(named):
        yield 400


def _has_query(named: Named) -> bool:
    """Whether there is anything in the address that can be wrong."""
    return "{" in named.path or any(
        field.kwarg_definition is not None and type(field.kwarg_definition).__name__ == "QueryParameter"
        for field in named.parameters.values()
    )


def _meaning(status: int, special: Sequence[type[CloudError]]) -> str:
    usual = MEANINGS.get(status, HTTPStatus(status).phrase)
    told = [_told(error) for error in special]
    return " ".join([usual, *(one for one in told if one)])


def _told(error: type[CloudError]) -> str:
    """What a client can know of an error: its code, and its class's first line."""
    line = (error.__doc__ or "").strip().partition("\n")[0]
    code = error.code
    return f"`{code}`: {line}" if code and line else code or line
