"""Mints and what becomes of their held part, as journal entries.

A mint creates LT out of `mint/energy`, moves its measured energy from `meter` to `minted`, the CO2 it saved
from `carbon` to `minted`, and the credit for that from `carbon` to the payee. The held part of LT and credit
goes to `<payee>/flagged` instead. The facts carry the meter's own signature and the rules in force, so that a
stranger can check the report behind every mint and work the mint out again.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct

from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.minting.model import Claim, Evidence
from cloud.minting.policy import Policy
from cloud.minting.weighing import Plan, Rules
from shared.clock import rfc3339
from shared.money import round_decimal, show_amount

FLAGGED_HOLD = "flagged"
QUALITY_DECIMALS = 6


class Unsigned(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an unsigned claim says beyond the facts; a signed one says it in its report."""

    duration_s: float
    voltage_v_mean: float | None
    current_a_mean: float | None
    arrival_timed: bool


class EnergyFacts(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="source", tag="energy"
):
    """The facts of a mint out of energy: enough to weigh the claim and plan the mint again."""

    status: Literal["minted", "held", "refused"]
    report_id: str
    device_id: str
    sender_uid: str
    receiver_uid: str
    started_at: str
    ended_at: str
    claimed_mwh: int
    energy_mwh: int
    held_mwh: int
    circular_mwh: int
    hold_reason: str | None
    quality_factor: Decimal
    carbon_kg_per_kwh: Decimal
    carbon_credit_per_kg: Decimal
    energy_scale: int
    power_w_max: float
    policy: Policy
    tolerance: float
    unsigned: Unsigned | None
    evidence: Evidence | None

    def rules(self) -> Rules:
        """By which the claim was weighed."""
        return Rules(
            policy=self.policy,
            tolerance=self.tolerance,
            energy_scale=self.energy_scale,
            power_w_max=self.power_w_max,
            carbon_mg_per_kwh=int(self.carbon_kg_per_kwh.scaleb(6)),
            carbon_credit_per_kg=self.carbon_credit_per_kg,
        )


class HeldPart(Protocol):
    """The held part of a mint, by the names that `Mint` has for it."""

    @property
    def id(self) -> int: ...
    @property
    def leaf_hash(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def held_tokens(self) -> int: ...
    @property
    def held_carbon_credit(self) -> int: ...


def entry_of(claim: Claim, plan: Plan) -> Entry:
    """What stands in the ledger for an accepted claim: its mint, or that all of it was circular."""
    return mint_entry(claim, plan) if plan.verdict.minted_mwh else circular_entry(claim, plan)


def mint_entry(claim: Claim, plan: Plan) -> Entry:
    """The mint itself."""
    flagged = flagged_account(plan.account)
    energy_mwh = plan.verdict.minted_mwh
    return Entry(
        kind=EntryKind.MINT,
        postings=_moved(
            Posting(SystemAccount.MINT_ENERGY, Asset.LT, -plan.tokens),
            Posting(plan.account, Asset.LT, plan.tokens - plan.held_tokens),
            Posting(flagged, Asset.LT, plan.held_tokens),
            Posting(SystemAccount.METER, Asset.ENERGY, -energy_mwh),
            Posting(SystemAccount.MINTED, Asset.ENERGY, energy_mwh),
            Posting(SystemAccount.CARBON_SOURCE, Asset.CO2_SAVED, -plan.co2_saved_mg),
            Posting(SystemAccount.MINTED, Asset.CO2_SAVED, plan.co2_saved_mg),
            Posting(SystemAccount.CARBON_SOURCE, Asset.CARBON, -plan.carbon_credit),
            Posting(plan.account, Asset.CARBON, plan.carbon_credit - plan.held_carbon_credit),
            Posting(flagged, Asset.CARBON, plan.held_carbon_credit),
        ),
        facts=_facts(claim, plan),
    )


def circular_entry(claim: Claim, plan: Plan) -> Entry:
    """Energy was refused that only went there and back; the flows of its nodes count it all the same."""
    return Entry(
        kind=EntryKind.CIRCULAR,
        postings=(
            Posting(SystemAccount.METER, Asset.ENERGY, -claim.energy_mwh),
            Posting(SystemAccount.CIRCULAR, Asset.ENERGY, claim.energy_mwh),
        ),
        facts=_facts(claim, plan),
    )


def release_entry(mint: HeldPart, payee: str) -> Entry | None:
    """The held part to its payee; None where it is less than the smallest unit."""
    return _held_entry(EntryKind.RELEASE, mint, payee, {"reason": "held_mint_released"})


def burn_entry(mint: HeldPart) -> Entry | None:
    """The held part to nobody; None where it is less than the smallest unit."""
    return _held_entry(EntryKind.BURN, mint, SystemAccount.BURNED, {"reason": "held_mint_burned"})


def flagged_account(account: str) -> str:
    """The hold account of what an admin has to decide on."""
    return f"{account}/{FLAGGED_HOLD}"


def _held_entry(kind: EntryKind, mint: HeldPart, to: str, facts: Mapping[str, str]) -> Entry | None:
    flagged = flagged_account(mint.account)
    postings = _moved(
        Posting(flagged, Asset.LT, -mint.held_tokens),
        Posting(to, Asset.LT, mint.held_tokens),
        Posting(flagged, Asset.CARBON, -mint.held_carbon_credit),
        Posting(to, Asset.CARBON, mint.held_carbon_credit),
    )
    if not postings:
        return None
    return Entry(
        kind=kind, postings=postings, facts={**facts, "mint_id": mint.id, "mint_hash": mint.leaf_hash}
    )


def _moved(*postings: Posting) -> tuple[Posting, ...]:
    return tuple(posting for posting in postings if posting.amount)


def _facts(claim: Claim, plan: Plan) -> dict[str, Any]:
    rules, verdict = plan.rules, plan.verdict
    facts = EnergyFacts(
        status=plan.status.value if verdict.minted_mwh else "refused",
        report_id=plan.report_id,
        device_id=claim.device_id,
        sender_uid=claim.sender_uid,
        receiver_uid=claim.receiver_uid,
        started_at=rfc3339(claim.started_at_us),
        ended_at=rfc3339(claim.ended_at_us),
        claimed_mwh=claim.energy_mwh,
        energy_mwh=verdict.minted_mwh,
        held_mwh=verdict.held_mwh,
        circular_mwh=plan.circular_mwh,
        hold_reason=plan.hold_reason,
        quality_factor=_number(plan.quality_factor),
        carbon_kg_per_kwh=show_amount(rules.carbon_mg_per_kwh, decimals=6),
        carbon_credit_per_kg=rules.carbon_credit_per_kg,
        energy_scale=rules.energy_scale,
        power_w_max=rules.power_w_max,
        policy=rules.policy,
        tolerance=rules.tolerance,
        unsigned=_unsigned(claim),
        evidence=claim.evidence,
    )
    built: dict[str, Any] = msgspec.to_builtins(facts, builtin_types=(Decimal,))
    return built


def _unsigned(claim: Claim) -> Unsigned | None:
    if claim.evidence is not None:
        return None
    return Unsigned(
        duration_s=claim.duration_s,
        voltage_v_mean=claim.voltage_v_mean,
        current_a_mean=claim.current_a_mean,
        arrival_timed=claim.arrival_timed,
    )


def _number(value: Fraction) -> Decimal:
    return round_decimal(Decimal(value.numerator) / Decimal(value.denominator), QUALITY_DECIMALS)
