"""Whether the wall clock is known to be right: what is paid for is dated by it.

Asked are the file that systemd-timesyncd leaves, and the kernel itself (adjtimex(2)), which every other time
service disciplines too: chrony, ntpd, PTP. As timedatectl does, the kernel is believed while its largest
error is below 16 s. An answer of yes holds until the machine goes down: a clock that was right once drifts by
seconds a day, and a month offline must not stop the reports.
"""

import ctypes
import struct
from collections.abc import Callable
from pathlib import Path

SYNCHRONIZED_FILE = Path("/run/systemd/timesync/synchronized")
ERROR_US_MAX = 16_000_000
_TIMEX_BYTES = 256
"""More than struct timex of any 64-bit Linux."""
_MAXERROR_OFFSET = 24
"""After modes (with padding), offset and freq."""


def kernel_synchronised() -> bool:
    """What the kernel says; False where it cannot be asked."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0: read only
    try:
        answered = ctypes.CDLL(None).adjtimex(timex) >= 0
    except (OSError, AttributeError):
        return False
    error_us: int = struct.unpack_from("l", timex, _MAXERROR_OFFSET)[0]
    return answered and error_us < ERROR_US_MAX


class WallClockTrust:
    """Call it: whether the clock is, or since this start once was, synchronised."""

    def __init__(
        self, *, file: Path = SYNCHRONIZED_FILE, kernel: Callable[[], bool] = kernel_synchronised
    ) -> None:
        self._file = file
        self._kernel = kernel
        self._known = False

    def __call__(self) -> bool:
        self._known = self._known or self._file.exists() or self._kernel()
        return self._known
