"""Never more than so many calls in any window, by a sliding log of the calls that were let through.

A refused call is not counted, so whoever comes back when told is let in. The log is exact where a bucket
that refills lets nearly twice as many through around its refill; it costs eight bytes a call. One algorithm,
whichever store keeps the logs: the `Counters` port is all that is asked of it, and losing it lets calls pass.
"""

import logging
import math
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Protocol

from msgspec import Struct, structs

from cloud.errors import RateLimited
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

KEYS_MAX = 50_000
CALLS_KEPT_MAX = 1_000_000
"""What memory holds at most, 8 MB of calls; the keys unused for longest go first and start afresh."""

STANDING = "call_standing"
"""Under this name a connection's state holds the `Standing` that its answer's headers tell."""

UNLIMITED = 2**31 - 1
"""What is told to whoever has no limit: the largest number that every client can hold."""

_IPV6_SITE_BITS = 64
"""One subscriber has at least so large a network: counting single IPv6 addresses would count nobody."""


class CountersLost(Exception):
    """The store of the counters does not answer."""


class Rule(Struct, frozen=True, kw_only=True):
    """At most `calls` in any `window_s`."""

    calls: int
    window_s: int


class Standing(Struct, frozen=True, kw_only=True):
    """How a key stands after a call."""

    rule: Rule
    remaining: int
    retry_after_s: float
    """0: the call was let through; else when the next one will be."""
    whole_after_s: float
    """When nothing counts any more."""

    @property
    def allowed(self) -> bool:
        return self.retry_after_s == 0


class Counters(Protocol):
    """Where calls are counted. Each method is atomic; a key is always used with the same rule."""

    async def take(self, key: str, rule: Rule) -> Standing:
        """Count a call where the rule lets it through, in one step.

        Raises:
            CountersLost: the store does not answer.
        """
        ...

    async def give_back(self, key: str) -> None:
        """Forget the newest call of the key, if there is one.

        Raises:
            CountersLost: the store does not answer.
        """
        ...


class MemoryCounters:
    """`Counters` of one process. No method awaits, so none can be interrupted."""

    def __init__(
        self, clock: Clock, *, keys_max: int = KEYS_MAX, calls_kept_max: int = CALLS_KEPT_MAX
    ) -> None:
        self._clock = clock
        self._keys_max = keys_max
        self._calls_kept_max = calls_kept_max
        self._logs: OrderedDict[str, array[int]] = OrderedDict()
        self.calls_kept = 0

    @property
    def keys(self) -> int:
        return len(self._logs)

    async def take(self, key: str, rule: Rule) -> Standing:
        now_us = round(self._clock.monotonic() * MICROS_PER_SECOND)
        window_us = rule.window_s * MICROS_PER_SECOND
        log = self._logs.setdefault(key, array("q"))
        self._logs.move_to_end(key)
        over = bisect_right(log, now_us - window_us)
        del log[:over]
        self.calls_kept -= over
        retry_after_us = 0
        if len(log) < rule.calls:
            log.append(now_us)
            self.calls_kept += 1
        else:
            retry_after_us = log[-rule.calls] + window_us - now_us
        standing = Standing(
            rule=rule,
            remaining=max(0, rule.calls - len(log)),
            retry_after_s=retry_after_us / MICROS_PER_SECOND,
            whole_after_s=(log[-1] + window_us - now_us) / MICROS_PER_SECOND,
        )
        while len(self._logs) > self._keys_max or self.calls_kept > self._calls_kept_max:
            _, forgotten = self._logs.popitem(last=False)
            self.calls_kept -= len(forgotten)
        return standing

    async def give_back(self, key: str) -> None:
        log = self._logs.get(key)
        if log is None:
            return
        log.pop()
        self.calls_kept -= 1
        if not log:
            del self._logs[key]


