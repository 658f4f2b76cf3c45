"""`lumengrid edge …`: run the agent, and what its operator needs."""

import asyncio
import sys
from pathlib import Path

import click

from lumengrid.processes import clock_from_environment, end_with_parent, set_up_log

CONFIG_FILE = Path("/etc/lumengrid/edge.toml")


@click.group()
def edge() -> None:
    """The agent on the Pi."""


_CONFIG = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CONFIG_FILE,
    show_default=True,
    help="Settings of the agent.",
)


@edge.command("run")
@_CONFIG
@click.option("--bench", "bench_nodes", type=click.IntRange(1, 10), help="Imitate copper: nodes on a bench.")
def edge_run(config_file: Path, bench_nodes: int | None) -> None:
    """Run the agent until SIGTERM."""
    from edge.agent import run_agent
    from edge.config_file import load_config
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


@edge.command("init")
@_CONFIG
@click.option("--device", "device_id", help="Name of this device [default: the host's name].")
@click.option("--data", "data_dir", type=click.Path(path_type=Path, file_okay=False), help="Data folder.")
@click.option("--cloud", "cloud_url", help="Address of the service: https://host")
@click.option("--code", help="Enrolment code from the device's registration.")
@click.option("--board", help="A shipped board, or a board file, instead of looking for chips.")
@click.option("--latitude", type=click.FloatRange(-90, 90), help="Where the device is, degrees north.")
@click.option("--longitude", type=click.FloatRange(-180, 180), help="Where the device is, degrees east.")
@click.option("--i2c-bus", type=click.IntRange(0, 31), default=1, show_default=True)
@click.option("--page-password", is_flag=True, help="Ask for a new password of the page's controls.")
def edge_init(
    config_file: Path,
    device_id: str | None,
    data_dir: Path | None,
    cloud_url: str | None,
    code: str | None,
    board: str | None,
    latitude: float | None,
    longitude: float | None,
    i2c_bus: int,
    page_password: bool,
) -> None:
    """Find the chips, write settings and board file, make the device's key, enrol.

    Files that are there are kept, so it may be run again.
    """
    from edge.config_file import load_config
    from edge.errors import EdgeError
    from edge.page.password import save_password
    from edge.setup import SetupWishes, init
    from hardware.errors import HardwareError

    wishes = SetupWishes(
        config_file=config_file,
        device_id=device_id,
        data_dir=data_dir,
        cloud_url=cloud_url,
        code=code,
        board=board,
        latitude=latitude,
        longitude=longitude,
        i2c_bus=i2c_bus,
    )
    try:
        done = asyncio.run(init(wishes, clock=clock_from_environment()))
        for line in done.lines:
            click.echo(line)
        if page_password:
            password = click.prompt("Password of the page", hide_input=True, confirmation_prompt=True)
            save_password(load_config(config_file).data_dir, password)
            click.echo("the page's controls ask for this password")
    except (EdgeError, HardwareError) as error:
        raise click.ClickException(str(error)) from None
    sys.exit(0 if done.complete else 1)


@edge.command("doctor")
@_CONFIG
@click.option(
    "--relays",
    is_flag=True,
    help="Also close and open each relay contact; asks first. The agent must be off.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def edge_doctor(config_file: Path, relays: bool, as_json: bool) -> None:
    """Say what is wrong with this machine and how to mend it; exit code 1 where something fails."""
    import msgspec

    from edge.doctor import Machine, Verdict, examine, report

    if relays:
        click.confirm(
            "Each relay contact will close for a moment, one at a time.\n"
            "Take the battery fuses out first. Go on?",
            abort=True,
            err=True,
        )
    findings = asyncio.run(examine(Machine(clock=clock_from_environment()), config_file, move_relays=relays))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings)))
    else:
        click.echo(report(findings))
    sys.exit(1 if any(finding.verdict is Verdict.FAIL for finding in findings) else 0)


