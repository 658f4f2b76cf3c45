"""Topics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shared.messages
from shared import topics
from shared.ids import NAME_PATTERN
from shared.topics import TOPICS, any_device, device_topic, parse_device_topic

LEAVES = [topic.path.removeprefix("devices/{device}/") for topic in TOPICS if "{device}" in topic.path]


def test_a_device_topic_by_hand():
    assert device_topic("pi-1", topics.HOLD_SET) == "lumengrid/v1/devices/pi-1/hold/set"
    assert any_device(topics.TELEMETRY) == "lumengrid/v1/devices/+/telemetry"
    assert topics.LEDGER_ROOT == "lumengrid/v1/ledger/root"


@given(st.from_regex(NAME_PATTERN, fullmatch=True), st.sampled_from(LEAVES))
def test_what_is_built_is_parsed_back(device_id, leaf):
    assert parse_device_topic(device_topic(device_id, leaf)) == (device_id, leaf)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "lumengrid/v1/devices/",
        "lumengrid/v1/devices/pi",
        "lumengrid/v1/devices//state",
        "lumengrid/v1/grid/price",
        "lumengrid/v2/devices/pi/state",
        "x/lumengrid/v1/devices/pi/state",
    ],
)
def test_other_topics_are_no_devices(topic):
    assert parse_device_topic(topic) is None


def test_every_leaf_constant_stands_in_the_table_and_the_other_way_round():
    constants = {
        topics.STATUS,
        topics.TELEMETRY,
        topics.STATE,
        topics.ENERGY,
        topics.EVENT,
        topics.ACK,
        topics.HOLD_SET,
        topics.COMMAND,
        topics.COMMAND_ACK,
    }
    clouds = {
        topics.GRID_PRICE,
        topics.GRID_FORECAST,
        topics.GRID_SUMMARY,
        topics.MARKET_TRADES,
        topics.LEDGER_ROOT,
    }

    assert constants == set(LEAVES)
    assert clouds == {f"lumengrid/v1/{topic.path}" for topic in TOPICS if "{device}" not in topic.path}


def test_every_payload_is_a_message():
    for topic in TOPICS:
        for name in topic.payload.split(" of "):
            assert issubclass(getattr(shared.messages, name), shared.messages.Wire)


def test_commands_and_holds_are_never_retained():
    retained = {topic.path for topic in TOPICS if topic.retained}

    assert not any("command" in path or "hold" in path for path in retained)
    assert {"devices/{device}/status", "devices/{device}/state", "grid/price", "ledger/root"} <= retained
