from msgspec import Struct


class SandboxRow(Struct, frozen=True, kw_only=True):
    """A developer's sandbox, as the live database knows it."""

    name: str
    """`sb_…`"""
    person_id: int
    """The developer."""
    generation: int
    """Counts resets, from 1: each begins in a folder of its own."""
    created_at_us: int
    begun_at_us: int
    """When it was last reset; at first, when it was made."""


class ClockRow(Struct, frozen=True, kw_only=True):
    """How a sandbox's own time stands, in its own database."""

    ahead_us: int
    distributed_until_us: int
    """Quarters that ended until then were paid out."""


class Moved(Struct, frozen=True, kw_only=True):
    """Where a clock stands after it was moved."""

    now_us: int
    is_there: bool
    """False: so much was due in between that it has to be moved again."""


class SandboxState(Struct, frozen=True, kw_only=True):
    """What a developer sees of a sandbox."""

    row: SandboxRow
    now_us: int
    bytes_used: int
    bytes_max: int
