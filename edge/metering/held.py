"""Reports made before the time was known: on the monotonic clock until then, in UTC once it is.

A held report carries monotonic time, counted from the boot, in the place of UTC, and names its boot. In the
same boot the clock that is now known to be right dates it exactly. When the machine was switched off in
between, all that is known is that it came before the present boot: then the reports of that boot are dated as
late as they can have been, in their order, and say that their clock was not known to be right.
"""

from collections.abc import Sequence
from datetime import timedelta

from msgspec import Struct, structs

from shared.clock import to_micros
from shared.messages import EnergyReport


class Held(Struct, frozen=True, kw_only=True):
    """A finished report, unsigned."""

    report: EnergyReport
    """`started_at` and `ended_at` are monotonic time since the epoch's beginning."""
    kernel_boot: str


def placed(held: Sequence[Held], *, booted_us: int, kernel_boot: str) -> list[EnergyReport]:
    """The reports in UTC, oldest first.

    `booted_us` is the wall time, epoch microseconds, at which the monotonic clock of `kernel_boot` was 0.
    """
    boots = list(dict.fromkeys(entry.kernel_boot for entry in held))
    found: list[EnergyReport] = []
    limit_us = booted_us
    for boot in reversed(boots):
        reports = [entry.report for entry in held if entry.kernel_boot == boot]
        present = boot == kernel_boot
        last_us = max(to_micros(report.ended_at) for report in reports)
        shift = timedelta(microseconds=booted_us if present else limit_us - last_us)
        dated = [
            structs.replace(
                report,
                started_at=report.started_at + shift,
                ended_at=report.ended_at + shift,
                synced=present,
            )
            for report in reports
        ]
        limit_us = min(limit_us, *(to_micros(report.started_at) for report in dated))
        found = dated + found
    return found
