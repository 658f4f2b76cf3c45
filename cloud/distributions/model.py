"""What a project pays out for a quarter, and each holder's share. Amounts are minor units of `currency`."""

from msgspec import Struct


class Declaration(Struct, frozen=True, kw_only=True):
    """What an operator declares."""

    project_id: str
    year: int
    quarter: int
    """1 to 4."""
    record_date: str
    """Day, `2025-09-30`: who has ownership tokens at its end in UTC gets a share."""
    total_minor: int


class Distribution(Struct, frozen=True, kw_only=True):
    id: str
    """`dist_q3_2025_<project>`"""
    project_id: str
    year: int
    quarter: int
    record_date: str
    distribution_date: str
    """The day on which it was declared, from which on it can be claimed."""
    currency: str
    total_minor: int
    holder_count: int
    """Who have a share of at least one minor unit."""
    declared_at_us: int


class Share(Struct, frozen=True, kw_only=True):
    """What one holder gets."""

    distribution_id: str
    account: str
    person_id: int
    project_id: str
    declared_at_us: int
    tokens: int
    """Ownership tokens at the record date, 10^-7."""
    amount_minor: int
    is_claimed: bool = False
    claimed_at_us: int | None = None
    claim_number: int | None = None
    """Rises by one within all claims; None before the claim, as are the next two."""
    payment_method: str | None = None
    payout_id: str | None = None
    is_paid: bool = False
    """Whether the money has left."""

    @property
    def user_id(self) -> str:
        return f"usr_{self.person_id}"


class ShareFilter(Struct, frozen=True, kw_only=True):
    """None: any."""

    project_id: str | None = None
    is_claimed: bool | None = None


class ShareView(Struct, frozen=True, kw_only=True):
    """A share as its holder is shown it."""

    share: Share
    distribution: Distribution
    project_name: str

    @property
    def payment_reference(self) -> str | None:
        """`TL-DIST-Q3-2025-123`; None before the claim."""
        if self.share.claim_number is None:
            return None
        return f"TL-DIST-Q{self.distribution.quarter}-{self.distribution.year}-{self.share.claim_number}"
