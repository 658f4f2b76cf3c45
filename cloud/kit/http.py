"""How bodies come in and go out: strictly typed in, exact decimals out, one error shape per API family.

Litestar alone would take `"1"` and `1.0` for an integer and unknown fields with its own DTOs; `JsonBody`
decodes the raw bytes with msgspec's strict rules instead. Amounts leave as JSON numbers, not strings.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec
from litestar import Litestar, Response
from litestar._kwargs.dependencies import DependencyContainer
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.dto import AbstractDTO
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.spec import Schema
from litestar.routes import HTTPRoute
from litestar.types import Message, Receive, Scope, Send
from litestar.typing import FieldDefinition
from msgspec import Meta

from cloud.errors import BadRequest, CloudError, RateLimited
from cloud.kit.store.errors import ConstraintViolated, TextRefused

logger = logging.getLogger(__name__)

T = TypeVar("T")

Number = Decimal
"""An amount in a body: exact as written. `shared.money.parse_amount` says what is allowed."""
Text = Meta(min_length=1, max_length=200)

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""Behind an even number of backslashes: behind an odd one the last of them is text, and so are the six."""

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
    refuse_nul(body)
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.ValidationError as error:
        raise BadRequest(_plain(str(error))) from None
    except msgspec.DecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise BadRequest("the body is nested too deeply") from None


def refuse_nul(body: bytes) -> None:
    """Return silently where no text of the JSON holds U+0000, which PostgreSQL cannot keep and SQLite can.

    Raises:
        BadRequest: one does.
    """
    if rb"\u0000" in body and _NUL.search(body):
        raise BadRequest("body: a text holds the character U+0000, which no text may")


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


class MadeJson(Response[T]):
    """A body of JSON that was made before, with status 200: Litestar's own way costs what the rest does."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self._send

    async def _send(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        length = str(len(self._body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})


class Given(Provide):
    """A service that is there already.

    Litestar compares each dependency of a handler with each other by what it holds, which was half of a
    start, measured; no two of these are the same.
    """

    __eq__ = object.__eq__
    __hash__ = object.__hash__


def give_in_turn(app: Litestar) -> None:
    """Let handlers have what is at hand without a validated call, or even a task, for each of their services.

    That was a third of a short request, measured. What has to be looked up comes after it, in turn.
    """
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, kwargs_model in route.route_handler_map.values():
                wanted = [dependency for batch in kwargs_model.dependency_batches for dependency in batch]
                at_hand = [dependency for dependency in wanted if _is_at_hand(dependency.provide)]
                if at_hand:
                    kwargs_model.extractors.append(_giving(at_hand))
                kwargs_model.dependency_batches = [{one} for one in wanted if one not in at_hand]


def _is_at_hand(provide: Provide) -> bool:
    """Whether a plain call, at most with the request, has it."""
    return (
        provide.has_sync_callable
        and not provide.has_sync_generator_dependency
        and not provide.use_cache
        and set(provide.parsed_fn_signature.parameters) <= {"request"}
    )


def _giving(at_hand: Iterable[DependencyContainer]) -> Callable[[dict[str, Any], Any], Awaitable[None]]:
    made = [one for one in at_hand if not one.provide.parsed_fn_signature.parameters]
    found = [one for one in at_hand if one.provide.parsed_fn_signature.parameters]

    async def give(values: dict[str, Any], connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        for one in made:
            values[one.key] = one.provide.dependency()
        for one in found:
            values[one.key] = one.provide.dependency(connection)

    return give


def on_head(
    *hooks: Callable[[Message, Scope], Awaitable[None]],
) -> Callable[[Message, Scope], Awaitable[None]]:
    """Those of Litestar's `before_send` hooks that have nothing to do with bodies."""

    async def before_send(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            for hook in hooks:
                await hook(message, scope)

    return before_send


def error_parts(error: Exception) -> tuple[int, str, Mapping[str, str]]:
    """Status, message and extra headers of any exception; what is not ours is a 500 and is logged."""
    if isinstance(error, RateLimited):
        return error.status, error.message, {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, ConstraintViolated) and not isinstance(error, TextRefused):
        logger.error("the database refused what no rule had refused detail=%s", error.detail)
    if isinstance(error, CloudError) and error.status < 500:  # noqa: PLR2004
        return error.status, error.message, {}
    if isinstance(error, CloudError):
        return error.status, error.message, {"Retry-After": "1"}
    if isinstance(error, ValidationException):
        return 400, _first_problem(error), {}
    if isinstance(error, HTTPException):
        return error.status_code, error.detail, error.headers or {}
    if isinstance(error, UnicodeDecodeError | LookupError) and _is_of_a_form(error):
        return 400, "a field of the form is not text in the character set that it names", {}
    logger.error("unhandled error", exc_info=error)
    return 500, "internal error", {}


def _is_of_a_form(error: Exception) -> bool:
    """Whether Litestar raised it over a form's text, which it does not answer itself."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and frame.tb_frame.f_globals.get("__name__") == "litestar._multipart"


def _first_problem(error: ValidationException) -> str:
    if isinstance(error.extra, list) and error.extra and isinstance(error.extra[0], dict):
        problem = error.extra[0]
        if problem.get("source") == "body" and problem.get("key", "data") == "data":
            return "the body is missing: it must be JSON"
        return f"{problem.get('key', 'request')}: {problem.get('message', 'invalid')}"
    return error.detail


def header_of(scope: Scope, name: str) -> str | None:
    """The first header of that name, in lower case; None where there is none.

    There are few: Litestar's view of them costs more than looking through.
    """
    wanted = name.encode()
    for sent, value in scope["headers"]:
        if sent == wanted:
            return value.decode("latin-1")
    return None


def client_address(request: ASGIConnection[Any, Any, Any, Any], trusted_proxies: tuple[str, ...]) -> str:
    """The caller's address; X-Forwarded-For counts only where the direct peer is a configured proxy.

    Several such headers are one list, whose end the proxy wrote: what comes before is the caller's own word.
    """
    peer = request.client.host if request.client else "unknown"
    if peer in trusted_proxies:
        header = ",".join(request.headers.getall("x-forwarded-for", []))
        forwarded = [part.strip() for part in header.split(",")]
        for address in reversed([part for part in forwarded if part]):
            if address not in trusted_proxies:
                return address
    return peer
