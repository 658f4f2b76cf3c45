"""When the provider is asked again: soon at first, then ever more rarely."""

from shared.units import MICROS_PER_SECOND

SANDBOX = "sandbox"
FIRST_LOOK_S = {SANDBOX: 1}
FIRST_LOOK_S_ELSEWHERE = 180
"""A webhook comes within seconds; one that has not come by then was missed."""
LOOK_S_MAX = 3_600
RETRY_S = 2
RETRY_S_MAX = 600


def next_look_us(provider: str, created_at_us: int, now_us: int) -> int:
    """When to look next at something that is under way, after half its age."""
    return now_us + _after(now_us - created_at_us, _first_look_s(provider), LOOK_S_MAX)


def next_try_us(created_at_us: int, now_us: int) -> int:
    """When to try again what the provider did not answer, after half its age."""
    return now_us + _after(now_us - created_at_us, RETRY_S, RETRY_S_MAX)


def _first_look_s(provider: str) -> int:
    return FIRST_LOOK_S.get(provider, FIRST_LOOK_S_ELSEWHERE)


def _after(age_us: int, least_s: int, most_s: int) -> int:
    return min(max(age_us // 2, least_s * MICROS_PER_SECOND), most_s * MICROS_PER_SECOND)
