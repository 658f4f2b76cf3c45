"""Whether the wall clock may be believed, asked the way `edge.wall_clock` asks it."""

from edge.doctor.finding import Finding, fail, ok, warn
from edge.doctor.machine import Machine
from edge.wall_clock import SYNCHRONIZED_FILE

YEAR_MIN = 2025
"""A Pi without a battery for its clock starts in the past."""


def check_clock(machine: Machine) -> Finding:
    """Synchronised, and not in the past."""
    now = machine.clock.now()
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    answer = machine.output_of(("timedatectl", "show", "--property=NTPSynchronized", "--value"))
    told = (machine.root / SYNCHRONIZED_FILE.relative_to("/")).exists()
    if told or (answer or "").strip() == "yes":
        return ok("clock", f"synchronised, {shown}")
    fix = "`sudo timedatectl set-ntp true`, and let UDP port 123 out of your network"
    if now.year < YEAR_MIN:
        return fail("clock", f"{shown} is in the past: nothing that is measured now can be dated", fix)
    return warn("clock", f"{shown}, not synchronised: energy reports wait until it is", fix)
