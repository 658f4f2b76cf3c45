"""`lumengrid`: up, broker, cloud, edge, ledger. Each program is imported only when it is asked for."""

import asyncio
import sys
from pathlib import Path

import click

from lumengrid.cloud_commands import cloud
from lumengrid.edge_commands import edge
from lumengrid.ledger_commands import ledger
from lumengrid.processes import clock_from_environment, end_with_parent, set_up_log


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
    "--neighbours",
    type=click.IntRange(0, 10),
    default=3,
    show_default=True,
    help="Simulated people next door who buy what is minted; 0: none.",
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
    neighbours: int,
    data: Path,
    port: int | None,
    edge_port: int | None,
    mqtt_url: str | None,
    mqtt_port: int | None,
) -> None:
    """Run the whole grid on this machine: service, broker, one agent with imitated copper, neighbours."""
    from lumengrid.up import PortTaken, UpOptions, run_up

    options = UpOptions(
        nodes=nodes,
        speed=speed,
        neighbours=neighbours,
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


@main.command(hidden=True)
@click.option("--service", "service_url", required=True)
@click.option("--data", "folder", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--count", type=click.IntRange(1, 10), default=3)
@click.option("--seed", type=int, default=1)
def neighbours(service_url: str, folder: Path, count: int, seed: int) -> None:
    """Run the simulated neighbours alone."""
    from lumengrid.neighbours import run_neighbours

    end_with_parent()
    set_up_log()
    asyncio.run(
        run_neighbours(
            service_url=service_url, folder=folder, count=count, seed=seed, clock=clock_from_environment()
        )
    )


main.add_command(cloud)
main.add_command(edge)
main.add_command(ledger)
