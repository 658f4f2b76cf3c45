"""Devices that read sealed fields, and the keys wrapped for them."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from cloud.finance.sealed.approval import CHALLENGE_LIFE_S
from cloud.finance.sealed.envelope import base64_of
from cloud.finance.sealed.errors import (
    DeviceIdTaken,
    KeysMissing,
    KeyTaken,
    KeyWrapped,
    LastDevice,
    NoSuchDevice,
    NotActive,
    NotSealed,
    ProofRefused,
    SignInTooOld,
    TooManyDevices,
)
from cloud.finance.sealed.model import Device, DeviceId
from cloud.finance.sealed.service import DeviceKeys, NewDevice
from cloud.finance.transactions.answers import shown
from cloud.finance.transactions.errors import NoSuchTransaction
from cloud.finance.transactions.routes import PATH as TRANSACTIONS
from cloud.identity.guard import bearer_token
from cloud.identity.model import Person
from cloud.identity.service import Identity
from cloud.kit.documented import raises
from shared.clock import rfc3339, to_micros

PATH = "/api/v1/users/me/devices"
ONE = PATH + "/{device_id:str}"
KEYS_MAX = 500
"""Wrapped keys in one request."""

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
Kind = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9 ._-]*\Z")]
Key = Annotated[str, Meta(min_length=1, max_length=10_000)]
Wrapped = Annotated[str, Meta(max_length=1_000)]
TransactionId = Annotated[int, Meta(ge=1, le=2**53)]
Limit = Annotated[int, QueryParameter(ge=1, le=KEYS_MAX, description="Transactions at most.")]
After = Annotated[int, QueryParameter(ge=0, le=2**53, description="Those with higher ids.")]


class Registration(Struct, frozen=True, kw_only=True):
    """A device with the public half of its key: RSA, 2048 bits, SubjectPublicKeyInfo in PEM."""

    device_id: DeviceId
    public_key: Key
    device_name: Name
    device_type: Kind


class WrappedKeys(Struct, frozen=True, kw_only=True):
    """By device id, for one transaction."""

    wrapped_deks: Annotated[dict[str, Wrapped], Meta(min_length=1, max_length=50)]


class KeysOfDevice(Struct, frozen=True, kw_only=True):
    """By transaction id, for one device."""

    wrapped_deks: Annotated[dict[TransactionId, Wrapped], Meta(min_length=1, max_length=KEYS_MAX)]


class Approver(Struct, frozen=True, kw_only=True):
    device_id: DeviceId


class Approval(Struct, frozen=True, kw_only=True):
    """The answer to a challenge by the active device `device_id`."""

    device_id: DeviceId
    expires_at: Annotated[datetime, Meta(tz=True)]
    proof: Wrapped


@post(PATH, status_code=201, opt=raises(SignInTooOld, DeviceIdTaken, KeyTaken, TooManyDevices))
async def register_device(
    data: JSONBody[Registration],
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    identity: NamedDependency[Identity],
    device_keys: NamedDependency[DeviceKeys],
) -> dict[str, Any]:
    """The first is active at once; a later one needs a fresh sign-in and waits for an active one."""
    new = NewDevice(data.device_id, data.public_key, data.device_name, data.device_type)
    signed_in_at_us = await identity.signed_in_at_us(bearer_token(request) or "")
    return _shown(await device_keys.register(person, new, signed_in_at_us=signed_in_at_us))


@get(PATH, status_code=200)
async def devices(
    person: NamedDependency[Person], device_keys: NamedDependency[DeviceKeys]
) -> dict[str, Any]:
    """Active and pending ones; new data is sealed to the active."""
    return {"devices": [_shown(device) for device in await device_keys.listed(person)]}


@get(ONE, status_code=200, opt=raises(NoSuchDevice))
async def device(
    device_id: FromPath[str], person: NamedDependency[Person], device_keys: NamedDependency[DeviceKeys]
) -> dict[str, Any]:
    """One of the person's own."""
    return _shown(await device_keys.get(person, device_id))


