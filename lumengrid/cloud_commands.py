"""`lumengrid cloud …`: run the service, and what only an administrator may do."""

from pathlib import Path

import click

from lumengrid.processes import clock_from_environment, end_with_parent, port_is_free, set_up_log


@click.group()
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
