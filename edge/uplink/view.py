"""The uplink as the page, the metrics and the health check see it."""

from typing import Literal

from msgspec import Struct


class UplinkView(Struct, frozen=True, kw_only=True):
    """A snapshot of the connection."""

    kind: Literal["mqtt", "http", "none"]
    up: bool
    enrolled: bool
    """Whether the cloud's key is known; without it no acknowledgement can be believed."""
    problem: str | None
    """What keeps records from leaving, in one sentence."""
    last_ack_age_s: float | None
    acks_refused: int
    """Acknowledgements with a wrong signature or for somebody else."""
    commands_refused: int
    resends: int
    turns: int
    """Rounds of the sending loop since the start: it grows as long as the loop lives."""
