"""The MQTT topics, version in the root. `TOPICS` is the table that docs/wire.md shows."""

from typing import NamedTuple

ROOT = "lumengrid/v1"

STATUS = "status"
TELEMETRY = "telemetry"
STATE = "state"
ENERGY = "energy"
EVENT = "event"
ACK = "ack"
HOLD_SET = "hold/set"
COMMAND = "command"
COMMAND_ACK = "command/ack"

GRID_PRICE = f"{ROOT}/grid/price"
GRID_FORECAST = f"{ROOT}/grid/forecast"
GRID_SUMMARY = f"{ROOT}/grid/summary"
MARKET_TRADES = f"{ROOT}/market/trades"
LEDGER_ROOT = f"{ROOT}/ledger/root"


class Topic(NamedTuple):
    """One row of the wire contract."""

    path: str
    """Below the root; `{device}` stands for a device id."""
    sender: str
    retained: bool
    payload: str
    """The Struct in `shared.messages`."""


TOPICS = (
    Topic("devices/{device}/status", "edge, will", retained=True, payload="Status"),
    Topic("devices/{device}/telemetry", "edge", retained=False, payload="TelemetryRecord"),
    Topic("devices/{device}/state", "edge", retained=True, payload="DeviceState"),
    Topic("devices/{device}/energy", "edge", retained=False, payload="EnergyRecord"),
    Topic("devices/{device}/event", "edge", retained=False, payload="DeviceEvent"),
    Topic("devices/{device}/ack", "cloud", retained=False, payload="SignedMessage of Ack"),
    Topic("devices/{device}/hold/set", "Home Assistant, owner", retained=False, payload="Hold"),
    Topic("devices/{device}/command", "cloud", retained=False, payload="SignedMessage of Command"),
    Topic("devices/{device}/command/ack", "edge", retained=False, payload="CommandAck"),
    Topic("grid/price", "cloud", retained=True, payload="GridPrice"),
    Topic("grid/forecast", "cloud", retained=True, payload="GridForecast"),
    Topic("grid/summary", "cloud", retained=True, payload="GridSummary"),
    Topic("market/trades", "cloud", retained=False, payload="MarketTrade"),
    Topic("ledger/root", "cloud", retained=True, payload="TreeHead"),
)


def device_topic(device_id: str, leaf: str) -> str:
    """The full topic of one device."""
    return f"{ROOT}/devices/{device_id}/{leaf}"


def any_device(leaf: str) -> str:
    """The subscription filter that covers every device."""
    return f"{ROOT}/devices/+/{leaf}"


def parse_device_topic(topic: str) -> tuple[str, str] | None:
    """(device id, leaf), or None where the topic is not a device's."""
    head = f"{ROOT}/devices/"
    if not topic.startswith(head):
        return None
    device_id, slash, leaf = topic[len(head) :].partition("/")
    return (device_id, leaf) if slash and device_id else None
