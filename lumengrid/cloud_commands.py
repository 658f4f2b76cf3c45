"""`lumengrid cloud …`: run the service, and what only an administrator may do.

An administrator's command opens the service's database beside the running service; both may write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from lumengrid.processes import clock_from_environment, end_with_parent, port_is_free, set_up_log

if TYPE_CHECKING:
    from cloud.app import Parts
    from cloud.settings import Settings

T = TypeVar("T")


@click.group()
def cloud() -> None:
    """The service."""


_SETTINGS = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="TOML file.",
)
_DATA = click.option(
    "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder of the database."
)


@cloud.command("run")
@_SETTINGS
def cloud_run(settings_file: Path | None) -> None:
    """Serve the API until SIGTERM."""
    import uvicorn

    from cloud.app import create_app

    end_with_parent()
    set_up_log()
    settings = _load(settings_file)
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


@cloud.group()
def user() -> None:
    """People and their roles."""


@user.command("grant")
@click.argument("wallet_address")
@click.argument("role")
@_SETTINGS
@_DATA
def user_grant(wallet_address: str, role: str, settings_file: Path | None, data_dir: Path | None) -> None:
    """Give ROLE (Recipient, Donor, NetworkNodeOperator, or admin) to the person with this wallet."""
    person = _administer(
        settings_file, data_dir, lambda parts: parts.services.identity.grant(wallet_address, role)
    )
    click.echo(f"{wallet_address}: {person.role}{', admin' if person.is_admin else ''}")


@user.command("withdraw-admin")
@click.argument("wallet_address")
@_SETTINGS
@_DATA
def user_withdraw_admin(wallet_address: str, settings_file: Path | None, data_dir: Path | None) -> None:
    """Take admin back from the person with this wallet."""
    _administer(settings_file, data_dir, lambda parts: parts.services.identity.withdraw_admin(wallet_address))
    click.echo(f"{wallet_address}: no admin")


@cloud.group()
def device() -> None:
    """Scale and rating of devices."""


@device.command("scale")
@click.argument("device_id")
@click.argument("energy_scale", type=int)
@_SETTINGS
@_DATA
def device_scale(
    device_id: str, energy_scale: int, settings_file: Path | None, data_dir: Path | None
) -> None:
    """Say how many kWh one measured kWh of DEVICE_ID stands for: 1, or 1000 for a bench."""
    changed = _administer(
        settings_file,
        data_dir,
        lambda parts: parts.services.devices.set_energy_scale(device_id, energy_scale),
    )
    click.echo(f"{changed.device_id}: energy_scale {changed.energy_scale}")


@device.command("rating")
@click.argument("device_id")
@click.argument("power_w_max", type=float)
@_SETTINGS
@_DATA
def device_rating(
    device_id: str, power_w_max: float, settings_file: Path | None, data_dir: Path | None
) -> None:
    """Say how much power, in W after scaling, DEVICE_ID can plausibly send."""
    changed = _administer(
        settings_file, data_dir, lambda parts: parts.services.devices.set_rating(device_id, power_w_max)
    )
    click.echo(f"{changed.device_id}: rating {changed.power_w_max:g} W")


@cloud.group()
def mint() -> None:
    """Mints that are held because they are implausible or circular."""


@mint.command("held")
@_SETTINGS
@_DATA
def mint_held(settings_file: Path | None, data_dir: Path | None) -> None:
    """List what waits for a decision."""
    for held in _administer(settings_file, data_dir, lambda parts: parts.services.minting.held()):
        click.echo(f"{held.id}  {held.device_id} {held.sender_uid}: {held.message()}")


@mint.command("release")
@click.argument("mint_id", type=int)
@_SETTINGS
@_DATA
def mint_release(mint_id: int, settings_file: Path | None, data_dir: Path | None) -> None:
    """Pay out what MINT_ID holds."""
    _administer(settings_file, data_dir, lambda parts: parts.services.minting.release_held(mint_id))
    click.echo(f"mint {mint_id}: released")


@mint.command("burn")
@click.argument("mint_id", type=int)
@_SETTINGS
@_DATA
def mint_burn(mint_id: int, settings_file: Path | None, data_dir: Path | None) -> None:
    """Destroy what MINT_ID holds."""
    _administer(settings_file, data_dir, lambda parts: parts.services.minting.burn_held(mint_id))
    click.echo(f"mint {mint_id}: burned")


def _load(settings_file: Path | None, data_dir: Path | None = None) -> "Settings":
    from cloud.settings import SettingsError, load_settings

    try:
        return load_settings(settings_file, data_dir=data_dir)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def _administer(
    settings_file: Path | None, data_dir: Path | None, act: "Callable[[Parts], Awaitable[T]]"
) -> T:
    """Open the service's parts without serving, act, and close them; a refusal ends with its sentence."""
    from cloud.app import opened
    from cloud.errors import CloudError

    settings = _load(settings_file, data_dir)

    async def run() -> T:
        async with opened(settings, clock_from_environment()) as parts:
            return await act(parts)

    try:
        return asyncio.run(run())
    except CloudError as error:
        raise click.ClickException(error.message) from None
