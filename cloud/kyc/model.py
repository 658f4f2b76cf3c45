"""Checks of identity, and how a provider tells of them."""

from enum import StrEnum

from msgspec import Struct


class KycStatus(StrEnum):
    """`people.kyc_status`: the one truth about a person."""

    NOT_STARTED = "not_started"
    PENDING = "pending"
    VERIFIED = "verified"
    REJECTED = "rejected"
    EXPIRED = "expired"


class CheckState(StrEnum):
    OPEN = "open"
    """The person has not finished, or the provider has not decided."""
    VERIFIED = "verified"
    REJECTED = "rejected"
    ABANDONED = "abandoned"
    """Not finished in time, or replaced by another."""


class Check(Struct, frozen=True, kw_only=True):
    """One attempt of a person to be verified."""

    id: str
    """`kyc_…`"""
    person_id: int
    provider: str
    return_url: str
    state: CheckState
    created_at_us: int
    expires_at_us: int
    """Of the hosted page."""
    applicant_id: str | None = None
    """The provider's; None until it has answered."""
    run_id: str | None = None
    """The provider's id of the check; None until it has answered."""
    verification_url: str | None = None

    def __repr__(self) -> str:
        return f"Check(id={self.id!r}, person_id={self.person_id}, state={self.state.value!r}, ***)"


class Opened(Struct, frozen=True, kw_only=True):
    """A hosted page that waits for a person."""

    run_id: str
    verification_url: str


class Standing(Struct, frozen=True, kw_only=True):
    """How a person stands."""

    status: KycStatus
    verified_at_us: int | None
    check: Check | None
    """The page that waits for them, if one does."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What the provider says about a check."""

    run_id: str
    state: CheckState


class Notice(Struct, frozen=True, kw_only=True):
    """One event that a provider sent. It only says that there is news: the verdict is asked for."""

    id: str
    type: str
    run_id: str | None
    """None: nothing of ours."""
