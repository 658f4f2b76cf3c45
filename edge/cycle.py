"""One turn of the agent's work: sense, estimate, decide, act, and meter what moved.

It runs in the bus thread, because reading chips blocks. `open_all` may be called from another thread while a
turn hangs on the bus: the relays have a way of their own, and the hanging turn closes nothing any more.
"""

import logging
import threading
from collections import deque
from collections.abc import Mapping
from itertools import count

from msgspec import Struct

from edge.battery import CellParameters, SocFilter, SocState
from edge.config import EdgeConfig
from edge.control import Dispatcher, ManualState, PlannedAction, SafetyLimits, SafetyState, decide, observe
from edge.control.closings import Closings, counted, spent
from edge.control.dispatch import Dispatched
from edge.control.safety import override
from edge.errors import StateUnreadable
from edge.metering import Held, Meter, MeterState
from edge.metering.meter import Transfer
from edge.sensing.sampler import Sampler
from edge.snapshot import Decision, NodeDecision, Snapshot
from hardware.board_model import Board
from hardware.cells import load_chemistry
from shared.clock import Clock
from shared.messages import Action, EnergyReport

logger = logging.getLogger(__name__)

LOCK_WAIT_S = 0.5
"""How long an emergency waits for a turn that is switching; then it opens anyway."""


class Turn(Struct, frozen=True, kw_only=True):
    """What one turn saw, decided and did."""

    number: int
    snapshot: Snapshot
    decision: Decision
    safety: SafetyState
    """The guards that the decision passed."""
    dispatched: Dispatched
    reports: tuple[EnergyReport, ...]
    meter: MeterState
    """After those reports; to be saved with them."""
    held: tuple[Held, ...]
    """Reports that wait until the time is known."""
    sent_mwh: Mapping[str, int]
    received_mwh: Mapping[str, int]
    capacity_mah: Mapping[str, float]
    """As learned so far."""
    closings: Closings
    """Of every relay, today."""


