"""Settings of the agent: one frozen Struct, which `edge/config_file.py` reads once at start.

`LUMENGRID_EDGE_<TABLE>_<FIELD>` (or `LUMENGRID_EDGE_<FIELD>`) in the environment wins over the file; that is
where secrets belong. A wrong value stops the start and names field, value and range. Pins and addresses are
the board file's business, voltages and temperatures the chemistry's.
"""

from collections.abc import Iterator
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, structs

from shared.coordinates import Coordinates, Latitude, Longitude, coordinates_of
from shared.ids import NAME_PATTERN
from shared.signatures import PublicKey

ENVIRONMENT_PREFIX = "LUMENGRID_EDGE_"


class Secret:
    """A text that prints as ***."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def _is(text: str, **constraints: Any) -> Meta:
    return Meta(description=text, **constraints)


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""


class CloudConfig(Table, frozen=True, kw_only=True):
    """The service."""

    url: Annotated[str | None, _is("Address of the service, `https://host`; none: MQTT only.")] = None
    public_key: Annotated[PublicKey | None, _is("Key of the service, pinned at enrolment.")] = None


class SiteConfig(Table, frozen=True, kw_only=True):
    """Where the device is; told to the service at enrolment."""

    latitude: Annotated[Latitude | None, _is("Degrees north; none: the service does not know.")] = None
    longitude: Annotated[Longitude | None, _is("Degrees east; with the latitude.")] = None

    @property
    def coordinates(self) -> Coordinates | None:
        """None where neither is given."""
        return coordinates_of(self.latitude, self.longitude)


class MqttConfig(Table, frozen=True, kw_only=True):
    """The broker."""

    host: Annotated[str | None, _is("Broker's name or address; none: nothing is sent.")] = None
    port: Annotated[int, _is("Broker's port.", ge=1, le=65_535)] = 1883
    tls: Annotated[bool, _is("Encrypt the connection.")] = False
    ca_file: Annotated[Path | None, _is("Certificate authority; none: the system's.")] = None
    username: Annotated[str | None, _is("Name at the broker; none: device_id.")] = None
    password: Annotated[Secret | None, _is("Password at the broker.")] = None
    password_file: Annotated[Path | None, _is("File with the password, not readable by others.")] = None
    keepalive_s: Annotated[int, _is("Silence after which the broker sends the will.", ge=5, le=600)] = 30
    home_assistant: Annotated[bool, _is("Announce the nodes to Home Assistant; false takes them back.")] = (
        True
    )


class PageConfig(Table, frozen=True, kw_only=True):
    """The local status page."""

    host: Annotated[str, _is("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, _is("Port to listen on.", ge=0, le=65_535)] = 8090
    password: Annotated[Secret | None, _is("Asked for by the controls; none: see init.")] = None


class JournalConfig(Table, frozen=True, kw_only=True):
    """What is kept on disk."""

    cap_mb: Annotated[int, _is("Largest size on disk; the oldest telemetry goes first.", ge=8, le=65_536)] = (
        256
    )
    flush_s: Annotated[float, _is("Telemetry lost in a power cut, at most.", ge=1, le=3_600)] = 60.0
    history_days: Annotated[int, _is("How long acknowledged telemetry is kept.", ge=0, le=3_650)] = 7


class SensingConfig(Table, frozen=True, kw_only=True):
    """When a reading is not believed."""

    stale_after_samples: Annotated[int, _is("Missed readings after which a value is stale.", ge=1, le=60)] = 3
    frozen_after_samples: Annotated[int, _is("Alike raw readings that mean a frozen chip.", ge=2, le=600)] = (
        10
    )


class SafetyConfig(Table, frozen=True, kw_only=True):
    """Hard guards beyond those of the chemistry; they can be made stricter, never looser."""

    soc_percent_min: Annotated[float, _is("No discharge at or below.", ge=20, le=60)] = 20.0
    soc_percent_max: Annotated[float, _is("No charge at or above.", ge=70, le=95)] = 95.0
    soc_release_percent: Annotated[float, _is("How far back before it is released.", ge=0.5, le=10)] = 2.0
    current_fault_factor: Annotated[float, _is("Times the rating that make a fault.", ge=1.05, le=5)] = 1.5
    open_current_ma_max: Annotated[float, _is("Most current through open relays.", ge=1, le=10_000)] = 100.0
    recovery_s: Annotated[float, _is("How long readings must be good again.", ge=1, le=3_600)] = 30.0
    override_current_ma_max: Annotated[float, _is("Most current under an override.", ge=1, le=10_000)] = 500.0


class TransferConfig(Table, frozen=True, kw_only=True):
    """Switching."""

    dwell_s: Annotated[float, _is("Least time between a switch and the next closing.", ge=0, le=3_600)] = 60.0
    break_s: Annotated[float, _is("Least time with both contacts open.", ge=0.05, le=10)] = 0.5
    lease_minutes: Annotated[float, _is("Length of a manual command.", ge=1, le=1_440)] = 30.0
    closings_per_day: Annotated[
        int, _is("How often a relay may close by plan and balance, per UTC day.", ge=2, le=100_000)
    ] = 200


class PlanConfig(Table, frozen=True, kw_only=True):
    """The day ahead, planned from the price forecast."""

    enabled: Annotated[bool, _is("Plan ahead; false leaves everything to balance.")] = True
    spread: Annotated[float, _is("Between buying and selling, as a share of the price.", ge=0, le=2)] = 0.05
    fee_per_kwh: Annotated[float, _is("Paid on top of it either way, per kWh.", ge=0, le=1e6)] = 0.0
    default_tariff: Annotated[
        str | None, _is("Price per kWh without a forecast: one, or 24 by the hour, with commas; none: hold.")
    ] = None
    tariff_zone: Annotated[str, _is("Time zone of the default tariff's hours.", min_length=1)] = "UTC"
    transfer_limit_w: Annotated[
        float, _is("Most that all nodes may move together, sent and received added up.", ge=0, le=100_000)
    ] = 100_000.0
    efficiency: Annotated[float, _is("Share of the energy left after one way.", ge=0.5, le=1)] = 0.96


class MeteringConfig(Table, frozen=True, kw_only=True):
    """Energy reports, in measured mWh: the cloud alone scales."""

    report_mwh_min: Annotated[int, _is("Less accumulates; 1 on a bench.", ge=1, le=1_000_000)] = 1_000
    report_mwh_max: Annotated[int, _is("More is split; 10 000 on a bench.", ge=1, le=10_000_000)] = 10_000_000
    gap_s: Annotated[float, _is("No energy between samples further apart.", ge=1, le=60)] = 5.0


class EdgeConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its meaning; docs show the same table."""

    device_id: Annotated[str, _is("Name of this device, as enrolled.", pattern=NAME_PATTERN)]
    board: Annotated[str, _is("Name of a shipped board, or path of a board file.", min_length=1)]
    data_dir: Annotated[Path, _is("Folder for journal and keys.")] = Path("/var/lib/lumengrid-edge")
    cycle_s: Annotated[float, _is("Time between cycles.", ge=0.1, le=10)] = 1.0
    telemetry_period_s: Annotated[float, _is("Time between telemetry records.", ge=1, le=900)] = 10.0
    report_period_s: Annotated[float, _is("Time between energy reports; 60 on a bench.", ge=10, le=3_600)] = (
        900.0
    )
    unmetered_current_ma: Annotated[
        float, _is("Local solar and load current the shunt does not see.", ge=0, le=100_000)
    ] = 0.0
    log_level: Annotated[Literal["debug", "info", "warning", "error"], _is("Least level that is logged.")] = (
        "info"
    )
    site: SiteConfig = SiteConfig()
    cloud: CloudConfig = CloudConfig()
    mqtt: MqttConfig = MqttConfig()
    page: PageConfig = PageConfig()
    journal: JournalConfig = JournalConfig()
    sensing: SensingConfig = SensingConfig()
    safety: SafetyConfig = SafetyConfig()
    transfer: TransferConfig = TransferConfig()
    plan: PlanConfig = PlanConfig()
    metering: MeteringConfig = MeteringConfig()


