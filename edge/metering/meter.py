"""Meters every transfer at its sender's and receiver's terminals and makes the energy reports.

A report covers the metered time since the sender's last one. Its interval is [ended_at - metered time,
ended_at), ended_at being the last metered sample on a time axis that starts at the transfer's first moment
(UTC then, plus monotonic time since), so neither a step of the wall clock nor a gap distorts it. Intervals of
one sender do not overlap: where the wall clock was set back a little, the axis is moved behind the last
interval. After a step beyond `STEP_US` the axis goes by the clock as it is now: what was reported before the
step was dated wrongly, not what comes.

While the wall clock is not known to be right, finished reports are held (`edge.metering.held`) and given out
once it is.

Energy is reported in whole mWh; the fraction waits for the same sender's next report, and so does everything
below the least amount, with the time it took. The state survives restarts; what was not yet reported survives
as far as the state was saved.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct, structs

from edge.metering.held import Held, placed
from edge.metering.integral import Point, Stretch, between, point
from edge.snapshot import NodeSample
from shared.clock import from_micros, to_micros
from shared.messages import EnergyReport
from shared.money import split

STEP_US = 300_000_000
"""So far ahead of its own clock the service accepts a report over HTTP."""


class MeterSettings(Struct, frozen=True, kw_only=True):
    """When a report is made. Amounts are measured mWh: the meter does not know the device's scale."""

    report_period_s: Annotated[float, Meta(gt=0)] = 900.0
    report_mwh_min: Annotated[int, Meta(ge=1)] = 1_000
    """Less accumulates; 0.001 kWh after scale, so 1 where one Wh stands for one kWh."""
    report_mwh_max: Annotated[int, Meta(ge=1)] = 10_000_000
    """More is split; 10 kWh after scale, so 10 000 where one Wh stands for one kWh."""
    gap_s: Annotated[float, Meta(gt=0)] = 5.0
    """No energy is counted between samples further apart."""


class Transfer(NamedTuple):
    """Charge that moves now: both relays are closed."""

    sender_uid: str
    receiver_uid: str


class Pending(Struct, frozen=True, kw_only=True):
    """What a sender has delivered and not yet reported."""

    receiver_uid: str = ""
    energy_mwh: float = 0.0
    received_mwh: float = 0.0
    received_metered: bool = False
    """Whether anything was measured at a receiver since the last report."""
    duration_s: float = 0.0
    volt_seconds: float = 0.0
    amp_seconds: float = 0.0


class SenderState(Struct, frozen=True, kw_only=True):
    """One sender's account with the reports."""

    uid: str
    pending: Pending = Pending()
    reported_until_us: int = 0
    """End of its last interval, epoch microseconds."""


class NodeTotals(Struct, frozen=True, kw_only=True):
    """What a node has sent and received since the state began; it only grows."""

    uid: str
    sent_mwh: float = 0.0
    received_mwh: float = 0.0


class MeterState(Struct, frozen=True, kw_only=True):
    """What survives a restart."""

    senders: tuple[SenderState, ...] = ()
    totals: tuple[NodeTotals, ...] = ()


class _Axis(NamedTuple):
    """The time axis of a transfer."""

    utc_us: int
    monotonic: float
    synced: bool

    def at(self, monotonic: float) -> int:
        return self.utc_us + round((monotonic - self.monotonic) * 1e6)


class _Running:
    def __init__(self, transfer: Transfer, axis: _Axis) -> None:
        self.transfer = transfer
        self.axis = axis
        self.reported_at = axis.monotonic
        self.metered_until = axis.monotonic
        self.sender: Point | None = None
        self.receiver: Point | None = None


