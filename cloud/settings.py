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

from cloud.kit.store.database_url import BadDatabaseUrl, masked
from cloud.kit.store.database_url import check as check_database_url

ENVIRONMENT_PREFIX = "LUMENGRID_"

_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.-]{1,48}(:\d{1,5})?")
"""The host becomes part of a name that Stellar limits to 64 characters."""

_HTTP_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._/-]*)?")
_LOOPBACK_URL = re.compile(r"http://(127\.0\.0\.1|localhost)(:|/|$)")
_STELLAR_SECRET = re.compile(r"S[A-Z2-7]{55}")

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
    database_url: Annotated[
        str, _meaning("`sqlite:` (a file in data_dir) or `postgresql://user:password@host/database`.")
    ] = "sqlite:"
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
    price_base_xlm_per_kwh: Annotated[float, _meaning("Base price.", ge=0.02, le=20_000)] = 5.0
    """Within it every price, of half to five times as much, is one that orders can have."""
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
        int,
        _meaning("Calls a minute of an address, person or device; 0: no limit, nor tiers.", ge=0, le=100_000),
    ] = 100
    sign_ins_per_minute: Annotated[
        int, _meaning("Sign-ups and sign-ins a minute of an address; 0: no limit.", ge=0, le=100_000)
    ] = 10
    uploads_per_hour: Annotated[
        int,
        _meaning("Files, statements and batches an hour of a person; 0: no limit.", ge=0, le=100_000),
    ] = 20
    chat_per_minute: Annotated[
        int, _meaning("Questions a minute of a person; 0: no limit.", ge=0, le=100_000)
    ] = 30
    public_url: Annotated[
        str | None,
        _meaning("Address by which others reach the service, `https://host`; none: host and port."),
    ] = None
    trusted_proxies: Annotated[tuple[str, ...], _meaning("Addresses whose X-Forwarded-For counts.")] = ()
    body_bytes_max: Annotated[int, _meaning("Largest request body.", ge=1024)] = 1_048_576
    project_catalogue: Annotated[
        str | None,
        _meaning("TOML file of investment projects, loaded at start; `sample`: fictional ones; none: no."),
    ] = None
    horizon_url: Annotated[
        str | None, _meaning("Horizon, `https://host`; none: that of the network's foundation.")
    ] = None
    stellar_issuer_secret: Annotated[
        str | None, _meaning("Seed of the LT issuer, `S...`; none: made in data_dir. Secret.")
    ] = None
    stellar_custody_secret: Annotated[
        str | None, _meaning("Seed of the custody account, `S...`; none: made in data_dir. Secret.")
    ] = None
    stellar_fee_stroops_max: Annotated[
        int, _meaning("The most offered for one operation; fees rise to it.", ge=100, le=10_000_000)
    ] = 100_000
    payments_provider: Annotated[
        Literal["sandbox", "stripe"], _meaning("Who moves fiat money; `sandbox` moves none.")
    ] = "sandbox"
    stripe_secret_key: Annotated[str | None, _meaning("Key of the API, `sk_...`. Secret.")] = None
    stripe_webhook_secret: Annotated[
        str | None, _meaning("Signs Stripe's webhooks, `whsec_...`. Secret.")
    ] = None
    stripe_url: Annotated[str, _meaning("Stripe's API.")] = "https://api.stripe.com"
    kyc_provider: Annotated[
        Literal["sandbox", "onfido"], _meaning("Who verifies people; `sandbox` verifies whoever clicks so.")
    ] = "sandbox"
    onfido_api_token: Annotated[str | None, _meaning("Token of the API. Secret.")] = None
    onfido_webhook_token: Annotated[str | None, _meaning("Signs Onfido's webhooks. Secret.")] = None
    onfido_workflow_id: Annotated[str | None, _meaning("Studio workflow that people go through.")] = None
    onfido_url: Annotated[str, _meaning("Onfido's API in your region, without version.")] = (
        "https://api.eu.onfido.com"
    )
    sandboxes_open_max: Annotated[
        int, _meaning("So many developers' sandboxes are open at a time, about 4 MB each.", ge=1, le=1_000)
    ] = 32
    sandbox_bytes_max: Annotated[
        int, _meaning("A sandbox that holds so much takes no more until it is reset.", ge=4_194_304)
    ] = 67_108_864
    google_client_id: Annotated[
        str | None, _meaning("OAuth client that asks people for their mail; none: Gmail is off.")
    ] = None
    google_client_secret: Annotated[str | None, _meaning("Of the OAuth client. Secret.")] = None
    google_auth_url: Annotated[str, _meaning("Where people let the OAuth client in.")] = (
        "https://accounts.google.com/o/oauth2/v2/auth"
    )
    google_token_url: Annotated[str, _meaning("Where codes become tokens.")] = (
        "https://oauth2.googleapis.com/token"  # noqa: S105  an address
    )
    gmail_url: Annotated[str, _meaning("Gmail's API.")] = "https://gmail.googleapis.com"
    twilio_account_sid: Annotated[
        str | None, _meaning("Account at Twilio, `AC...`; none: WhatsApp is off.")
    ] = None
    twilio_auth_token: Annotated[str | None, _meaning("Signs Twilio's webhooks. Secret.")] = None
    twilio_number: Annotated[
        str | None, _meaning("WhatsApp number that people write to, `+14155238886`.")
    ] = None
    twilio_url: Annotated[str, _meaning("Twilio's API, from which media is fetched.")] = (
        "https://api.twilio.com"
    )
    chat_model_url: Annotated[
        str | None,
        _meaning("OpenAI-compatible address, `https://host/v1`, that words answers; none: no model."),
    ] = None
    chat_model: Annotated[str | None, _meaning("Name of the model at chat_model_url.")] = None
    chat_model_key: Annotated[str | None, _meaning("Key at chat_model_url, if it wants one. Secret.")] = None
    kyc_valid_days: Annotated[int, _meaning("A verification is valid for so many days.", ge=1, le=36_500)] = (
        730
    )

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
        } | {"database_url": masked(self.database_url)}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