class Setting(NamedTuple):
    """One row of the settings table."""

    name: str
    """`table.field` as in the file."""
    kind: Any
    meaning: str
    allowed: str
    """The range or the choices in words; empty where every value of the type will do."""
    default: Any
    """`msgspec.NODEFAULT` where the file must give it."""
    secret: bool

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return ENVIRONMENT_PREFIX + self.name.replace(".", "_").upper()


def _settings(kind: type[Struct], prefix: str = "") -> Iterator[Setting]:
    hints = get_type_hints(kind, include_extras=True)
    for field in structs.fields(kind):
        hint = hints[field.name]
        if isinstance(hint, type) and issubclass(hint, Table):
            yield from _settings(hint, prefix=f"{field.name}.")
            continue
        inner, meta = get_args(hint)
        yield Setting(
            name=prefix + field.name,
            kind=hint,
            meaning=meta.description,
            allowed=_allowed(inner, meta),
            default=field.default,
            secret=Secret in get_args(inner),
        )


def _allowed(kind: Any, meta: Meta) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(get_args(kind))
    for part in get_args(kind):
        if get_origin(part) is Annotated and part.__metadata__[0].ge is not None:
            meta = part.__metadata__[0]
    if meta.ge is not None and meta.le is not None:
        return f"{_shown(meta.ge)} to {_shown(meta.le)}"
    if meta.pattern == NAME_PATTERN:
        return "1 to 64 letters, digits, dots, dashes, underscores"
    return "64 hex digits" if PublicKey in get_args(kind) else ""


