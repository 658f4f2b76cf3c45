"""What Home Assistant is told: held to its own documented rules, and seen by mosquitto_sub."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from edge.config import MqttConfig
from edge.loop import Agent
from edge.uplink.home_assistant import discovery, discovery_topic, is_birth
from hardware.bench import Bench
from lumengrid.access import may
from shared.clock import ManualClock
from shared.messages import NodeStatus, encode
from shared.mqtt import LinkState, Message, MqttLink
from tests.edge.agents import SETTINGS, an_agent
from tests.edge.eventually import eventually
from tests.edge.uplink.conftest import Mosquitto, mosquitto

__all__ = ["mosquitto"]

NODES = ("NODE_A", "house.2")
STATE_TOPIC = "lumengrid/v1/devices/porch/state"
STATUS_TOPIC = "lumengrid/v1/devices/porch/status"

# Copied by hand from the tables of Home Assistant's developer documentation, "Sensor entity": for each device
# class its units and the state classes that go with it.
LEGAL = {
    "battery": ({"%"}, {"measurement"}),
    "voltage": ({"V", "mV", "µV", "kV", "MV"}, {"measurement"}),
    "current": ({"A", "mA"}, {"measurement"}),
    "power": ({"mW", "W", "kW", "MW", "GW", "TW"}, {"measurement"}),
    "temperature": ({"°C", "°F", "K"}, {"measurement", "measurement_angle"}),
    "energy": (
        {"J", "kJ", "MJ", "GJ", "mWh", "Wh", "kWh", "MWh", "GWh", "TWh"},
        {"total", "total_increasing"},
    ),
}
# The options that the pages of the platforms list, as far as they can occur here; others would be ignored.
COMMON = {"p", "name", "unique_id", "value_template", "availability", "availability_mode", "expire_after"}
OPTIONS = {
    "sensor": COMMON
    | {
        "state_class",
        "device_class",
        "unit_of_measurement",
        "suggested_display_precision",
        "entity_category",
    },
    "binary_sensor": COMMON | {"device_class", "json_attributes_topic", "json_attributes_template"},
    "select": (COMMON - {"expire_after"}) | {"options", "command_topic", "command_template"},
}
REQUIRED = {"sensor": set(), "binary_sensor": set(), "select": {"command_topic", "options"}}


@pytest.fixture
def message() -> dict[str, Any]:
    made = discovery(
        device_id="porch", version="1.2", model="bench", nodes=NODES, expire_after_s=120, hold_minutes=30
    )
    document: dict[str, Any] = json.loads(made)
    return document


def _components(message: dict[str, Any], platform: str) -> dict[str, dict[str, Any]]:
    return {key: made for key, made in message["cmps"].items() if made["p"] == platform}


def test_the_message_has_what_device_discovery_requires(message: dict[str, Any]) -> None:
    assert set(message) == {
        "dev",
        "o",
        "cmps",
        "state_topic",
        "availability",
        "availability_mode",
        "qos",
    }
    assert message["dev"]["identifiers"] == ["lumengrid_porch"]
    assert message["dev"]["name"] == "porch"
    assert set(message["dev"]) <= {
        "identifiers",
        "name",
        "manufacturer",
        "model",
        "sw_version",
        "configuration_url",
    }
    assert message["o"]["name"] == "Lumengrid"
    assert message["availability_mode"] == "all"
    assert message["state_topic"] == STATE_TOPIC


def test_every_component_names_its_platform_a_unique_id_and_only_known_options(
    message: dict[str, Any],
) -> None:
    ids = [made["unique_id"] for made in message["cmps"].values()]

    assert len(set(ids)) == len(ids) == 20
    for made in message["cmps"].values():
        assert set(made) <= OPTIONS[made["p"]]
        assert REQUIRED[made["p"]] <= set(made)
        assert made["name"].startswith(NODES)


def test_units_and_state_classes_are_legal_for_their_device_class(message: dict[str, Any]) -> None:
    seen = set()
    for made in _components(message, "sensor").values():
        if "device_class" not in made:
            continue
        units, state_classes = LEGAL[made["device_class"]]
        seen.add(made["device_class"])
        assert made["unit_of_measurement"] in units
        assert made["state_class"] in state_classes
    assert seen == set(LEGAL)


def test_energy_only_grows_and_everything_that_is_read_expires(message: dict[str, Any]) -> None:
    sensors = _components(message, "sensor") | _components(message, "binary_sensor")

    energy = [made for made in sensors.values() if made.get("device_class") == "energy"]
    assert [made["state_class"] for made in energy] == ["total_increasing"] * 4
    assert {made["expire_after"] for made in sensors.values()} == {120}
    assert [m["device_class"] for m in _components(message, "binary_sensor").values()] == ["problem"] * 2


def test_a_sensor_is_available_while_its_device_and_its_reading_are(message: dict[str, Any]) -> None:
    voltage, sent = message["cmps"]["NODE_A_voltage"], message["cmps"]["NODE_A_energy_sent"]

    assert [entry["topic"] for entry in voltage["availability"]] == [STATUS_TOPIC, STATE_TOPIC]
    assert voltage["availability_mode"] == "all"
    assert voltage["availability"][0]["value_template"] == "{{ value_json.state }}"
    assert voltage["availability"][1]["value_template"].endswith("{{ n.availability.voltage }}")
    assert "availability" not in sent
    assert [entry["topic"] for entry in message["availability"]] == [STATUS_TOPIC]


def test_every_field_in_a_template_is_one_of_the_state(message: dict[str, Any]) -> None:
    known = {field.name for field in structs.fields(NodeStatus)}
    fields = set(re.findall(r"\bn\.(\w+)", json.dumps(message)))

    assert fields <= known
    assert {"voltage_mv", "soc_percent", "soc_band_percent", "hold", "fault", "availability"} <= fields
    for uid in NODES:
        template = message["cmps"][f"{uid}_current"]["value_template"]
        assert template == (
            f"{{% set n = value_json.nodes | selectattr('uid', 'eq', '{uid}') | first %}}"
            "{{ none if n.current_ma is none else n.current_ma / 1000 }}"
        )


def test_the_select_speaks_the_language_of_holds(message: dict[str, Any]) -> None:
    select = message["cmps"]["house.2_hold"]

    assert select["options"] == ["auto", "charge", "discharge", "idle"]
    assert select["command_topic"] == "lumengrid/v1/devices/porch/hold/set"
    assert select["command_template"] == (
        '{"node_uid":"house.2","action":"{{ \'release\' if value == \'auto\' else value }}","minutes":30}'
    )


def test_ids_that_home_assistant_cannot_take_get_no_message() -> None:
    assert discovery_topic("bench-01_a") == "homeassistant/device/bench-01_a/config"
    assert discovery_topic("porch.1") is None


def test_only_the_birth_is_a_birth() -> None:
    assert is_birth("homeassistant/status", b"online")
    assert not is_birth("homeassistant/status", b"offline")
    assert not is_birth("homeassistant/other", b"online")


def test_the_rights_at_the_broker_cover_what_home_assistant_does() -> None:
    assert may("porch", "publish", "homeassistant/device/porch/config")
    assert may("porch", "subscribe", "homeassistant/status")
    assert may("home", "publish", "homeassistant/status")
    assert may("home", "publish", "lumengrid/v1/devices/porch/hold/set")
    for topic in ("homeassistant/#", STATE_TOPIC, STATUS_TOPIC):
        assert may("home", "subscribe", topic)


# -- against a broker


class Home:
    """What a Home Assistant would have heard."""

    def __init__(self, mosquitto: Mosquitto) -> None:
        self.heard: list[Message] = []
        self.link = MqttLink(
            mosquitto.broker,
            client_id="home",
            subscriptions=["homeassistant/#", "lumengrid/v1/devices/rpi/state"],
            on_messages=self.heard.extend,
        )

    def configs(self) -> list[Message]:
        return [message for message in self.heard if message.topic == "homeassistant/device/rpi/config"]

    def states(self) -> list[dict[str, Any]]:
        return [json.loads(message.payload) for message in self.heard if message.topic.endswith("/state")]


@asynccontextmanager
async def _home(mosquitto: Mosquitto) -> AsyncIterator[Home]:
    home = Home(mosquitto)
    home.link.start()
    await eventually(lambda: home.link.state is LinkState.UP)
    try:
        yield home
    finally:
        await home.link.stop()


@asynccontextmanager
async def _agent(
    mosquitto: Mosquitto, folder: Path, clock: ManualClock, bench: Bench, **mqtt: Any
) -> AsyncIterator[tuple[Agent, Callable[[int], Awaitable[None]]]]:
    """An agent with a connection, whose turns are made by hand, one second apart."""
    agent = an_agent(folder, clock, bench, mqtt=MqttConfig(host="127.0.0.1", port=mosquitto.port, **mqtt))
    agent._watch_parts()
    agent.connection.start()

    async def turns(count: int) -> None:
        for _ in range(count):
            clock.advance(1)
            agent._record(agent._cycle.turn(manual=agent._manual, plan=None, synced=True))
            while agent._background:
                await asyncio.wait(agent._background)
                await asyncio.sleep(0)

    try:
        await eventually(lambda: agent.connection.up)
        yield agent, turns
    finally:
        await agent.connection.stop()
        agent._opened.close()
        await agent.worker.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bench(clock: ManualClock) -> Bench:
    return Bench.five(clock, settings=SETTINGS)


async def test_the_message_is_retained_and_comes_again_with_each_birth(
    mosquitto: Mosquitto, tmp_path: Path, clock: ManualClock, bench: Bench
) -> None:
    async with _agent(mosquitto, tmp_path, clock, bench), _home(mosquitto) as home:
        await eventually(home.configs)
        assert home.configs()[0].retained
        home.link.publish("homeassistant/status", b"offline")
        home.link.publish("homeassistant/status", b"online")
        await eventually(lambda: len(home.configs()) == 2)

        assert not home.configs()[1].retained
        assert home.configs()[0].payload == home.configs()[1].payload
        assert len(json.loads(home.configs()[0].payload)["cmps"]) == 50


async def test_it_is_taken_back_where_the_settings_say_so(
    mosquitto: Mosquitto, tmp_path: Path, clock: ManualClock, bench: Bench
) -> None:
    async with _agent(mosquitto, tmp_path / "a", clock, bench):
        pass
    async with _home(mosquitto) as before:
        await eventually(before.configs)
    async with _agent(
        mosquitto, tmp_path / "b", clock, Bench.five(clock, settings=SETTINGS), home_assistant=False
    ):
        pass
    async with _home(mosquitto) as after:
        after.link.publish("homeassistant/marker", b"1")
        await eventually(lambda: after.heard)
        assert after.configs() == []


async def test_a_select_in_home_assistant_holds_a_node_and_the_state_shows_it(
    mosquitto: Mosquitto, tmp_path: Path, clock: ManualClock, bench: Bench
) -> None:
    async with _agent(mosquitto, tmp_path, clock, bench) as (agent, turns), _home(mosquitto) as home:
        await eventually(home.configs)
        select = json.loads(home.configs()[0].payload)["cmps"]["NODE_B_hold"]
        choice = "{{ 'release' if value == 'auto' else value }}"

        def choose(option: str) -> None:
            payload = select["command_template"].replace(choice, "release" if option == "auto" else option)
            home.link.publish(select["command_topic"], payload.encode())

        async def shown(option: str) -> bool:
            await turns(2)
            states = home.states()
            return bool(states) and states[-1]["nodes"][1]["hold"] == option

        await eventually(lambda: shown("auto"))
        choose("idle")
        await eventually(lambda: shown("idle"))
        choose("auto")
        await eventually(lambda: shown("auto"))
        assert agent._manual.leases == ()


async def test_mosquitto_sub_sees_a_reading_go_offline_with_the_third_missed_one(
    mosquitto: Mosquitto, tmp_path: Path, clock: ManualClock, bench: Bench
) -> None:
    if shutil.which("mosquitto_sub") is None:
        pytest.skip("mosquitto_sub is missing (apt-get install mosquitto-clients)")
    async with _agent(mosquitto, tmp_path, clock, bench) as (_, turns):
        listener = await asyncio.create_subprocess_exec(
            *("mosquitto_sub", "-h", "127.0.0.1", "-p", str(mosquitto.port)),
            *("-t", "lumengrid/v1/devices/rpi/state"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert listener.stdout is not None
        try:

            async def after_a_turn() -> dict[str, str]:
                await turns(1)
                line = await asyncio.wait_for(listener.stdout.readline(), 40)
                words: dict[str, str] = json.loads(line)["nodes"][0]["availability"]
                return words

            # Until the subscription stands: what was published before it is retained.
            await turns(1)
            line = await asyncio.wait_for(listener.stdout.readline(), 40)
            assert json.loads(line)["nodes"][0]["availability"]["voltage"] == "online"
            chip = next(part for part in bench.board.chips if part.id == bench.board.nodes[0].voltage)
            bench.bus.nack(chip.address)  # type: ignore[union-attr]
            missed = [await after_a_turn() for _ in range(3)]
        finally:
            listener.terminate()
            await listener.wait()

    assert [words["voltage"] for words in missed] == ["online", "online", "offline"]
    assert (missed[2]["current"], missed[2]["power"], missed[2]["soc"]) == ("offline", "offline", "offline")
    assert missed[2]["temperature"] == "online"


async def test_a_state_encodes_the_words_home_assistant_reads(
    mosquitto: Mosquitto, tmp_path: Path, clock: ManualClock, bench: Bench
) -> None:
    async with _agent(mosquitto, tmp_path, clock, bench) as (agent, turns):
        await turns(1)
        assert agent.state is not None
        node = json.loads(encode(agent.state))["nodes"][0]

    assert node["hold"] == "auto"
    assert set(node["availability"]) == {"voltage", "current", "power", "temperature", "soc"}
    assert set(node["availability"].values()) == {"online"}
