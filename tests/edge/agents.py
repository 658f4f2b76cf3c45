"""An agent on the bench, for tests: real drivers, real journal, imitated copper, a clock that runs fast."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs

from edge.agent import build
from edge.config import EdgeConfig, MeteringConfig, PageConfig
from edge.loop import Agent
from hardware.bench import Bench, BenchSettings
from hardware.bus import I2cBus
from shared.clock import Clock, ManualClock

SETTINGS = BenchSettings(houses=False)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""Far from the end of a day and at the beginning of a quarter of an hour, at which things change."""
TICK_S = 0.005
HOPS = 10
"""Turns of the event loop in which all that a tick woke has run."""


class FastClock(ManualClock):
    """Up to `speed` times as fast as the machine's, and still while its agent takes a turn or writes it down.

    Where the processor is short, the agent becomes slow but never late: no turn overruns, no bus seems to
    hang and no reading grows old because a thread had to wait.
    """

    def __init__(self, speed: float = 60.0) -> None:
        super().__init__(NOON)
        self.agent: Agent | None = None
        """Whose work it waits for; with none it waits for nothing."""
        self._step_s = speed * TICK_S
        self._ticking: asyncio.Task[None] | None = None
        self._moving = threading.Lock()

    async def sleep(self, seconds: float) -> None:
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick())
        await super().sleep(seconds)

    def pause(self, seconds: float) -> None:
        """In the thread of the bus: who sleeps is woken by the next tick, in the event loop."""
        micros = round(seconds * 1e6)
        with self._moving:
            self._now_us += micros
            self._monotonic_us += micros

    def advance(self, seconds: float) -> None:
        with self._moving:
            super().advance(seconds)

    async def _tick(self) -> None:
        while any(not waiter.done() for *_, waiter in self._sleepers):
            await asyncio.sleep(TICK_S)
            for _ in range(HOPS):
                await asyncio.sleep(0)
            if not self._agent_works():
                self.advance(self._step_s)

    def _agent_works(self) -> bool:
        if self.agent is None:
            return False
        turn = self.agent._turn_under_way
        return bool(self.agent._background) or (turn is not None and not turn.done())


def fast_clock(speed: float = 60.0) -> FastClock:
    return FastClock(speed)


def config(data_dir: Path, **more: object) -> EdgeConfig:
    made = EdgeConfig(
        device_id="rpi",
        board="bench_five",
        data_dir=data_dir,
        report_period_s=20,
        metering=MeteringConfig(report_mwh_min=1, report_mwh_max=10_000),
        page=PageConfig(port=0),
    )
    return structs.replace(made, **more)


def an_agent(
    data_dir: Path,
    clock: Clock,
    bench: Bench | None = None,
    *,
    bus: I2cBus | None = None,
    is_synced: Callable[[], bool] | None = None,
    **more: object,
) -> Agent:
    """Built, not running."""
    data_dir.mkdir(parents=True, exist_ok=True)
    bench = bench or Bench.five(clock, settings=SETTINGS)
    made = build(config(data_dir, **more), clock=clock, bus=bus, bench=bench, is_synced=is_synced)
    if isinstance(clock, FastClock):
        clock.agent = made
    return made