class Limits:
    """Counters that let everything pass while they are lost."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._lost = False

    async def take(self, key: str, rule: Rule) -> Standing | None:
        """How the key stands; None while the counters are lost."""
        try:
            standing = await self._counters.take(key, rule)
        except CountersLost as error:
            self._note_lost(error)
            return None
        if self._lost:
            self._lost = False
            logger.info("rate limit counters found again")
        return standing

    async def give_back(self, key: str) -> None:
        try:
            await self._counters.give_back(key)
        except CountersLost as error:
            self._note_lost(error)

    def _note_lost(self, error: CountersLost) -> None:
        if not self._lost:
            self._lost = True
            logger.warning("rate limit counters lost, calls pass error=%s", error)


class CallLimits:
    """Calls a minute of whoever calls, and sign-ins a minute of an address; 0 switches either off."""

    def __init__(
        self,
        limits: Limits,
        *,
        per_minute: int,
        sign_ins_per_minute: int,
        groups: Mapping[str, Rule] | None = None,
    ) -> None:
        self._limits = limits
        self._calls = Rule(calls=per_minute, window_s=60)
        self._sign_ins = Rule(calls=sign_ins_per_minute, window_s=60)
        self._groups = groups or {}

    async def count(self, state: MutableMapping[str, Any], caller: str) -> None:
        """A call of `caller`: `address …`, `person …` or `device …`.

        Raises:
            RateLimited: too many.
        """
        await self._count(state, f"call {caller}", self._calls)

    async def count_sign_in(self, state: MutableMapping[str, Any], address: str) -> None:
        """A try to sign in.

        Raises:
            RateLimited: too many.
        """
        await self._count(state, f"sign-in {address}", self._sign_ins)

    async def count_in_group(self, state: MutableMapping[str, Any], group: str, caller: str) -> None:
        """A call that has a limit of its own instead; none either where calls have none.

        Raises:
            RateLimited: too many.
        """
        if self._calls.calls != 0:
            await self._count(state, f"{group} {caller}", self._groups[group])

    async def count_in_window(
        self, state: MutableMapping[str, Any], caller: str, window: Rule | None, burst: Rule | None
    ) -> None:
        """A call in a long window, of which few may come at once; None: no limit. The window is what is told.

        Raises:
            RateLimited: too many, in the window or at once.
        """
        if window is None or burst is None or self._calls.calls == 0:
            state[STANDING] = _untouched(Rule(calls=UNLIMITED, window_s=1))
            return
        standing = await self._limits.take(f"window {caller}", window) or _untouched(window)
        state[STANDING] = standing
        if not standing.allowed:
            raise refused(standing)
        at_once = await self._limits.take(f"burst {caller}", burst)
        if at_once is not None and not at_once.allowed:
            await self._limits.give_back(f"window {caller}")
            state[STANDING] = structs.replace(standing, remaining=standing.remaining + 1)
            raise refused(at_once)

    async def _count(self, state: MutableMapping[str, Any], key: str, rule: Rule) -> None:
        if rule.calls == 0:
            return
        standing = await self._limits.take(key, rule)
        if standing is None:
            return
        shown = state.get(STANDING)
        if shown is None or not standing.allowed or standing.remaining < shown.remaining:
            state[STANDING] = standing
        if not standing.allowed:
            raise refused(standing)


def _untouched(rule: Rule) -> Standing:
    return Standing(rule=rule, remaining=rule.calls, retry_after_s=0, whole_after_s=0)


def refused(standing: Standing) -> RateLimited:
    """What a caller over its limit is told."""
    rule, wait_s = standing.rule, math.ceil(standing.retry_after_s)
    return RateLimited(
        f"too many calls: at most {rule.calls} in {rule.window_s} s; try again in {wait_s} s",
        retry_after_s=wait_s,
    )


@lru_cache(maxsize=4_096)
def caller_at(address: str) -> str:
    """The key of whoever calls from an address: an IPv6 network of 64 bits is one caller."""
    try:
        ip = ip_address(address)
    except ValueError:
        return "address unknown"
    if isinstance(ip, IPv6Address):
        mapped = ip.ipv4_mapped
        if mapped is None:
            return f"address {ip_network((int(ip), _IPV6_SITE_BITS), strict=False)}"
        ip = mapped
    return f"address {ip}"
