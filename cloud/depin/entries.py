"""Rewards as journal entries: LT out of `mint/reward` to the operator.

The facts say how the node stood with the reward, so that from one entry to the next a stranger sees what was
counted, and works out what was due.
"""

import msgspec
from msgspec import Struct

from cloud.depin.model import DepinNode, Reason
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from shared.clock import rfc3339


class RewardFacts(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="source", tag="reward"
):
    """Of any mint of source `reward`."""

    reason: Reason
    device_id: str
    public_key: str | None
    """The device's; None for a keyless one, which earns nothing for its key."""
    registered_at: str
    counted_until: str
    """Up to here uptime was counted."""
    uptime_us: int
    """Counted since the registration, what this entry pays for included."""
    energy_mwh: int
    """Credited since the registration, likewise."""
    month: str | None
    """`2026-01` where a month is rewarded."""


def facts_of(
    node: DepinNode, reason: Reason, *, public_key: str | None, month: str | None = None
) -> RewardFacts:
    """The facts of a reward to a node that stands so."""
    return RewardFacts(
        reason=reason,
        device_id=node.device_id,
        public_key=public_key,
        registered_at=rfc3339(node.registered_at_us),
        counted_until=rfc3339(node.counted_until_us),
        uptime_us=node.uptime_us,
        energy_mwh=node.energy_mwh,
        month=month,
    )


def reward_entry(facts: RewardFacts, *, account: str, units: int) -> Entry:
    """`units`: LT, 10^-7, above 0."""
    return Entry(
        kind=EntryKind.MINT,
        postings=(
            Posting(SystemAccount.MINT_REWARD, Asset.LT, -units),
            Posting(account, Asset.LT, units),
        ),
        facts=msgspec.to_builtins(facts),
    )
