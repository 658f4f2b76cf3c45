"""Room, speed and wear of the disk that holds the journal."""

import os
from pathlib import Path

from edge.config import EdgeConfig
from edge.doctor.finding import Finding, fail, ok, warn
from edge.doctor.machine import Machine

RESERVE_MB = 64
"""Free space that must stay beyond the journal's cap."""
SYNC_S_MAX = 1.0
"""A disk that takes longer for one small write delays every record."""
SECTOR_BYTES = 512
"""Unit of /sys/block/*/stat, whatever the disk's own sectors are (kernel, Documentation/block/stat.rst)."""
SECTORS_WRITTEN = 6
"""Its column."""
DAY_S = 86_400
HOUR_S = 3600
LIFE_WARN, LIFE_FAIL = 8, 11
"""eMMC life time: n means up to 10 n % used, 11 beyond the end (JEDEC JESD84-B51, EXT_CSD 268, 269)."""


def check_disk(machine: Machine, config: EdgeConfig) -> list[Finding]:
    """Data folder, free space, wear."""
    folder = config.data_dir
    if not folder.is_dir():
        return [
            fail(
                "disk",
                f"{folder} is missing",
                "`sudo systemd/install.sh` makes it, and so does `lumengrid edge init`",
            )
        ]
    return [_writing(machine, folder), _space(config), _wear(machine, folder)]


def _writing(machine: Machine, folder: Path) -> Finding:
    path = folder / ".doctor"
    began = machine.clock.monotonic()
    try:
        with path.open("wb") as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except PermissionError:
        return fail(
            "disk",
            f"{folder} may not be written by this user",
            f"`sudo chown -R lumengrid: {folder}`, and run the doctor as that user: `sudo -u lumengrid …`",
        )
    except OSError as error:
        return fail(
            "disk",
            f"{folder} cannot be written: {error.strerror}",
            "a full disk needs room; a read-only one is failing: copy it and replace it",
        )
    took_s = machine.clock.monotonic() - began
    if took_s > SYNC_S_MAX:
        return warn(
            "disk",
            f"one durable write takes {took_s:.1f} s",
            "the card is slow or worn: use an A1 or A2 card, or an SSD",
        )
    return ok("disk", f"{folder} takes a durable write in {1000 * took_s:.0f} ms")


def _space(config: EdgeConfig) -> Finding:
    stats = os.statvfs(config.data_dir)
    free_mb = stats.f_bavail * stats.f_frsize / 1e6
    journal_mb = (
        sum(path.stat().st_size for path in config.data_dir.glob("journal.sqlite*") if path.is_file()) / 1e6
    )
    growth_mb = max(config.journal.cap_mb * 1.048576 - journal_mb, 0.0)
    found = f"{free_mb:.0f} MB free, the journal holds {journal_mb:.0f} of {config.journal.cap_mb} MiB"
    fix = "make room (`sudo apt clean`, `journalctl --vacuum-size=50M`), or lower journal.cap_mb"
    if free_mb < RESERVE_MB:
        return fail("disk space", found, fix)
    if free_mb < growth_mb + RESERVE_MB:
        return warn("disk space", f"{found}: too little for a full journal", fix)
    return ok("disk space", found)


def _wear(machine: Machine, folder: Path) -> Finding:
    disk = _disk_of(machine, folder)
    if disk is None:
        return ok("disk wear", "not told by this kind of disk")
    written = _written(machine, disk)
    life = machine.text(f"{disk}/device/life_time")
    if life is None:
        return ok("disk wear", f"{written}; this disk tells no life time (SD cards do not)")
    try:
        used = max(int(word, 16) for word in life.split())
    except ValueError:
        return ok("disk wear", f"{written}; life time reads {life!r}")
    found = f"{written}; up to {min(10 * used, 100)} % of the disk's life is used"
    if used >= LIFE_FAIL:
        return fail("disk wear", found, "replace the disk now: copy the data folder while it can be read")
    if used >= LIFE_WARN:
        return warn("disk wear", found, "have a replacement ready")
    return ok("disk wear", found)


def _disk_of(machine: Machine, folder: Path) -> str | None:
    """The folder in sysfs of the whole disk, below the machine's root."""
    device = folder.stat().st_dev
    link = machine.root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    try:
        block = link.resolve(strict=True)
    except OSError:
        return None
    disk = block.parent if (block / "partition").exists() else block
    return str(disk.relative_to(machine.root.resolve()))


def _written(machine: Machine, disk: str) -> str:
    """Since the start of the machine; the monotonic clock of Linux counts from there."""
    columns = (machine.text(f"{disk}/stat") or "").split()
    if len(columns) <= SECTORS_WRITTEN or not columns[SECTORS_WRITTEN].isdigit():
        return "bytes written unknown"
    written_mb = int(columns[SECTORS_WRITTEN]) * SECTOR_BYTES / 1e6
    up_s = machine.clock.monotonic()
    if up_s < HOUR_S:
        return f"{written_mb:.0f} MB written since the start"
    return (
        f"{written_mb:.0f} MB written since the start, {written_mb * DAY_S / up_s:.0f} MB a day by everything"
    )
