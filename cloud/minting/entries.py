"""Mints and what becomes of their held part, as journal entries.

A mint creates LT out of `mint/energy`, moves its measured energy from `meter` to `minted`, the CO2 it saved
from `carbon` to `minted`, and the credit for that from `carbon` to the payee. The held part of LT and credit
goes to `<payee>/flagged` instead. The facts carry the meter's own signature, so that a stranger can check the
report behind every mint.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from msgspec import Struct

from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.minting.model import Claim, Mint, MintStatus
from cloud.minting.policy import Verdict
from shared.clock import rfc3339
from shared.money import round_decimal, show_amount

FLAGGED_HOLD = "flagged"
QUALITY_DECIMALS = 6


class Plan(Struct, frozen=True, kw_only=True):
    """What shall be minted, before it has its place in the ledger."""

    report_id: str
    account: str
    verdict: Verdict
    circular_mwh: int
    quality_factor: Fraction
    tokens: int
    """The held part included, as below."""
    held_tokens: int
    carbon_mg_per_kwh: int
    co2_saved_mg: int
    carbon_credit: int
    held_carbon_credit: int

    @property
    def status(self) -> MintStatus:
        return MintStatus.MINTED if self.verdict.free_mwh else MintStatus.HELD

    @property
    def hold_reason(self) -> str | None:
        """None where nothing is held, whatever was left out."""
        return self.verdict.reason if self.verdict.held_mwh else None


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


def release_entry(mint: Mint, payee: str) -> Entry | None:
    """The held part to its payee; None where it is less than the smallest unit."""
    return _held_entry(EntryKind.RELEASE, mint, payee, {"reason": "held_mint_released"})


def burn_entry(mint: Mint) -> Entry | None:
    """The held part to nobody; None where it is less than the smallest unit."""
    return _held_entry(EntryKind.BURN, mint, SystemAccount.BURNED, {"reason": "held_mint_burned"})


def flagged_account(account: str) -> str:
    """The hold account of what an admin has to decide on."""
    return f"{account}/{FLAGGED_HOLD}"


def _held_entry(kind: EntryKind, mint: Mint, to: str, facts: Mapping[str, str]) -> Entry | None:
    flagged = flagged_account(mint.account)
    postings = _moved(
        Posting(flagged, Asset.LT, -mint.held_tokens),
        Posting(to, Asset.LT, mint.held_tokens),
        Posting(flagged, Asset.CARBON, -mint.held_carbon_credit),
        Posting(to, Asset.CARBON, mint.held_carbon_credit),
    )
    if not postings:
        return None
    return Entry(kind=kind, postings=postings, facts={**facts, "mint_id": mint.id, "mint_hash": mint.tx_hash})


def _moved(*postings: Posting) -> tuple[Posting, ...]:
    return tuple(posting for posting in postings if posting.amount)


def _facts(claim: Claim, plan: Plan) -> dict[str, Any]:
    return {
        "source": "energy",
        "status": plan.status,
        "report_id": plan.report_id,
        "device_id": claim.device_id,
        "sender_uid": claim.sender_uid,
        "receiver_uid": claim.receiver_uid,
        "started_at": rfc3339(claim.started_at_us),
        "ended_at": rfc3339(claim.ended_at_us),
        "claimed_mwh": claim.energy_mwh,
        "energy_mwh": plan.verdict.minted_mwh,
        "held_mwh": plan.verdict.held_mwh,
        "circular_mwh": plan.circular_mwh,
        "hold_reason": plan.hold_reason,
        "quality_factor": _number(plan.quality_factor),
        "carbon_kg_per_kwh": show_amount(plan.carbon_mg_per_kwh, decimals=6),
        "evidence": None if claim.evidence is None else msgspec.to_builtins(claim.evidence),
    }


def _number(value: Fraction) -> Decimal:
    return round_decimal(Decimal(value.numerator) / Decimal(value.denominator), QUALITY_DECIMALS)
