"""The hard guards of one node and of the busbar: what may never happen, whoever asks for it.

    no discharge   SoC at or below 20 %, or under-voltage
    no charge      SoC at or above 95 %, or over-voltage, or outside the charge temperatures
    neither        over-current, over-temperature; a voltage, current or temperature that is stale, frozen,
                   implausible or missing although there is a sensor for it; a fault

Each guard latches and lets go only behind a release level (0.05 V, 2 % SoC, 2 degrees), the ones about
readings only after they were good for `recovery_s`. Beyond the hard limits the node is a FAULT, which lets go
by itself once the reading has been back inside the *stop* limits for `recovery_s`: no sensor fault locks a
battery out for ever, and a cell that really is beyond its limits stays locked. Current through open relays
means a welded contact: then nothing on the busbar may run.

An override, for a limited time, lets a node work with a sensor that is stale, frozen or implausible, as long
as there is a fresh voltage and the current is low.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct, structs

from edge.battery.limits import allowances
from edge.config import SafetyConfig
from edge.control.latch import Cause, Finding, Latch, turn
from edge.snapshot import NodeSample, Soc, Value
from hardware.cells.chemistry import Chemistry
from shared.messages import Action, Quality

OVERRIDE_S_MAX = 3600.0
_SENSORS = frozenset({Cause.VOLTAGE_SENSOR, Cause.CURRENT_SENSOR, Cause.TEMPERATURE_SENSOR})
_TRUSTED = frozenset({Quality.GOOD, Quality.ESTIMATED})


class SafetyLimits(Struct, frozen=True, kw_only=True):
    """The limits of one node; voltages, temperatures and derating are the chemistry's."""

    chemistry: Chemistry
    current_ma_max: Annotated[float, Meta(gt=0)]
    """Beyond it: over-current."""
    current_ma_fault: Annotated[float, Meta(gt=0)]
    """Beyond it: fault."""
    has_current: bool
    """Whether there is a sensor whose silence matters."""
    has_temperature: bool
    soc_percent_min: float
    soc_percent_max: float
    soc_release_percent: float
    temperature_fault_margin_c: float = 10.0
    """So far beyond the discharge maximum the node is a FAULT."""
    recovery_s: float
    open_current_ma_max: float
    """More than that through open relays is a welded contact."""
    open_current_samples: int = 3
    override_current_ma_max: float


class Override(Struct, frozen=True, kw_only=True):
    """A person's word that a sensor of this node may be ignored for a while."""

    uid: str
    until: float
    """Monotonic seconds."""


class NodeGuard(Struct, frozen=True, kw_only=True):
    """What one node may do now."""

    uid: str
    latches: tuple[Latch, ...] = ()
    charge_veto: str | None = None
    """Why it may not charge; None: it may."""
    discharge_veto: str | None = None
    fault: str | None = None
    open_current_samples: int = 0
    """Samples in a row with current through open relays."""


class SafetyState(Struct, frozen=True, kw_only=True):
    """What the guards remember from cycle to cycle."""

    nodes: tuple[NodeGuard, ...] = ()
    overrides: tuple[Override, ...] = ()

    def guard(self, uid: str) -> NodeGuard:
        """The node's guard; a node that was never assessed may do nothing."""
        for guard in self.nodes:
            if guard.uid == uid:
                return guard
        return NodeGuard(uid=uid, charge_veto="not assessed yet", discharge_veto="not assessed yet")


class Observed(Struct, frozen=True, kw_only=True):
    """What the guards look at, for one node."""

    sample: NodeSample
    soc: Soc | None
    relay: Action
    relay_fault: str | None = None
    """What the dispatcher found wrong with the relays."""


def limits_of(
    chemistry: Chemistry,
    *,
    current_ma_max: float,
    has_current: bool,
    has_temperature: bool,
    settings: SafetyConfig | None = None,
) -> SafetyLimits:
    """Limits of a node from its chemistry, the rating of its link and the agent's settings."""
    safety = settings or SafetyConfig()
    return SafetyLimits(
        chemistry=chemistry,
        current_ma_max=current_ma_max,
        current_ma_fault=safety.current_fault_factor * current_ma_max,
        has_current=has_current,
        has_temperature=has_temperature,
        soc_percent_min=safety.soc_percent_min,
        soc_percent_max=safety.soc_percent_max,
        soc_release_percent=safety.soc_release_percent,
        recovery_s=safety.recovery_s,
        open_current_ma_max=safety.open_current_ma_max,
        override_current_ma_max=safety.override_current_ma_max,
    )


def override(state: SafetyState, uid: str, *, minutes: float, monotonic: float) -> SafetyState:
    """The state with an override of this node's sensor guards; at most an hour, 0 ends it."""
    others = tuple(entry for entry in state.overrides if entry.uid != uid)
    seconds = min(60 * minutes, OVERRIDE_S_MAX)
    added = (Override(uid=uid, until=monotonic + seconds),) if seconds > 0 else ()
    return structs.replace(state, overrides=others + added)


