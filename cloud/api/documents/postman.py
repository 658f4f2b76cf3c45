"""A Postman collection (format 2.1) that says what an OpenAPI document says.

https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_NAMESPACE = uuid.UUID("9a3b6a52-4f3e-4d0b-8a8e-5b1f0c2f7d61")
_TOKEN, _BASE = "access_token", "base_url"


def collection(document: Json, base_url: str) -> Json:
    """One folder a tag, one request an operation; address and access token are its variables."""
    info = document["info"]
    folders: dict[str, list[Json]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            folders[operation["tags"][0]].append(_item(document, method.upper(), path, operation))
    return {
        "info": {
            "_postman_id": str(uuid.uuid5(_NAMESPACE, info["title"])),
            "name": info["title"],
            "description": info["description"],
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [_entry("token", f"{{{{{_TOKEN}}}}}") | {"type": "string"}]},
        "variable": [_entry(_BASE, base_url), _entry(_TOKEN, "")],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def _entry(key: str, value: str, **more: Any) -> Json:
    return {"key": key, "value": value, **more}


def _item(document: Json, method: str, path: str, operation: Json) -> Json:
    request: Json = {
        "method": method,
        "header": [*_headers(operation)],
        "url": _url(path, operation.get("parameters", [])),
        "description": operation.get("description", operation["summary"]),
    }
    if not any(alternative for alternative in operation.get("security", [])):
        request["auth"] = {"type": "noauth"}
    if "requestBody" in operation:
        request |= _body(document, operation["requestBody"]["content"])
    return {"name": operation["summary"], "request": request, "response": []}


def _headers(operation: Json) -> Iterator[Json]:
    yield _entry("Accept", "application/json")
    for media_type in operation.get("requestBody", {}).get("content", {}):
        if media_type == "application/json":
            yield _entry("Content-Type", media_type)
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "header":
            yield _entry(parameter["name"], "", description=parameter.get("description", ""), disabled=True)


def _url(path: str, parameters: list[Json]) -> Json:
    words = [f":{word[1:-1]}" if word.startswith("{") else word for word in path.strip("/").split("/")]
    found: Json = {
        "raw": f"{{{{{_BASE}}}}}/{'/'.join(words)}",
        "host": [f"{{{{{_BASE}}}}}"],
        "path": words,
    }
    told = [
        _entry(one["name"], str(_example(one["schema"], {})), description=one.get("description", ""))
        | ({} if one.get("required") else {"disabled": True})
        for one in parameters
        if one["in"] == "query"
    ]
    if told:
        found["query"] = told
    if variables := [_entry(one["name"], "") for one in parameters if one["in"] == "path"]:
        found["variable"] = variables
    return found


def _body(document: Json, content: Json) -> Json:
    media_type, told = next(iter(content.items()))
    schemas = document["components"]["schemas"]
    example = told["example"] if "example" in told else _example(told["schema"], schemas)
    if media_type == "application/json":
        raw = json.dumps(example, indent=2, ensure_ascii=False)
        return {"body": {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}}
    mode = "formdata" if media_type == "multipart/form-data" else "urlencoded"
    properties = _resolved(told["schema"], schemas).get("properties", {})
    entries = [_form_entry(name, schema, example) for name, schema in properties.items()]
    return {"body": {"mode": mode, mode: entries}}


def _form_entry(name: str, schema: Json, example: Json) -> Json:
    alternatives = [schema, *schema.get("anyOf", [])]
    if any(one.get("format") == "binary" for one in alternatives):
        return {"key": name, "type": "file", "src": None}
    return _entry(name, str(example.get(name) or ""), type="text")


def _resolved(schema: Json, schemas: Json) -> Json:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema


_PLAIN: Json = {"string": "", "integer": 0, "number": 0, "boolean": False, "null": None, "array": []}


def _example(schema: Json, schemas: Json) -> Any:
    """Something of the schema's type: its required fields, its first words."""
    schema = _resolved(schema, schemas)
    for known in ("default", "const"):
        if known in schema:
            return schema[known]
    for alternatives in ("anyOf", "oneOf", "allOf"):
        if alternatives in schema:
            return _example(schema[alternatives][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    if "properties" in schema:
        required = schema.get("required", [])
        return {
            name: _example(one, schemas) for name, one in schema["properties"].items() if name in required
        }
    type_ = schema.get("type")
    return {} if type_ == "object" else _PLAIN.get(type_ if isinstance(type_, str) else "null")
