"""`lumengrid cloud …`: run the service, and what only an administrator may do.

An administrator's command opens the service's database beside the running service; both may write.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from lumengrid.processes import clock_from_environment, end_with_parent, port_is_free, set_up_log
from shared.money import show_amount

if TYPE_CHECKING:
    from cloud.app import Parts
    from cloud.identity.model import Person
    from cloud.settings import Settings
    from cloud.stellar.model import Deposit

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
    from cloud.app import create_app
    from cloud.server import serve

    end_with_parent()
    set_up_log()
    settings = _load(settings_file)
    if settings.port and not port_is_free(settings.port, settings.host):
        raise click.ClickException(
            f"port {settings.port} on {settings.host} is taken: stop its owner or set LUMENGRID_PORT"
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    serve(create_app(settings, clock_from_environment()), host=settings.host, port=settings.port)


@cloud.group()
def user() -> None:
    """People and their roles."""


@user.command("grant")
@click.argument("who")
@click.argument("role")
@_SETTINGS
@_DATA
def user_grant(who: str, role: str, settings_file: Path | None, data_dir: Path | None) -> None:
    """Give ROLE (Recipient, Donor, NetworkNodeOperator, or admin) to WHO: a wallet, an email or usr_N."""
    person = _administer(settings_file, data_dir, lambda parts: parts.services.identity.grant(who, role))
    click.echo(f"{who}: {person.role}{', admin' if person.is_admin else ''}")


@user.command("withdraw-admin")
@click.argument("who")
@_SETTINGS
@_DATA
def user_withdraw_admin(who: str, settings_file: Path | None, data_dir: Path | None) -> None:
    """Take admin back from WHO: a wallet, an email or usr_N."""
    _administer(settings_file, data_dir, lambda parts: parts.services.identity.withdraw_admin(who))
    click.echo(f"{who}: no admin")


@user.command("reset-password")
@click.argument("who")
@_SETTINGS
@_DATA
def user_reset_password(who: str, settings_file: Path | None, data_dir: Path | None) -> None:
    """Print a code with which WHO (an email or usr_N) may set a new password, once, within a day."""
    person, code = _administer(
        settings_file, data_dir, lambda parts: parts.services.password_change.make_reset(who)
    )
    click.echo(f"{person.user_id}: code {code}")
    click.echo("hand it over: POST /api/v1/auth/password/reset takes it with new_password, once, for 24 h")


@user.command("tier")
@click.argument("who")
@click.argument("tier")
@_SETTINGS
@_DATA
def user_tier(who: str, tier: str, settings_file: Path | None, data_dir: Path | None) -> None:
    """Give WHO (a wallet, an email or usr_N) the calls of TIER: free, basic, pro or enterprise."""
    person = _administer(settings_file, data_dir, lambda parts: parts.services.identity.set_tier(who, tier))
    click.echo(f"{who}: {person.tier}")


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


@cloud.group()
def deposit() -> None:
    """Payments to custody that named nobody."""


@deposit.command("list")
@_SETTINGS
@_DATA
def deposit_list(settings_file: Path | None, data_dir: Path | None) -> None:
    """List what waits for its owner to be found."""
    for found in _administer(settings_file, data_dir, lambda parts: parts.services.deposits.unmatched()):
        click.echo(
            f"{found.operation_id}  {show_amount(found.amount):f} {found.asset} from {found.sender}"
            f" memo {found.memo or 'none'} transaction {found.tx_hash}"
        )


@deposit.command("assign")
@click.argument("operation_id", type=int)
@click.argument("who")
@_SETTINGS
@_DATA
def deposit_assign(operation_id: int, who: str, settings_file: Path | None, data_dir: Path | None) -> None:
    """Credit OPERATION_ID to WHO: a wallet, an email or usr_N."""

    async def assign(parts: "Parts") -> "Deposit":
        person = await _known(parts, who)
        return await parts.services.deposits.assign(operation_id, person.account)

    done = _administer(settings_file, data_dir, assign)
    click.echo(f"deposit {operation_id}: {show_amount(done.amount):f} {done.asset} credited to {who}")


@cloud.group()
def payment() -> None:
    """Refunds and payouts that failed."""


@payment.command("failed")
@_SETTINGS
@_DATA
def payment_failed(settings_file: Path | None, data_dir: Path | None) -> None:
    """List the refunds and payouts whose money has not arrived and is not under way."""
    from cloud.projects.model import show_minor

    for found in _administer(settings_file, data_dir, lambda parts: parts.services.payments.failed()):
        click.echo(
            f"{found.id}  {show_minor(found.amount_minor):f} {found.currency} for"
            f" {found.purpose}: {found.state} at {found.provider}, {found.failure or 'no reason told'},"
            f" attempt {found.attempt}"
        )


@payment.command("retry")
@click.argument("id_", metavar="ID")
@_SETTINGS
@_DATA
def payment_retry(id_: str, settings_file: Path | None, data_dir: Path | None) -> None:
    """Send the failed refund or payout ID (`ref_...`, `po_...`) again; the provider is asked first."""
    again = _administer(settings_file, data_dir, lambda parts: parts.services.payments.retry(id_))
    click.echo(f"{again.id}: is sent again as {again.key}")


@cloud.group()
def payee() -> None:
    """People who are paid through Stripe."""


@payee.command("set")
@click.argument("who")
@click.argument("destination")
@_SETTINGS
@_DATA
def payee_set(who: str, destination: str, settings_file: Path | None, data_dir: Path | None) -> None:
    """Pay WHO (a wallet, an email or usr_N) into DESTINATION, `acct_...` at Stripe."""

    async def change(parts: "Parts") -> None:
        person = await _known(parts, who)
        await parts.services.payees.set_destination(person.account, destination)

    _administer(settings_file, data_dir, change)
    click.echo(f"{who}: paid into {destination}")


async def _known(parts: "Parts", who: str) -> "Person":
    async with parts.store.read() as tx:
        return await parts.services.identity.known(tx, who)


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
