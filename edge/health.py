"""Is the agent alive? Judged by real progress of each part, told to systemd's watchdog, /health and /metrics.

A part reports a counter that grows as long as it works; one that stands still for longer than its allowance
is not healthy. Only the control loop and its relays decide over the watchdog: a cloud that is away, a full
disk or a busy page must not restart an agent that keeps the batteries safe.
"""

import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from msgspec import Struct

logger = logging.getLogger(__name__)


class PartHealth(Struct, frozen=True, kw_only=True):
    """One part as /health shows it."""

    ok: bool
    age_s: float
    """Since it last made progress."""
    detail: str


class Progress:
    """Watches one counter."""

    def __init__(self, *, stall_s: float, vital: bool, monotonic: float) -> None:
        self.vital = vital
        self._stall_s = stall_s
        self._count = -1
        self._moved_at = monotonic
        self._detail = "not started"
        self._failed = False

    def report(self, count: int, *, monotonic: float, detail: str = "", failed: bool = False) -> None:
        """The counter now; `failed` marks a part that moves and yet does not do its work."""
        if count != self._count:
            self._count, self._moved_at = count, monotonic
        self._detail, self._failed = detail, failed

    def health(self, *, monotonic: float) -> PartHealth:
        """The part now."""
        age_s = monotonic - self._moved_at
        return PartHealth(
            ok=age_s <= self._stall_s and not self._failed, age_s=round(age_s, 3), detail=self._detail
        )


class Health:
    """All parts together."""

    def __init__(self) -> None:
        self._parts: dict[str, Progress] = {}
        self._well = True

    def watch(self, name: str, *, stall_s: float, vital: bool, monotonic: float) -> None:
        """Add a part; it counts as moving from now."""
        self._parts[name] = Progress(stall_s=stall_s, vital=vital, monotonic=monotonic)

    def report(
        self, name: str, count: int, *, monotonic: float, detail: str = "", failed: bool = False
    ) -> None:
        """See `Progress.report`."""
        self._parts[name].report(count, monotonic=monotonic, detail=detail, failed=failed)

    def parts(self, *, monotonic: float) -> Mapping[str, PartHealth]:
        """Every part by name."""
        return {name: part.health(monotonic=monotonic) for name, part in self._parts.items()}

    def is_live(self, *, monotonic: float) -> bool:
        """Whether all vital parts move: what the watchdog is told."""
        live = all(part.health(monotonic=monotonic).ok for part in self._parts.values() if part.vital)
        if live != self._well:
            self._well = live
            stuck = [name for name, part in self.parts(monotonic=monotonic).items() if not part.ok]
            logger.log(
                logging.INFO if live else logging.ERROR, "health live=%s stuck=%s", live, ",".join(stuck)
            )
        return live


class Watchdog:
    """systemd's notify socket (sd_notify(3)); does nothing where there is none."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        address = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the abstract namespace.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._ready = False

    def ready(self) -> None:
        """The first cycle is done; told once."""
        if not self._ready:
            self._ready = True
            self._send("READY=1")

    def alive(self, status: str) -> None:
        """Another period of life, with one line for `systemctl status`."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def stopping(self) -> None:
        """A graceful stop has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock,
        ):
            sock.sendto(text.encode(), self._address)
