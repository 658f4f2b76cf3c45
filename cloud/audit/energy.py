"""Every mint, worked out again: from the meter's signature over facts and rules to the last posting."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from msgspec import MsgspecError

from cloud.audit.errors import Lie
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.minting import net_export
from cloud.minting.entries import EnergyFacts, entry_of, flagged_account
from cloud.minting.errors import ReportRefused
from cloud.minting.model import Claim, Evidence, claim_of_signed
from cloud.minting.net_export import Flow
from cloud.minting.plausibility import validate
from cloud.minting.weighing import Plan, Rules, overlap_start_us, plan_mint, weigh
from shared.clock import to_micros
from shared.messages import EnergyReport
from shared.signatures import BadSignature, Purpose, verify

_FLAGGED = flagged_account("")
_DECIMALS_MAX = 18
_PER_KWH_MAX = 10
_SCALE_MAX = 1_000_000

_report = msgspec.json.Decoder(EnergyReport).decode


class _Intervals:
    """The intervals of one sender's reports; held ones may overlap each other."""

    def __init__(self) -> None:
        self._sorted: list[tuple[int, int]] = []
        self._longest = 0

    def overlap(self, start: int, end: int) -> bool:
        """Whether one of them shares time with [start, end)."""
        position = bisect_left(self._sorted, (start - self._longest, 0))
        while position < len(self._sorted) and self._sorted[position][0] < end:
            if self._sorted[position][1] > start:
                return True
            position += 1
        return False

    def add(self, start: int, end: int) -> None:
        insort(self._sorted, (start, end))
        self._longest = max(self._longest, end - start)


class Weighing(msgspec.Struct, frozen=True):
    """What a report must have become."""

    claim: Claim
    plan: Plan
    entry: Entry


class Meters:
    """What every node sent and received so far, and which reports were accepted."""

    def __init__(self) -> None:
        self._flows: dict[tuple[str, str], Flow] = {}
        self._intervals: dict[tuple[str, str], _Intervals] = {}
        self._reports: set[tuple[str, str]] = set()
        self.keys: dict[str, set[str]] = {}
        """The keys that signed, by device."""

    def weigh(self, facts: EnergyFacts, postings: Sequence[Posting]) -> Weighing:
        """The entry that these facts must lead to; flows and intervals move on.

        Raises:
            Lie: a bad signature, a report that says something else, or one that was accepted before.
        """
        _check_ranges(facts)
        claim = _signed(facts, facts.evidence) if facts.evidence else _unsigned(facts)
        if facts.evidence is not None:
            self.keys.setdefault(claim.device_id, set()).add(facts.evidence.public_key)
        try:
            validate(claim)
        except ReportRefused as error:
            raise Lie("report", "one that minting accepts", error.message) from None
        # A signed report names itself: what the facts call it counts for nothing.
        report_id = claim.report_id or facts.report_id
        report = (claim.device_id, report_id)
        if report in self._reports:
            raise Lie("report", "one never minted before", f"{report_id} of {claim.device_id} again")
        self._reports.add(report)
        return self._weigh(facts.rules(), claim, report_id, _payee(postings))

    def _weigh(self, rules: Rules, claim: Claim, report_id: str, account: str) -> Weighing:
        sender, receiver = (claim.device_id, claim.sender_uid), (claim.device_id, claim.receiver_uid)
        intervals = self._intervals.setdefault(sender, _Intervals())
        weighed = weigh(
            claim,
            rules,
            sender=self._flows.get(sender, Flow()),
            overlaps=intervals.overlap(overlap_start_us(claim), claim.ended_at_us),
        )
        if not weighed.counts:
            raise Lie("report", "no entry: the policy rejects it", weighed.verdict.reason or "an entry")
        self._flows[sender] = weighed.sender
        self._flows[receiver] = net_export.receive(
            self._flows.get(receiver, Flow()), sent_mwh=claim.energy_mwh, received_mwh=claim.received_mwh
        )
        plan = plan_mint(claim, rules, weighed, report_id=report_id, account=account)
        entry = entry_of(claim, plan)
        if entry.kind is EntryKind.MINT:
            intervals.add(claim.started_at_us, claim.ended_at_us)
        return Weighing(claim, plan, entry)


def _signed(facts: EnergyFacts, evidence: Evidence) -> Claim:
    raw = evidence.report.encode()
    try:
        verify(evidence.public_key, Purpose.ENERGY, raw, evidence.signature)
    except BadSignature:
        raise Lie("the meter's signature", "one by the key of the facts over the report", "another") from None
    try:
        report = _report(raw)
    except (MsgspecError, RecursionError) as error:
        raise Lie("the signed report", "an energy report", str(error)) from None
    if report.ended_at <= report.started_at:
        raise Lie("the signed report", "an end after its start", f"{report.ended_at} <= {report.started_at}")
    return claim_of_signed(report, evidence, energy_scale=facts.energy_scale)


def _unsigned(facts: EnergyFacts) -> Claim:
    said = facts.unsigned
    if said is None:
        raise Lie("facts", "evidence, or what the unsigned report said", "neither")
    return Claim(
        report_id=facts.report_id,
        device_id=facts.device_id,
        sender_uid=facts.sender_uid,
        receiver_uid=facts.receiver_uid,
        started_at_us=_micros("started_at", facts.started_at),
        ended_at_us=_micros("ended_at", facts.ended_at),
        duration_s=said.duration_s,
        energy_mwh=facts.claimed_mwh,
        received_mwh=facts.claimed_mwh,
        voltage_v_mean=said.voltage_v_mean,
        current_a_mean=said.current_a_mean,
        arrival_timed=said.arrival_timed,
    )


def _micros(field: str, text: str) -> int:
    try:
        return to_micros(datetime.fromisoformat(text))
    except (ValueError, TypeError):
        raise Lie(field, "a time in RFC 3339", repr(text)) from None


def _check_ranges(facts: EnergyFacts) -> None:
    """That the rules are settings the service would have taken; beyond them nothing is worked out."""
    if not 1 <= facts.energy_scale <= _SCALE_MAX:
        raise Lie("energy_scale", f"1 to {_SCALE_MAX}", str(facts.energy_scale))
    if not 0 <= facts.tolerance <= 1:
        raise Lie("tolerance", "0 to 1", str(facts.tolerance))
    for field, value in (
        ("carbon_kg_per_kwh", facts.carbon_kg_per_kwh),
        ("carbon_credit_per_kg", facts.carbon_credit_per_kg),
    ):
        if not (value.is_finite() and 0 <= value <= _PER_KWH_MAX and _decimals(value) <= _DECIMALS_MAX):
            raise Lie(field, f"0 to {_PER_KWH_MAX}", str(value)[:40])


def _decimals(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _payee(postings: Sequence[Posting]) -> str:
    """Who is paid; whether every other posting agrees shows when the whole entry is compared."""
    for posting in postings:
        if posting.amount > 0 and posting.asset in {Asset.LT, Asset.CARBON}:
            return posting.account.removesuffix(_FLAGGED)
    return ""
