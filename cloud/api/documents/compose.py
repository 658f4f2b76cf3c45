"""One family's OpenAPI 3.1 document, composed from the operations of its handlers.

Parameters are Litestar's. Bodies and answers are msgspec's own JSON Schemas, for msgspec is what decodes and
encodes them: with it every bound, pattern and unknown field that is refused is in the document.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar
from litestar.datastructures import UploadFile
from litestar.routes import HTTPRoute
from msgspec import Struct

from cloud.api.documents.family import LIMITS, PLATFORM, Family
from cloud.api.documents.operation import MEANINGS, Named, refusals, security
from cloud.kit.documented import JSON, errors_of, other_statuses_of, shapes_of

VERSION = "1.0.0"
_REF = "#/components/schemas/"
_PARAMETERS = "parameters"
"""Under this name a family's examples have those of parameters."""
_STREAM = "text/event-stream"
_NOT_MODIFIED = 304
_RETRY_LATER = {429, 503}
_UNAUTHENTICATED = 401
_HEADERS = {
    "Retry-After": "Seconds to wait.",
    "WWW-Authenticate": "How to authenticate.",
    "ETag": "Of what was read; send it as If-None-Match to hear only of changes.",
}
_WHOLE = {*LIMITS, "Retry-After"}
"""Headers whose values are whole numbers."""

Json = dict[str, Any]


def compose(app: Litestar, family: Family, base_url: str) -> Json:
    """The document; `base_url` is where browsers find the service."""
    operations = list(_operations(app, family))
    schemas = _Schemas([one for named in operations for one in _types(named)] + [family.error])
    litestars: Json = app.openapi_schema.to_schema()
    names = _operation_ids(operations)
    paths: Json = {}
    for named in operations:
        described = litestars["paths"][named.path][named.method.lower()].get("parameters", [])
        known = family.examples.get(_PARAMETERS, {})
        parameters = [_parameter(one, litestars["components"]["schemas"], known) for one in described]
        operation = _Operation(named, family, schemas, parameters)
        paths.setdefault(named.path, {})[named.method.lower()] = operation.shown(names[named])
    tags = sorted({named.tag for named in operations})
    return {
        "openapi": "3.1.0",
        "info": {"title": family.title, "version": VERSION, "description": family.guide, "license": _LICENSE},
        "servers": _servers(app, family),
        "tags": [{"name": tag} for tag in tags],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": {
                _word(status): _refusal(status, meaning, family) for status, meaning in MEANINGS.items()
            },
            "headers": {
                name: {"description": told, "schema": {"type": "integer" if name in _WHOLE else "string"}}
                for name, told in {**family.headers, **_HEADERS}.items()
            },
            "securitySchemes": family.schemes(base_url),
        },
    }


_LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}


def _servers(app: Litestar, family: Family) -> list[Json]:
    """Relative: right for whoever asks, whatever stands in between."""
    found = [{"url": "/", "description": "This service"}]
    if family is PLATFORM and any(route.path.startswith("/sandbox/v1") for route in app.routes):
        found.append({"url": "/sandbox", "description": "Test data, no real money"})
    return found


def _operations(app: Litestar, family: Family) -> Iterator[Named]:
    functions = family.functions
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if handler.resolve_include_in_schema() and handler.fn in functions:
                    yield Named(handler, str(method), route.path_format)


def _operation_ids(operations: Sequence[Named]) -> Mapping[Named, str]:
    """The handler's own name, and its tag before it where others have the same."""
    plain = [named.handler.handler_name for named in operations]
    return {
        named: name if plain.count(name) == 1 else f"{named.tag.replace('-', '_')}_{name}"
        for named, name in zip(operations, plain, strict=True)
    }


def _types(named: Named) -> list[Any]:
    shape = shapes_of(named.handler)
    found = [*named.body_types, *named.answer_types, *([shape.error] if shape.error else [])]
    return [one for one in found if one is not bytes]


class _Schemas:
    """Each type's schema; what is shared is a component."""

    def __init__(self, types: Sequence[Any]) -> None:
        self._order: list[Any] = []
        for one in types:
            if one not in self._order:
                self._order.append(one)
        found, components = msgspec.json.schema_components(
            self._order, schema_hook=_of_other, ref_template=_REF + "{name}"
        )
        self._found = [_exact(schema) for schema in found]
        self.components: Json = {_plain(name): _exact(schema) for name, schema in components.items()}

    def of(self, types: Sequence[Any]) -> Json:
        alternatives = [self._found[self._order.index(one)] for one in types]
        return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}


def _of_other(type_: type) -> Json:
    if type_ is UploadFile:
        return {"type": "string", "format": "binary"}
    if type_ is object:
        return {"title": "Anything"}
    raise TypeError(f"{type_} has no schema: say how it is written")


def _plain(name: str) -> str:
    """`Data_Project_` and `Listed_cloud.projects.Update_` as `ProjectData` and `UpdateList`."""
    found = re.fullmatch(r"(Data|Listed)_(list_)?(?:.*\.)?(\w+?)_+", name)
    if found is None:
        return name.replace(".", "_")
    return found[3] + ("List" if found[2] or found[1] == "Listed" else "Data")


