"""Registering, claiming and listing one's devices; enrolment and change of key for agents."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Meta, Struct

from cloud.devices.enrolment import BrokerAccess, Enrolment
from cloud.devices.errors import (
    BadDeviceSignature,
    CodeRequired,
    CodeUsed,
    DeviceTaken,
    UnknownCode,
    UnknownDevice,
)
from cloud.devices.guard import caller_address
from cloud.devices.model import Device
from cloud.devices.service import Devices
from cloud.identity.model import Person
from cloud.kit.coordinates import coordinates
from cloud.kit.documented import raises
from cloud.kit.http import Text
from cloud.settings import Settings
from shared.clock import rfc3339
from shared.coordinates import Latitude, Longitude
from shared.ids import Name
from shared.signatures import PublicKey

Signature = Annotated[str, Meta(max_length=120)]


class Registration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_type: Annotated[str, Text]
    location: Annotated[str, Text]
    latitude: Latitude | None = None
    """With the longitude, or neither."""
    longitude: Longitude | None = None


class EnrolmentRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_id: Name
    enrolment_code: Annotated[str, Text] | None
    """None: first contact."""
    public_key: PublicKey
    signature: Signature
    latitude: Latitude | None = None
    """With the longitude, or neither; not signed, since it moves nothing but a factor of the price."""
    longitude: Longitude | None = None


class Enrolled(Struct, frozen=True, kw_only=True):
    device_id: str
    cloud_public_key: str
    """The agent pins it: acks and commands are signed by it."""
    mqtt: BrokerAccess | None


class ClaimRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_id: Name
    signature: Signature
    """By the device's key, over device id and the person's id (wallet address), newline between them."""


class KeyChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device_id: Name
    public_key: PublicKey
    signature: Signature
    """By the new key, as at an enrolment without code."""


@post("/api/v1/iot/device/register", status_code=201)
async def register(
    data: JSONBody[Registration], person: NamedDependency[Person], devices: NamedDependency[Devices]
) -> dict[str, Any]:
    """A new device of the person; the enrolment code is shown this once."""
    device, code = await devices.register(
        person, data.device_type, data.location, coordinates(data.latitude, data.longitude)
    )
    return _shown(device, person) | {"enrolment_code": code}


@get("/api/v1/iot/devices", status_code=200)
async def own_devices(
    person: NamedDependency[Person], devices: NamedDependency[Devices]
) -> list[dict[str, Any]]:
    """The person's devices, oldest first."""
    return [_shown(device, person) for device in await devices.owned_by(person)]


@post("/api/v1/iot/device/claim", status_code=200, opt=raises(UnknownDevice, DeviceTaken))
async def claim(
    data: JSONBody[ClaimRequest], person: NamedDependency[Person], devices: NamedDependency[Devices]
) -> dict[str, Any]:
    """Make a device that has earned without an owner one's own; its escrow is released."""
    return _shown(await devices.claim(person, data.device_id, data.signature), person)


@post(
    "/iot/enrol",
    status_code=200,
    opt=raises(BadDeviceSignature, CodeRequired, UnknownCode, CodeUsed, DeviceTaken),
)
async def enrol(
    data: JSONBody[EnrolmentRequest],
    request: Request[Any, Any, Any],
    devices: NamedDependency[Devices],
    settings: NamedDependency[Settings],
) -> Enrolled:
    """An agent shows its key and learns the service's key and its access to the broker."""
    device = await devices.enrol(
        Enrolment(
            device_id=data.device_id,
            enrolment_code=data.enrolment_code,
            public_key=data.public_key,
            signature=data.signature,
            coordinates=coordinates(data.latitude, data.longitude),
        ),
        trusted=devices.trusts(caller_address(request, settings)),
    )
    return Enrolled(
        device_id=device.device_id,
        cloud_public_key=devices.public_key,
        mqtt=devices.broker_access(device.device_id),
    )


@post("/iot/key", status_code=200)
async def change_key(
    data: JSONBody[KeyChange], caller: NamedDependency[Device], devices: NamedDependency[Devices]
) -> dict[str, str]:
    """A new key for the calling device, in a request signed by the old one."""
    device = await devices.change_key(caller, data.public_key, data.signature)
    return {"device_id": device.device_id, "public_key": data.public_key}


def _shown(device: Device, owner: Person) -> dict[str, Any]:
    return {
        "id": device.device_id,
        "device_id": device.device_id,
        "user_id": owner.shown_id,
        "device_type": device.device_type,
        "location": device.location,
        "latitude": device.latitude,
        "longitude": device.longitude,
        "status": "enrolled" if device.public_key else "registered",
        "public_key": device.public_key,
        "energy_scale": device.energy_scale,
        "power_w_max": device.power_w_max,
        "last_seen": None if device.seen_at_us is None else rfc3339(device.seen_at_us),
        "created_at": rfc3339(device.created_at_us),
    }


ROUTES: list[BaseRouteHandler] = [register, own_devices, claim, enrol, change_key]
