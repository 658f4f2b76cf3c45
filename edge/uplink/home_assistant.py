"""The agent as one Home Assistant device: a single retained message describes every entity of every node.

Home Assistant 2024.11 and later; https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload.
All values come from the retained device state. An entity is available while the device is online and the
reading behind it is fresh and believed; a state that no longer comes expires.
"""

import re
from typing import Any, NamedTuple

import msgspec

from shared.messages import Hold
from shared.topics import HOLD_SET, STATE, STATUS, device_topic

BIRTH_TOPIC = "homeassistant/status"
BIRTH_PAYLOAD = b"online"
OPTIONS = ("auto", "charge", "discharge", "idle")
_OBJECT_ID = re.compile(r"[A-Za-z0-9_-]+")

Component = dict[str, Any]


def discovery_topic(device_id: str) -> str | None:
    """Where the message belongs; None for an id that Home Assistant does not take (it knows no dots)."""
    return f"homeassistant/device/{device_id}/config" if _OBJECT_ID.fullmatch(device_id) else None


def discovery(
    *,
    device_id: str,
    version: str,
    model: str,
    nodes: tuple[str, ...],
    expire_after_s: int,
    hold_minutes: int,
    page_url: str | None = None,
) -> bytes:
    """The message; `nodes` are uids, `model` is the board's name.

    `expire_after_s` must be well above the time between two states; `hold_minutes` is how long a hold set
    from there lasts.
    """
    device = {
        "identifiers": [f"lumengrid_{device_id}"],
        "name": device_id,
        "manufacturer": "Lumengrid",
        "model": model,
        "sw_version": version,
        **({} if page_url is None else {"configuration_url": page_url}),
    }
    components: dict[str, Component] = {}
    for uid in nodes:
        for key, component in _node(device_id, uid, expire_after_s, hold_minutes).items():
            components[f"{uid}_{key}"] = {**component, "unique_id": f"lumengrid_{device_id}_{uid}_{key}"}
    payload = {
        "dev": device,
        "o": {"name": "Lumengrid", "sw_version": version},
        "cmps": components,
        "state_topic": device_topic(device_id, STATE),
        "availability": [_device_online(device_id)],
        "availability_mode": "all",
        "qos": 1,
    }
    return msgspec.json.encode(payload)


def is_birth(topic: str, payload: bytes) -> bool:
    """Whether Home Assistant has just come up and wants to hear of everything again."""
    return topic == BIRTH_TOPIC and payload == BIRTH_PAYLOAD


class Reading(NamedTuple):
    """One number of a node as a sensor."""

    name: str
    field: str
    """Of `NodeStatus`."""
    divisor: int
    """From the field's unit to the sensor's."""
    reading: str | None
    """The field of `Availability` it follows; None: a counter, known as long as the device is online."""
    more: Component


READINGS = {
    "soc": Reading(
        "battery", "soc_percent", 1, "soc",
        {"device_class": "battery", "unit_of_measurement": "%", "suggested_display_precision": 1},
    ),
    "soc_band": Reading(
        "battery ±", "soc_band_percent", 1, "soc",
        {"unit_of_measurement": "%", "suggested_display_precision": 1, "entity_category": "diagnostic"},
    ),
    "voltage": Reading(
        "voltage", "voltage_mv", 1000, "voltage",
        {"device_class": "voltage", "unit_of_measurement": "V", "suggested_display_precision": 3},
    ),
    "current": Reading(
        "current", "current_ma", 1000, "current",
        {"device_class": "current", "unit_of_measurement": "A", "suggested_display_precision": 3},
    ),
    "power": Reading(
        "power", "power_mw", 1000, "power",
        {"device_class": "power", "unit_of_measurement": "W", "suggested_display_precision": 2},
    ),
    "temperature": Reading(
        "temperature", "temperature_c", 1, "temperature",
        {"device_class": "temperature", "unit_of_measurement": "°C", "suggested_display_precision": 1},
    ),
    "energy_sent": Reading(
        "energy sent", "energy_sent_mwh", 1000, None,
        {"device_class": "energy", "unit_of_measurement": "Wh", "suggested_display_precision": 2},
    ),
    "energy_received": Reading(
        "energy received", "energy_received_mwh", 1000, None,
        {"device_class": "energy", "unit_of_measurement": "Wh", "suggested_display_precision": 2},
    ),
}  # fmt: skip


def _node(device_id: str, uid: str, expire_after_s: int, hold_minutes: int) -> dict[str, Component]:
    """The entities of one node by their short name."""
    sensors = {key: _sensor(device_id, uid, reading) for key, reading in READINGS.items()}
    fault = {
        "p": "binary_sensor",
        "name": f"{uid} fault",
        "device_class": "problem",
        "value_template": _template(uid, "'OFF' if n.fault is none else 'ON'"),
        "json_attributes_topic": device_topic(device_id, STATE),
        "json_attributes_template": _template(
            uid, "{'fault': n.fault, 'state': n.state, 'reason': n.reason} | tojson"
        ),
    }
    hold = {
        "p": "select",
        "name": f"{uid} hold",
        "options": list(OPTIONS),
        "value_template": _template(uid, "n.hold"),
        "command_topic": device_topic(device_id, HOLD_SET),
        "command_template": _hold_template(uid, hold_minutes),
    }
    expiring = {
        key: {**made, "expire_after": expire_after_s} for key, made in {**sensors, "fault": fault}.items()
    }
    return {**expiring, "hold": hold}


def _sensor(device_id: str, uid: str, reading: Reading) -> Component:
    field = f"n.{reading.field}"
    in_unit = field if reading.divisor == 1 else f"none if {field} is none else {field} / {reading.divisor}"
    return {
        "p": "sensor",
        "name": f"{uid} {reading.name}",
        "value_template": _template(uid, in_unit),
        "state_class": "total_increasing" if reading.reading is None else "measurement",
        **reading.more,
        **({} if reading.reading is None else _while_present(device_id, uid, reading.reading)),
    }


def _template(uid: str, expression: str) -> str:
    """`n` is the node in the device state; a uid is made of letters, digits, dot, dash and underscore."""
    find = f"value_json.nodes | selectattr('uid', 'eq', '{uid}') | first"
    return f"{{% set n = {find} %}}{{{{ {expression} }}}}"


def _hold_template(uid: str, minutes: int) -> str:
    hold = Hold(node_uid=uid, action="release", minutes=minutes)
    action = "{{ 'release' if value == 'auto' else value }}"
    return msgspec.json.encode(hold).decode().replace('"release"', f'"{action}"')


def _device_online(device_id: str) -> dict[str, str]:
    # The status says `online` and `offline`, which are Home Assistant's own words.
    return {"topic": device_topic(device_id, STATUS), "value_template": "{{ value_json.state }}"}


def _while_present(device_id: str, uid: str, reading: str) -> Component:
    return {
        "availability": [
            _device_online(device_id),
            {
                "topic": device_topic(device_id, STATE),
                "value_template": _template(uid, f"n.availability.{reading}"),
            },
        ],
        "availability_mode": "all",
    }
