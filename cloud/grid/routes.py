"""The routes of agents without MQTT, of transfers by hand, and the event stream: `/iot/*`."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from cloud.devices.commands import Commands
from cloud.devices.model import Device
from cloud.devices.service import Devices
from cloud.errors import BadRequest
from cloud.grid.agent_calls import AgentCalls, NodeSaid, Schedule, Told, merged
from cloud.grid.schedule import GridCounts
from cloud.grid.service import Grid
from cloud.grid.transfers import Transfers
from cloud.identity.guard import bearer_token
from cloud.identity.service import Identity
from cloud.kit.documented import shapes
from cloud.kit.http import Number
from cloud.kit.idempotency import Once
from cloud.minting.model import Claim, MintAnswer
from cloud.realtime.sse import EventStream
from shared.clock import rfc3339, to_micros
from shared.ids import Name
from shared.messages import NODES_MAX, Action, Command, Key, NodeState, Utc
from shared.money import BadAmount, parse_amount
from shared.units import MICROS_PER_SECOND

CMD_NODES_MAX = 5
KWH_DECIMALS = 6
DURATION_S_MAX = 7 * 24 * 3_600
CLOCK_AHEAD_US = 300 * MICROS_PER_SECOND
"""How far an agent's clock may be ahead of ours."""

