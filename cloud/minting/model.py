"""What turns energy into LT: a claim, checked, becomes a mint."""

from enum import StrEnum

from msgspec import Struct


class Evidence(Struct, frozen=True, kw_only=True):
    """What a stranger needs to check the meter's own signature."""

    report: str
    """The raw bytes that were signed, as text."""
    signature: str
    public_key: str


class Claim(Struct, frozen=True, kw_only=True):
    """One report of transferred energy, already scaled to what it stands for."""

    report_id: str | None
    """None for HTTP reports that carry none: then identical content is the repeat."""
    device_id: str
    sender_uid: str
    receiver_uid: str
    started_at_us: int
    ended_at_us: int
    duration_s: float
    energy_mwh: int
    """Scaled, at the sender's terminals."""
    received_mwh: int
    """Scaled, at the receiver's terminals; equal to energy_mwh where nobody measured it."""
    voltage_v_mean: float | None
    current_a_mean: float | None
    evidence: Evidence | None = None


class MintStatus(StrEnum):
    MINTED = "minted"
    HELD = "held"
    """Minted, but kept apart until an admin releases or burns it: implausible or circular."""


class Mint(Struct, frozen=True, kw_only=True):
    """A claim that was accepted."""

    id: int
    report_id: str
    device_id: str
    status: MintStatus
    hold_reason: str | None
    energy_mwh: int
    """What was minted of the claim."""
    circular_mwh: int
    """What was claimed but is no net export."""
    quality_factor: float
    tokens: int
    """LT, 10^-7 units, a multiple of 0.01 LT."""
    sell_order_id: str | None
    """None where nothing was listed: held, or less than one lot."""
    price_xlm_per_kwh: float
    co2_saved_kg: float
    carbon_credit: float
    tx_hash: str
    """Leaf hash of the ledger entry."""
    at_us: int
