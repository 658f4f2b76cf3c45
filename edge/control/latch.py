"""A guard that trips at one level and lets go at another, after a time: bookkeeping without physics."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct, structs


class Cause(StrEnum):
    """Why a node may not do something."""

    LOW_SOC = "low_soc"
    HIGH_SOC = "high_soc"
    UNDER_VOLTAGE = "under_voltage"
    OVER_VOLTAGE = "over_voltage"
    OVER_CURRENT = "over_current"
    DERATED_CHARGE = "derated_charge"
    DERATED_DISCHARGE = "derated_discharge"
    CHARGE_TEMPERATURE = "charge_temperature"
    DISCHARGE_TEMPERATURE = "discharge_temperature"
    VOLTAGE_SENSOR = "voltage_sensor"
    CURRENT_SENSOR = "current_sensor"
    TEMPERATURE_SENSOR = "temperature_sensor"
    HARD_UNDER_VOLTAGE = "hard_under_voltage"
    HARD_OVER_VOLTAGE = "hard_over_voltage"
    HARD_CURRENT = "hard_current"
    HARD_TEMPERATURE = "hard_temperature"
    CURRENT_WHILE_OPEN = "current_while_open"
    RELAY = "relay"


class Finding(Struct, frozen=True, kw_only=True):
    """What one cycle says of one cause. Neither tripped nor released: between the levels, nothing changes."""

    cause: Cause
    tripped: bool
    released: bool
    reason: str
    charge: bool = True
    """Whether it forbids charging."""
    discharge: bool = True
    fault: bool = False
    """Whether it makes the node a FAULT."""
    hold_s: float = 0.0
    """How long it must be released without a break before the latch opens."""


class Latch(Struct, frozen=True, kw_only=True):
    """A cause in force."""

    cause: Cause
    reason: str
    charge: bool
    discharge: bool
    fault: bool
    since: float
    """Monotonic seconds."""
    good_since: float | None = None
    """From when on it has been released; None: it is not."""


def turn(latches: Sequence[Latch], findings: Iterable[Finding], *, monotonic: float) -> tuple[Latch, ...]:
    """The latches after one cycle. A latch without a finding stays: nothing was learned about it."""
    held = {latch.cause: latch for latch in latches}
    for finding in findings:
        latch = held.get(finding.cause)
        if finding.tripped:
            held[finding.cause] = Latch(
                cause=finding.cause,
                reason=finding.reason,
                charge=finding.charge,
                discharge=finding.discharge,
                fault=finding.fault,
                since=monotonic if latch is None else latch.since,
            )
        elif latch is not None and finding.released:
            good_since = monotonic if latch.good_since is None else latch.good_since
            if monotonic - good_since >= finding.hold_s:
                del held[finding.cause]
            else:
                held[finding.cause] = structs.replace(latch, good_since=good_since)
        elif latch is not None:
            held[finding.cause] = structs.replace(latch, good_since=None)
    return tuple(held.values())