Volt = Annotated[float, Meta(ge=0, le=10_000)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Shown = Annotated[str, Meta(max_length=200)]


class BriefNode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    uid: Name
    voltage: Volt | None = None


class NodeDetail(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    uid: Name
    ip: Shown | None = None
    voltage: Volt | None = None
    soc: Percent | None = None
    state: NodeState | None = None


class Ping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A heartbeat (`status`), or node data."""

    device_id: Name
    status: Literal["heartbeat"] | None = None
    voltage: Volt | None = None
    battery_level: Percent | None = None
    state: Shown | None = None
    source: Shown | None = None
    timestamp: Utc | None = None
    connected_nodes_count: Annotated[int, Meta(ge=0, le=NODES_MAX)] | None = None
    connected_nodes: Annotated[tuple[BriefNode, ...], Meta(max_length=NODES_MAX)] = ()
    nodes_detail: Annotated[tuple[NodeDetail, ...], Meta(max_length=NODES_MAX)] = ()

    @property
    def has_data(self) -> bool:
        told = (self.voltage, self.battery_level, self.state)
        return bool(self.connected_nodes or self.nodes_detail) or any(value is not None for value in told)


class Cmd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_id: Name
    nodes: Annotated[tuple[NodeDetail, ...], Meta(max_length=CMD_NODES_MAX)]


class TransferRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_id: Name
    sender_node_uid: Name
    receiver_node_uid: Name


class TransferStop(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_id: Name


class Report(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A report of transferred energy; with `report` and `signature`, the meter's own signed one counts."""

    device_id: Name
    sender_uid: Name
    receiver_uid: Name
    kwh_transferred: Number
    duration_seconds: Annotated[float, Meta(gt=0, le=DURATION_S_MAX)]
    avg_voltage: Volt | None = None
    avg_current: Annotated[float, Meta(ge=-10_000, le=10_000)] | None = None
    report_id: Key | None = None
    started_at: Utc | None = None
    ended_at: Utc | None = None
    report: Annotated[str, Meta(max_length=4_096)] | None = None
    """The bytes of an `EnergyReport` exactly as signed."""
    signature: Annotated[str, Meta(max_length=120)] | None = None


class CmdAnswer(Struct, frozen=True, kw_only=True):
    commands: list[dict[str, Any]]
    grid_summary: GridCounts


class TransferAnswer(Struct, frozen=True, kw_only=True):
    status: str
    device_id: str
    commands: list[dict[str, Any]]
    transfers: list[dict[str, object]]


@post("/iot/ping", status_code=200)
async def ping(
    data: JSONBody[Ping],
    caller: NamedDependency[Device],
    agent_calls: NamedDependency[AgentCalls],
    commands: NamedDependency[Commands],
) -> dict[str, Any]:
    """Heartbeat or node data; the answer lists the nodes that shall charge or discharge."""
    if data.has_data:
        details = [_said(node) for node in data.nodes_detail]
        brief = [_brief(node) for node in data.connected_nodes]
        _check_distinct(details)
        _check_distinct(brief)
        found = await agent_calls.node_data(
            caller,
            merged(details, brief),
            voltage_mv=_milli(data.voltage),
            battery_level_percent=data.battery_level,
        )
    elif data.status is not None:
        found = await agent_calls.heartbeat(caller)
    else:
        raise BadRequest('status: must be "heartbeat" where no node data is sent')
    return {
        "status": "received",
        "type": "node_data" if data.has_data else "heartbeat",
        "updated": True,
        "commands": [_told(told, commands) for told in found.told if told.action.action is not Action.IDLE],
    }


@post("/iot/cmd", status_code=200)
async def cmd(
    data: JSONBody[Cmd],
    caller: NamedDependency[Device],
    agent_calls: NamedDependency[AgentCalls],
    commands: NamedDependency[Commands],
) -> CmdAnswer:
    """What each node shall do: manual commands for the device, else the balance rule."""
    said = [_said(node) for node in data.nodes]
    _check_distinct(said)
    found: Schedule = await agent_calls.schedule(caller, said)
    return CmdAnswer(
        commands=[_told(told, commands) | {"reason": told.action.reason} for told in found.told],
        grid_summary=found.counts,
    )


@get("/iot/nodes/{device_id:str}", opt=shapes(schemes=("AccessToken",)))
async def nodes(
    device_id: FromPath[str],
    grid: NamedDependency[Grid],
    devices: NamedDependency[Devices],
    identity: NamedDependency[Identity],
    request: Request[Any, Any, Any],
) -> list[dict[str, object]]:
    """The latest of every node; its `ip` is shown to the device's owner and to admins only."""
    token = bearer_token(request)
    person = None if token is None else await identity.person_of_token(token)
    device, found = await grid.nodes_of(device_id)
    if person is not None and devices.may_control(person, device):
        return [node.public | {"ip": node.ip} for node in found]
    return [node.public for node in found]


@post("/iot/transfer", status_code=200)
async def transfer(
    data: JSONBody[TransferRequest],
    controlled: NamedDependency[Device],
    transfers: NamedDependency[Transfers],
    commands: NamedDependency[Commands],
) -> TransferAnswer:
    """Lease discharge to the sender and charge to the receiver, for 30 min."""
    begun, leases = await transfers.start(controlled.device_id, data.sender_node_uid, data.receiver_node_uid)
    return TransferAnswer(
        status="transfer_started",
        device_id=controlled.device_id,
        commands=[_leased(command, commands) for command in leases],
        transfers=[begun.public],
    )


@post("/iot/transfer/stop", status_code=200)
async def stop(
    data: JSONBody[TransferStop],  # noqa: ARG001  its device_id is what the guard looks at
    controlled: NamedDependency[Device],
    transfers: NamedDependency[Transfers],
    commands: NamedDependency[Commands],
) -> TransferAnswer:
    """Return every node of a transfer to idle; automatic control resumes a minute after they heard it."""
    ended, leases = await transfers.halt(controlled.device_id)
    return TransferAnswer(
        status="transfer_stopped",
        device_id=controlled.device_id,
        commands=[_leased(command, commands) for command in leases],
        transfers=[one.public for one in ended],
    )


@post("/iot/energy/report", status_code=200)
async def report(
    data: JSONBody[Report],
    caller: NamedDependency[Device],
    agent_calls: NamedDependency[AgentCalls],
    device_once: NamedDependency[Once],
) -> MintAnswer:
    """Mint the transferred energy; a repeat gets the first answer."""
    if (data.report is None) is not (data.signature is None):
        raise BadRequest("signature: goes together with report")
    if data.report is not None and data.signature is not None:
        mint = await agent_calls.signed_report(caller, data.report, data.signature, device_once)
    else:
        mint = await agent_calls.report(caller, _claim(data, agent_calls.now_us()), device_once)
    return mint.to_answer()


@get("/iot/events", media_type="text/event-stream")
async def events(
    event_stream: NamedDependency[EventStream],
    last_event_id: Annotated[int | None, QueryParameter(ge=0)] = None,
    resume: Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=20)] = None,
) -> Stream:
    """Server-Sent Events, after `Last-Event-ID` (or `last_event_id`), else from now on."""
    if resume is not None and not (resume.isascii() and resume.isdigit()):
        raise BadRequest("Last-Event-ID: must be the id of an event")
    after = int(resume) if resume is not None else last_event_id
    frames: AsyncIterator[bytes] = await event_stream.open(after)
    return Stream(
        frames,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _claim(data: Report, now_us: int) -> Claim:
    try:
        energy_mwh = parse_amount(data.kwh_transferred, decimals=KWH_DECIMALS, field="kwh_transferred")
    except BadAmount as error:
        raise BadRequest(str(error)) from None
    started_at_us, ended_at_us = _interval(data, now_us)
    return Claim(
        report_id=data.report_id,
        device_id=data.device_id,
        sender_uid=data.sender_uid,
        receiver_uid=data.receiver_uid,
        started_at_us=started_at_us,
        ended_at_us=ended_at_us,
        duration_s=data.duration_seconds,
        energy_mwh=energy_mwh,
        received_mwh=energy_mwh,
        voltage_v_mean=data.avg_voltage,
        current_a_mean=data.avg_current,
        arrival_timed=data.started_at is None and data.ended_at is None,
    )


def _interval(data: Report, now_us: int) -> tuple[int, int]:
    """[started_at, ended_at): what is not told follows from the duration, and the end from now."""
    duration_us = round(data.duration_seconds * MICROS_PER_SECOND)
    if data.ended_at is not None:
        ended_at_us = to_micros(data.ended_at)
    elif data.started_at is not None:
        ended_at_us = to_micros(data.started_at) + duration_us
    else:
        ended_at_us = now_us
    started_at_us = ended_at_us - duration_us if data.started_at is None else to_micros(data.started_at)
    if ended_at_us <= started_at_us:
        raise BadRequest("ended_at: must be after started_at")
    if ended_at_us > now_us + CLOCK_AHEAD_US:
        raise BadRequest("ended_at: lies in the future; check the agent's clock")
    return started_at_us, ended_at_us


def _said(node: NodeDetail) -> NodeSaid:
    return NodeSaid(
        uid=node.uid, voltage_mv=_milli(node.voltage), soc_percent=node.soc, state=node.state, ip=node.ip
    )


def _brief(node: BriefNode) -> NodeSaid:
    return NodeSaid(uid=node.uid, voltage_mv=_milli(node.voltage), soc_percent=None, state=None)


def _check_distinct(said: Sequence[NodeSaid]) -> None:
    if len({node.uid for node in said}) != len(said):
        raise BadRequest("nodes: each uid may appear once")


def _milli(volts: float | None) -> int | None:
    return None if volts is None else round(volts * 1_000)


def _told(told: Told, commands: Commands) -> dict[str, Any]:
    """A manual command with what it takes to verify it; the balance rule's advice as documented."""
    if told.command is not None:
        return _leased(told.command, commands)
    return {"node_id": told.action.uid, "action": told.action.action}


def _leased(command: Command, commands: Commands) -> dict[str, Any]:
    """`signature` is over the command's own JSON bytes, as they travel over MQTT."""
    return {
        "node_id": command.node_uid,
        "action": command.action,
        "id": command.id,
        "peer_uid": command.peer_uid,
        "issued_at": rfc3339(to_micros(command.issued_at)),
        "expires_at": rfc3339(to_micros(command.expires_at)),
        "signature": commands.sign_command(command).signature,
    }


ROUTES: list[BaseRouteHandler] = [ping, cmd, nodes, transfer, stop, report, events]
