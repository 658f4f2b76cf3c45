"""Registering nodes, their heartbeats, and what everybody may see of them."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from cloud.depin.errors import AlreadyRegistered, ForeignWallet
from cloud.depin.model import DepinNode, Hardware, Reward
from cloud.depin.proof import Proof
from cloud.depin.reliability import health, reliability_percent
from cloud.depin.service import Depin
from cloud.devices.errors import UnknownDevice
from cloud.devices.guard import caller_address, calling_device, is_signed
from cloud.devices.model import Device
from cloud.devices.service import Devices
from cloud.errors import BadRequest
from cloud.identity.model import Person
from cloud.kit.documented import raises
from cloud.kit.http import Number, Text
from cloud.kit.idempotency import Once
from cloud.kit.rate_limit import CallLimits
from cloud.ledger.model import DECIMALS, Asset
from cloud.settings import Settings
from shared.clock import Clock, rfc3339
from shared.ids import Name
from shared.money import BadAmount, parse_amount, round_decimal, show_amount
from shared.units import MICROS_PER_SECOND

LIMIT_DEFAULT = 100
LIMIT_MAX = 1_000
HOUR_US = 3_600 * MICROS_PER_SECOND


class NodeRegistration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_id: Name
    operator_wallet: Annotated[str, Text]
    hardware_type: Annotated[str, Text]
    firmware_version: Annotated[str, Text]
    signature: Annotated[str, Meta(max_length=120)] | None = None
    """By the device's key over device id and operator wallet, newline between them.

    None for a keyless device, or where the device signs the whole request.
    """


class Heartbeat(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_id: Name
    kwh_routed: Number
    """How much of its minted energy the device wants credited."""


@post(
    "/api/v1/depin/register",
    status_code=201,
    opt=raises(ForeignWallet, UnknownDevice, AlreadyRegistered),
)
async def register(
    data: JSONBody[NodeRegistration],
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    depin: NamedDependency[Depin],
    devices: NamedDependency[Devices],
    settings: NamedDependency[Settings],
    call_limits: NamedDependency[CallLimits],
    clock: NamedDependency[Clock],
    once: NamedDependency[Once],
) -> dict[str, Any]:
    """Make a device a node that earns for the person's wallet."""
    signer = None
    if is_signed(request.headers):
        signer = await calling_device(request, devices, settings, call_limits)
    registered = await depin.register(
        person,
        Hardware(
            device_id=data.device_id,
            hardware_type=data.hardware_type,
            firmware_version=data.firmware_version,
        ),
        operator_wallet=data.operator_wallet,
        proof=Proof(
            signature=data.signature,
            request_key=signer.public_key if signer else None,
            trusted=devices.trusts(caller_address(request, settings)),
        ),
        once=once,
    )
    return _node(registered.node, clock.now_us()) | _rewards(registered.rewards)


@post("/api/v1/depin/heartbeat", status_code=200)
async def heartbeat(
    data: JSONBody[Heartbeat],
    caller: NamedDependency[Device],
    depin: NamedDependency[Depin],
    clock: NamedDependency[Clock],
    device_once: NamedDependency[Once],
) -> dict[str, Any]:
    """Count uptime and minted energy; the answer says what was credited and paid."""
    heard = await depin.heartbeat(caller, _claimed_mwh(data.kwh_routed), device_once)
    return {
        **_node(heard.node, clock.now_us()),
        "status": "received",
        "uptime_credited_seconds": _seconds(heard.uptime_us),
        "kwh_routed": _kwh(heard.claimed_mwh),
        "kwh_credited": _kwh(heard.energy_mwh),
        **_rewards(heard.rewards),
    }


@get("/api/v1/depin/nodes", status_code=200)
async def nodes(
    depin: NamedDependency[Depin],
    clock: NamedDependency[Clock],
    after: Annotated[str, QueryParameter(max_length=64, description="The last id of the page before.")] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
) -> list[dict[str, Any]]:
    """Nodes, oldest first."""
    found = await depin.nodes(after=after, limit=limit)
    now_us = clock.now_us()
    return [_node(node, now_us) for node in found]


@get("/api/v1/depin/stats", status_code=200)
async def stats(depin: NamedDependency[Depin]) -> dict[str, Any]:
    """All nodes together."""
    found = await depin.figures()
    mean_percent = found.reliability_percent_mean
    return {
        "total_nodes": found.nodes,
        "online_nodes": found.online,
        "average_reliability": round_decimal(mean_percent, 2),
        "network_health": health(nodes=found.nodes, online=found.online, mean_percent=mean_percent),
        "total_uptime_hours": round_decimal(found.uptime_us / HOUR_US, 2),
        "total_kwh_credited": _kwh(found.energy_mwh),
        "total_rewards": show_amount(found.rewards),
    }


def _claimed_mwh(kwh_routed: Decimal) -> int:
    try:
        claimed_mwh = parse_amount(kwh_routed, decimals=DECIMALS[Asset.ENERGY], field="kwh_routed")
    except BadAmount as error:
        raise BadRequest(str(error)) from None
    if claimed_mwh < 0:
        raise BadRequest(f"kwh_routed: must be at least 0, got {kwh_routed}")
    return claimed_mwh


def _node(node: DepinNode, now_us: int) -> dict[str, Any]:
    online = node.is_online(now_us)
    reliability = reliability_percent(node.uptime_us, now_us - node.registered_at_us)
    return {
        "id": node.id,
        "device_id": node.device_id,
        "operator_wallet": node.operator_wallet,
        "hardware_type": node.hardware_type,
        "firmware_version": node.firmware_version,
        "online": online,
        "reliability": round_decimal(reliability, 2),
        "uptime_seconds": _seconds(node.uptime_us),
        "total_kwh_credited": _kwh(node.energy_mwh),
        "total_rewards": show_amount(node.rewards),
        "last_heartbeat": rfc3339(node.counted_until_us),
        "registered_at": rfc3339(node.registered_at_us),
    }


def _rewards(rewards: tuple[Reward, ...]) -> dict[str, Any]:
    return {
        "reward": show_amount(sum(reward.amount for reward in rewards)),
        "rewards": [reward.shown() for reward in rewards],
    }


def _kwh(energy_mwh: int) -> Decimal:
    return show_amount(energy_mwh, decimals=DECIMALS[Asset.ENERGY])


def _seconds(duration_us: int) -> Decimal:
    return show_amount(duration_us, decimals=6)


ROUTES: list[BaseRouteHandler] = [register, heartbeat, nodes, stats]
