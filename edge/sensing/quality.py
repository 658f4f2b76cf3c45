"""How far a reading may be trusted: pure rules from one reading to the next.

MISSING      never read
STALE        more than `stale_after_samples` readings in a row did not come; the last one is still shown
IMPLAUSIBLE  outside what is physically possible, or further from the last reading than can be
FROZEN       raw voltage and current did not change in `frozen_after_samples` readings with a relay closed
GOOD         otherwise, also during the few missed readings before STALE
"""

import math
from typing import Annotated

from msgspec import Meta, Struct, structs

from edge.snapshot import MISSING, Value
from shared.messages import Quality


class SensingRules(Struct, frozen=True, kw_only=True):
    """Where the lines are drawn."""

    stale_after_samples: Annotated[int, Meta(ge=1)] = 3
    frozen_after_samples: Annotated[int, Meta(ge=2)] = 10
    frozen_voltage_only_factor: Annotated[int, Meta(ge=1)] = 6
    """A voltage alone may rest on one count for longer than voltage and current together."""
    jump_confirmed_after: Annotated[int, Meta(ge=2)] = 3
    """An impossible jump is believed once so many readings in a row agree on the new level."""
    voltage_v_min: float = 0.5
    voltage_v_max: float = 5.0
    voltage_jump_v_max: Annotated[float, Meta(gt=0)] = 0.7
    """Between two readings; a relay that closes moves the voltage by less."""
    temperature_c_min: float = -40.0
    temperature_c_max: float = 125.0
    temperature_jump_c_max: Annotated[float, Meta(gt=0)] = 15.0


class Span(Struct, frozen=True, kw_only=True):
    """What one quantity can physically be."""

    low: float
    high: float
    jump: float = math.inf


class Channel(Struct, frozen=True, kw_only=True):
    """One quantity of one node: what is shown, and what the rules must remember."""

    value: Value = MISSING
    missed: int = 0
    """Readings in a row that did not come."""
    believed: float | None = None
    """The last reading that was good."""
    suspect: float | None = None
    """A level it jumped to, not yet believed."""
    suspects: int = 0


class Watch(Struct, frozen=True, kw_only=True):
    """Whether the raw words of one node move."""

    raw: tuple[int, ...] | None = None
    alike: int = 0
    """Readings in a row with these words, taken with a relay closed."""
    frozen: bool = False


def received(
    channel: Channel, reading: float, measured_at: float, span: Span, rules: SensingRules
) -> Channel:
    """After a reading came."""
    if not math.isfinite(reading):
        return missed(channel, rules)
    if not span.low <= reading <= span.high:
        return Channel(
            value=Value(value=reading, quality=Quality.IMPLAUSIBLE, measured_at=measured_at),
            believed=channel.believed,
        )
    if channel.believed is not None and abs(reading - channel.believed) > span.jump:
        agrees = channel.suspect is not None and abs(reading - channel.suspect) <= span.jump
        suspects = channel.suspects + 1 if agrees else 1
        if suspects < rules.jump_confirmed_after:
            return Channel(
                value=Value(value=reading, quality=Quality.IMPLAUSIBLE, measured_at=measured_at),
                believed=channel.believed,
                suspect=reading,
                suspects=suspects,
            )
    return Channel(
        value=Value(value=reading, quality=Quality.GOOD, measured_at=measured_at), believed=reading
    )


def missed(channel: Channel, rules: SensingRules) -> Channel:
    """After a reading did not come. What was never read stays missing."""
    count = channel.missed + 1
    value = channel.value
    if value.quality is not Quality.MISSING and count > rules.stale_after_samples:
        value = structs.replace(value, quality=Quality.STALE)
    # After so long a silence the old level is no measure of what can be.
    believed = None if count > rules.stale_after_samples else channel.believed
    return structs.replace(channel, value=value, missed=count, believed=believed)


def overran(channel: Channel) -> Channel:
    """After the converter stood at its end stop: what is shown is a bound, and no measure of what can be."""
    if channel.value.quality is Quality.MISSING:
        return channel
    return Channel(value=structs.replace(channel.value, quality=Quality.IMPLAUSIBLE))


def watched(
    watch: Watch, raw: tuple[int, ...] | None, *, relay_closed: bool, has_current: bool, rules: SensingRules
) -> Watch:
    """After one cycle; `raw` None: no fresh reading, which proves nothing.

    Once frozen, it stays so until the words move, also when the relay is open again.
    """
    if raw is None:
        return watch
    if raw != watch.raw:
        return Watch(raw=raw, alike=1 if relay_closed else 0)
    if not relay_closed:
        return structs.replace(watch, alike=0)
    alike = watch.alike + 1
    limit = rules.frozen_after_samples * (1 if has_current else rules.frozen_voltage_only_factor)
    return structs.replace(watch, alike=alike, frozen=watch.frozen or alike >= limit)


def shown(channel: Channel, *, frozen: bool) -> Value:
    """The value with its quality; frozen outranks good, anything worse outranks frozen."""
    if frozen and channel.value.quality is Quality.GOOD:
        return structs.replace(channel.value, quality=Quality.FROZEN)
    return channel.value
