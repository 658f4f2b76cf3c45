"""What every driver gives, and the one way to wait for a chip."""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from hardware.errors import ConversionTimeout
from shared.clock import Clock


class ChipSample(Struct, frozen=True, kw_only=True):
    """One reading. None: the chip does not measure this quantity."""

    voltage_mv: float | None = None
    current_ma: float | None = None
    """Positive when the shunt input is positive."""
    temperature_c: float | None = None
    soc_percent: float | None = None
    raw: tuple[int, ...]
    """The register words behind the values, for telling a frozen chip from a quiet one."""
    measured_at: float
    """Monotonic seconds."""


class Chip(Protocol):
    """Something that measures."""

    def sample(self) -> ChipSample:
        """A fresh reading.

        Raises:
            HardwareError: there is none.
        """
        ...

    def close(self) -> None:
        """Leave the chip; safe to call twice."""
        ...


def wait_until(
    ready: Callable[[], bool], *, timeout_s: float, step_s: float, clock: Clock, what: str
) -> None:
    """Poll `ready` until it is true.

    The last poll starts after the deadline, so a process that was paused for longer than the time-out
    does not mistake its own absence for the chip's.

    Raises:
        ConversionTimeout: still not ready.
    """
    deadline = clock.monotonic() + timeout_s
    while True:
        late = clock.monotonic() >= deadline
        if ready():
            return
        if late:
            raise ConversionTimeout(f"{what}: not ready after {timeout_s:g} s")
        clock.pause(step_s)
