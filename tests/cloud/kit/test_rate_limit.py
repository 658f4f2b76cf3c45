"""Never more than so many in any window, whatever the order of calls and times."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cloud.errors import RateLimited
from cloud.kit.rate_limit import (
    STANDING,
    CallLimits,
    CountersLost,
    Limits,
    MemoryCounters,
    Rule,
    Standing,
    caller_at,
)
from shared.clock import ManualClock

THREE_A_MINUTE = Rule(calls=3, window_s=60)


class LostCounters:
    """A store that answers only when told to."""

    def __init__(self, counters: MemoryCounters) -> None:
        self.there = False
        self._counters = counters

    async def take(self, key: str, rule: Rule) -> Standing:
        if not self.there:
            raise CountersLost("connection refused")
        return await self._counters.take(key, rule)

    async def give_back(self, key: str) -> None:
        if not self.there:
            raise CountersLost("connection refused")
        await self._counters.give_back(key)


async def test_the_fourth_call_of_three_waits_for_the_first_to_leave_the_window(clock: ManualClock) -> None:
    counters = MemoryCounters(clock)
    for second, remaining in ((0, 2), (10, 1), (10, 0)):
        clock.advance(second)
        standing = await counters.take("a", THREE_A_MINUTE)
        assert (standing.allowed, standing.remaining) == (True, remaining)

    refused = await counters.take("a", THREE_A_MINUTE)

    # Calls at 0, 10 and 20 s: one may call again at 60 s, all are forgotten at 80 s.
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert (refused.retry_after_s, refused.whole_after_s) == (40, 60)
    clock.advance(39.999)
    assert not (await counters.take("a", THREE_A_MINUTE)).allowed
    clock.advance(0.001)
    assert (await counters.take("a", THREE_A_MINUTE)).allowed
    assert not (await counters.take("a", THREE_A_MINUTE)).allowed


async def test_one_caller_s_calls_are_nobody_else_s(clock: ManualClock) -> None:
    counters = MemoryCounters(clock)
    for _ in range(4):
        await counters.take("a", THREE_A_MINUTE)

    assert (await counters.take("b", THREE_A_MINUTE)).remaining == 2


@hypothesis_settings(max_examples=150, deadline=None)
@given(
    calls=st.integers(1, 6),
    window_s=st.integers(1, 20),
    steps_ms=st.lists(st.integers(0, 5_000), min_size=1, max_size=120),
)
def test_no_window_ever_holds_more_and_nobody_is_refused_without_need(
    calls: int, window_s: int, steps_ms: list[int]
) -> None:
    """The twin counts by hand, over every call that was let through."""
    clock, rule = ManualClock(), Rule(calls=calls, window_s=window_s)
    counters = MemoryCounters(clock)
    let_through: list[int] = []
    now_ms = 0

    async def run() -> None:
        nonlocal now_ms
        for step_ms in steps_ms:
            clock.advance(step_ms / 1_000)
            now_ms += step_ms
            standing = await counters.take("a", rule)
            recent = [at for at in let_through if at > now_ms - window_s * 1_000]
            assert standing.allowed == (len(recent) < calls)
            if standing.allowed:
                let_through.append(now_ms)
                assert standing.remaining == calls - len(recent) - 1
            else:
                assert round(standing.retry_after_s * 1_000) == recent[-calls] + window_s * 1_000 - now_ms
            assert counters.calls_kept <= calls

    asyncio.run(run())
    for start in let_through:
        within = [at for at in let_through if start <= at < start + window_s * 1_000]
        assert len(within) <= calls


async def test_calls_at_the_same_time_never_get_more_than_the_rule_allows(clock: ManualClock) -> None:
    counters = MemoryCounters(clock)

    async def call() -> bool:
        await asyncio.sleep(0)
        return (await counters.take("a", Rule(calls=100, window_s=60))).allowed

    answers = await asyncio.gather(*(call() for _ in range(1_000)))

    assert sum(answers) == 100


async def test_a_wall_clock_that_steps_changes_nothing(clock: ManualClock) -> None:
    counters = MemoryCounters(clock)
    for _ in range(3):
        await counters.take("a", THREE_A_MINUTE)

    clock.step_wall(3_600)
    assert not (await counters.take("a", THREE_A_MINUTE)).allowed
    clock.step_wall(-7_200)
    clock.advance(60)
    assert (await counters.take("a", THREE_A_MINUTE)).allowed


async def test_memory_is_bounded_and_the_longest_unused_goes_first(clock: ManualClock) -> None:
    counters = MemoryCounters(clock, keys_max=3, calls_kept_max=100)
    for name in ("a", "b", "c", "a", "d"):
        await counters.take(name, THREE_A_MINUTE)

    assert counters.keys == 3
    assert (await counters.take("a", THREE_A_MINUTE)).remaining == 0  # its third call
    assert (await counters.take("b", THREE_A_MINUTE)).remaining == 2  # forgotten, so its first


async def test_the_calls_kept_are_bounded_too(clock: ManualClock) -> None:
    counters = MemoryCounters(clock, keys_max=1_000, calls_kept_max=50)
    for number in range(200):
        await counters.take(f"caller {number % 40}", THREE_A_MINUTE)
        assert counters.calls_kept <= 50


async def test_a_flood_of_refused_calls_costs_no_memory(clock: ManualClock) -> None:
    counters = MemoryCounters(clock)
    for _ in range(1_000):
        await counters.take("a", THREE_A_MINUTE)

    assert counters.calls_kept == 3


async def test_a_call_given_back_is_as_if_it_never_was(clock: ManualClock) -> None:
    counters = MemoryCounters(clock)
    for _ in range(3):
        await counters.take("a", THREE_A_MINUTE)

    await counters.give_back("a")
    await counters.give_back("nobody")

    assert (await counters.take("a", THREE_A_MINUTE)).allowed
    for _ in range(3):
        await counters.give_back("a")
    assert (counters.keys, counters.calls_kept) == (0, 0)


async def test_lost_counters_let_every_call_pass_and_say_so_once(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = LostCounters(MemoryCounters(clock))
    limits = Limits(store)
    calls = CallLimits(limits, per_minute=1, sign_ins_per_minute=1)
    caplog.set_level(logging.INFO)

    for _ in range(5):
        await calls.count({}, "address 192.0.2.1")
        await limits.give_back("address 192.0.2.1")
    assert caplog.text.count("calls pass") == 1

    store.there = True
    await calls.count({}, "address 192.0.2.1")
    assert "found again" in caplog.text
    with pytest.raises(RateLimited):
        await calls.count({}, "address 192.0.2.1")


async def test_a_refusal_says_how_many_and_how_long_in_whole_seconds(clock: ManualClock) -> None:
    calls = CallLimits(Limits(MemoryCounters(clock)), per_minute=1, sign_ins_per_minute=0)
    state: dict[str, object] = {}
    await calls.count(state, "person 7")
    clock.advance(0.5)

    with pytest.raises(RateLimited, match="at most 1 in 60 s; try again in 60 s") as refused:
        await calls.count(state, "person 7")

    assert refused.value.retry_after_s == 60  # 59.5, rounded up: earlier would be refused again
    shown = state[STANDING]
    assert isinstance(shown, Standing)
    assert not shown.allowed


async def test_zero_is_no_limit_and_no_standing(clock: ManualClock) -> None:
    counters = MemoryCounters(clock)
    calls = CallLimits(Limits(counters), per_minute=0, sign_ins_per_minute=0)
    state: dict[str, object] = {}

    for _ in range(500):
        await calls.count(state, "person 7")
        await calls.count_sign_in(state, "address 192.0.2.1")

    assert (state, counters.keys) == ({}, 0)


async def test_of_two_limits_the_nearer_one_is_shown(clock: ManualClock) -> None:
    calls = CallLimits(Limits(MemoryCounters(clock)), per_minute=100, sign_ins_per_minute=10)
    state: dict[str, object] = {}

    await calls.count_sign_in(state, "address 192.0.2.1")
    await calls.count(state, "address 192.0.2.1")

    shown = state[STANDING]
    assert isinstance(shown, Standing)
    assert (shown.rule.calls, shown.remaining) == (10, 9)


@pytest.mark.parametrize(
    "address, caller",
    [
        ("192.0.2.1", "address 192.0.2.1"),
        ("::ffff:192.0.2.1", "address 192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "address 2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "address 2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "address 2001:db8:1:3::/64"),
        ("::1", "address ::/64"),
        ("unknown", "address unknown"),
        ("192.0.2.1, 192.0.2.2", "address unknown"),
        ("", "address unknown"),
        ("x" * 10_000, "address unknown"),
    ],
)
def test_an_ipv6_network_is_one_caller_and_what_is_no_address_shares_one_key(
    address: str, caller: str
) -> None:
    assert caller_at(address) == caller