def advance(
    state: SafetyState, observed: Sequence[Observed], limits: Mapping[str, SafetyLimits], *, monotonic: float
) -> SafetyState:
    """The guards after one cycle.

    Raises:
        KeyError: a node has no limits.
    """
    overrides = tuple(entry for entry in state.overrides if monotonic < entry.until)
    overridden = {entry.uid for entry in overrides}
    guards = [
        _assess(
            state.guard(node.sample.uid),
            node,
            limits[node.sample.uid],
            monotonic=monotonic,
            overridden=node.sample.uid in overridden,
        )
        for node in observed
    ]
    welded = [
        guard.uid
        for guard in guards
        if any(latch.cause is Cause.CURRENT_WHILE_OPEN for latch in guard.latches)
    ]
    if welded:
        veto = f"relay of {', '.join(welded)} does not open: the busbar is not safe"
        guards = [
            structs.replace(
                guard, charge_veto=guard.charge_veto or veto, discharge_veto=guard.discharge_veto or veto
            )
            for guard in guards
        ]
    return SafetyState(nodes=tuple(guards), overrides=overrides)


def _assess(
    guard: NodeGuard, node: Observed, limits: SafetyLimits, *, monotonic: float, overridden: bool
) -> NodeGuard:
    current_ma = _known(node.sample.current_ma)
    open_samples = guard.open_current_samples
    if node.relay is not Action.IDLE:
        open_samples = 0
    elif current_ma is not None:
        leaking = abs(current_ma) > limits.open_current_ma_max
        open_samples = min(open_samples + 1, limits.open_current_samples) if leaking else 0
    findings = [
        *_charge_findings(node.soc, limits),
        *_voltage_findings(_known(node.sample.voltage_mv), limits),
        *_current_findings(node, limits),
        *_temperature_findings(_known(node.sample.temperature_c), limits),
        *_sensor_findings(node.sample, limits),
        *_relay_findings(node, open_samples, limits),
    ]
    latches = turn(guard.latches, findings, monotonic=monotonic)
    low_current = current_ma is None or abs(current_ma) <= limits.override_current_ma_max
    ignored = (
        _SENSORS if overridden and low_current and node.sample.voltage_mv.value is not None else frozenset()
    )
    in_force = [
        latch
        for latch in latches
        if not (latch.cause in ignored and not (latch.cause is Cause.VOLTAGE_SENSOR and _lost(node.sample)))
    ]
    return NodeGuard(
        uid=guard.uid,
        latches=latches,
        charge_veto=_first(latch.reason for latch in in_force if latch.charge),
        discharge_veto=_first(latch.reason for latch in in_force if latch.discharge),
        fault=_first(latch.reason for latch in in_force if latch.fault),
        open_current_samples=open_samples,
    )


def _charge_findings(soc: Soc | None, limits: SafetyLimits) -> Iterator[Finding]:
    if soc is None:
        return
    percent = soc.percent
    yield Finding(
        cause=Cause.LOW_SOC,
        tripped=percent <= limits.soc_percent_min,
        released=percent >= limits.soc_percent_min + limits.soc_release_percent,
        reason=f"SoC {percent:.1f} %, no discharge at or below {limits.soc_percent_min:g} %",
        charge=False,
    )
    yield Finding(
        cause=Cause.HIGH_SOC,
        tripped=percent >= limits.soc_percent_max,
        released=percent <= limits.soc_percent_max - limits.soc_release_percent,
        reason=f"SoC {percent:.1f} %, no charge at or above {limits.soc_percent_max:g} %",
        discharge=False,
    )


def _voltage_findings(voltage_mv: float | None, limits: SafetyLimits) -> Iterator[Finding]:
    if voltage_mv is None:
        return
    volts = limits.chemistry.voltage
    voltage_v = voltage_mv / 1000
    above_stop = voltage_v >= volts.low_stop_v + volts.release_v
    below_stop = voltage_v <= volts.high_stop_v - volts.release_v
    yield Finding(
        cause=Cause.UNDER_VOLTAGE,
        tripped=voltage_v <= volts.low_stop_v,
        released=above_stop,
        reason=f"under-voltage: {voltage_v:.3f} V, stop at {volts.low_stop_v:.2f} V",
        charge=False,
    )
    yield Finding(
        cause=Cause.OVER_VOLTAGE,
        tripped=voltage_v >= volts.high_stop_v,
        released=below_stop,
        reason=f"over-voltage: {voltage_v:.3f} V, stop at {volts.high_stop_v:.2f} V",
        discharge=False,
    )
    yield Finding(
        cause=Cause.HARD_UNDER_VOLTAGE,
        tripped=voltage_v <= volts.low_fault_v,
        released=above_stop,
        reason=f"fault: {voltage_v:.3f} V, hard limit {volts.low_fault_v:.2f} V",
        fault=True,
        hold_s=limits.recovery_s,
    )
    yield Finding(
        cause=Cause.HARD_OVER_VOLTAGE,
        tripped=voltage_v >= volts.high_fault_v,
        released=below_stop,
        reason=f"fault: {voltage_v:.3f} V, hard limit {volts.high_fault_v:.2f} V",
        fault=True,
        hold_s=limits.recovery_s,
    )


