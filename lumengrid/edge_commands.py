"""`lumengrid edge …`: run the agent, and what its operator needs."""

import asyncio
import sys
from pathlib import Path

import click

from lumengrid.processes import clock_from_environment, end_with_parent, set_up_log


@click.group()
def edge() -> None:
    """The agent on the Pi."""


_CONFIG = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("/etc/lumengrid/edge.toml"),
    show_default=True,
)


@edge.command("run")
@_CONFIG
@click.option("--bench", "bench_nodes", type=click.IntRange(1, 10), help="Imitate copper: nodes on a bench.")
def edge_run(config_file: Path, bench_nodes: int | None) -> None:
    """Run the agent until SIGTERM."""
    from edge.agent import run_agent
    from edge.config import load_config
    from edge.errors import EdgeError
    from hardware.errors import HardwareError

    clock = clock_from_environment()
    try:
        config = load_config(config_file)
        bench = None
        if bench_nodes is not None:
            from hardware.bench import Bench

            end_with_parent()
            bench = Bench.of_nodes(bench_nodes, clock)
        set_up_log(config.log_level.upper())
        sys.exit(asyncio.run(run_agent(config, clock=clock, bench=bench)))
    except (EdgeError, HardwareError) as error:
        raise click.ClickException(str(error)) from None
