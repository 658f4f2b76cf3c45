"""What happens to energy that is implausible or circular.

An implausible report is questionable as a whole; of a plausible one, the circular part is. The policy says
what becomes of the questionable energy, the rest is minted freely in every case:

    off     minted freely, too
    flag    minted but held: no listing, settling, staking or reward until an admin releases or burns it
    reject  not minted; a report of which nothing is left is refused
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from shared.money import show_amount

Policy = Literal["off", "flag", "reject"]


class Verdict(Struct, frozen=True, kw_only=True):
    """How a report's energy is divided; the three add up to it."""

    free_mwh: int
    held_mwh: int
    refused_mwh: int
    reason: str | None
    """None where nothing is questionable."""

    @property
    def minted_mwh(self) -> int:
        return self.free_mwh + self.held_mwh


def judge(policy: Policy, *, energy_mwh: int, net_mwh: int, doubts: Sequence[str]) -> Verdict:
    """`net_mwh` is the part that is net export, `doubts` why the report is implausible (empty: it is not)."""
    circular_mwh = energy_mwh - net_mwh
    reasons = list(doubts)
    if circular_mwh:
        reasons.append(
            f"{show_amount(circular_mwh, decimals=6)} of {show_amount(energy_mwh, decimals=6)} kWh"
            " came by transfer (circular)"
        )
    questionable_mwh = 0 if policy == "off" else energy_mwh if doubts else circular_mwh
    return Verdict(
        free_mwh=energy_mwh - questionable_mwh,
        held_mwh=questionable_mwh if policy == "flag" else 0,
        refused_mwh=questionable_mwh if policy == "reject" else 0,
        reason="; ".join(reasons) if questionable_mwh else None,
    )
