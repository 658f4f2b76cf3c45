"""Power over time, trapezoidal, between samples that are close enough to each other.

    E = sum (p0 + p1) / 2 * dt      p in W, t monotonic

No energy is counted across a gap longer than `gap_s`, from a reading that is not good, or against the
direction of the transfer. A cycle without a fresh reading moves nothing; the next fresh one covers it.
"""

from msgspec import Struct

from edge.snapshot import NodeSample
from shared.messages import Quality
from shared.units import energy_mwh


class Point(Struct, frozen=True, kw_only=True):
    """Terminals of one node at one moment."""

    at: float
    """Monotonic seconds."""
    voltage_v: float
    current_a: float
    """Positive in the direction of the transfer."""

    @property
    def power_w(self) -> float:
        """Never negative: what flows the other way is no delivery."""
        return max(self.voltage_v * self.current_a, 0.0)


class Stretch(Struct, frozen=True, kw_only=True):
    """What lies between two points."""

    duration_s: float
    energy_mwh: float
    volt_seconds: float
    amp_seconds: float


def point(sample: NodeSample, *, receiving: bool) -> Point | None:
    """The sample as a point; None where voltage or current cannot be trusted."""
    voltage, current = sample.voltage_mv, sample.current_ma
    if voltage.quality is not Quality.GOOD or current.quality is not Quality.GOOD:
        return None
    if voltage.value is None or current.value is None or current.measured_at is None:
        return None
    return Point(
        at=current.measured_at,
        voltage_v=voltage.value / 1000,
        current_a=(-current.value if receiving else current.value) / 1000,
    )


def between(before: Point | None, after: Point, *, gap_s: float) -> Stretch | None:
    """None where nothing may be counted: no earlier point, the same one again, or too long a gap."""
    if before is None:
        return None
    duration_s = after.at - before.at
    if not 0 < duration_s <= gap_s:
        return None
    return Stretch(
        duration_s=duration_s,
        energy_mwh=energy_mwh((before.power_w + after.power_w) / 2, duration_s),
        volt_seconds=(before.voltage_v + after.voltage_v) / 2 * duration_s,
        amp_seconds=(max(before.current_a, 0.0) + max(after.current_a, 0.0)) / 2 * duration_s,
    )
