"""Whether the wall clock may be believed. The agent asks the same file before it stamps what is paid for."""

from edge.doctor.finding import Finding, fail, ok, warn
from edge.doctor.machine import Machine
from edge.loop import SYNCHRONIZED_FILE

YEAR_MIN = 2025
"""A Pi without a battery for its clock starts in the past."""


def check_clock(machine: Machine) -> Finding:
    """Synchronised, and not in the past."""
    now = machine.clock.now()
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if (machine.root / SYNCHRONIZED_FILE.relative_to("/")).exists():
        return ok("clock", f"synchronised, {shown}")
    answer = machine.output_of(("timedatectl", "show", "--property=NTPSynchronized", "--value"))
    if (answer or "").strip() == "yes":
        return warn(
            "clock",
            f"{shown}, synchronised, but not by systemd-timesyncd: the agent looks for {SYNCHRONIZED_FILE}",
            "`sudo apt install systemd-timesyncd`; it replaces the other time service",
        )
    fix = "`sudo timedatectl set-ntp true`, and let UDP port 123 out of your network"
    if now.year < YEAR_MIN:
        return fail("clock", f"{shown} is in the past: nothing that is measured now can be dated", fix)
    return warn("clock", f"{shown}, not synchronised: energy reports wait until it is", fix)
