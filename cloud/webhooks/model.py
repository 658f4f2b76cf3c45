"""Where events are sent, and what became of each."""

from enum import StrEnum

from msgspec import Struct

from cloud.realtime.platform_events import EventType


class DisabledBecause(StrEnum):
    OWNER = "owner"
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """Nothing arrived for days."""


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """A receiver."""

    id: str
    """`hook_…`"""
    person_id: int
    """Its owner."""
    client_id: str | None
    """The owner's application: it hears of everyone who let it in. None: it hears of its owner."""
    url: str
    description: str
    events: str
    """Types, separated by spaces, in the document's order."""
    created_at_us: int
    failing_since_us: int | None = None
    """Of the first failure since something arrived; None: the last one arrived."""
    disabled_at_us: int | None = None
    disabled_because: DisabledBecause | None = None

    @property
    def event_types(self) -> tuple[EventType, ...]:
        return tuple(EventType(word) for word in self.events.split())


class Delivery(Struct, frozen=True, kw_only=True):
    """One event for one endpoint."""

    endpoint_id: str
    event_id: int
    type: str
    about: str
    """The object: a later event about it waits for this one."""
    person_id: int | None
    """Whose event it is; None: public."""
    status: DeliveryStatus
    tries: int
    """Since it was made or asked for again."""
    due_at_us: int | None
    """None: over, or an earlier one about the same object is not."""
    created_at_us: int


class Attempt(Struct, frozen=True, kw_only=True):
    """What one try came to."""

    number: int
    at_us: int
    duration_ms: int
    status_code: int | None
    """None: there was no answer."""
    problem: str | None
    """Why it does not count as received; None: it does."""
    excerpt: str
    """The beginning of the answer, printable."""


class NewWebhookSecret(Struct, frozen=True, kw_only=True):
    """An endpoint with its secret, at the only moment it can be read."""

    endpoint: Endpoint
    secret: str

    def __repr__(self) -> str:
        return f"NewWebhookSecret(endpoint_id={self.endpoint.id!r}, ***)"
