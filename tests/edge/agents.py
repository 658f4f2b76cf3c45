"""An agent on the bench, for tests: real drivers, real journal, imitated copper, a clock that runs fast."""

import time
from pathlib import Path

from msgspec import structs

from edge.agent import build
from edge.config import EdgeConfig, MeteringConfig, PageConfig
from edge.loop import Agent
from hardware.bench import Bench, BenchSettings
from shared.clock import Clock, ScaledClock

SETTINGS = BenchSettings(houses=False)


def fast_clock(speed: float = 60.0) -> ScaledClock:
    return ScaledClock(speed=speed, anchor_us=time.time_ns() // 1_000)


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


def an_agent(data_dir: Path, clock: Clock, bench: Bench | None = None, **more: object) -> Agent:
    """Built, not running."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return build(config(data_dir, **more), clock=clock, bench=bench or Bench.five(clock, settings=SETTINGS))
