"""How bodies come in and go out: strictly typed in, exact decimals out, one error shape per API family.

Litestar alone would take `"1"` and `1.0` for an integer and unknown fields with its own DTOs; `JsonBody`
decodes the raw bytes with msgspec's strict rules instead. Amounts leave as JSON numbers, not strings.
"""

import logging
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec
from litestar import Response
from litestar.connection import ASGIConnection
from litestar.dto import AbstractDTO
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.spec import Schema
from litestar.typing import FieldDefinition
from msgspec import Meta

from cloud.errors import BadRequest, CloudError, RateLimited

logger = logging.getLogger(__name__)

T = TypeVar("T")

Number = Decimal
"""An amount in a body: exact as written. `shared.money.parse_amount` says what is allowed."""
Text = Meta(min_length=1, max_length=200)

_encode = msgspec.json.Encoder(decimal_format="number").encode
encode_json = _encode


class JsonBody(AbstractDTO[T], Generic[T]):
    """The body of a request as the Struct its handler names, decoded strictly; set once for the whole app."""

    def decode_bytes(self, value: bytes) -> Any:
        field = self.asgi_connection.route_handler.parsed_data_field
        assert field is not None  # noqa: S101  a handler without a body never decodes one
        return decode(value, field.annotation)

    def decode_builtins(self, value: dict[str, Any]) -> Any:  # noqa: ARG002
        raise BadRequest("the body must be JSON (Content-Type: application/json)")

    def data_to_encodable_type(self, data: Any) -> Any:
        return data

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:
        return bool(field_definition.is_subclass_of(msgspec.Struct))

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:  # noqa: ARG003
        return iter(())

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:  # noqa: ARG003
        return False

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: Any = None
    ) -> None:
        """Nothing to prepare: the Struct is its own decoder."""

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,  # noqa: ARG003
        schema_creator: Any,
    ) -> Schema:
        schema: Schema = schema_creator.for_field_definition(field_definition)
        return schema


def decode(body: bytes, into: type[T]) -> T:
    """The body as `into`.

    Raises:
        BadRequest: not JSON, or a field is missing, unknown, of the wrong type or out of range.
    """
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.ValidationError as error:
        raise BadRequest(_plain(str(error))) from None
    except msgspec.DecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None


def _plain(error: str) -> str:
    """`Expected float - at $.kwh_amount` as a sentence that begins with the field."""
    what, _, where = error.partition(" - at `$")
    return f"{where.rstrip('`').lstrip('.') or 'body'}: {what}"


class JsonResponse(Response[T]):
    """Amounts (Decimal) as JSON numbers, with every digit."""

    def render(self, content: Any, media_type: str, enc_hook: Callable[[Any], Any] = str) -> bytes:
        if isinstance(content, bytes | str) or "json" not in str(media_type):
            return super().render(content, media_type, enc_hook)
        return _encode(content)


def error_parts(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    """Status, message and extra headers of any exception; what is not ours is a 500 and is logged."""
    if isinstance(error, RateLimited):
        return error.status, error.message, {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, CloudError) and error.status < 500:  # noqa: PLR2004
        return error.status, error.message, {}
    if isinstance(error, CloudError):
        return error.status, error.message, {"Retry-After": "1"}
    if isinstance(error, ValidationException):
        return 400, _first_problem(error), {}
    if isinstance(error, HTTPException):
        return error.status_code, error.detail, error.headers or {}
    logger.error("unhandled error", exc_info=error)
    return 500, "internal error", {}


def _first_problem(error: ValidationException) -> str:
    if isinstance(error.extra, list) and error.extra and isinstance(error.extra[0], dict):
        problem = error.extra[0]
        if problem.get("source") == "body":
            return "the body is missing: it must be JSON"
        return f"{problem.get('key', 'request')}: {problem.get('message', 'invalid')}"
    return error.detail


def client_address(request: ASGIConnection[Any, Any, Any, Any], trusted_proxies: tuple[str, ...]) -> str:
    """The caller's address; X-Forwarded-For counts only where the direct peer is a configured proxy."""
    peer = request.client.host if request.client else "unknown"
    if peer in trusted_proxies:
        forwarded = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",")]
        for address in reversed([part for part in forwarded if part]):
            if address not in trusted_proxies:
                return address
    return peer
