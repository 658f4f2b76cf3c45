"""Bodies that are checked field by field, so that an answer can name every field that is wrong."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from cloud.errors import InvalidFields
from cloud.kit.http import JsonBody, decode, refuse_nul

T = TypeVar("T")
S = TypeVar("S", bound=Struct)


class FieldsBody(JsonBody[T], Generic[T]):
    """`JsonBody` for routes whose answer to a wrong body lists its fields."""

    def decode_bytes(self, value: bytes) -> Any:
        field = self.asgi_connection.route_handler.parsed_data_field
        assert field is not None  # noqa: S101  a handler without a body never decodes one
        return decode_fields(value, field.annotation)


def decode_fields(body: bytes, into: type[S]) -> S:
    """The body as `into`, each field by its own type and constraints.

    Raises:
        BadRequest: not a JSON object, or a text in it holds U+0000.
        InvalidFields: fields are missing, unknown, of the wrong type or out of range; all of them.
    """
    refuse_nul(body)
    if into.__struct_config__.forbid_unknown_fields:
        try:
            return msgspec.json.decode(body, type=into)
        except (msgspec.DecodeError, RecursionError):
            pass  # it is told below, of every field
    sent = decode(body, dict[str, Raw])
    known = {field.encode_name: field for field in msgspec.structs.fields(into)}
    details: dict[str, Sequence[str]] = {name: ["Unknown field"] for name in sent if name not in known}
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name not in sent:
            if field.required:
                details[name] = ["Required"]
            continue
        try:
            values[field.name] = msgspec.json.decode(sent[name], type=field.type)
        except (msgspec.DecodeError, RecursionError) as error:
            details[name] = [str(error)]
    if details:
        raise InvalidFields(details)
    return into(**values)
