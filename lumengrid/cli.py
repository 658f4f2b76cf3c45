"""`lumengrid`: up, broker, cloud, edge. Each program is imported only when it is asked for."""

import asyncio
import sys
from pathlib import Path

import click

from lumengrid.processes import clock_from_environment, end_with_parent, port_is_free, set_up_log


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lumengrid")
def main() -> None:
    """A neighbourhood's batteries as one energy network."""


@main.command()
@click.option(
    "--nodes", type=click.IntRange(2, 10), default=5, show_default=True, help="Battery nodes on the bench."
)
@click.option(
    "--speed",
    type=click.FloatRange(1, 100),
    default=1.0,
    show_default=True,
    help="How many times as fast as real time bench, agent and service run.",
)
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), default=Path("data"), show_default=True
)
@click.option("--port", type=click.IntRange(1, 65535), help="Service [default: 8080, or a free one].")
@click.option(
    "--edge-port", type=click.IntRange(1, 65535), help="Status page [default: 8090, or a free one]."
)
@click.option(
    "--mqtt", "mqtt_url", help="Broker to use instead of the embedded one: mqtt://user:password@host:port"
)
@click.option(
    "--mqtt-port", type=click.IntRange(1, 65535), help="Embedded broker [default: 1883, or a free one]."
)
def up(
    nodes: int,
    speed: float,
    data: Path,
    port: int | None,
    edge_port: int | None,
    mqtt_url: str | None,
    mqtt_port: int | None,
) -> None:
    """Run the whole grid on this machine: service, broker, and one agent with imitated copper."""
    from lumengrid.up import PortTaken, UpOptions, run_up

    options = UpOptions(
        nodes=nodes,
        speed=speed,
        data=data.resolve(),
        port=port,
        edge_port=edge_port,
        mqtt_url=mqtt_url,
        mqtt_port=mqtt_port,
    )
    try:
        sys.exit(asyncio.run(run_up(options)))
    except (PortTaken, ValueError) as error:
        raise click.ClickException(str(error)) from None


@main.command(hidden=True)
@click.option("--host", default="127.0.0.1")
@click.option("--port", type=int, default=1883)
@click.option("--secrets", "secrets_file", type=click.Path(path_type=Path), required=True)
def broker(host: str, port: int, secrets_file: Path) -> None:
    """Run the embedded broker alone."""
    from lumengrid.broker import run_broker

    end_with_parent()
    set_up_log()
    asyncio.run(run_broker(host=host, port=port, secrets_file=secrets_file))


@main.group()
def cloud() -> None:
    """The service."""


_SETTINGS = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file.",
)


@cloud.command("run")
@_SETTINGS
def cloud_run(settings_file: Path | None) -> None:
    """Serve the API until SIGTERM."""
    import uvicorn

    from cloud.app import create_app
    from cloud.settings import SettingsError, load_settings

    end_with_parent()
    set_up_log()
    try:
        settings = load_settings(settings_file)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    if settings.port and not port_is_free(settings.port, settings.host):
        raise click.ClickException(
            f"port {settings.port} on {settings.host} is taken: stop its owner or set LUMENGRID_PORT"
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    uvicorn.run(
        create_app(settings, clock_from_environment()),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
        proxy_headers=False,
        server_header=False,
    )


@main.group()
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
