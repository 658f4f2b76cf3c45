"""What a chat keeps: sessions, what was said in them, and what a person asked to be remembered."""

from enum import StrEnum

from msgspec import Struct

MESSAGE_LENGTH_MAX = 2_000
METADATA_BYTES_MAX = 2_000
SESSIONS_MAX = 50
"""Of a person; the ones used longest ago give way."""
MESSAGES_MAX = 200
"""Of a session; the oldest give way."""
MEMORIES_MAX = 100
KEY_LENGTH_MAX = 64
VALUE_LENGTH_MAX = 500
PREFERRED_NAME = "preferred_name"
"""The memory that answers address the person by."""


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


class Session(Struct, frozen=True, kw_only=True):
    id: int
    person_id: int
    started_at_us: int
    last_query: str | None = None
    """JSON of the `Query` answered last, which follow-up questions change."""
    last_ids: str = "[]"
    """JSON of the transactions shown last."""


class Message(Struct, frozen=True, kw_only=True):
    id: int
    role: Role
    content: str
    created_at_us: int


class Memory(Struct, frozen=True, kw_only=True):
    id: int
    key: str
    value: str
    source: str
    created_at_us: int