def _exact(schema: Any) -> Any:
    """Amounts are JSON numbers here; a component has its plain name."""
    if isinstance(schema, list):
        return [_exact(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "decimal":
        return {name: value for name, value in schema.items() if name != "format"} | {"type": "number"}
    exact = {name: _exact(value) for name, value in schema.items()}
    if isinstance(exact.get("$ref"), str):
        exact["$ref"] = _REF + _plain(exact["$ref"].removeprefix(_REF))
    if isinstance(exact.get("title"), str):
        exact.pop("title")
    return exact


class _Operation:
    def __init__(self, named: Named, family: Family, schemas: _Schemas, parameters: Sequence[Json]) -> None:
        self._named = named
        self._family = family
        self._schemas = schemas
        self._parameters = parameters

    def shown(self, operation_id: str) -> Json:
        told = (self._named.handler.fn.__doc__ or "").strip()
        summary = told.partition("\n")[0].rstrip(".") or operation_id.replace("_", " ").capitalize()
        examples = self._family.examples.get(operation_id, {})
        found: Json = {
            "operationId": operation_id,
            "summary": summary,
            "tags": [self._named.tag],
            "parameters": [*self._parameters, *self._usual_headers()],
            "responses": self._answers(examples),
        }
        if asks := security(self._named):
            found["security"] = asks
        if "\n" in told:
            found["description"] = told
        if body := self._body(examples):
            found["requestBody"] = body
        return found

    def _usual_headers(self) -> Iterator[Json]:
        if "once" in self._named.parameters:
            yield {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "A repeat under the same key within 24 hours gets the first answer.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            }

    def _good_headers(self) -> Json:
        is_read = self._named.method == "GET"
        return _headers(self._named.handler.status_code, self._family, is_read=is_read)

    def _body(self, examples: Json) -> Json | None:
        if not self._named.has_body:
            return None
        schema = self._schemas.of(self._named.body_types)
        content: Json = {"schema": schema}
        if "request" in examples:
            content["example"] = examples["request"]
        return {
            "required": shapes_of(self._named.handler).is_body_required,
            "content": dict.fromkeys(self._named.body_media_types, content),
        }

    def _answers(self, examples: Json) -> Json:
        handler = self._named.handler
        good: Json = {"description": "Done.", "headers": self._good_headers()}
        if types := self._named.answer_types:
            if self._named.answer_media_type == _STREAM:
                content: Json = {"schema": {"description": "One event after another."}}
            elif types == [bytes]:
                content = {"schema": {"type": "string", "format": "binary"}}
            else:
                content = {"schema": self._schemas.of(types)}
            if "answer" in examples:
                content["example"] = examples["answer"]
            good["content"] = {self._named.answer_media_type: content}
        found = {str(status): good for status in (handler.status_code, *other_statuses_of(handler))}
        own_statuses = {error.status for error in errors_of(handler)}
        for status, meaning in refusals(self._named, self._family).items():
            own_error = shapes_of(handler).error if status in own_statuses else None
            if own_error is None and meaning == MEANINGS.get(status):
                found[str(status)] = {"$ref": f"#/components/responses/{_word(status)}"}
            else:
                found[str(status)] = _refusal(status, meaning, self._family, own_error)
        return found


def _refusal(status: int, meaning: str, family: Family, error: type[Struct] | None = None) -> Json:
    found: Json = {"description": meaning, "headers": _headers(status, family)}
    if status != _NOT_MODIFIED:
        found["content"] = {JSON: {"schema": {"$ref": _REF + (error or family.error).__name__}}}
    return found


def _headers(status: int, family: Family, *, is_read: bool = False) -> Json:
    names = list(family.headers)
    if status in _RETRY_LATER:
        names.append("Retry-After")
    if status == _UNAUTHENTICATED and family.conditional_reads:
        names.append("WWW-Authenticate")
    if family.conditional_reads and (is_read or status == _NOT_MODIFIED):
        names.append("ETag")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _word(status: int) -> str:
    """`NotFound` for 404."""
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _parameter(litestars: Json, components: Json, examples: Json) -> Json:
    """Without what says nothing; absent is not null in an address."""
    found = {name: value for name, value in litestars.items() if value is not False}
    schema = {name: _whole(value) for name, value in found["schema"].items()}
    alternatives = [one for one in schema.pop("oneOf", []) if one != {"type": "null"}]
    if len(alternatives) == 1:
        schema = alternatives[0] | schema
    elif alternatives:
        schema["oneOf"] = alternatives
    if "$ref" in schema:
        component = components[schema.pop("$ref").removeprefix(_REF)]
        schema = {name: value for name, value in component.items() if name != "title"} | schema
    if found.get("description") == schema.get("description"):
        schema.pop("description", None)
    example = {"example": examples[found["name"]]} if found["name"] in examples else {}
    return found | {"schema": schema} | example


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
