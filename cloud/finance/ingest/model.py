"""What came in, and what became of it."""

from enum import StrEnum

from msgspec import Struct

from cloud.finance.reading import Reading, Refused
from cloud.finance.transactions.model import SourceType, Transaction


class Source(Struct, frozen=True, kw_only=True):
    """Something that was read, as kept."""

    id: int = 0
    """0 before it is stored."""
    person_id: int
    source_type: SourceType
    sha256: str
    """In hex; with the person and the type, it comes in once."""
    media_type: str
    size_bytes: int
    name: str | None = None
    """Of a file, as its sender calls it."""
    reference: str | None = None
    """The sender's own number of it."""
    text: str | None = None
    """Of a message; a file lies in the data folder."""
    kept: bool = True
    """False: only its hash is left."""
    metadata: str | None = None
    """JSON, the client's own."""
    received_at_us: int


class Message(Struct, frozen=True, kw_only=True):
    """A text that came in and was read already."""

    text: str
    found: Reading | Refused
    reference: str | None = None
    """The sender's own number of it."""
    identity: str | None = None
    """Tells two that are alike from one that came twice."""
    number: int | None = None
    """Of several, from 1."""


class Status(StrEnum):
    PROCESSED = "processed"
    DUPLICATE = "duplicate"
    """It came before, or tells a purchase that another source told."""
    REFUSED = "refused"


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of one file, message, payment or line."""

    status: Status
    source_id: int | None
    transaction: Transaction | None
    message: str
    number: int | None = None
    """Of the line, from 1."""
    reading: Reading | None = None
    """Where it was read just now: whoever sent it is told once what is sealed from then on."""
