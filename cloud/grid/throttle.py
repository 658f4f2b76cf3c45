"""At most one in a while for each key; what is remembered is bounded."""

from shared.clock import Clock


class Throttle:
    """Remembers when each key was last allowed. Lost on restart, which allows each once more."""

    def __init__(self, clock: Clock, *, every_s: float, keys_max: int) -> None:
        self._clock = clock
        self._every_s = every_s
        self._keys_max = keys_max
        self._last_s: dict[str, float] = {}

    def allows(self, key: str) -> bool:
        """Whether the key may pass now; if so it waits `every_s` from now."""
        now_s = self._clock.monotonic()
        last_s = self._last_s.get(key)
        if last_s is not None and now_s - last_s < self._every_s:
            return False
        if last_s is None and len(self._last_s) >= self._keys_max:
            self._last_s.clear()
        self._last_s[key] = now_s
        return True

    def forget(self, key: str) -> None:
        """Let the key pass at once next time."""
        self._last_s.pop(key, None)
