"""Who restarts the agent, and who the machine, when either hangs."""

from edge.doctor.finding import Finding, fail, ok, warn
from edge.doctor.machine import Machine

UNIT = "lumengrid-edge.service"
_OFF = {"", "0", "infinity", "0us"}
_INSTALL = "`sudo systemd/install.sh`"


def check_watchdog(machine: Machine) -> list[Finding]:
    """The unit's watchdog, then the hardware's."""
    words = machine.output_of(
        ("systemctl", "show", UNIT, "--property=LoadState,ActiveState,Type,WatchdogUSec,NRestarts,Result")
    )
    if words is None:
        return [warn("watchdog", "systemd does not answer: nobody restarts an agent that hangs", _INSTALL)]
    return [_unit(_properties(words)), _hardware(machine)]


def _unit(unit: dict[str, str]) -> Finding:
    if unit.get("LoadState") != "loaded":
        return warn("watchdog", f"{UNIT} is not installed: nobody restarts an agent that hangs", _INSTALL)
    if unit.get("Type") != "notify" or unit.get("WatchdogUSec", "") in _OFF:
        return fail("watchdog", f"{UNIT} runs without a watchdog", f"{_INSTALL} writes the unit anew")
    found = f"{UNIT} is {unit.get('ActiveState')}, watchdog {unit.get('WatchdogUSec')}"
    restarts = unit.get("NRestarts", "0")
    if unit.get("ActiveState") == "failed":
        return fail(
            "watchdog",
            f"{UNIT} has failed ({unit.get('Result')})",
            f"`journalctl -u {UNIT} -n 50` says why; then `sudo systemctl reset-failed {UNIT}` and start it",
        )
    if restarts not in {"", "0"}:
        return warn(
            "watchdog", f"{found}, restarted {restarts} times", f"`journalctl -u {UNIT} -p warning` says why"
        )
    return ok("watchdog", found)


def _hardware(machine: Machine) -> Finding:
    check = "watchdog hardware"
    words = _properties(machine.output_of(("systemctl", "show", "--property=RuntimeWatchdogUSec")) or "")
    period = words.get("RuntimeWatchdogUSec", "")
    if not (machine.root / "dev/watchdog").exists():
        return warn(check, "/dev/watchdog is missing", "add dtparam=watchdog=on to /boot/firmware/config.txt")
    if period in _OFF:
        return warn(
            check,
            "nobody resets a machine that hangs: its relays stay as they are",
            f"{_INSTALL}, or RuntimeWatchdogSec=10 in /etc/systemd/system.conf.d/lumengrid.conf",
        )
    return ok(check, f"resets the machine after {period} without a sign of life")


def _properties(words: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in words.splitlines() if "=" in line)