def settings_table() -> str:
    """The settings as a Markdown table, for the docs."""
    lines = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    for setting in SETTINGS:
        default = "required" if setting.default is msgspec.NODEFAULT else f"`{_shown(setting.default)}`"
        lines.append(f"| `{setting.name}` | {default} | {setting.allowed} | {setting.meaning} |")
    return "\n".join(lines) + "\n"


def example_toml() -> str:
    """A configuration file with every setting, those with a default commented out."""
    lines = ["# Settings of the agent. A value that is commented out is the default.", ""]
    table = ""
    for setting in SETTINGS:
        head, _, field = setting.name.rpartition(".")
        if head != table:
            table = head
            lines += ["", f"[{head}]"]
        allowed = f" ({setting.allowed})" if setting.allowed else ""
        lines.append(f"# {setting.meaning[:-1]}{allowed}.")
        if setting.secret:
            lines.append(f"# Secret: give it as {setting.variable}.")
        elif setting.default is msgspec.NODEFAULT:
            example = {"device_id": "porch-1", "board": "single_node"}[setting.name]
            lines.append(f'{field} = "{example}"')
        elif setting.default is None:
            lines.append(f"# {field} =")
        else:
            lines.append(f"# {field} = {_shown(setting.default)}")
    return "\n".join(lines) + "\n"


def _shown(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case str() | Path():
            return f'"{value}"'
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)


SETTINGS: tuple[Setting, ...] = tuple(_settings(EdgeConfig))
"""Every setting, in the order of the file."""


def tariff_zone(plan: PlanConfig) -> tzinfo:
    """The zone whose clock the default tariff goes by; UTC needs no time zone files."""
    return UTC if plan.tariff_zone == "UTC" else ZoneInfo(plan.tariff_zone)


def tariff_prices(plan: PlanConfig) -> tuple[float, ...]:
    """The default tariff's prices per kWh; one of 0 where there is none."""
    return tuple(float(price) for price in (plan.default_tariff or "0").split(","))


def setting_value(config: EdgeConfig, name: str) -> Any:
    """The value behind `table.field`."""
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    return value
