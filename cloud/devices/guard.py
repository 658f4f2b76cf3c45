"""Guards of the device routes: who speaks for a device, and who may command it.

A handler that takes `caller: Device` is answered only for that device itself: signed by headers, or keyless
from nearby under open trust. One that takes `controlled: Device` is answered for the device's owner, an
admin, or under open trust anyone nearby. Both find the device id in the body.
"""

from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import Headers
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

from cloud.devices.errors import UnknownDevice, WrongDevice
from cloud.devices.model import Device
from cloud.devices.service import COUNTER_MAX, Devices
from cloud.errors import BadRequest, Unauthenticated
from cloud.identity.guard import bearer_token
from cloud.identity.service import Identity
from cloud.kit.http import client_address, decode
from cloud.kit.idempotency import Once, once_of
from cloud.kit.rate_limit import CallLimits
from cloud.settings import Settings
from shared.clock import Clock
from shared.signatures import request_bytes

DEVICE_ID = "x-device-id"
COUNTER = "x-device-counter"
SIGNATURE = "x-device-signature"
SIGNED_CALLER = "signed_caller"
"""Under this name a connection's state holds the id of the device that signed, once it is known to have."""

ELSEWHERE = "elsewhere"
"""Not an address, so never local."""

_DIGITS_MAX = 19


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    """The one field of any device body that a guard looks at."""

    device_id: str


def is_signed(headers: Headers) -> bool:
    """Whether a request claims to be signed by a device."""
    return DEVICE_ID in headers or COUNTER in headers or SIGNATURE in headers


def caller_address(request: Request[Any, Any, Any], settings: Settings) -> str:
    """Where a request comes from, for the question of trust.

    Two kinds of caller look nearer than they are: whoever comes through a proxy that is not in
    `trusted_proxies`, often on loopback, and a page of another site in a browser nearby (its Origin tells).
    """
    peer = request.client.host if request.client else ""
    forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    if forwarded and peer not in settings.trusted_proxies:
        return ELSEWHERE
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        return ELSEWHERE
    return client_address(request, settings.trusted_proxies)


async def calling_device(
    request: Request[Any, Any, Any],
    devices: NamedDependency[Devices],
    settings: NamedDependency[Settings],
    call_limits: NamedDependency[CallLimits],
) -> Device:
    """The device that sends this request.

    Raises:
        Unauthenticated: unsigned where it must be, a wrong signature, or a counter that did not rise.
        Forbidden: signed by one device, speaking for another.
        NotFound: no such device.
        RateLimited: it signed, too often.
    """
    body = await request.body()
    named = decode(body, _Named)
    if not is_signed(request.headers):
        return await devices.unsigned_caller(named.device_id, caller_address(request, settings))
    signer = request.headers.get(DEVICE_ID)
    counter, signature = request.headers.get(COUNTER), request.headers.get(SIGNATURE)
    if signer is None or counter is None or signature is None:
        raise Unauthenticated("a signed request has X-Device-Id, X-Device-Counter and X-Device-Signature")
    if signer != named.device_id:
        raise WrongDevice("device_id: differs from X-Device-Id")
    signed = request_bytes(request.method, request.url.path, _counter(counter), body)
    device = await devices.verify_request(signer, _counter(counter), signed, signature)
    request.scope["state"][SIGNED_CALLER] = signer
    await call_limits.count(request.scope["state"], f"device {signer}")
    return device


async def controlled_device(
    request: Request[Any, Any, Any],
    devices: NamedDependency[Devices],
    identity: NamedDependency[Identity],
    settings: NamedDependency[Settings],
) -> Device:
    """The device that is to be commanded, once whoever asks may command it.

    Raises:
        Unauthenticated: no or a refused token, and not trusted.
        NotFound: no such device, or someone else's.
    """
    device_id = decode(await request.body(), _Named).device_id
    token = bearer_token(request)
    person = None if token is None else await identity.person_of_token(token)
    trusted = devices.trusts(caller_address(request, settings))
    if person is None and not trusted:
        raise Unauthenticated("sign in first: Authorization: Bearer <access token>")
    device = await devices.find(device_id)
    if device is None or not (trusted or (person is not None and devices.may_control(person, device))):
        raise UnknownDevice(f"device_id: {device_id} is unknown")
    return device


def _counter(text: str) -> int:
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else 0
    if not 1 <= value <= COUNTER_MAX:
        raise BadRequest("X-Device-Counter: must be a whole number from 1 to 2^63 - 1")
    return value


async def once_of_device(
    request: Request[Any, Any, Any],
    caller: NamedDependency[Device],
    clock: NamedDependency[SkipValidation[Clock]],
) -> Once:
    """A device's request under its Idempotency-Key."""
    return await once_of(request, caller.account, clock)


DEPENDENCIES = {
    "caller": Provide(calling_device),
    "controlled": Provide(controlled_device),
    "device_once": Provide(once_of_device),
}
"""By the parameter name under which handlers ask for them."""