SECRETS = frozenset(
    {
        "mqtt_password",
        "mqtt_device_secret",
        "stellar_issuer_secret",
        "stellar_custody_secret",
        "stripe_secret_key",
        "stripe_webhook_secret",
        "onfido_api_token",
        "onfido_webhook_token",
        "google_client_secret",
        "twilio_auth_token",
        "chat_model_key",
    }
)


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
    try:
        check_database_url(settings.database_url)
    except BadDatabaseUrl as error:
        raise SettingsError(f"settings: database_url = {masked(settings.database_url)!r}: {error}") from None
    if settings.public_url is not None and not _PUBLIC_URL.fullmatch(settings.public_url):
        raise SettingsError(
            f"settings: public_url = {settings.public_url!r}: must be https://host, without a path"
        )
    for name in (
        "horizon_url",
        "stripe_url",
        "onfido_url",
        "google_auth_url",
        "google_token_url",
        "gmail_url",
        "twilio_url",
        "chat_model_url",
    ):
        url = getattr(settings, name)
        if url is not None and not _HTTP_URL.fullmatch(url):
            raise SettingsError(f"settings: {name} = {url!r}: must be https://host")
    _check_providers(settings)
    _check_finance(settings)
    for name in ("stellar_issuer_secret", "stellar_custody_secret"):
        secret = getattr(settings, name)
        if secret is not None and not _STELLAR_SECRET.fullmatch(secret):
            raise SettingsError(f"settings: {name}: must be S and 55 more characters of base32")
    if settings.network == "public":
        for name, allowed in (
            ("device_trust", settings.device_trust != "open"),
            ("plausibility_policy", settings.plausibility_policy == "reject"),
            ("constant_sign_in", not settings.constant_sign_in),
            ("payments_provider", settings.payments_provider != "sandbox"),
            ("kyc_provider", settings.kyc_provider != "sandbox"),
            ("project_catalogue", settings.project_catalogue != "sample"),
        ):
            if not allowed:
                raise SettingsError(
                    f"settings: {name} = {getattr(settings, name)!r}: not allowed on the public network"
                )


def _check_finance(settings: Settings) -> None:
    """What belongs together is there together, and secrets travel encrypted unless within this machine."""
    for names, urls in (
        (("google_client_id", "google_client_secret"), ("google_auth_url", "google_token_url", "gmail_url")),
        (("twilio_account_sid", "twilio_auth_token", "twilio_number"), ("twilio_url",)),
        (("chat_model_url", "chat_model"), ("chat_model_url",)),
    ):
        missing = [name for name in names if not getattr(settings, name)]
        if len(missing) == len(names):
            continue
        if missing:
            raise SettingsError(f"settings: {missing[0]}: required with {', '.join(names)}")
        for name in urls:
            url = getattr(settings, name)
            if not (url.startswith("https://") or _LOOPBACK_URL.match(url)):
                raise SettingsError(f"settings: {name} = {url!r}: must be https://host")


def _check_providers(settings: Settings) -> None:
    """A provider that is chosen has all it needs, and secrets travel encrypted unless within this machine."""
    needs = {
        "stripe": ("stripe_secret_key", "stripe_webhook_secret"),
        "onfido": ("onfido_api_token", "onfido_webhook_token", "onfido_workflow_id"),
    }
    for chosen, url_name in (
        (settings.payments_provider, "stripe_url"),
        (settings.kyc_provider, "onfido_url"),
    ):
        for name in needs.get(chosen, ()):
            if not getattr(settings, name):
                raise SettingsError(f"settings: {name}: required for {chosen}")
        url = getattr(settings, url_name)
        if chosen in needs and not (url.startswith("https://") or _LOOPBACK_URL.match(url)):
            raise SettingsError(f"settings: {url_name} = {url!r}: must be https://host")