@edge.command("open-relays")
@_CONFIG
def edge_open_relays(config_file: Path) -> None:
    """Open every relay and leave: for the moment after the agent has died.

    Does nothing while an agent is at work: its relays are its own.
    """
    from edge.config_file import load_config
    from edge.doctor.relays import open_all
    from edge.errors import EdgeError
    from hardware.errors import HardwareError

    try:
        click.echo(open_all(load_config(config_file), clock_from_environment()))
    except (EdgeError, HardwareError) as error:
        raise click.ClickException(str(error)) from None


@edge.command("status")
@_CONFIG
@click.option("--url", help="The status page [default: as the settings say].")
@click.option("--json", "as_json", is_flag=True, help="The page's own document.")
def edge_status(config_file: Path, url: str | None, as_json: bool) -> None:
    """Ask the running agent how its nodes are."""
    from edge.doctor.page import ask, page_url
    from edge.doctor.table import status_table
    from edge.errors import PageSilent

    try:
        address = url or page_url(config_file)
        document, raw = asyncio.run(ask(address))
    except PageSilent as error:
        raise click.ClickException(str(error)) from None
    click.echo(raw if as_json else status_table(document))


@edge.command("plan")
@click.option(
    "--prices",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="CSV with the columns slot,buy,sell; money per kWh at the meter.",
)
@click.option(
    "--node",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="JSON: capacity_kwh, power_kw_max, efficiency, soc, soc_min, soc_max.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--end-value", type=float, help="Worth of a kWh that is stored at the end [default: nothing].")
def edge_plan(prices: Path, node: Path, as_json: bool, end_value: float | None) -> None:
    """The cheapest day for one node, with a reason for each slot."""
    import msgspec

    from edge.errors import EdgeError
    from edge.planner.files import plan_files
    from lumengrid.plan_table import plan_table

    try:
        document = plan_files(prices, node, end_value)
    except EdgeError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(document)))
    else:
        click.echo(plan_table(document))


@edge.command("replay")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--start-soc",
    "start_soc_percent",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="What the estimator is told first, right or wrong [default: it begins from the first voltage].",
)
@click.option(
    "--start-band",
    "start_band_percent",
    type=click.FloatRange(0, 100, min_open=True),
    metavar="POINTS",
    help="How far the told charge may be off, as a 95 % band [default: 59].",
)
@click.option(
    "--capacity-ah",
    type=click.FloatRange(0, 1000, min_open=True),
    help="Charge between 0 and 100 % [default: the chemistry's reference cell].",
)
@click.option(
    "--chemistry",
    default="lipo_5450",
    show_default=True,
    help="nmc, lco, lfp, or lipo_5450: the cell of the usual recordings.",
)
@click.option("--step", "step_s", type=float, default=1.0, show_default=True, help="Seconds between samples.")
def edge_replay(
    file: Path,
    start_soc_percent: float | None,
    start_band_percent: float | None,
    capacity_ah: float | None,
    chemistry: str,
    step_s: float,
) -> None:
    """Play a recorded cell (.csv or .csv.gz) through the drivers and the estimator.

    CSV on standard output, one row a sample: time_s,soc,band,truth in percent, truth empty where the file has
    none. How well they agree goes to standard error.
    """
    from edge.errors import EdgeError
    from edge.replay import TOLD_BAND_PERCENT, ReplayWishes, replay
    from hardware.bench.recorded import BadRecording, load_recording
    from hardware.cells import UnknownChemistry
    from lumengrid.replay_text import write_rows

    wishes = ReplayWishes(
        chemistry=chemistry,
        capacity_ah=capacity_ah,
        start_soc_percent=start_soc_percent,
        start_band_percent=start_band_percent or TOLD_BAND_PERCENT,
        step_s=step_s,
    )
    try:
        for line in write_rows(replay(load_recording(file), wishes), sys.stdout):
            click.echo(line, err=True)
    except (EdgeError, BadRecording, UnknownChemistry) as error:
        raise click.ClickException(str(error)) from None
