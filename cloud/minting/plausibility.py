"""Whether a report can be true, as far as its own numbers tell.

It is plausible when all of these hold:

- V·I·t·scale lies within the tolerance (±25 %) of the claimed energy. Signed reports carry whole measured
  mWh, so theirs may be off by one of those besides. Without V or I there is nothing to check the claim
  with, and it is not plausible.
- V·I·scale is not above the device's rating, which is that of what it stands for: a bench node of 4 W
  whose watt-hour stands for a kilowatt-hour counts as 4 kW.
- Its interval overlaps none reported before for that sender (touching is fine), is not empty, and is not
  much shorter than the duration it was measured over.

`validate` comes first and refuses what no policy may let in.
"""

import math
from datetime import UTC, datetime
from fractions import Fraction

from cloud.minting.errors import ReportRefused
from cloud.minting.model import Claim
from cloud.minting.quality import exact
from shared.clock import to_micros
from shared.money import show_amount
from shared.units import MICROS_PER_SECOND

ENERGY_MWH_MIN = 1_000
ENERGY_MWH_MAX = 10_000_000
MWH_PER_WATT_SECOND = Fraction(10, 36)
INTERVAL_SLACK_S = 1
_CALENDAR_US = range(
    to_micros(datetime.min.replace(tzinfo=UTC)), to_micros(datetime.max.replace(tzinfo=UTC)) + 1
)
"""The moments that can be written down; a duration or another zone's clock may lead out of them."""


def validate(claim: Claim) -> None:
    """Let pass what a policy may then decide on.

    Raises:
        ReportRefused: energy outside 0.001 to 10 kWh, a number that is not finite, no duration, an interval
            outside of the calendar, or a transfer of a node to itself.
    """
    for name, value in (
        ("avg_voltage", claim.voltage_v_mean),
        ("avg_current", claim.current_a_mean),
        ("duration_seconds", claim.duration_s),
    ):
        if value is not None and not math.isfinite(value):
            raise ReportRefused(f"{name}: must be a finite number, got {value}")
    if not ENERGY_MWH_MIN <= claim.energy_mwh <= ENERGY_MWH_MAX:
        raise ReportRefused(
            f"kwh_transferred: {_kwh(claim.energy_mwh)} is outside 0.001 to 10; a longer transfer is split"
        )
    if claim.received_mwh < 0:
        raise ReportRefused(f"received energy: {_kwh(claim.received_mwh)} kWh must not be negative")
    if claim.duration_s <= 0:
        raise ReportRefused(f"duration_seconds: {claim.duration_s} must be above 0")
    if claim.started_at_us not in _CALENDAR_US or claim.ended_at_us not in _CALENDAR_US:
        raise ReportRefused("started_at, ended_at: outside of the years 1 to 9999, in UTC")
    if claim.sender_uid == claim.receiver_uid:
        raise ReportRefused(f"sender_uid and receiver_uid: both are {claim.sender_uid}")


def doubts(
    claim: Claim, *, energy_scale: int, power_w_max: float, tolerance: float, overlaps: bool
) -> tuple[str, ...]:
    """Why the claim is not plausible; empty when it is.

    `overlaps`: whether its interval overlaps one reported before for the same sender.
    """
    return (
        *_energy_doubts(claim, energy_scale, power_w_max, tolerance),
        *_interval_doubts(claim, tolerance),
        *(["its interval overlaps one reported before"] if overlaps else []),
    )


def _energy_doubts(claim: Claim, energy_scale: int, power_w_max: float, tolerance: float) -> list[str]:
    if claim.voltage_v_mean is None or claim.current_a_mean is None:
        return ["no voltage and current to check it with"]
    found = []
    power_w = exact(claim.voltage_v_mean) * exact(claim.current_a_mean) * energy_scale
    measured_mwh = power_w * exact(claim.duration_s) * MWH_PER_WATT_SECOND
    step_mwh = energy_scale if claim.evidence is not None else 0
    if abs(measured_mwh - claim.energy_mwh) > exact(tolerance) * claim.energy_mwh + step_mwh:
        found.append(
            f"V·I·t gives {float(measured_mwh) / 1e6:.4g} kWh, more than {tolerance:.0%} off the claim"
        )
    if power_w > exact(power_w_max):
        found.append(f"{float(power_w):.4g} W is above the device's rating of {power_w_max:g} W")
    return found


def _interval_doubts(claim: Claim, tolerance: float) -> list[str]:
    interval_s = Fraction(claim.ended_at_us - claim.started_at_us, MICROS_PER_SECOND)
    if interval_s <= 0:
        return ["its interval ends before it starts"]
    if exact(claim.duration_s) > interval_s * (1 + exact(tolerance)) + INTERVAL_SLACK_S:
        return [f"{claim.duration_s:g} s do not fit into its interval of {float(interval_s):g} s"]
    return []


def _kwh(energy_mwh: int) -> str:
    return str(show_amount(energy_mwh, decimals=6))
