"""What the investment platform tells applications: its events, and who may hear of each.

They are rows of the event log and private: webhooks, `/v1/ws` and `/v1/events` ask here first, and the
public streams list other types. An event with a `user_id` is that person's; the others are public, as the
projects are.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from cloud.errors import BadParameter
from cloud.identity.scopes import Scope
from cloud.kit.events import Event
from shared.clock import rfc3339

EVENT_PREFIX = "evt_"
USER_PREFIX = "usr_"
ID_DIGITS_MAX = 18


class EventType(StrEnum):
    """The document's, in its order, and `investment.failed`, which no webhook carries."""

    INVESTMENT_CREATED = "investment.created"
    INVESTMENT_COMPLETED = "investment.completed"
    INVESTMENT_FAILED = "investment.failed"
    DISTRIBUTION_AVAILABLE = "distribution.available"
    DISTRIBUTION_CLAIMED = "distribution.claimed"
    PROJECT_FUNDED = "project.funded"
    PROJECT_UPDATE = "project.update"

    @property
    def scope(self) -> Scope:
        """What a credential needs to hear of it."""
        return _SCOPES[self.partition(".")[0]]


_SCOPES = {
    "investment": Scope.READ_PORTFOLIO,
    "distribution": Scope.READ_RETURNS,
    "project": Scope.READ_PROJECTS,
}

TYPES = tuple(EventType)
WEBHOOK_TYPES = tuple(type_ for type_ in EventType if type_ is not EventType.INVESTMENT_FAILED)
PROJECT_TYPES = (EventType.PROJECT_FUNDED, EventType.PROJECT_UPDATE)


class Shown(Struct, frozen=True, kw_only=True):
    """An event as the document shows it, whichever way it is told."""

    id: str
    type: str
    created_at: str
    data: Any


class _Routing(Struct, frozen=True, kw_only=True):
    user_id: str | None = None
    investment_id: str | None = None
    distribution_id: str | None = None
    project_id: str | None = None


class Told(Struct, frozen=True, kw_only=True):
    """An event with what decides where it goes."""

    event: Event
    person_id: int | None
    """Whose it is; None: public."""
    about: str
    """Its object: what happens to one is told in the order in which it happened. A distribution is one for
    each person."""

    @property
    def type(self) -> EventType:
        return EventType(self.event.type)


def told(event: Event) -> Told:
    """An event of `TYPES`, addressed.

    Raises:
        msgspec.ValidationError: a private event without a person, which nobody may be told.
    """
    type_ = EventType(event.type)
    routing = msgspec.json.decode(event.payload, type=_Routing)
    if type_ in PROJECT_TYPES:
        return Told(event=event, person_id=None, about=routing.project_id or event.type)
    person_id = person_number(routing.user_id or "")
    if person_id is None:
        raise msgspec.ValidationError(f"event {event.id} of type {event.type} names no person")
    about = routing.investment_id or f"{routing.distribution_id} {person_id}"
    return Told(event=event, person_id=person_id, about=about)


def shown(event: Event) -> Shown:
    return Shown(id=event_name(event.id), type=event.type, created_at=rfc3339(event.at_us), data=event.raw)


def event_name(event_id: int) -> str:
    return f"{EVENT_PREFIX}{event_id}"


def event_number(name: str, parameter: str) -> int:
    """The id of an event by its name, or by its number as the socket counts.

    Raises:
        BadParameter: no event has such a name.
    """
    digits = name.removeprefix(EVENT_PREFIX)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= ID_DIGITS_MAX):
        raise BadParameter(parameter, "must be the id of an event")
    return int(digits)


def person_number(user_id: str) -> int | None:
    """None where it is nobody's."""
    digits = user_id.removeprefix(USER_PREFIX)
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= ID_DIGITS_MAX
    return int(digits) if is_number and user_id.startswith(USER_PREFIX) else None


MEANINGS: Mapping[EventType, str] = {
    EventType.INVESTMENT_CREATED: "New investment created",
    EventType.INVESTMENT_COMPLETED: "Investment completed successfully",
    EventType.INVESTMENT_FAILED: "Investment canceled or not paid in time",
    EventType.DISTRIBUTION_AVAILABLE: "New distribution available to claim",
    EventType.DISTRIBUTION_CLAIMED: "Distribution claimed",
    EventType.PROJECT_FUNDED: "Project reached funding goal",
    EventType.PROJECT_UPDATE: "New project update posted",
}
"""As the document says it."""
