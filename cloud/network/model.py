"""A network node as everybody who is signed in may see it."""

from msgspec import Struct


class NetworkNode(Struct, frozen=True, kw_only=True):
    """A person who takes part as an operator, at a place."""

    id: str
    person_id: int
    user_id: str
    """As the energy network shows a person: wallet address, or `usr_…`."""
    location: str
    created_at_us: int
