"""Settings of the service: one frozen Struct, read once at start from TOML and the environment.

`LUMENGRID_<FIELD>` in the environment wins over the file. A wrong value stops the start and names field,
value and range. Secrets are made on first start, kept with mode 0600 in the data folder, printed as ***.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct

ENVIRONMENT_PREFIX = "LUMENGRID_"

_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.-]{1,48}(:\d{1,5})?")
"""The host becomes part of a name that Stellar limits to 64 characters."""

Fraction = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]


class SettingsError(ValueError):
    """A setting that cannot be used: the message names it, its value and what is allowed."""


def _meaning(text: str, **constraints: Any) -> Meta:
    return Meta(description=text, **constraints)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its meaning; docs/settings.md shows the same table."""

    host: Annotated[str, _meaning("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _meaning("Port to listen on.", ge=0, le=65535)] = 8080
    data_dir: Annotated[Path, _meaning("Folder for database and keys.")] = Path("data/cloud")
    database_url: Annotated[str, _meaning("`sqlite:` for a file in data_dir.")] = "sqlite:"
    network: Annotated[
        Literal["offline", "testnet", "public"], _meaning("Stellar network; fixed per database.")
    ] = "offline"
    mqtt_url: Annotated[str | None, _meaning("Broker, `mqtt://user@host:1883`; none: HTTP only.")] = None
    mqtt_password: Annotated[str | None, _meaning("Password at the broker. Secret.")] = None
    mqtt_ca_file: Annotated[Path | None, _meaning("Certificate authority of the broker.")] = None
    mqtt_device_secret: Annotated[
        str | None,
        _meaning("Devices' broker passwords derive from it; none: they are managed at the broker. Secret."),
    ] = None
    mqtt_device_url: Annotated[
        str | None, _meaning("Broker address handed to agents at enrolment, if not mqtt_url.")
    ] = None
    device_trust: Annotated[
        Literal["open", "signed"] | None,
        _meaning("`open`: keyless devices from loopback and private addresses; default open unless public."),
    ] = None
    plausibility_policy: Annotated[
        Literal["off", "flag", "reject"], _meaning("What happens to implausible or circular energy.")
    ] = "flag"
    plausibility_tolerance: Annotated[
        float, _meaning("Allowed difference between claim and V·I·t.", ge=0, le=1)
    ] = 0.25
    open_energy_scale: Annotated[
        int,
        _meaning("energy_scale of devices registered on first contact under open trust.", ge=1, le=1_000_000),
    ] = 1000
    grid_zone: Annotated[str, _meaning("IANA zone of the grid, for the price's time factor.")] = "UTC"
    price_base_xlm_per_kwh: Annotated[float, _meaning("Base price.", gt=0)] = 5.0
    price_alpha: Annotated[float, _meaning("Weight of supply and demand.", ge=0, le=10)] = 0.2
    price_beta: Annotated[float, _meaning("Weight of state of charge.", ge=0, le=10)] = 0.5
    price_gamma: Annotated[float, _meaning("Weight of distance, per km.", ge=0, le=10)] = 0.2
    price_eta: Annotated[float, _meaning("Weight of quality.", ge=0, le=10)] = 0.1
    carbon_kg_per_kwh: Annotated[float, _meaning("CO2 saved per kWh.", ge=0, le=10)] = 0.82
    carbon_credit_per_kg: Annotated[float, _meaning("Credit per kg of CO2.", ge=0, le=10)] = 0.05
    constant_sign_in: Annotated[bool, _meaning("Accept a wallet's signature over the constant message.")] = (
        True
    )
    telemetry_days: Annotated[int, _meaning("Telemetry is kept for so many days.", ge=1, le=36_500)] = 30
    stream_hours: Annotated[
        int, _meaning("Heartbeat and node_data events can be resumed for so many hours.", ge=1, le=8_760)
    ] = 24
    rate_limit_per_minute: Annotated[
        int, _meaning("Calls a minute of an address, person or device; 0: no limit.", ge=0, le=100_000)
    ] = 100
    sign_ins_per_minute: Annotated[
        int, _meaning("Sign-ups and sign-ins a minute of an address; 0: no limit.", ge=0, le=100_000)
    ] = 10
    public_url: Annotated[
        str | None,
        _meaning("Address by which others reach the service, `https://host`; none: host and port."),
    ] = None
    trusted_proxies: Annotated[tuple[str, ...], _meaning("Addresses whose X-Forwarded-For counts.")] = ()
    body_bytes_max: Annotated[int, _meaning("Largest request body.", ge=1024)] = 1_048_576

    @property
    def base_url(self) -> str:
        """By which others reach the service, without a slash at its end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def open_trust(self) -> bool:
        """Whether keyless devices may report, from loopback and private addresses."""
        return self.network != "public" if self.device_trust is None else self.device_trust == "open"

    def __repr__(self) -> str:
        shown = {
            name: "***" if name in SECRETS and getattr(self, name) is not None else getattr(self, name)
            for name in self.__struct_fields__
        }
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


SECRETS = frozenset({"mqtt_password", "mqtt_device_secret"})


def load_settings(
    path: Path | None = None, environ: Mapping[str, str] | None = None, **overrides: object
) -> Settings:
    """Settings from a TOML file, then the environment, then keyword overrides that are not None.

    Raises:
        SettingsError: unreadable file, unknown name, wrong type, or a value out of range.
    """
    values: dict[str, Any] = _from_toml(path) if path else {}
    environ = os.environ if environ is None else environ
    for name in Settings.__struct_fields__:
        text = environ.get(ENVIRONMENT_PREFIX + name.upper())
        if text is not None:
            values[name] = text.split(",") if name == "trusted_proxies" and text else text
    values |= {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error), values)) from None
    _check(settings)
    return settings


def _path(type_: type[Any], value: object) -> object:
    """Text as a path: the one type of a setting that msgspec does not know."""
    return Path(value) if type_ is Path and isinstance(value, str) else value


def _from_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"settings file {path}: {error}") from None


def _explain(error: str, values: Mapping[str, object]) -> str:
    _, _, field = error.partition("$.")
    field = field.rstrip("`")
    if field in SECRETS or field not in values:
        return f"settings: {error}"
    return f"settings: {field} = {values[field]!r}: {error.partition(' - at')[0]}"


def _check(settings: Settings) -> None:
    try:
        ZoneInfo(settings.grid_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            f"settings: grid_zone = {settings.grid_zone!r}: not an IANA time zone such as Europe/Berlin"
        ) from None
    if not settings.database_url.startswith("sqlite:"):
        raise SettingsError(f"settings: database_url = {settings.database_url!r}: must begin with sqlite:")
    if settings.public_url is not None and not _PUBLIC_URL.fullmatch(settings.public_url):
        raise SettingsError(
            f"settings: public_url = {settings.public_url!r}: must be https://host, without a path"
        )
    if settings.network == "public":
        for name, allowed in (
            ("device_trust", settings.device_trust != "open"),
            ("plausibility_policy", settings.plausibility_policy == "reject"),
            ("constant_sign_in", not settings.constant_sign_in),
        ):
            if not allowed:
                raise SettingsError(
                    f"settings: {name} = {getattr(settings, name)!r}: not allowed on the public network"
                )
