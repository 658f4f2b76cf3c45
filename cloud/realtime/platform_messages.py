"""What is said on `/v1/ws`, both ways: JSON objects, each with its `type`.

`seq` is on updates alone: the id of the newest event that the update tells.
"""

from decimal import Decimal
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from cloud.errors import BadRequest, CloudError
from cloud.identity.principal import Principal
from cloud.identity.scopes import Scope, in_order
from cloud.investments.routes import show_percentage
from cloud.kit.events import Event
from cloud.kit.http import encode_json, refuse_nul
from cloud.portfolio.model import Worth
from cloud.projects.model import show_minor
from cloud.realtime.platform_events import ID_DIGITS_MAX, EventType
from shared.clock import rfc3339
from shared.units import MICROS_PER_SECOND

Seq = Annotated[int, Meta(ge=0, lt=10**ID_DIGITS_MAX)]
FUNDED = "funded"
"""The `update_type` of a project that reached its goal."""


class Auth(Struct, frozen=True, forbid_unknown_fields=True, tag="auth"):
    """The first message."""

    token: Annotated[str, Meta(min_length=1, max_length=4_000)]

    def __repr__(self) -> str:
        return "Auth(***)"


class Channel(Struct, frozen=True, kw_only=True):
    """What can be subscribed to."""

    name: str
    project_id: str | None = None

    @property
    def scope(self) -> Scope:
        return Scope.READ_PORTFOLIO if self.project_id is None else Scope.READ_PROJECTS


class Subscribe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="subscribe"):
    """`after`: tell what happened above this `seq` first."""

    channel: str
    project_id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    after: Seq | None = None


class Unsubscribe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="unsubscribe"):
    channel: str
    project_id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None


class Resume(Struct, frozen=True, forbid_unknown_fields=True, tag="resume"):
    """Tell what happened above this `seq` on every channel."""

    after: Seq


class Ping(Struct, frozen=True, forbid_unknown_fields=True, tag="ping"):
    """Asks for a `pong`."""


Request: TypeAlias = Auth | Subscribe | Unsubscribe | Resume | Ping


def request_of(said: bytes) -> Request:
    """A client's message.

    Raises:
        BadRequest: it is none.
    """
    refuse_nul(said)
    try:
        request: Request = msgspec.json.decode(said, type=Request)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadRequest(f"not understood: {error}") from None
    return request


def channel_of(wish: Subscribe | Unsubscribe) -> Channel:
    """The channel that is meant.

    Raises:
        BadRequest: there is no such channel.
    """
    if wish.channel == "portfolio" and wish.project_id is None:
        return Channel(name=wish.channel)
    if wish.channel == "project" and wish.project_id is not None:
        return Channel(name=wish.channel, project_id=wish.project_id)
    raise BadRequest("channels are portfolio, and project with a project_id")


def authenticated(principal: Principal, expires_at_s: int) -> bytes:
    return encode_json(
        {
            "type": "authenticated",
            "data": {
                "user_id": principal.person.user_id,
                "scopes": in_order(principal.scopes),
                "expires_at": rfc3339(expires_at_s * MICROS_PER_SECOND),
            },
        }
    )


def about_channel(type_: str, channel: Channel, after: int) -> bytes:
    """`subscribed` and `unsubscribed`; `after` is the event from which on the channel is told."""
    shown: dict[str, Any] = {"type": type_, "channel": channel.name, "after": after}
    return encode_json(shown if channel.project_id is None else shown | {"project_id": channel.project_id})


def plain(type_: str, **values: object) -> bytes:
    return encode_json({"type": type_, **values})


def error_message(error: CloudError, code: str) -> bytes:
    return plain("error", code=code, message=error.message)


def portfolio_update(worth: Worth, event: Event) -> bytes:
    return _update(
        "portfolio_update",
        event,
        {
            "total_value": show_minor(worth.value_minor),
            "total_return": show_minor(worth.returned_minor),
            "return_percentage": show_percentage(worth.returned_minor, worth.invested_minor),
        },
    )


def project_update(event: Event) -> bytes:
    if event.type == EventType.PROJECT_FUNDED:
        told = msgspec.json.decode(event.payload, type=dict[str, Any])
        funded = {"update_type": FUNDED, "funding_percentage": Decimal(100)}
        return _update("project_update", event, {"project_id": told["project_id"], **funded})
    return _update("project_update", event, event.raw)


def _update(type_: str, event: Event, data: object) -> bytes:
    return encode_json({"type": type_, "seq": event.id, "timestamp": rfc3339(event.at_us), "data": data})
