"""How many calls of the investment platform somebody has."""

from enum import StrEnum

from msgspec import Struct


class Tier(StrEnum):
    """Anonymous callers are Free, registered people Basic; administrators raise."""

    FREE = "free"
    BASIC = "basic"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Allowance(Struct, frozen=True, kw_only=True):
    """Calls in any hour, and in any second."""

    per_hour: int
    burst: int


ALLOWANCES: dict[Tier, Allowance | None] = {
    Tier.FREE: Allowance(per_hour=100, burst=20),
    Tier.BASIC: Allowance(per_hour=1_000, burst=100),
    Tier.PRO: Allowance(per_hour=10_000, burst=500),
    Tier.ENTERPRISE: None,
}
"""None: unlimited."""
