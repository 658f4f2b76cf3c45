"""Where the doctor looks."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from hardware.bus import I2cBus, open_bus
from hardware.chips.ds18b20 import W1_ROOT
from shared.clock import Clock

COMMAND_TIMEOUT_S = 5.0


def output_of(command: Sequence[str]) -> str | None:
    """What the program prints; None where there is no such program, it fails, or it takes too long."""
    try:
        done = subprocess.run(  # noqa: S603  fixed words only
            list(command), capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


class Machine(Struct, frozen=True, kw_only=True):
    """The real one, or one made for a test."""

    clock: Clock
    open_bus: Callable[[int], I2cBus] = open_bus
    onewire_root: Path = W1_ROOT
    pin_factory: Any = None
    """None: gpiozero's own choice."""
    root: Path = Path("/")
    """Under which `sys`, `proc`, `run` and `boot` lie."""
    output_of: Callable[[Sequence[str]], str | None] = output_of

    def text(self, path: str) -> str | None:
        """The file below `root`, stripped; None where it cannot be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None
