"""The agent at work: runs the cycle, passes on what each turn gave, and ends with every relay open.

One turn a period (`edge.cycle`) in a thread of its own, so that a slow bus never stops the event loop. A turn
that overruns makes the next ones be left out, it never piles them up. After three periods without an end the
bus counts as hung: the relays are opened from another thread and the health turns bad. What a turn gave is
written by the journal's thread, sent by the uplink, shown by the page: none of them can hold it up.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from edge import saved, statement
from edge.config import EdgeConfig
from edge.connection import STATE_PERIOD_S, Connection
from edge.control import ManualState
from edge.control import manual as manual_control
from edge.cycle import Cycle, Turn
from edge.health import Health, Watchdog
from edge.journal.port import Depth, Journal
from edge.journal.worker import JournalWorker
from edge.keeper import Keeper, Parts, totals_of
from edge.metering import MeterState
from edge.plan_view import PlanView
from edge.saved import Saved
from edge.scheduler import Scheduler
from edge.threads import OneThread
from hardware.board_model import Board
from hardware.open_board import OpenBoard
from shared.clock import Clock, from_micros
from shared.messages import Command, CommandAck, DeviceEvent, DeviceState, Hold, Quality

if TYPE_CHECKING:
    from hardware.bench import Bench

logger = logging.getLogger(__name__)

HANG_CYCLES = 3
BENCH_FILE = "bench.json"
STATE_PAUSE_S = 1.0
"""The device state is published at most so often when it changes, and at least every STATE_PERIOD_S."""
HEARTBEAT_S = 1.0
STOP_BUS_S = 0.8
"""How long a stop waits for the turn under way."""
EVENTS_KEPT = 50


class LocalPage(Protocol):
    """What shows the agent on the spot."""

    port: int | None

    async def run(self) -> None:
        """Serve until cancelled."""

    async def stop(self) -> None:
        """End what is open."""


class Agent:
    """All parts of one agent; `run` is called once. Everything but the turn itself runs in the event loop."""

    def __init__(
        self,
        config: EdgeConfig,
        *,
        clock: Clock,
        board: Board,
        opened: OpenBoard,
        cycle: Cycle,
        worker: JournalWorker,
        connection: Connection,
        scheduler: Scheduler,
        kept: Saved,
        boot_id: str,
        is_synced: Callable[[], bool],
        open_page: Callable[["Agent"], LocalPage],
        bench: "Bench | None" = None,
    ) -> None:
        """`is_synced` says whether the wall clock is known to be right; `kept` is what the journal had."""
        self.config = config
        self.clock = clock
        self.board = board
        self.boot_id = boot_id
        self.worker = worker
        self.connection = connection
        self.scheduler = scheduler
        self.plan_view = PlanView(scheduler, clock)
        self.events: deque[DeviceEvent] = deque(maxlen=EVENTS_KEPT)
        self.health = Health()
        self.turns = 0
        self.overruns = 0
        self.bus_hangs = False
        self.faults_seen = 0
        self.started_at = clock.monotonic()
        self.first_reading_s: float | None = None
        self.turn: Turn | None = None
        self.state: DeviceState | None = None
        self.listeners: set[asyncio.Event] = set()
        """Each is set when there is a new turn to show."""
        self._opened = opened
        self._cycle = cycle
        self._manual = kept.manual
        self.is_synced = is_synced
        self._bench = bench
        self._watchdog = Watchdog()
        self._open_page = open_page
        self._page: LocalPage | None = None
        self._bus = OneThread("bus")
        self._turn_under_way: asyncio.Future[Turn] | None = None
        self._state_at = float("-inf")
        self._told: dict[str, str] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._bench_saving: asyncio.Task[None] | None = None
        self.keeper = Keeper(
            config,
            clock=clock,
            board=board,
            boot_id=boot_id,
            key=connection.key,
            worker=worker,
            parts=Parts(
                socs=cycle.soc_states,
                switched_at=self._switched_at,
                forecast=lambda: scheduler.usable_forecast,
                later=self._later,
                wake=connection.wake,
            ),
            held=kept.held,
            undated=kept.undated,
            totals=totals_of(kept.meter or MeterState()),
        )

    # -- life

    async def run(self, stop: asyncio.Event) -> int:
        """Work until `stop` is set; 0 after a graceful stop, 1 when a part failed."""
        self._watch_parts()
        cycles = asyncio.create_task(self._run_cycles(), name="cycles")
        tasks = [
            cycles,
            asyncio.create_task(self._heartbeat(), name="heartbeat"),
            asyncio.create_task(self._after_first_turn(), name="services"),
        ]
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({stopping, *tasks[:2]}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failed = [task for task in tasks if task.done() and task.exception() is not None]
            for task in failed:
                logger.error("agent part failed part=%s", task.get_name(), exc_info=task.exception())
            await self._end([*tasks, stopping])
        return 1 if failed else 0

    async def _after_first_turn(self) -> None:
        """Page and uplink come second: a battery is watched before anybody is told about it."""
        first = asyncio.Event()
        self.listeners.add(first)
        await first.wait()
        self.listeners.discard(first)
        self._watchdog.ready()
        self.connection.start()
        self._page = self._open_page(self)
        await self._page.run()

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Relays off, transfers closed with a report, journal written; within 3 s."""
        logger.info("agent stops")
        self._watchdog.stopping()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        under_way = self._turn_under_way
        if under_way is not None and not under_way.done():
            await asyncio.wait({under_way}, timeout=STOP_BUS_S)
        if under_way is None or under_way.done():
            if under_way is not None and self.turn is not under_way.result():
                self._record(under_way.result())
            self.keeper.keep_last(*self._cycle.finish(), synced=self.is_synced())
        else:
            self._cycle.open_all()
        self._opened.close()
        logger.info("relays off")
        if self._background:
            await asyncio.wait(self._background, timeout=1.0)
        await asyncio.gather(self.connection.stop(), *([self._page.stop()] if self._page else []))
        if self._bench is not None:
            self._bench.save(self.config.data_dir / BENCH_FILE)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.worker.close(), 1.0)
        self._bus.close()
        self.scheduler.stop()

    # -- the cycle

    async def _run_cycles(self) -> None:
        period_s = self.config.cycle_s
        due = self.clock.monotonic()
        while True:
            self._manual = manual_control.expired(self._manual, monotonic=self.clock.monotonic())
            manual, synced = self._manual, self.is_synced()
            began = self.clock.monotonic()
            plan = self.scheduler.actions(self.turn, synced=synced).actions
            under_way = self._bus.call(partial(self._cycle.turn, manual=manual, plan=plan, synced=synced))
            self._turn_under_way = under_way
            while not await self._ends(under_way, within_s=period_s):
                self.overruns += 1
                if self.clock.monotonic() - began >= HANG_CYCLES * period_s and not self.bus_hangs:
                    self._bus_hung()
            if self.bus_hangs:
                self.bus_hangs = False
                logger.info("bus works again")
            self._record(under_way.result())
            now = self.clock.monotonic()
            due += period_s
            if now >= due:
                due += period_s * (int((now - due) / period_s) + 1)
            await self.clock.sleep(due - now)

    async def _ends(self, under_way: asyncio.Future[Turn], *, within_s: float) -> bool:
        """Whether the turn ended within the time on the agent's clock."""
        timer = asyncio.ensure_future(self.clock.sleep(within_s))
        either: set[asyncio.Future[Any]] = {under_way, timer}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        return under_way.done()

    def _bus_hung(self) -> None:
        self.bus_hangs = True
        logger.error("bus hangs, opening all relays")
        # A thread of its own: the pins may hang as well, and nothing may wait for that.
        threading.Thread(target=self._cycle.open_all, name="open-all", daemon=True).start()
        self.tell("bus_hang", None, f"no answer within {HANG_CYCLES} cycles; all relays opened")

    def _record(self, turn: Turn) -> None:
        """Pass the turn on to journal, uplink and page; nothing here waits."""
        self.turn = turn
        self.turns = turn.number
        now = turn.snapshot.monotonic
        if self.first_reading_s is None and any(
            view.sample.voltage_mv.value is not None for view in turn.snapshot.nodes
        ):
            self.first_reading_s = self.clock.monotonic() - self.started_at
            logger.info("first reading after_s=%.2f nodes=%d", self.first_reading_s, len(self.board.nodes))
        found, self._told = statement.events(turn, self._told, boot_id=self.boot_id)
        for event in found:
            self._announce(event)
        self.state = statement.device_state(
            turn,
            self.board,
            self.config,
            manual=self._manual,
            totals=self.keeper.totals,
            boot_id=self.boot_id,
        )
        if now - self._state_at >= (STATE_PAUSE_S if self._is_news(self.state) else STATE_PERIOD_S):
            self._state_at = now
            self.connection.publish_state(self.state)
        self.scheduler.learn(turn)
        self.keeper.keep(turn, link_up=self.connection.up, takes_telemetry=self.connection.takes_telemetry)
        if self._bench is not None and (self._bench_saving is None or self._bench_saving.done()):
            self._bench_saving = self._later(
                asyncio.to_thread(self._bench.save, self.config.data_dir / BENCH_FILE)
            )
        for listener in self.listeners:
            listener.set()

    def _is_news(self, state: DeviceState) -> bool:
        """Whether anything but the time differs from the last published state."""
        last = self.connection.last_state
        return last is None or last.nodes != state.nodes or last.decided_by != state.decided_by

    @property
    def depth(self) -> Depth | None:
        """How much waits in the journal; None before the first write."""
        return self.keeper.depth

    @property
    def telemetry_given_up(self) -> int:
        """Records that a disk too slow has cost."""
        return self.keeper.telemetry_given_up

    def _switched_at(self) -> dict[str, float]:
        relays = {node.uid: node.relays.switched_at for node in self._opened.nodes}
        return {uid: at for uid, at in relays.items() if at is not None}

    # -- what comes in

    def on_hold(self, hold: Hold) -> tuple[bool, str]:
        """A local wish; it beats the cloud's. Whether it was taken, and why."""
        self._manual, accepted, reason = manual_control.hold(
            self._manual,
            hold,
            known={node.uid for node in self.board.nodes},
            monotonic=self.clock.monotonic(),
        )
        self.tell("hold" if accepted else "hold_refused", hold.node_uid, reason)
        return accepted, reason

    @property
    def manual(self) -> ManualState:
        """The leases in force."""
        return manual_control.expired(self._manual, monotonic=self.clock.monotonic())

    def use_manual(self, manual: ManualState) -> None:
        """Go by other local leases from the next turn on."""
        self._manual = manual

    def override(self, uid: str, minutes: float) -> None:
        """See `Cycle.override`."""
        self._cycle.override(uid, minutes=minutes)

    def on_command(self, command: Command) -> CommandAck:
        """A genuine command of the cloud; its id is kept durably, so that it acts once."""
        before = self._manual
        self._manual, answer = manual_control.command(
            before,
            command,
            device_id=self.config.device_id,
            known={node.uid for node in self.board.nodes},
            utc_us=self.clock.now_us(),
            synced=self.is_synced(),
            monotonic=self.clock.monotonic(),
            lease_s=60 * self.config.transfer.lease_minutes,
        )
        if self._manual is not before:
            value = saved.encode(self._manual)

            def keep(journal: Journal) -> None:
                journal.put(saved.MANUAL, value)
                journal.flush(force=True)

            self._later(self.worker.call(keep))
        if self._manual.leases is not before.leases:
            self.tell("command", command.node_uid, answer.reason)
        return answer

    def tell(self, kind: str, node_uid: str | None, reason: str) -> None:
        """An event of this moment, to everybody who listens."""
        self._announce(
            DeviceEvent(
                kind=kind,
                node_uid=node_uid,
                reason=reason[: statement.REASON_LENGTH_MAX],
                utc=from_micros(self.clock.now_us()),
                boot_id=self.boot_id,
            )
        )

    def _announce(self, event: DeviceEvent) -> None:
        if event.kind in {"fault", "relay"}:
            self.faults_seen += 1
        logger.info("event kind=%s node=%s reason=%s", event.kind, event.node_uid, event.reason)
        self.events.appendleft(event)
        self.connection.tell(event)

    # -- health

    def _watch_parts(self) -> None:
        now, period_s = self.clock.monotonic(), self.config.cycle_s
        self.health.watch("control", stall_s=HANG_CYCLES * period_s + 1, vital=True, monotonic=now)
        self.health.watch("sense", stall_s=10 * period_s + 5, vital=False, monotonic=now)
        self.health.watch("disk", stall_s=30, vital=False, monotonic=now)
        self.health.watch("uplink", stall_s=30, vital=False, monotonic=now)

    async def _heartbeat(self) -> None:
        readings = 0
        last_turn: Turn | None = None
        while True:
            now, turn, depth, link = self.clock.monotonic(), self.turn, self.depth, self.connection.view()
            if turn is not None and turn is not last_turn:
                last_turn = turn
                readings += any(
                    view.sample.voltage_mv.quality is Quality.GOOD for view in turn.snapshot.nodes
                )
            detail = "the bus hangs" if self.bus_hangs else f"{self.overruns} overruns"
            self.health.report("control", self.turns, monotonic=now, detail=detail, failed=self.bus_hangs)
            self.health.report("sense", readings, monotonic=now, detail=f"{readings} turns with a reading")
            problem = None if depth is None else depth.problem
            self.health.report(
                "disk", self.worker.done, monotonic=now, detail=problem or "", failed=problem is not None
            )
            self.health.report(
                "uplink", link.turns, monotonic=now, detail=link.problem or "", failed=not link.up
            )
            if self.health.is_live(monotonic=now):
                self._watchdog.alive(f"turn {self.turns}, uplink {'up' if link.up else 'down'}")
            await self.clock.sleep(HEARTBEAT_S)

    def _later(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
        """Run it beside the cycle; a failure is logged and shown, and does not stop the agent."""

        async def guarded() -> None:
            try:
                await work
            except Exception:  # the cycle must go on, whatever a disk or a thread does
                logger.exception("background work failed")

        task = asyncio.create_task(guarded())
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task
