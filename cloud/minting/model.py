"""What turns energy into LT: a claim, checked, becomes a mint."""

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from cloud.market.model import lots_of_mint, show_price_ticks
from shared.clock import to_micros
from shared.messages import EnergyReport
from shared.money import round_decimal, show_amount

QUALITY_DECIMALS = 3
CREDIT_DECIMALS = 4


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    """The interval is [started_at_us, ended_at_us)."""
    duration_s: float
    energy_mwh: int
    """Scaled, at the sender's terminals."""
    received_mwh: int
    """Scaled, at the receiver's terminals; equal to energy_mwh where nobody measured it."""
    voltage_v_mean: float | None
    current_a_mean: float | None
    evidence: Evidence | None = None
    """None: not signed; its energy is then taken as exact, that of a signed report as whole measured mWh."""
    arrival_timed: bool = False
    """True where the interval was worked out from the time of arrival, which the network's delay blurs."""


def claim_of_signed(report: EnergyReport, evidence: Evidence, *, energy_scale: int) -> Claim:
    """The claim that a signed report makes, scaled to what it stands for."""
    received_mwh = report.energy_mwh if report.received_mwh is None else report.received_mwh
    return Claim(
        report_id=report.report_id,
        device_id=report.device_id,
        sender_uid=report.sender_uid,
        receiver_uid=report.receiver_uid,
        started_at_us=to_micros(report.started_at),
        ended_at_us=to_micros(report.ended_at),
        duration_s=report.duration_ms / 1_000,
        energy_mwh=report.energy_mwh * energy_scale,
        received_mwh=received_mwh * energy_scale,
        voltage_v_mean=report.voltage_mv_mean / 1_000,
        current_a_mean=report.current_ma_mean / 1_000,
        evidence=evidence,
    )


class MintStatus(StrEnum):
    MINTED = "minted"
    HELD = "held"
    """Minted, but all of it kept apart until an admin releases or burns it: implausible or circular."""


class HeldState(StrEnum):
    """What became of the held part of a mint."""

    HELD = "held"
    RELEASED = "released"
    BURNED = "burned"


class MintAnswer(Struct, frozen=True, kw_only=True):
    """A mint in the words of the energy network's document."""

    status: MintStatus
    tokens_minted: Decimal
    quality_factor: Decimal
    sell_order_id: str | None
    dynamic_price: Decimal
    co2_saved_kg: Decimal
    carbon_credit: Decimal
    tx_hash: str
    message: str
    report_id: str
    tokens_held: Decimal
    hold_reason: str | None


class Mint(Struct, frozen=True, kw_only=True):
    """A claim that was accepted, as it was first answered."""

    id: int
    """That of its ledger entry."""
    report_id: str
    device_id: str
    sender_uid: str
    receiver_uid: str
    account: str
    """Who was paid."""
    status: MintStatus
    hold_reason: str | None
    """None where nothing is held."""
    energy_mwh: int
    """What was minted of the claim, the held part included."""
    held_mwh: int
    circular_mwh: int
    """What was claimed but is no net export."""
    quality_factor: float
    tokens: int
    """LT, 10^-7 units, a multiple of 0.01 LT, the held part included."""
    held_tokens: int
    carbon_mg_per_kwh: int
    """The factor in force at that moment."""
    co2_saved_mg: int
    carbon_credit: int
    """10^-7 units, the held part included."""
    held_carbon_credit: int
    sell_order_id: str | None
    """None where nothing was listed: held, sold before, or less than one lot."""
    price_ticks: int
    """0.0001 XLM/kWh."""
    tx_hash: str
    """Of the Stellar transaction that was first made for it."""
    leaf_hash: str
    """Of the ledger entry."""
    at_us: int

    def to_answer(self) -> MintAnswer:
        """For `/iot/energy/report` and the `energy_mint` event."""
        return MintAnswer(
            status=self.status,
            tokens_minted=show_amount(self.tokens),
            quality_factor=round_decimal(self.quality_factor, QUALITY_DECIMALS),
            sell_order_id=self.sell_order_id,
            dynamic_price=show_price_ticks(self.price_ticks),
            co2_saved_kg=show_amount(self.co2_saved_mg, decimals=6),
            carbon_credit=round_decimal(show_amount(self.carbon_credit), CREDIT_DECIMALS),
            tx_hash=self.tx_hash,
            message=self.message(),
            report_id=self.report_id,
            tokens_held=show_amount(self.held_tokens),
            hold_reason=self.hold_reason,
        )

    def message(self) -> str:
        """`533.33 LT tokens minted for 0.5000 kWh → auto-listed at 7.38 XLM/kWh`, or what came instead."""
        kwh = round_decimal(show_amount(self.energy_mwh, decimals=6), 4)
        minted = f"{_lt(self.tokens)} LT tokens minted for {kwh} kWh"
        if self.status is MintStatus.HELD:
            return f"{minted} → held: {self.hold_reason}"
        price = round_decimal(show_price_ticks(self.price_ticks), 2)
        if self.sell_order_id:
            listed = f"auto-listed at {price} XLM/kWh"
        elif lots_of_mint(self.energy_mwh - self.held_mwh, self.tokens - self.held_tokens):
            listed = "delivered: it was sold before"
        else:
            listed = "not listed: less than one lot of 0.001 kWh"
        if self.held_tokens:
            return f"{minted} → {listed}; {_lt(self.held_tokens)} LT held: {self.hold_reason}"
        return f"{minted} → {listed}"


def _lt(units: int) -> Decimal:
    return round_decimal(show_amount(units), 2)
