"""When a delivery is tried again, and when an endpoint is given up (Standard Webhooks, "Deliverability")."""

from cloud.webhooks.model import DisabledBecause
from shared.units import MICROS_PER_SECOND

DELAYS_S = (
    5,
    5 * 60,
    30 * 60,
    2 * 3_600,
    5 * 3_600,
    10 * 3_600,
    14 * 3_600,
    20 * 3_600,
    24 * 3_600,
)
"""After the first failure, the second and so on: ten tries over 75 hours."""
JITTER = 0.1
"""A delay is up to this part shorter or longer: those who failed together do not come back together."""
FAILING_S_MAX = 5 * 24 * 3_600
GONE = 410


def is_received(status_code: int) -> bool:
    """2xx alone: a redirect is not followed and not success."""
    return 200 <= status_code < 300  # noqa: PLR2004


def next_try_us(failures: int, now_us: int, chance: float) -> int | None:
    """When to try again after so many failures; None: never. `chance` lies in [0, 1)."""
    if not 1 <= failures <= len(DELAYS_S):
        return None
    factor = 1 + JITTER * (2 * chance - 1)
    return now_us + round(DELAYS_S[failures - 1] * factor * MICROS_PER_SECOND)


def given_up(status_code: int | None, failing_since_us: int, now_us: int) -> DisabledBecause | None:
    """Whether a failure ends the endpoint, and why; None: it goes on."""
    if status_code == GONE:
        return DisabledBecause.GONE
    if now_us - failing_since_us >= FAILING_S_MAX * MICROS_PER_SECOND:
        return DisabledBecause.FAILING
    return None
