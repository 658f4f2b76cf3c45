"""Reads the agent's settings from a TOML file and the environment, and says what is wrong with them."""

import difflib
import os
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit
from zoneinfo import ZoneInfoNotFoundError

import msgspec
from msgspec import structs

from edge.config import (
    ENVIRONMENT_PREFIX,
    SETTINGS,
    EdgeConfig,
    PlanConfig,
    Secret,
    Setting,
    setting_value,
    tariff_prices,
    tariff_zone,
)
from edge.errors import ConfigWrong, PlanInputWrong
from edge.planner.forecast import Tariff, check_tariff


def load_config(path: Path | None, environ: Mapping[str, str] | None = None) -> EdgeConfig:
    """The settings of the file and the environment; `environ` None: the process's own.

    Raises:
        ConfigWrong: unreadable, unknown, or out of range; field, value and what is allowed in the message.
    """
    given = _from_file(path) if path is not None else {}
    given |= _from_environment(os.environ if environ is None else environ)
    by_name = {setting.name: setting for setting in SETTINGS}
    tables: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        setting = by_name.get(name)
        if setting is None:
            near = difflib.get_close_matches(name, by_name, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigWrong(f"{name} is no setting of the agent{hint}")
        table, _, field = name.rpartition(".")
        tables.setdefault(table, {})[field] = _value(setting, value)
    missing = [s.name for s in SETTINGS if s.default is msgspec.NODEFAULT and s.name not in given]
    if missing:
        raise ConfigWrong(f"{missing[0]} is missing: {by_name[missing[0]].meaning}")
    top = tables.pop("", {})
    hints = get_type_hints(EdgeConfig)
    config = EdgeConfig(**top, **{table: hints[table](**fields) for table, fields in tables.items()})
    config = _with_password(config)
    _check(config)
    return config


def _from_file(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigWrong(f"settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigWrong(f"settings file {path}: {error}") from error
    flat: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{field}": inner for field, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {setting.variable: setting.name for setting in SETTINGS}
    found: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(ENVIRONMENT_PREFIX):
            continue
        if variable not in names:
            near = difflib.get_close_matches(variable, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigWrong(f"{variable} in the environment is no setting of the agent{hint}")
        found[names[variable]] = _Text(text)
    return found


class _Text(str):
    """A value of the environment, which has no type but text."""

    __slots__ = ()


def _value(setting: Setting, value: Any) -> Any:
    """The value in the setting's type.

    Raises:
        ConfigWrong: it is not of that type or out of range.
    """
    if setting.secret:
        if not isinstance(value, str) or not value:
            raise ConfigWrong(f"{setting.name} must be a text that is not empty")
        return Secret(str(value))
    try:
        return msgspec.convert(
            str(value) if isinstance(value, str) else value,
            setting.kind,
            strict=not isinstance(value, _Text),
            dec_hook=_decode,
        )
    except msgspec.ValidationError:
        must = setting.allowed or _type_name(setting.kind)
        raise ConfigWrong(
            f"{setting.name} = {value!r} cannot be used: allowed is {must} ({setting.meaning})"
        ) from None


def _decode(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("not a path")


def _type_name(kind: Any) -> str:
    inner = get_args(kind)[0]
    kinds = [k for k in get_args(inner) if k is not type(None)] if _is_union(inner) else [inner]
    words = {str: "a text", Path: "a path", bool: "true or false", int: "a whole number", float: "a number"}
    return " or ".join(words.get(k, str(k)) for k in kinds)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _with_password(config: EdgeConfig) -> EdgeConfig:
    path = config.mqtt.password_file
    if path is None:
        return config
    if config.mqtt.password is not None:
        raise ConfigWrong("mqtt.password and mqtt.password_file are both given: keep one")
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigWrong(f"mqtt.password_file = {str(path)!r} cannot be read: {error}") from error
    if mode & 0o007:
        raise ConfigWrong(
            f"mqtt.password_file = {str(path)!r} is open to everybody (mode {mode:04o}): chmod 0600"
        )
    if not text:
        raise ConfigWrong(f"mqtt.password_file = {str(path)!r} is empty")
    return structs.replace(config, mqtt=structs.replace(config.mqtt, password=Secret(text)))


def _check(config: EdgeConfig) -> None:
    """What no single value shows.

    Raises:
        ConfigWrong: two settings contradict each other.
    """
    if config.cloud.url is not None:
        url = urlsplit(config.cloud.url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ConfigWrong(f"cloud.url = {config.cloud.url!r} cannot be used: allowed is http(s)://host")
        if url.username or url.password:
            raise ConfigWrong("cloud.url holds a name or password: they belong in the environment")
    for shorter, longer in (
        ("cycle_s", "telemetry_period_s"),
        ("cycle_s", "report_period_s"),
        ("cycle_s", "metering.gap_s"),
        ("safety.soc_percent_min", "safety.soc_percent_max"),
        ("metering.report_mwh_min", "metering.report_mwh_max"),
    ):
        low, high = setting_value(config, shorter), setting_value(config, longer)
        if not low < high:
            raise ConfigWrong(f"{shorter} = {low:g} must be below {longer} = {high:g}")
    if (config.site.latitude is None) != (config.site.longitude is None):
        raise ConfigWrong("site.latitude and site.longitude belong together: give both or neither")
    _check_tariff(config.plan)
    if config.mqtt.password is not None and config.mqtt.host is None:
        raise ConfigWrong("mqtt.password is given but mqtt.host is not: nothing would be sent")
    if config.mqtt.ca_file is not None and not config.mqtt.tls:
        raise ConfigWrong(
            "mqtt.ca_file is given but mqtt.tls is false: the connection would not be encrypted"
        )


def _check_tariff(plan: PlanConfig) -> None:
    try:
        check_tariff(Tariff(price_per_kwh=tariff_prices(plan)))
    except (ValueError, PlanInputWrong):
        raise ConfigWrong(
            f"plan.default_tariff = {plan.default_tariff!r} cannot be used: allowed is one price, or 24"
        ) from None
    try:
        tariff_zone(plan)
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise ConfigWrong(
            f"plan.tariff_zone = {plan.tariff_zone!r} cannot be used: allowed is a name such as Europe/Madrid"
        ) from None
