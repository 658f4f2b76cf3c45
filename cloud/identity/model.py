"""A person as the service knows one: an account with an integer id, however many ways in."""

from enum import StrEnum

from msgspec import Struct

from cloud.identity.tiers import Tier


class Role(StrEnum):
    """What a person takes part as. None of them gives power over others; `is_admin` does."""

    RECIPIENT = "Recipient"
    DONOR = "Donor"
    OPERATOR = "NetworkNodeOperator"


ADMIN = "admin"
"""What `Identity.grant` takes beside the roles; given on the command line only."""


class Person(Struct, frozen=True, kw_only=True):
    """One account."""

    id: int
    wallet_address: str | None
    """Stellar address, `G…`, 56 characters; None for a person who came in another way."""
    role: Role
    is_admin: bool
    kyc_status: str
    """not_started, pending, verified, rejected or expired; `cloud/kyc` decides."""
    location: str
    """Empty until told."""
    account: str
    """The pseudonym in the ledger."""
    created_at_us: int
    tier: Tier = Tier.BASIC
    kyc_verified_at_us: int | None = None
    """When their identity was last verified; None: never."""

    @property
    def user_id(self) -> str:
        """The id as the investment platform shows it."""
        return f"usr_{self.id}"

    @property
    def shown_id(self) -> str:
        """The id as the energy network shows it: the wallet address, or `usr_…` without one."""
        return self.wallet_address or self.user_id


class Tokens(Struct, frozen=True, kw_only=True):
    """What a sign-in gives. Both are secrets; the refresh token is stored hashed only."""

    access_token: str
    refresh_token: str

    def __repr__(self) -> str:
        return "Tokens(***)"