def _current_findings(node: Observed, limits: SafetyLimits) -> Iterator[Finding]:
    current_ma = _known(node.sample.current_ma)
    if current_ma is None:
        return
    size_ma = abs(current_ma)
    within = size_ma <= limits.current_ma_max
    yield Finding(
        cause=Cause.OVER_CURRENT,
        tripped=not within,
        released=within,
        reason=f"over-current: {size_ma:.0f} mA, limit {limits.current_ma_max:.0f} mA",
        hold_s=limits.recovery_s,
    )
    yield Finding(
        cause=Cause.HARD_CURRENT,
        tripped=size_ma > limits.current_ma_fault,
        released=within,
        reason=f"fault: {size_ma:.0f} mA, hard limit {limits.current_ma_fault:.0f} mA",
        fault=True,
        hold_s=limits.recovery_s,
    )
    voltage_mv = _known(node.sample.voltage_mv)
    if voltage_mv is None:
        return
    allowed = allowances(
        limits.chemistry,
        voltage_v=voltage_mv / 1000,
        temperature_c=_known(node.sample.temperature_c),
    )
    for cause, allowance, drawn_ma, charging in (
        (Cause.DERATED_CHARGE, allowed.charge, -current_ma, True),
        (Cause.DERATED_DISCHARGE, allowed.discharge, current_ma, False),
    ):
        limit_ma = allowance.fraction * limits.current_ma_max
        yield Finding(
            cause=cause,
            # A relay cannot throttle: what is too much now stays off until the full current is allowed again.
            tripped=drawn_ma > max(limit_ma, limits.open_current_ma_max),
            released=allowance.fraction == 1,
            reason=f"{drawn_ma:.0f} mA is above the {limit_ma:.0f} mA allowed, {allowance.reason}",
            charge=charging,
            discharge=not charging,
            hold_s=limits.recovery_s,
        )


def _temperature_findings(temperature_c: float | None, limits: SafetyLimits) -> Iterator[Finding]:
    if temperature_c is None:
        return
    celsius = limits.chemistry.temperature
    release_c = celsius.release_c
    yield Finding(
        cause=Cause.CHARGE_TEMPERATURE,
        tripped=not celsius.charge_min_c < temperature_c < celsius.charge_max_c,
        released=celsius.charge_min_c + release_c <= temperature_c <= celsius.charge_max_c - release_c,
        reason=f"{temperature_c:.1f} C, charge within {celsius.charge_min_c:g} to {celsius.charge_max_c:g} C",
        discharge=False,
    )
    within = celsius.discharge_min_c + release_c <= temperature_c <= celsius.discharge_max_c - release_c
    yield Finding(
        cause=Cause.DISCHARGE_TEMPERATURE,
        tripped=not celsius.discharge_min_c < temperature_c < celsius.discharge_max_c,
        released=within,
        reason=f"temperature {temperature_c:.1f} C, limit {celsius.discharge_max_c:g} C",
    )
    hard_c = celsius.discharge_max_c + limits.temperature_fault_margin_c
    yield Finding(
        cause=Cause.HARD_TEMPERATURE,
        tripped=temperature_c >= hard_c,
        released=within,
        reason=f"fault: {temperature_c:.1f} C, hard limit {hard_c:g} C",
        fault=True,
        hold_s=limits.recovery_s,
    )


def _sensor_findings(sample: NodeSample, limits: SafetyLimits) -> Iterator[Finding]:
    for cause, name, value, fitted in (
        (Cause.VOLTAGE_SENSOR, "voltage", sample.voltage_mv, True),
        (Cause.CURRENT_SENSOR, "current", sample.current_ma, limits.has_current),
        (Cause.TEMPERATURE_SENSOR, "temperature", sample.temperature_c, limits.has_temperature),
    ):
        if fitted:
            good = value.quality in _TRUSTED
            yield Finding(
                cause=cause,
                tripped=not good,
                released=good,
                reason=f"{name} reading is {value.quality.value}",
                hold_s=limits.recovery_s,
            )


def _relay_findings(node: Observed, open_samples: int, limits: SafetyLimits) -> Iterator[Finding]:
    current_ma = _known(node.sample.current_ma)
    yield Finding(
        cause=Cause.CURRENT_WHILE_OPEN,
        tripped=open_samples >= limits.open_current_samples,
        released=current_ma is not None and open_samples == 0 and node.relay is Action.IDLE,
        reason=f"fault: {abs(current_ma or 0):.0f} mA flow though both relays are open",
        fault=True,
        hold_s=limits.recovery_s,
    )
    yield Finding(
        cause=Cause.RELAY,
        tripped=node.relay_fault is not None,
        released=node.relay_fault is None,
        reason=f"fault: {node.relay_fault}",
        fault=True,
        hold_s=limits.recovery_s,
    )


def _lost(sample: NodeSample) -> bool:
    return sample.voltage_mv.quality in {Quality.STALE, Quality.MISSING}


def _known(value: Value) -> float | None:
    return value.value if value.quality in _TRUSTED else None


def _first(reasons: Iterator[str]) -> str | None:
    return next(reasons, None)
