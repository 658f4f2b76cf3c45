"""The agent as a whole: every part made from the settings and connected, then run until told to stop."""

import asyncio
import fcntl
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from edge import saved
from edge.config import EdgeConfig
from edge.connection import Connection
from edge.control import Dispatcher, SafetyLimits, limits_of
from edge.cycle import Cycle, soc_filters
from edge.enrol import device_key
from edge.errors import ConfigWrong
from edge.journal.worker import JournalWorker, open_journal
from edge.loop import BENCH_FILE, Agent, LocalPage
from edge.metering import Meter, MeterSettings
from edge.scheduler import Scheduler
from edge.sensing.quality import SensingRules
from edge.sensing.sampler import Sampler, sources_of
from edge.wall_clock import WallClockTrust
from hardware.board import find_board
from hardware.board_model import Board
from hardware.bus import I2cBus, open_bus
from hardware.cells import load_chemistry
from hardware.open_board import OpenBoard, open_board
from shared.clock import Clock
from shared.ids import new_id

if TYPE_CHECKING:
    from hardware.bench import Bench

JOURNAL_FILE = "journal.sqlite"
LOCK_FILE = "agent.lock"


async def run_agent(
    config: EdgeConfig,
    *,
    clock: Clock,
    bus: I2cBus | None = None,
    bench: "Bench | None" = None,
    stop: asyncio.Event | None = None,
) -> int:
    """Run until `stop` is set, or without one until SIGTERM or SIGINT; the exit code.

    Raises:
        EdgeError, HardwareError: it cannot start; the message says what to change.
    """
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _alone(config.data_dir):
        return await build(config, clock=clock, bus=bus, bench=bench).run(stop)


def build(
    config: EdgeConfig,
    *,
    clock: Clock,
    bus: I2cBus | None = None,
    bench: "Bench | None" = None,
    is_synced: Callable[[], bool] | None = None,
) -> Agent:
    """Every part, made and connected; all relays are open, no chip was touched, nothing runs yet.

    `is_synced` says whether the wall clock is known to be right; None: as the system says, and a bench's own
    clock always is.

    Raises:
        EdgeError, HardwareError: see `run_agent`.
    """
    boot_id = new_id("boot", clock)
    key = device_key(config.data_dir)
    is_synced = is_synced or (WallClockTrust() if bench is None else lambda: True)
    if bench is not None:
        bench.load(config.data_dir / BENCH_FILE)
    board = bench.board if bench is not None else find_board(config.board)
    journal = open_journal(
        config.data_dir / JOURNAL_FILE,
        clock=clock,
        boot_id=boot_id,
        bytes_max=config.journal.cap_mb * 1024 * 1024,
        loss_s=config.journal.flush_s,
        history_days=config.journal.history_days,
    )
    kept = saved.load(journal, clock, synced=is_synced(), uids=[node.uid for node in board.nodes])
    opened = _open_board(config, board, clock, bus=bus, bench=bench, switched_at=kept.switched_at)
    cycle = _cycle(config, board, opened, kept, clock=clock, boot_id=boot_id)
    worker = JournalWorker(journal)
    connection = Connection(
        config,
        key=key,
        board=board,
        boot_id=boot_id,
        version=version("lumengrid"),
        worker=worker,
        clock=clock,
    )
    connection.prices.forecast = kept.forecast
    agent = Agent(
        config,
        clock=clock,
        board=board,
        opened=opened,
        cycle=cycle,
        worker=worker,
        connection=connection,
        scheduler=Scheduler(config, board, connection.prices, clock),
        kept=kept,
        boot_id=boot_id,
        is_synced=is_synced,
        open_page=_open_page,
        bench=bench,
    )
    connection.on_command, connection.on_hold = agent.on_command, agent.on_hold
    return agent


def _open_page(agent: Agent) -> LocalPage:
    # Imported when it is wanted: a web server takes longer to load than the first reading to take.
    from edge.page.server import Page

    return Page(agent)


def _cycle(
    config: EdgeConfig, board: Board, opened: OpenBoard, kept: saved.Saved, *, clock: Clock, boot_id: str
) -> Cycle:
    return Cycle(
        sampler=Sampler(sources_of(board), opened.sensors, _rules(config)),
        filters=soc_filters(board, config, kept.socs, down_s=kept.down_s, moved_s=kept.moved_s),
        limits=_limits(board, config),
        dispatcher=Dispatcher({node.uid: node.relays for node in opened.nodes}),
        meter=Meter(
            _meter_settings(config),
            device_id=config.device_id,
            boot_id=boot_id,
            new_report_id=lambda: new_id("rpt", clock),
            state=kept.meter,
            kernel_boot=saved.kernel_boot(),
            held=kept.held,
        ),
        clock=clock,
        closings=kept.closings,
        closings_per_day=config.transfer.closings_per_day,
    )


def _limits(board: Board, config: EdgeConfig) -> dict[str, SafetyLimits]:
    return {
        node.uid: limits_of(
            load_chemistry(node.chemistry),
            current_ma_max=1000 * node.current_a_max,
            has_current=node.current is not None,
            has_temperature=node.temperature is not None,
            settings=config.safety,
        )
        for node in board.nodes
    }


def _meter_settings(config: EdgeConfig) -> MeterSettings:
    return MeterSettings(
        report_period_s=config.report_period_s,
        report_mwh_min=config.metering.report_mwh_min,
        report_mwh_max=config.metering.report_mwh_max,
        gap_s=config.metering.gap_s,
    )


def _rules(config: EdgeConfig) -> SensingRules:
    return SensingRules(
        stale_after_samples=config.sensing.stale_after_samples,
        frozen_after_samples=config.sensing.frozen_after_samples,
    )


def _open_board(
    config: EdgeConfig,
    board: Board,
    clock: Clock,
    *,
    bus: I2cBus | None,
    bench: "Bench | None",
    switched_at: dict[str, float],
) -> OpenBoard:
    if bench is not None:
        return open_board(
            board,
            bus or bench.bus,
            clock,
            pin_factory=bench.pin_factory,
            onewire_root=bench.onewire_root,
            dwell_s=config.transfer.dwell_s,
            break_s=config.transfer.break_s,
            switched_at=switched_at,
        )
    return open_board(
        board,
        bus or open_bus(board.i2c_bus),
        clock,
        dwell_s=config.transfer.dwell_s,
        break_s=config.transfer.break_s,
        switched_at=switched_at,
    )


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for one agent: two would drive the same relays and the same journal.

    Raises:
        ConfigWrong: it cannot be written, or another agent works in it.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / LOCK_FILE).open("w")
    except OSError as error:
        raise ConfigWrong(f"data_dir = {str(data_dir)!r} cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigWrong(f"data_dir = {str(data_dir)!r} is in use by another agent") from None
        yield
