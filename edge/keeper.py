"""What must outlive the agent goes to the journal, each thing as often as it is worth a write.

    energy reports               at once, with the meter's state
    reports without a date       at once
    closings, times of switches  at once when a relay closed
    telemetry, meter             every telemetry period, written together within the loss bound
    charge estimates             every five minutes and at the stop: they are known within a point from then
    the forecast                 hourly

A total is shown only once it is on disk, so that no crash makes one shrink.
"""

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from msgspec import Struct
from nacl.signing import SigningKey

from edge import saved, statement
from edge.battery import SocState
from edge.config import EdgeConfig
from edge.cycle import Turn
from edge.journal.port import Depth, Journal, NewReport, Telemetry
from edge.journal.worker import JournalWorker
from edge.metering import Held, MeterState, sign_report
from hardware.board_model import Board
from shared.clock import Clock
from shared.messages import EnergyReport, GridForecast

logger = logging.getLogger(__name__)

WAITING_MAX = 120
"""Turns that may wait for the disk; beyond it telemetry is given up, energy reports never."""
FORECAST_S = 3_600.0

Totals = Mapping[str, tuple[int, int]]
"""By node, mWh sent and received."""


class Parts(Struct, frozen=True, kw_only=True):
    """What is asked of the other parts when their state is due."""

    socs: Callable[[], Mapping[str, SocState]]
    switched_at: Callable[[], Mapping[str, float]]
    forecast: Callable[[], GridForecast | None]
    later: Callable[[Coroutine[Any, Any, Any]], object]
    """Runs work beside the cycle."""
    wake: Callable[[], None]
    """Tells the uplink that there is something new."""