class Meter:
    """Every transfer of one device; `update` once a cycle."""

    def __init__(
        self,
        settings: MeterSettings,
        *,
        device_id: str,
        boot_id: str,
        new_report_id: Callable[[], str],
        state: MeterState | None = None,
        kernel_boot: str = "",
        held: Sequence[Held] = (),
    ) -> None:
        """`kernel_boot` names the boot that monotonic times belong to; `held` are reports that wait."""
        self._kernel_boot = kernel_boot
        self.held = tuple(held)
        """Reports that wait until the time is known, oldest first."""
        self._settings = settings
        self._device_id = device_id
        self._boot_id = boot_id
        self._new_report_id = new_report_id
        saved = state or MeterState()
        self._senders = {sender.uid: sender for sender in saved.senders}
        self._totals = {totals.uid: totals for totals in saved.totals}
        self._running: dict[str, _Running] = {}

    def export(self) -> MeterState:
        """To be saved in the same transaction as the reports that `update` gave."""
        return MeterState(senders=tuple(self._senders.values()), totals=tuple(self._totals.values()))

    def sent_mwh(self, uid: str) -> int:
        """Whole mWh the node has sent."""
        return int(self._totals.get(uid, NodeTotals(uid=uid)).sent_mwh)

    def received_mwh(self, uid: str) -> int:
        """Whole mWh the node has received."""
        return int(self._totals.get(uid, NodeTotals(uid=uid)).received_mwh)

    def update(
        self,
        transfers: Sequence[Transfer],
        samples: Mapping[str, NodeSample],
        *,
        monotonic: float,
        utc_us: int,
        synced: bool,
    ) -> list[EnergyReport]:
        """The reports that became due in this cycle, oldest first.

        `transfers` are those whose relays were closed when the samples were taken, one for each sender.
        """
        reports = self._time_known(monotonic=monotonic, utc_us=utc_us) if synced else []
        now = {transfer.sender_uid: transfer for transfer in transfers}
        for uid, running in list(self._running.items()):
            if now.get(uid) != running.transfer:
                reports += self._report(running)
                del self._running[uid]
        for transfer in now.values():
            running = self._running.get(transfer.sender_uid) or self._begin(
                transfer, monotonic=monotonic, utc_us=utc_us, synced=synced
            )
            reports += self._meter(running, samples)
            if monotonic - running.reported_at >= self._settings.report_period_s:
                reports += self._report(running)
                running.reported_at = monotonic
                if abs(running.axis.at(monotonic) - utc_us) > STEP_US and running.axis.synced:
                    running.axis = self._axis(
                        transfer.sender_uid, monotonic=monotonic, utc_us=utc_us, synced=synced
                    )
        return reports

    def stop(self) -> list[EnergyReport]:
        """End every transfer, for a graceful stop; the reports that are left."""
        reports = [report for running in self._running.values() for report in self._report(running)]
        self._running.clear()
        return reports

    def _begin(self, transfer: Transfer, *, monotonic: float, utc_us: int, synced: bool) -> _Running:
        self._senders.setdefault(transfer.sender_uid, SenderState(uid=transfer.sender_uid))
        axis = self._axis(transfer.sender_uid, monotonic=monotonic, utc_us=utc_us, synced=synced)
        running = self._running[transfer.sender_uid] = _Running(transfer, axis)
        return running

    def _axis(self, sender_uid: str, *, monotonic: float, utc_us: int, synced: bool) -> _Axis:
        """From now on. Without a known time it is the monotonic clock's own, from the boot on."""
        if not synced:
            return _Axis(utc_us=round(monotonic * 1e6), monotonic=monotonic, synced=False)
        sender = self._senders[sender_uid]
        earliest_us = sender.reported_until_us + round(sender.pending.duration_s * 1e6)
        if earliest_us - utc_us > STEP_US:
            self._senders[sender_uid] = structs.replace(sender, reported_until_us=0)
            earliest_us = utc_us
        return _Axis(utc_us=max(utc_us, earliest_us), monotonic=monotonic, synced=True)

    def _time_known(self, *, monotonic: float, utc_us: int) -> list[EnergyReport]:
        """Put what was held, and the transfers that run, on the clock that is now known to be right."""
        reports = []
        if self.held:
            booted_us = utc_us - round(monotonic * 1e6)
            for report in placed(self.held, booted_us=booted_us, kernel_boot=self._kernel_boot):
                sender = self._senders.get(report.sender_uid, SenderState(uid=report.sender_uid))
                late_us = sender.reported_until_us - to_micros(report.started_at)
                moved = _later(report, late_us) if 0 < late_us <= STEP_US else report
                reports.append(moved)
                until_us = to_micros(moved.ended_at)
                self._senders[sender.uid] = structs.replace(sender, reported_until_us=until_us)
            self.held = ()
        for running in self._running.values():
            if not running.axis.synced:
                running.axis = self._axis(
                    running.transfer.sender_uid, monotonic=monotonic, utc_us=utc_us, synced=True
                )
        return reports

    def _meter(self, running: _Running, samples: Mapping[str, NodeSample]) -> list[EnergyReport]:
        transfer = running.transfer
        reports: list[EnergyReport] = []
        gap_s = self._settings.gap_s
        sent = (
            point(samples[transfer.sender_uid], receiving=False) if transfer.sender_uid in samples else None
        )
        got = (
            point(samples[transfer.receiver_uid], receiving=True)
            if transfer.receiver_uid in samples
            else None
        )
        if sent is not None:
            stretch = between(running.sender, sent, gap_s=gap_s)
            running.sender = sent
            if stretch is not None:
                pending = self._senders[transfer.sender_uid].pending
                if pending.energy_mwh + stretch.energy_mwh > self._settings.report_mwh_max:
                    reports += self._report(running)
                running.metered_until = sent.at
                self._send(transfer, stretch)
        if got is not None:
            stretch = between(running.receiver, got, gap_s=gap_s)
            running.receiver = got
            if stretch is not None:
                self._receive(transfer, stretch)
        return reports

    def _send(self, transfer: Transfer, stretch: Stretch) -> None:
        sender = self._senders[transfer.sender_uid]
        pending = sender.pending
        self._senders[sender.uid] = structs.replace(
            sender,
            pending=structs.replace(
                pending,
                receiver_uid=transfer.receiver_uid,
                energy_mwh=pending.energy_mwh + stretch.energy_mwh,
                duration_s=pending.duration_s + stretch.duration_s,
                volt_seconds=pending.volt_seconds + stretch.volt_seconds,
                amp_seconds=pending.amp_seconds + stretch.amp_seconds,
            ),
        )
        totals = self._totals.get(sender.uid, NodeTotals(uid=sender.uid))
        self._totals[sender.uid] = structs.replace(totals, sent_mwh=totals.sent_mwh + stretch.energy_mwh)

    def _receive(self, transfer: Transfer, stretch: Stretch) -> None:
        sender = self._senders[transfer.sender_uid]
        received = sender.pending.received_mwh + stretch.energy_mwh
        self._senders[sender.uid] = structs.replace(
            sender,
            pending=structs.replace(sender.pending, received_mwh=received, received_metered=True),
        )
        uid = transfer.receiver_uid
        totals = self._totals.get(uid, NodeTotals(uid=uid))
        self._totals[uid] = structs.replace(totals, received_mwh=totals.received_mwh + stretch.energy_mwh)

    def _report(self, running: _Running) -> list[EnergyReport]:
        """What the sender has pending, as reports; none when it is too little."""
        sender = self._senders[running.transfer.sender_uid]
        pending = sender.pending
        whole_mwh = int(pending.energy_mwh)
        duration_ms = int(pending.duration_s * 1000)
        if whole_mwh < self._settings.report_mwh_min or duration_ms < 1:
            return []
        known = running.axis.synced
        until_us = sender.reported_until_us if known else self._held_until_us(sender.uid)
        # A first sample may have been taken a moment before the cycle that the axis starts at.
        ended_us = max(running.axis.at(running.metered_until), until_us + duration_ms * 1000)
        received_mwh = int(pending.received_mwh) if pending.received_metered else None
        reports = self._parts(running, pending, whole_mwh, received_mwh, duration_ms, ended_us)
        self._senders[sender.uid] = structs.replace(
            sender,
            reported_until_us=ended_us if known else sender.reported_until_us,
            pending=Pending(
                receiver_uid=pending.receiver_uid,
                energy_mwh=pending.energy_mwh - whole_mwh,
                received_mwh=pending.received_mwh - (received_mwh or 0),
            ),
        )
        if known:
            return reports
        self.held += tuple(Held(report=report, kernel_boot=self._kernel_boot) for report in reports)
        return []

    def _held_until_us(self, sender_uid: str) -> int:
        """End of the sender's last held report of this boot, on the monotonic axis."""
        ends = (
            to_micros(held.report.ended_at)
            for held in self.held
            if held.kernel_boot == self._kernel_boot and held.report.sender_uid == sender_uid
        )
        return max(ends, default=0)

    def _parts(
        self,
        running: _Running,
        pending: Pending,
        whole_mwh: int,
        received_mwh: int | None,
        duration_ms: int,
        ended_us: int,
    ) -> list[EnergyReport]:
        """One report, or several of equal size where the energy is more than one may carry."""
        count = min(-(-whole_mwh // self._settings.report_mwh_max), duration_ms)
        shares = [1] * count
        energies, durations = split(whole_mwh, shares), split(duration_ms, shares)
        receipts = [None] * count if received_mwh is None else split(received_mwh, shares)
        reports = []
        start_us = ended_us - duration_ms * 1000
        for energy, duration, receipt in zip(energies, durations, receipts, strict=True):
            end_us = start_us + duration * 1000
            reports.append(
                EnergyReport(
                    report_id=self._new_report_id(),
                    device_id=self._device_id,
                    sender_uid=running.transfer.sender_uid,
                    receiver_uid=running.transfer.receiver_uid,
                    started_at=from_micros(start_us),
                    ended_at=from_micros(end_us),
                    duration_ms=duration,
                    energy_mwh=energy,
                    received_mwh=receipt,
                    voltage_mv_mean=round(1000 * pending.volt_seconds / pending.duration_s),
                    current_ma_mean=round(1000 * pending.amp_seconds / pending.duration_s),
                    boot_id=self._boot_id,
                    synced=running.axis.synced,
                )
            )
            start_us = end_us
        return reports


def _later(report: EnergyReport, by_us: int) -> EnergyReport:
    by = timedelta(microseconds=by_us)
    return structs.replace(report, started_at=report.started_at + by, ended_at=report.ended_at + by)
