"""Commands over a real broker to a whole agent: only a genuine, fresh one acts, and it acts once."""

from datetime import timedelta
from pathlib import Path

import msgspec
from nacl.signing import SigningKey

from edge.config import CloudConfig, MqttConfig
from edge.loop import Agent
from shared.messages import Action, Command, CommandAck, NodeState, SignedMessage
from shared.mqtt import Broker
from shared.topics import COMMAND
from tests.edge.agents import an_agent, fast_clock
from tests.edge.eventually import eventually
from tests.edge.test_agent import _running, _states
from tests.edge.uplink.cloud import SmallCloud
from tests.edge.uplink.conftest import Mosquitto, mosquitto

__all__ = ["mosquitto"]


def _command(agent: Agent, command_id: str, **changes: object) -> Command:
    now = agent.clock.now()
    command = Command(
        id=command_id,
        device_id="rpi",
        node_uid="NODE_C",
        action=Action.DISCHARGE,
        peer_uid="NODE_E",
        issued_at=now,
        expires_at=now + timedelta(minutes=30),
    )
    return msgspec.structs.replace(command, **changes)


async def _answer(cloud: SmallCloud, command_id: str, count: int = 1) -> CommandAck:
    await cloud.until(lambda: sum(answer.id == command_id for answer in cloud.answers) >= count)
    return [answer for answer in cloud.answers if answer.id == command_id][-1]


async def test_retained_expired_foreign_unsigned_and_repeated_commands_move_no_relay(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    cloud = SmallCloud(Broker(host="127.0.0.1", port=mosquitto.port), "rpi")
    cloud.link.start()
    agent = an_agent(
        tmp_path,
        fast_clock(),
        cloud=CloudConfig(public_key=cloud.public_key),
        mqtt=MqttConfig(host="127.0.0.1", port=mosquitto.port),
    )
    await eventually(lambda: cloud.link.state.value == "up")
    # Left behind at the broker before the agent comes.
    cloud.command(_command(agent, "retained"), retain=True)
    async with _running(agent):
        assert not (await _answer(cloud, "retained")).accepted

        late = agent.clock.now() - timedelta(seconds=1)
        cloud.command(_command(agent, "expired", expires_at=late))
        assert (await _answer(cloud, "expired")).reason == "expired"

        cloud.command(_command(agent, "foreign"), key=SigningKey(bytes(32)))
        assert not (await _answer(cloud, "foreign")).accepted

        body = msgspec.Raw(msgspec.json.encode(_command(agent, "unsigned")))
        cloud.publish(COMMAND, SignedMessage(body=body, signature=""))
        assert not (await _answer(cloud, "unsigned")).accepted

        assert agent.manual.leases == ()
        assert _states(agent)["NODE_C"] is NodeState.IDLE

        genuine = _command(agent, "genuine")
        cloud.command(genuine)
        assert (await _answer(cloud, "genuine")).accepted
        await eventually(lambda: _states(agent)["NODE_C"] is NodeState.SUPPLYING)
        leases = agent.manual.leases
        cloud.command(genuine)
        assert (await _answer(cloud, "genuine", count=2)).accepted
        assert agent.manual.leases == leases, "the lease is not prolonged by a repeat"
    await cloud.link.stop()