class Keeper:
    """All methods are called from the event loop; the writing is done by the journal's thread."""

    def __init__(
        self,
        config: EdgeConfig,
        *,
        clock: Clock,
        board: Board,
        boot_id: str,
        key: SigningKey,
        worker: JournalWorker,
        parts: Parts,
        held: Sequence[Held] = (),
        undated: Sequence[str] = (),
        totals: Totals | None = None,
    ) -> None:
        """`held`, `undated` and `totals` are as the journal has them."""
        self.depth: Depth | None = None
        self.telemetry_given_up = 0
        self.totals: Totals = totals or {}
        """As they are on disk."""
        self._config = config
        self._clock = clock
        self._board = board
        self._boot_id = boot_id
        self._key = key
        self._worker = worker
        self._parts = parts
        self._held = {entry.report.report_id for entry in held}
        self._telemetry_at = self._estimates_at = self._forecast_at = float("-inf")
        self._forecast: GridForecast | None = None
        self._closings: object = None
        self._undated = tuple(undated)
        self._latest: MeterState | None = None

    def keep(self, turn: Turn, *, link_up: bool, takes_telemetry: bool) -> None:
        """What one turn gave."""
        now = self._clock.monotonic()
        record = None
        # Half a period early rather than a whole one late.
        if now - self._telemetry_at >= self._config.telemetry_period_s - self._config.cycle_s / 2:
            self._telemetry_at = now
            record = statement.telemetry(turn, self._board, boot_id=self._boot_id)
        # The first turn too: from then on a kill is told from a stop, and the dwell kept after it.
        closed = self._closings != turn.closings.counts
        values: dict[str, bytes | None] = {}
        if closed:
            values = {**self._switches(), saved.CLOSINGS: saved.encode(turn.closings)}
            self._closings = turn.closings.counts
        if now - self._estimates_at >= saved.ESTIMATES_S:
            self._estimates_at = now
            values |= self._estimates(synced=turn.snapshot.synced, stopped=False)
        values |= self._forecast_due(now)
        dated = self._dated(turn, values)
        self._write(
            turn.reports,
            turn.held,
            meter=turn.meter if record is not None or turn.reports or closed else None,
            values=values,
            record=record if takes_telemetry else None,
            link_up=link_up,
            dated=dated,
            force=closed,
        )

    def keep_last(
        self, reports: Sequence[EnergyReport], meter: MeterState, held: tuple[Held, ...], *, synced: bool
    ) -> None:
        """Everything, at the stop; all relays are open."""
        values = {**self._switches(), **self._estimates(synced=synced, stopped=True)}
        self._write(reports, held, meter=meter, values=values, force=True)

    def _dated(self, turn: Turn, values: dict[str, bytes | None]) -> dict[str, int]:
        """By run of the agent: when this boot began, in wall time, once that is known."""
        snapshot = turn.snapshot
        if not snapshot.synced:
            if self._boot_id not in self._undated:
                self._undated += (self._boot_id,)
                runs = saved.Undated(kernel_boot=saved.kernel_boot(), boot_ids=self._undated)
                values[saved.UNDATED] = saved.encode(runs)
            return {}
        if not self._undated:
            return {}
        booted_us = snapshot.utc_us - round(snapshot.monotonic * 1e6)
        dated = dict.fromkeys(self._undated, booted_us)
        self._undated = ()
        values[saved.UNDATED] = None
        return dated

    def _write(
        self,
        reports: Sequence[EnergyReport],
        held: tuple[Held, ...],
        *,
        meter: MeterState | None,
        values: dict[str, bytes | None],
        record: Telemetry | None = None,
        link_up: bool = False,
        dated: Mapping[str, int] | None = None,
        force: bool,
    ) -> None:
        ready = [self._signed(report) for report in reports]
        fresh = {entry.report.report_id: entry for entry in held if entry.report.report_id not in self._held}
        gone = self._held - {entry.report.report_id for entry in held}
        self._held = (self._held | fresh.keys()) - gone
        values |= {saved.HELD + report_id: saved.encode(entry) for report_id, entry in fresh.items()}
        values |= dict.fromkeys((saved.HELD + report_id for report_id in gone), None)
        if meter is not None:
            values[saved.METER] = saved.encode(meter)
        urgent = bool(ready or fresh or gone or force or dated)
        if self._worker.waiting > WAITING_MAX and not urgent:
            self.telemetry_given_up += record is not None
            return

        def write(journal: Journal) -> tuple[Depth, bool]:
            for boot_id, booted_us in (dated or {}).items():
                journal.time_known(boot_id, booted_us)
            for key, value in values.items():
                journal.put(key, value)
            if ready:
                journal.put_energy(ready)
            journal.flush(force=urgent)
            is_saved = journal.is_saved
            # After the flush: by the next one it is mostly acknowledged, and need not go to the disk at all.
            if record is not None:
                journal.put_telemetry(record, link_up=link_up)
            return journal.depth(), is_saved

        self._parts.later(self._written(write, meter))

    def _signed(self, report: EnergyReport) -> NewReport:
        logger.info(
            "energy report report_id=%s from=%s to=%s energy=%dmWh",
            report.report_id,
            report.sender_uid,
            report.receiver_uid,
            report.energy_mwh,
        )
        return NewReport(report.report_id, *sign_report(self._key, report))

    async def _written(
        self, write: Callable[[Journal], tuple[Depth, bool]], meter: MeterState | None
    ) -> None:
        self.depth, is_saved = await self._worker.call(write)
        if meter is not None:
            self._latest = meter
        if is_saved and self._latest is not None:
            self.totals = totals_of(self._latest)
        self._parts.wake()

    def _switches(self) -> dict[str, bytes | None]:
        return {saved.RELAYS: saved.encode(dict(self._parts.switched_at()))}

    def _estimates(self, *, synced: bool, stopped: bool) -> dict[str, bytes | None]:
        return {
            saved.SOC: saved.encode(dict(self._parts.socs())),
            saved.MOMENT: saved.encode(saved.moment(self._clock, synced=synced, stopped=stopped)),
        }

    def _forecast_due(self, now: float) -> dict[str, bytes | None]:
        forecast = self._parts.forecast()
        if forecast is None or forecast is self._forecast or now - self._forecast_at < FORECAST_S:
            return {}
        self._forecast, self._forecast_at = forecast, now
        return {saved.FORECAST: saved.encode(forecast)}


def totals_of(meter: MeterState) -> Totals:
    """Whole mWh sent and received, as the meter rounds them."""
    return {entry.uid: (int(entry.sent_mwh), int(entry.received_mwh)) for entry in meter.totals}