class Cycle:
    """The working parts, in the order of the work. `turn` is called by one thread alone."""

    def __init__(
        self,
        *,
        sampler: Sampler,
        filters: Mapping[str, SocFilter],
        limits: Mapping[str, SafetyLimits],
        dispatcher: Dispatcher,
        meter: Meter,
        clock: Clock,
        closings: Closings | None = None,
        closings_per_day: int = 200,
    ) -> None:
        self.sampler = sampler
        self.filters = dict(filters)
        self.dispatcher = dispatcher
        self._limits = limits
        self._meter = meter
        self._clock = clock
        self._closings = closings or Closings()
        self._closings_per_day = closings_per_day
        self._safety = SafetyState()
        self._overrides: deque[tuple[str, float]] = deque()
        self._relay_faults: Mapping[str, str] = {}
        self._decision = Decision(nodes=())
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._inhibited = False

    def turn(self, *, manual: ManualState, plan: tuple[PlannedAction, ...] | None, synced: bool) -> Turn:
        """Do everything once. `manual` holds no lease that has ended."""
        self._inhibited = False
        while self._overrides:
            uid, minutes = self._overrides.popleft()
            self._safety = override(self._safety, uid, minutes=minutes, monotonic=self._clock.monotonic())
        positions = self.dispatcher.positions()
        samples = self.sampler.sample(positions)
        monotonic, utc_us = self._clock.monotonic(), self._clock.now_us()
        socs = {sample.uid: self.filters[sample.uid].update(sample) for sample in samples}
        snapshot, self._safety = observe(
            samples=samples,
            socs=socs,
            positions=positions,
            relay_faults=self._relay_faults,
            safety=self._safety,
            limits=self._limits,
            monotonic=monotonic,
            utc_us=utc_us,
            synced=synced,
        )
        reports = self._meter.update(
            transfers(positions, self._decision),
            {sample.uid: sample for sample in samples},
            monotonic=monotonic,
            utc_us=utc_us,
            synced=synced,
        )
        self._closings = counted(
            self._closings, positions, positions, utc_us=utc_us, synced=synced, monotonic=monotonic
        )
        used_up = spent(self._closings, self._closings_per_day)
        decision = decide(snapshot, manual, plan, self._safety, used_up)
        with self._lock:
            if self._inhibited:
                decision = everything_open(decision, "the bus hung in this turn")
            dispatched = self.dispatcher.apply(decision)
        self._closings = counted(
            self._closings, positions, dispatched.positions, utc_us=utc_us, synced=synced, monotonic=monotonic
        )
        self._decision, self._relay_faults = decision, dispatched.faults
        uids = [sample.uid for sample in samples]
        return Turn(
            number=next(self._numbers),
            snapshot=snapshot,
            decision=decision,
            safety=self._safety,
            dispatched=dispatched,
            reports=tuple(reports),
            meter=self._meter.export(),
            held=self._meter.held,
            sent_mwh={uid: self._meter.sent_mwh(uid) for uid in uids},
            received_mwh={uid: self._meter.received_mwh(uid) for uid in uids},
            capacity_mah={uid: self.filters[uid].capacity_mah for uid in uids},
            closings=self._closings,
        )

    def override(self, uid: str, *, minutes: float) -> None:
        """From the next turn on, let the node work without a sensor it has lost; from any thread."""
        self._overrides.append((uid, minutes))

    def open_all(self) -> None:
        """Open every relay now, from any thread; a turn under way closes none."""
        self._inhibited = True
        locked = self._lock.acquire(timeout=LOCK_WAIT_S)
        try:
            self.dispatcher.open_all()
        finally:
            if locked:
                self._lock.release()

    def finish(self) -> tuple[tuple[EnergyReport, ...], MeterState, tuple[Held, ...]]:
        """Open everything, end every transfer; what is left to report, the state after it, what waits."""
        self.open_all()
        reports = tuple(self._meter.stop())
        return reports, self._meter.export(), self._meter.held

    def soc_states(self) -> dict[str, SocState]:
        """The estimates to be saved; nodes without one are left out."""
        states = {uid: soc_filter.export() for uid, soc_filter in self.filters.items()}
        return {uid: state for uid, state in states.items() if state is not None}


def transfers(positions: Mapping[str, Action], decision: Decision) -> list[Transfer]:
    """The pairs of the last decision whose relays are both closed."""
    return [
        Transfer(sender_uid=node.uid, receiver_uid=node.peer_uid)
        for node in decision.nodes
        if node.action is Action.DISCHARGE
        and node.peer_uid is not None
        and positions.get(node.uid) is Action.DISCHARGE
        and positions.get(node.peer_uid) is Action.CHARGE
    ]


def everything_open(decision: Decision, why: str) -> Decision:
    """The same nodes, all idle by safety."""
    return Decision(
        nodes=tuple(
            NodeDecision(uid=node.uid, action=Action.IDLE, by="safety", reason=why) for node in decision.nodes
        )
    )


def soc_filters(
    board: Board,
    config: EdgeConfig,
    saved: Mapping[str, SocState],
    *,
    down_s: float | None,
    moved_s: float = 0.0,
) -> dict[str, SocFilter]:
    """One filter for each node, from its saved state where that can be used.

    `moved_s` is how long, after it was saved, a transfer may have run.
    """
    filters = {}
    for node in board.nodes:
        cell = CellParameters(
            chemistry=load_chemistry(node.chemistry),
            capacity_mah=1000 * node.capacity_ah,
            unmetered_current_ma=config.unmetered_current_ma,
        )
        try:
            filters[node.uid] = SocFilter(
                cell, state=saved.get(node.uid), down_s=down_s, moved_as=node.current_a_max * moved_s
            )
        except StateUnreadable as error:
            logger.warning("state of charge starts afresh node=%s reason=%s", node.uid, error)
            filters[node.uid] = SocFilter(cell)
    return filters
