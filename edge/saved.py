"""What the agent keeps in the journal over a restart, and what of it may still be believed afterwards."""

import logging
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, structs

from edge.battery import SocState
from edge.control import ManualState
from edge.control.closings import Closings
from edge.control.manual import restored
from edge.journal.port import Journal
from edge.metering import Held, MeterState
from shared.clock import Clock
from shared.messages import GridForecast

logger = logging.getLogger(__name__)

KERNEL_BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")
SOC, METER, MANUAL, RELAYS, MOMENT = "soc", "meter", "manual", "relays", "moment"
CLOSINGS, FORECAST, UNDATED = "closings", "forecast", "undated"
ESTIMATES_S = 300.0
"""The charge estimates are saved so often, and at the stop."""
HELD = "held/"
"""Before the id of each held report."""


class Moment(Struct, frozen=True, kw_only=True):
    """When the state was saved."""

    kernel_boot: str
    """Monotonic times compare only within one boot of the machine."""
    monotonic: float
    utc_us: int
    synced: bool
    stopped: bool = False
    """Whether the agent ended in good order, all relays open."""


class Undated(Struct, frozen=True, kw_only=True):
    """Runs of the agent whose telemetry has no date yet."""

    kernel_boot: str
    boot_ids: tuple[str, ...]


class Saved(Struct, frozen=True, kw_only=True):
    """Everything that was kept."""

    socs: dict[str, SocState]
    meter: MeterState | None
    manual: ManualState
    switched_at: dict[str, float]
    """Monotonic seconds of each node's last switch. After a reboot or a crash, which opens the relays without
    a note: now, so that the dwell is kept.
    """
    undated: tuple[str, ...]
    """Earlier runs in this boot of the machine, by boot_id, whose telemetry has no date yet."""
    held: tuple[Held, ...]
    """Energy reports that wait until the time is known, oldest first."""
    closings: Closings
    forecast: GridForecast | None
    """The last usable one."""
    down_s: float | None
    """How long nothing was measured; None: unknown."""
    moved_s: float
    """How long, of that, a transfer may have run: after a crash the estimates are not the last ones."""


_socs = msgspec.msgpack.Decoder(dict[str, SocState])
_meter = msgspec.msgpack.Decoder(MeterState)
_manual = msgspec.msgpack.Decoder(ManualState)
_relays = msgspec.msgpack.Decoder(dict[str, float])
_moment = msgspec.msgpack.Decoder(Moment)
_undated = msgspec.msgpack.Decoder(Undated)
_held = msgspec.msgpack.Decoder(Held)
_closings = msgspec.msgpack.Decoder(Closings)
_forecast = msgspec.msgpack.Decoder(GridForecast)
S = TypeVar("S")
encode = msgspec.msgpack.Encoder().encode


def kernel_boot() -> str:
    """Names the present boot of the machine; empty where the kernel does not tell."""
    try:
        return KERNEL_BOOT_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def load(journal: Journal, clock: Clock, *, synced: bool, uids: Collection[str] = ()) -> Saved:
    """What was kept for these nodes; a part that cannot be read starts afresh, with a line in the log."""
    moment = _decoded(journal, MOMENT, _moment)
    same_boot = moment is not None and moment.kernel_boot == kernel_boot() != ""
    now = clock.monotonic()
    same_boot = same_boot and moment is not None and moment.monotonic <= now
    switched_at = _decoded(journal, RELAYS, _relays) or {}
    if moment is not None and not moment.stopped:
        switched_at = dict.fromkeys((*switched_at, *uids), now)
    undated = _decoded(journal, UNDATED, _undated)
    held = [_decoded(journal, key, _held) for key in journal.keys(HELD)]
    manual = _decoded(journal, MANUAL, _manual)
    return Saved(
        socs=_decoded(journal, SOC, _socs) or {},
        meter=_decoded(journal, METER, _meter),
        manual=ManualState() if manual is None else restored(manual),
        switched_at=switched_at if same_boot else dict.fromkeys(switched_at, now),
        undated=undated.boot_ids if undated is not None and undated.kernel_boot == kernel_boot() else (),
        held=tuple(sorted((entry for entry in held if entry is not None), key=_age)),
        closings=structs.replace(_decoded(journal, CLOSINGS, _closings) or Closings(), began=None),
        forecast=_decoded(journal, FORECAST, _forecast),
        down_s=_down_s(moment, clock, same_boot=same_boot, synced=synced),
        moved_s=0.0 if moment is None or moment.stopped else ESTIMATES_S,
    )


def _down_s(moment: Moment | None, clock: Clock, *, same_boot: bool, synced: bool) -> float | None:
    if moment is None:
        return None
    if same_boot:
        return clock.monotonic() - moment.monotonic
    elapsed_s = (clock.now_us() - moment.utc_us) / 1e6
    return elapsed_s if synced and moment.synced and elapsed_s >= 0 else None


def moment(clock: Clock, *, synced: bool, stopped: bool) -> Moment:
    """The present one."""
    return Moment(
        kernel_boot=kernel_boot(),
        monotonic=clock.monotonic(),
        utc_us=clock.now_us(),
        synced=synced,
        stopped=stopped,
    )


def _age(held: Held) -> tuple[bool, str, datetime]:
    """Those of the present boot come last; in each boot by time."""
    return held.kernel_boot == kernel_boot(), held.kernel_boot, held.report.started_at


def _decoded(journal: Journal, key: str, decoder: msgspec.msgpack.Decoder[S]) -> S | None:
    raw = journal.get(key)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except msgspec.MsgspecError as error:
        logger.warning("saved state dropped key=%s reason=%s", key, error)
        return None
