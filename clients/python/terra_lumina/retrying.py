"""When a call is tried again, and after how long. Pure."""

import email.utils
from collections.abc import Mapping
from datetime import UTC

from msgspec import Struct

TOO_MANY_REQUESTS = 429
TRANSIENT = frozenset({500, 502, 503, 504})


class Retry(Struct, frozen=True, kw_only=True):
    """How patient a client is."""

    tries_max: int = 4
    """The first included; 1: never again."""
    backoff_s: float = 0.5
    """At most so long before the second try, doubled each time."""
    backoff_max_s: float = 8.0
    retry_after_max_s: float = 60.0
    """Who is told to wait for longer is given the error at once."""

    def wait_s(self, *, tried: int, retry_after_s: float | None, jitter: float) -> float | None:
        """How long to wait before the next try; None: give up. `jitter` is from 0 to 1."""
        if tried >= self.tries_max:
            return None
        if retry_after_s is not None:
            return retry_after_s if retry_after_s <= self.retry_after_max_s else None
        return min(self.backoff_max_s, self.backoff_s * 2.0 ** (tried - 1)) * jitter


def may_be_repeated(status: int | None, *, is_repeatable: bool, was_sent: bool) -> bool:
    """Whether another try can neither harm nor be in vain.

    `status` None: no answer came. `is_repeatable`: acting twice is acting once. What was refused for its rate
    and what was never sent has not acted.
    """
    if status is None:
        return is_repeatable or not was_sent
    return status == TOO_MANY_REQUESTS or (is_repeatable and status in TRANSIENT)


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """What `Retry-After` says, in either of its forms (RFC 9110, section 10.2.3); None: nothing."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said)
    try:
        moment = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_s)