@delete(ONE, status_code=204, opt=raises(NoSuchDevice, SignInTooOld, LastDevice))
async def revoke_device(
    device_id: FromPath[str],
    request: Request[Any, Any, Any],
    person: NamedDependency[Person],
    identity: NamedDependency[Identity],
    device_keys: NamedDependency[DeviceKeys],
    lose_sealed: FromQuery[bool] = False,
) -> None:
    """Its wrapped keys go and its id is never taken again; needs a fresh sign-in."""
    signed_in_at_us = await identity.signed_in_at_us(bearer_token(request) or "")
    await device_keys.revoke(person, device_id, signed_in_at_us=signed_in_at_us, lose_sealed=lose_sealed)


@get(ONE + "/missing-keys", status_code=200, opt=raises(NoSuchDevice))
async def missing_keys(
    device_id: FromPath[str],
    person: NamedDependency[Person],
    device_keys: NamedDependency[DeviceKeys],
    after: After = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """Sealed transactions whose key is not wrapped for this device, in the order of their ids."""
    found = await device_keys.missing(person, device_id, after_id=after, limit=limit)
    return {
        "transactions": [{"id": row.transaction_id, "wrapped_deks": row.keys} for row in found.rows],
        "remaining": found.remaining,
        "next_after": found.rows[-1].transaction_id if len(found.rows) == limit else None,
    }


@put(ONE + "/wrapped-deks", status_code=200, opt=raises(NoSuchDevice, NotSealed, KeyWrapped))
async def wrap_for_device(
    device_id: FromPath[str],
    data: JSONBody[KeysOfDevice],
    person: NamedDependency[Person],
    device_keys: NamedDependency[DeviceKeys],
) -> dict[str, Any]:
    """Keys of many transactions, wrapped for one device; all or none."""
    return {"remaining": await device_keys.wrap_all(person, device_id, data.wrapped_deks)}


@put(
    TRANSACTIONS + "/{transaction_id:int}/wrapped-deks",
    status_code=200,
    opt=raises(NoSuchTransaction, NotSealed, KeyWrapped),
)
async def wrap_transaction(
    transaction_id: FromPath[int],
    data: JSONBody[WrappedKeys],
    person: NamedDependency[Person],
    device_keys: NamedDependency[DeviceKeys],
) -> dict[str, Any]:
    """The key of one transaction, wrapped for more devices."""
    return shown(await device_keys.wrap(person, transaction_id, data.wrapped_deks))


@post(ONE + "/challenge", status_code=200, opt=raises(NoSuchDevice, NotActive))
async def challenge(
    device_id: FromPath[str],
    data: JSONBody[Approver],
    person: NamedDependency[Person],
    device_keys: NamedDependency[DeviceKeys],
) -> dict[str, Any]:
    """A secret that only the approving device can unwrap."""
    found = await device_keys.challenge(person, device_id, data.device_id)
    return {
        "challenge": base64_of(found.wrapped_secret),
        "expires_at": rfc3339(found.expires_at_us),
        "expires_in": CHALLENGE_LIFE_S,
    }


@post(ONE + "/approve", status_code=200, opt=raises(NoSuchDevice, NotActive, ProofRefused, KeysMissing))
async def approve_device(
    device_id: FromPath[str],
    data: JSONBody[Approval],
    person: NamedDependency[Person],
    device_keys: NamedDependency[DeviceKeys],
) -> dict[str, Any]:
    """Let a pending device in that has every key, on the word of an active one."""
    approved = await device_keys.approve(
        person,
        device_id,
        data.device_id,
        proof=data.proof,
        expires_at_us=to_micros(data.expires_at),
    )
    return _shown(approved)


def _shown(device: Device) -> dict[str, Any]:
    return {
        "device_id": device.device_id,
        "device_name": device.device_name,
        "device_type": device.device_type,
        "status": device.status,
        "public_key": device.public_key,
        "fingerprint": device.key_sha256,
        "created_at": rfc3339(device.created_at_us),
        "approved_at": None if device.approved_at_us is None else rfc3339(device.approved_at_us),
    }


ROUTES: list[BaseRouteHandler] = [
    register_device,
    devices,
    device,
    revoke_device,
    missing_keys,
    wrap_for_device,
    wrap_transaction,
    challenge,
    approve_device,
]
