"""Every reward, worked out again from how its node stood at the one before.

Each entry says up to when uptime was counted and how much, and how much energy was credited. Uptime grows by
no more than the time between, and by no more than one heartbeat beyond what was paid; energy never beyond
what was minted plausibly for the device in this log; a key, a device and a month are rewarded once.
"""

from collections import Counter
from datetime import datetime

from msgspec import Struct

from cloud.audit.errors import Lie
from cloud.depin.entries import RewardFacts, reward_entry
from cloud.depin.model import Reason
from cloud.depin.reliability import is_reliable, month_bounds_us
from cloud.depin.rewards import (
    BEAT_US_MAX,
    KEY_UNITS,
    MONTH_UNITS,
    UPTIME_US_PER_STEP,
    energy_units,
    signed_days_needed,
    uptime_units,
)
from cloud.ledger.model import Entry
from shared.clock import rfc3339, to_micros
from shared.units import MICROS_PER_SECOND

CLOCK_US_MAX = BEAT_US_MAX
"""By so much the wall clock may have been set back between a heartbeat and the writing of its entry."""
_DAY_US = 24 * 3_600 * MICROS_PER_SECOND


class _Node(Struct, kw_only=True):
    """A node as its last reward left it."""

    registered_at_us: int
    counted_until_us: int
    uptime_us: int = 0
    uptime_paid_us: int = 0
    """What `uptime_us` was when uptime was paid last."""
    energy_mwh: int = 0
    energy_paid_mwh: int = 0
    month: str = ""
    """The last one rewarded."""


class Rewards:
    """What was rewarded so far, and what is there to be rewarded."""

    def __init__(self, network: str) -> None:
        self._signed_days_needed = signed_days_needed(network)
        self._nodes: dict[str, _Node] = {}
        self._plausible_mwh: Counter[str] = Counter()
        self._paid_devices: set[str] = set()
        self._paid_keys: set[str] = set()
        self._signed_days: dict[tuple[str, str], set[int]] = {}

    def minted(self, device_id: str, energy_mwh: int) -> None:
        """Energy was minted freely for a device, or released."""
        self._plausible_mwh[device_id] += energy_mwh

    def entry(self, facts: RewardFacts, *, time: str, account: str) -> Entry:
        """The entry that these facts must lead to, written at `time` and paid to `account`.

        Raises:
            Lie: more is counted than there was, or it was rewarded before.
        """
        at_us = _micros("time", time)
        node = self._counted(facts, at_us)
        if (facts.month is not None) is not (facts.reason is Reason.MONTHLY):
            raise Lie("month", "one for a monthly reward and for no other", str(facts.month))
        units = self._units(facts, node, at_us)
        if units <= 0:
            raise Lie("reason", "a reward that is due", f"{facts.reason}, of which nothing is")
        return reward_entry(facts, account=account, units=units)

    def _counted(self, facts: RewardFacts, at_us: int) -> _Node:
        """The node, moved on to what the facts say of it."""
        registered_us = _micros("registered_at", facts.registered_at)
        until_us = _micros("counted_until", facts.counted_until)
        node = self._nodes.setdefault(
            facts.device_id, _Node(registered_at_us=registered_us, counted_until_us=registered_us)
        )
        if registered_us != node.registered_at_us:
            raise Lie("registered_at", rfc3339(node.registered_at_us), facts.registered_at)
        # Other rewards may follow a clock that was set back; uptime is paid as it is counted.
        latest_us = at_us + CLOCK_US_MAX if facts.reason is Reason.UPTIME else until_us
        if not node.counted_until_us <= until_us <= latest_us:
            raise Lie(
                "counted_until",
                f"{rfc3339(node.counted_until_us)} at least, and no later than the entry",
                facts.counted_until,
            )
        uptime_us_max = min(
            node.uptime_us + until_us - node.counted_until_us,
            _whole_steps_us(node.uptime_paid_us) + UPTIME_US_PER_STEP - 1 + BEAT_US_MAX,
        )
        _check_between("uptime_us", facts.uptime_us, node.uptime_us, uptime_us_max)
        plausible_mwh = self._plausible_mwh[facts.device_id]
        _check_between("energy_mwh", facts.energy_mwh, node.energy_mwh, plausible_mwh)
        node.counted_until_us, node.uptime_us = until_us, facts.uptime_us
        node.energy_mwh = facts.energy_mwh
        return node

    def _units(self, facts: RewardFacts, node: _Node, at_us: int) -> int:
        match facts.reason:
            case Reason.UPTIME:
                units = uptime_units(node.uptime_paid_us, node.uptime_us)
                node.uptime_paid_us = node.uptime_us
                if facts.public_key is not None:
                    days = self._signed_days.setdefault((facts.device_id, facts.public_key), set())
                    days.add(node.counted_until_us // _DAY_US)
                return units
            case Reason.ENERGY:
                units = energy_units(node.energy_paid_mwh, node.energy_mwh)
                node.energy_paid_mwh = node.energy_mwh
                return units
            case Reason.REGISTER:
                self._check_key(facts)
                return KEY_UNITS
            case Reason.MONTHLY:
                _check_month(facts, node, at_us)
                return MONTH_UNITS

    def _check_key(self, facts: RewardFacts) -> None:
        key = facts.public_key
        if key is None or key in self._paid_keys:
            raise Lie("public_key", "a key not rewarded before", str(key))
        if facts.device_id in self._paid_devices:
            raise Lie("device_id", "a device not rewarded for a key before", facts.device_id)
        signed_days = len(self._signed_days.get((facts.device_id, key), ()))
        if signed_days < self._signed_days_needed:
            raise Lie("reason", f"a key that signed on {self._signed_days_needed} days", f"{signed_days}")
        self._paid_keys.add(key)
        self._paid_devices.add(facts.device_id)


def _check_month(facts: RewardFacts, node: _Node, at_us: int) -> None:
    """A whole one, over, reliable as it ended, and later than the one before."""
    month = facts.month or ""
    try:
        start_us, end_us = month_bounds_us(month)
    except ValueError:
        raise Lie("month", "a month such as 2026-01", month) from None
    if month <= node.month:
        raise Lie("month", f"a month after {node.month}", month)
    if start_us < node.registered_at_us:
        raise Lie("month", f"a month since the registration, {facts.registered_at}", month)
    if end_us > at_us + CLOCK_US_MAX:
        raise Lie("month", f"a month that is over at {rfc3339(at_us)}", month)
    if node.counted_until_us >= end_us:
        raise Lie("counted_until", f"before the end of {month}", facts.counted_until)
    if not is_reliable(node.uptime_us, end_us - node.registered_at_us):
        raise Lie("uptime_us", "more than 90 % of its age", str(node.uptime_us))
    node.month = month


def _check_between(field: str, found: int, low: int, high: int) -> None:
    if not low <= found <= high:
        raise Lie(field, f"{low} to {high}", str(found))


def _whole_steps_us(uptime_us: int) -> int:
    return uptime_us // UPTIME_US_PER_STEP * UPTIME_US_PER_STEP


def _micros(field: str, text: str) -> int:
    try:
        at_us = to_micros(datetime.fromisoformat(text))
        if rfc3339(at_us) == text:
            return at_us
    except (ValueError, TypeError):
        pass
    raise Lie(field, "a time in RFC 3339, in UTC", repr(text))
