"""Manual commands as leases: 30 min, one per node, signed, answered once."""

from datetime import UTC, datetime

import httpx
import msgspec
import nacl.signing
import pytest

from cloud.app import Parts
from cloud.devices.commands import Commands
from cloud.devices.service import Devices
from shared.clock import ManualClock
from shared.messages import Action, Command, CommandAck, SignedMessage
from tests.cloud.devices.conftest import Agent, SignedIn

DEVICE = "rpi-4b-prod-01"
OTHER = "rpi-4b-prod-02"


@pytest.fixture
async def commands(parts: Parts, devices: Devices) -> Commands:
    async with parts.store.write() as tx:
        await devices.first_contact(tx, DEVICE, "127.0.0.1")
        await devices.first_contact(tx, OTHER, "127.0.0.1")
    return devices.commands


async def in_force(parts: Parts, commands: Commands, device_id: str = DEVICE) -> list[tuple[str, str]]:
    async with parts.store.read() as tx:
        active = await commands.active_commands(tx, device_id)
    return [(command.node_uid, command.action.value) for command in active]


async def lease(
    parts: Parts, commands: Commands, node: str, action: Action, device_id: str = DEVICE
) -> Command:
    async with parts.store.write() as tx:
        return await commands.lease(tx, device_id, node, action, "NODE_X")


async def test_a_lease_is_in_force_for_30_minutes(
    parts: Parts, commands: Commands, clock: ManualClock
) -> None:
    command = await lease(parts, commands, "NODE_A", Action.DISCHARGE)

    assert command.issued_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert command.expires_at == datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
    assert (command.device_id, command.node_uid, command.peer_uid) == (DEVICE, "NODE_A", "NODE_X")
    clock.advance(1799)
    assert await in_force(parts, commands) == [("NODE_A", "discharge")]
    clock.advance(1)
    assert await in_force(parts, commands) == []


async def test_a_newer_command_takes_the_place_of_the_nodes_older_one(
    parts: Parts, commands: Commands, clock: ManualClock
) -> None:
    await lease(parts, commands, "NODE_A", Action.DISCHARGE)
    await lease(parts, commands, "NODE_B", Action.CHARGE)
    clock.advance(1)

    await lease(parts, commands, "NODE_A", Action.CHARGE)

    assert await in_force(parts, commands) == [("NODE_B", "charge"), ("NODE_A", "charge")]


async def test_commands_of_one_device_are_not_anothers(parts: Parts, commands: Commands) -> None:
    await lease(parts, commands, "NODE_A", Action.DISCHARGE)
    await lease(parts, commands, "NODE_A", Action.CHARGE, OTHER)

    assert await in_force(parts, commands) == [("NODE_A", "discharge")]
    assert await in_force(parts, commands, OTHER) == [("NODE_A", "charge")]


async def test_stopping_idles_what_moves_and_what_is_named(parts: Parts, commands: Commands) -> None:
    await lease(parts, commands, "NODE_A", Action.DISCHARGE)
    await lease(parts, commands, "NODE_B", Action.CHARGE)
    await lease(parts, commands, "NODE_C", Action.IDLE)

    async with parts.store.write() as tx:
        stopped = await commands.stop(tx, DEVICE, ["NODE_B", "NODE_D"])

    assert [(command.node_uid, command.action) for command in stopped] == [
        ("NODE_A", Action.IDLE),
        ("NODE_B", Action.IDLE),
        ("NODE_D", Action.IDLE),
    ]
    assert sorted(await in_force(parts, commands)) == [
        ("NODE_A", "idle"),
        ("NODE_B", "idle"),
        ("NODE_C", "idle"),
        ("NODE_D", "idle"),
    ]


async def test_a_stop_waits_for_the_agent_and_is_over_a_minute_after_its_answer(
    parts: Parts, commands: Commands, clock: ManualClock
) -> None:
    await lease(parts, commands, "NODE_A", Action.DISCHARGE)
    async with parts.store.write() as tx:
        (stop,) = await commands.stop(tx, DEVICE)
    clock.advance(1700)
    assert await in_force(parts, commands) == [("NODE_A", "idle")]

    async with parts.store.write() as tx:
        answer = CommandAck(id=stop.id, accepted=True, reason="stopped")
        await commands.command_answered(tx, answer, device_id=DEVICE)

    clock.advance(59)
    assert await in_force(parts, commands) == [("NODE_A", "idle")]
    clock.advance(1)
    assert await in_force(parts, commands) == []


async def test_a_refused_command_is_no_longer_in_force_and_an_accepted_one_is(
    parts: Parts, commands: Commands
) -> None:
    refused = await lease(parts, commands, "NODE_A", Action.DISCHARGE)
    accepted = await lease(parts, commands, "NODE_B", Action.CHARGE)

    async with parts.store.write() as tx:
        for command, verdict in ((refused, False), (accepted, True)):
            answer = CommandAck(id=command.id, accepted=verdict, reason="SoC 18 %")
            assert await commands.command_answered(tx, answer, device_id=DEVICE)

    assert await in_force(parts, commands) == [("NODE_B", "charge")]


async def test_only_the_first_answer_of_the_device_itself_counts(parts: Parts, commands: Commands) -> None:
    command = await lease(parts, commands, "NODE_A", Action.DISCHARGE)
    refusal = CommandAck(id=command.id, accepted=False, reason="no")
    acceptance = CommandAck(id=command.id, accepted=True, reason="on")

    async with parts.store.write() as tx:
        assert not await commands.command_answered(tx, refusal, device_id=OTHER)
        assert await commands.command_answered(tx, acceptance, device_id=DEVICE)
        assert not await commands.command_answered(tx, refusal, device_id=DEVICE)
        unknown = CommandAck(id="cmd_x", accepted=True, reason="")
        assert not await commands.command_answered(tx, unknown, device_id=DEVICE)

    assert await in_force(parts, commands) == [("NODE_A", "discharge")]


async def test_a_command_travels_signed_by_the_services_key(
    parts: Parts, devices: Devices, commands: Commands
) -> None:
    command = await lease(parts, commands, "NODE_A", Action.DISCHARGE)

    message = commands.sign_command(command)

    travelled = msgspec.json.decode(msgspec.json.encode(message), type=SignedMessage)
    key = nacl.signing.VerifyKey(bytes.fromhex(devices.public_key))
    signature = msgspec.json.decode(f'"{travelled.signature}"', type=bytes)  # base64
    key.verify(b"lumengrid/v1/command\n" + bytes(travelled.body), signature)
    assert msgspec.json.decode(travelled.body, type=Command) == command


async def test_a_device_that_takes_the_agents_id_keeps_its_commands(
    client: httpx.AsyncClient, parts: Parts, devices: Devices, ana: SignedIn, agent: Agent
) -> None:
    device, code = await devices.register(ana.person, "raspi", "Goa")
    await lease(parts, devices.commands, "NODE_A", Action.IDLE, device.device_id)

    assert (await client.post("/iot/enrol", json=agent.enrolment(code))).status_code == 200

    assert await in_force(parts, devices.commands, agent.device_id) == [("NODE_A", "idle")]
