"""From a claim to the plan of its mint.

Pure, and its rules stand in the mint's public facts, so that a stranger comes to the same plan or knows that
the mint is wrong.
"""

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from msgspec import Struct

from cloud.minting import net_export, quality
from cloud.minting.model import Claim, MintStatus
from cloud.minting.net_export import Flow
from cloud.minting.plausibility import doubts
from cloud.minting.policy import Policy, Verdict, judge
from shared.units import MICROS_PER_SECOND

ARRIVAL_SLACK_S = 2.0
"""How far intervals worked out from times of arrival may overlap: networks delay unevenly."""


class Rules(Struct, frozen=True, kw_only=True):
    """What a claim is weighed by: settings, and what the service knows about the device."""

    policy: Policy
    tolerance: float
    energy_scale: int
    power_w_max: float
    carbon_mg_per_kwh: int
    carbon_credit_per_kg: Decimal


class Weighed(NamedTuple):
    """A claim's verdict, and what it does to the flow of its sender."""

    verdict: Verdict
    net_mwh: int
    sender: Flow
    """After the transfer."""
    counts: bool
    """Whether it moves the flows of its nodes: not when it is rejected as implausible."""


class Plan(Struct, frozen=True, kw_only=True):
    """What shall be minted, before it has its place in the ledger."""

    report_id: str
    account: str
    rules: Rules
    verdict: Verdict
    circular_mwh: int
    quality_factor: Fraction
    tokens: int
    """The held part included, as below."""
    held_tokens: int
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


def overlap_start_us(claim: Claim) -> int:
    """Where the part of its interval begins that may share no time with an earlier report of the sender."""
    slack_us = round(ARRIVAL_SLACK_S * MICROS_PER_SECOND) if claim.arrival_timed else 0
    return claim.started_at_us + slack_us


def weigh(claim: Claim, rules: Rules, *, sender: Flow, overlaps: bool) -> Weighed:
    """`sender`: the flow before; `overlaps`: whether an accepted report shares time with this one."""
    found = doubts(
        claim,
        energy_scale=rules.energy_scale,
        power_w_max=rules.power_w_max,
        tolerance=rules.tolerance,
        overlaps=overlaps,
    )
    sent = net_export.send(sender, claim.energy_mwh)
    verdict = judge(rules.policy, energy_mwh=claim.energy_mwh, net_mwh=sent.net_mwh, doubts=found)
    return Weighed(verdict, sent.net_mwh, sent.flow, counts=not (found and verdict.refused_mwh))


def plan_mint(claim: Claim, rules: Rules, weighed: Weighed, *, report_id: str, account: str) -> Plan:
    """What the claim makes, for the account that is paid."""
    verdict = weighed.verdict
    factor = quality.quality(claim.voltage_v_mean)
    credit_per_kg = Fraction(rules.carbon_credit_per_kg)
    carbon_mg = rules.carbon_mg_per_kwh
    tokens = quality.tokens(verdict.minted_mwh, factor)
    credit = quality.carbon_credit(verdict.minted_mwh, carbon_mg, credit_per_kg)
    return Plan(
        report_id=report_id,
        account=account,
        rules=rules,
        verdict=verdict,
        circular_mwh=claim.energy_mwh - weighed.net_mwh,
        quality_factor=factor,
        tokens=tokens,
        held_tokens=tokens - quality.tokens(verdict.free_mwh, factor),
        co2_saved_mg=quality.co2_saved_mg(verdict.minted_mwh, carbon_mg),
        carbon_credit=credit,
        held_carbon_credit=credit - quality.carbon_credit(verdict.free_mwh, carbon_mg, credit_per_kg),
    )
