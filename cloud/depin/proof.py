"""Who may register a device as a node: whoever has it in hand.

A device with a key signs for it, and is the person's own or nobody's yet. One without a key exists under open
trust only, and there whoever is nearby may speak for it, unless it is someone else's.
"""

from typing import NamedTuple

from cloud.devices.enrolment import check_signature
from cloud.devices.errors import BadDeviceSignature, MustSign, UnknownDevice
from cloud.devices.model import Device
from cloud.identity.model import Person
from shared.signatures import Purpose


class Proof(NamedTuple):
    """What a registration shows for its device; a key may sign the wallet or the whole request."""

    signature: str | None = None
    """By the device's key over device id and operator wallet, newline between them."""
    request_key: str | None = None
    """The key that signed the request (`X-Device-Signature`)."""
    trusted: bool = False
    """`Devices.trusts` the address it came from."""


def proven(device: Device | None, person: Person, device_id: str, proof: Proof) -> Device:
    """The device, once the person may register it with their wallet.

    Raises:
        UnknownDevice: there is none, or it is someone else's.
        MustSign, BadDeviceSignature: the device's key does not stand behind it.
    """
    unknown = UnknownDevice(f"device_id: {device_id} is unknown; register and enrol it, or claim it")
    if device is None or device.owner_person_id not in {None, person.id}:
        raise unknown
    if device.public_key is not None:
        _check_key(device.public_key, person, device_id, proof)
        return device
    if proof.signature is not None:
        raise BadDeviceSignature(f"signature: {device_id} has no key that could have made one; enrol it")
    if proof.trusted:
        return device
    raise (
        unknown
        if device.owner_person_id is None
        else MustSign(f"device_id: {device_id} has no key; enrol it with POST /iot/enrol")
    )


def _check_key(public_key: str, person: Person, device_id: str, proof: Proof) -> None:
    if proof.signature is not None:
        payload = f"{device_id}\n{person.wallet_address}".encode()
        check_signature(public_key, Purpose.DEPIN, payload, proof.signature)
    elif proof.request_key != public_key:
        raise MustSign(f"signature: {device_id} has a key, which must sign device id and operator_wallet")
