"""How an agent's key is bound to a device: what it shows, what is signed, and who may take which id."""

import hashlib
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from cloud.devices.broker_access import device_password
from cloud.devices.errors import BadDeviceId, BadDeviceSignature, DeviceTaken, MustSign, UnknownDevice
from cloud.devices.model import Device
from cloud.settings import Settings
from shared.coordinates import Coordinates
from shared.ids import NAME_PATTERN, is_name
from shared.signatures import BadSignature, Purpose, verify

RESERVED_IDS = frozenset({"cloud", "reader", "home"})
"""Users of the broker that are no devices."""


class Enrolment(Struct, frozen=True, kw_only=True):
    """What an agent shows of itself."""

    device_id: str
    enrolment_code: str | None
    """None: first contact."""
    public_key: str
    signature: str
    """By `public_key`, over `signed`, for `Purpose.ENROL`."""
    coordinates: Coordinates | None = None
    """Where it is; None: what was known of that stays."""

    @property
    def signed(self) -> bytes:
        """Code (empty without one), device id and key, newline between them."""
        return f"{self.enrolment_code or ''}\n{self.device_id}\n{self.public_key}".encode()

    def check(self) -> None:
        """Return silently when the agent holds the key that it shows, and its name may be a device's.

        Raises:
            BadDeviceId: no device may have this name.
            BadDeviceSignature: not signed by the key that is shown.
        """
        check_id(self.device_id)
        check_signature(self.public_key, Purpose.ENROL, self.signed, self.signature)

    def __repr__(self) -> str:
        return f"Enrolment(device_id={self.device_id!r}, ***)"


class BrokerAccess(Struct, frozen=True, kw_only=True):
    """How an agent signs in at the broker."""

    url: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"BrokerAccess(url={self.url!r}, username={self.username!r}, ***)"


def broker_access(settings: Settings, device_id: str) -> BrokerAccess | None:
    """The device's sign-in at the broker; None where passwords are managed there, or without MQTT."""
    secret, url = settings.mqtt_device_secret, settings.mqtt_device_url or settings.mqtt_url
    if secret is None or url is None:
        return None
    parts = urlsplit(url)
    without_user = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return BrokerAccess(url=without_user, username=device_id, password=device_password(secret, device_id))


def check_id(device_id: str) -> None:
    """Return silently for a name that a device may have.

    Raises:
        BadDeviceId: not a name, or the name of a user of the broker that is no device.
    """
    if not is_name(device_id) or device_id in RESERVED_IDS:
        raise BadDeviceId(f"device_id: must match {NAME_PATTERN} and be none of {sorted(RESERVED_IDS)}")


def check_signature(public_key: str, purpose: Purpose, payload: bytes, signature: str) -> None:
    """Return silently when the key signed the payload for this purpose.

    Raises:
        BadDeviceSignature: malformed, or of another key, purpose or payload.
    """
    try:
        verify(public_key, purpose, payload, signature)
    except BadSignature:
        raise BadDeviceSignature(f"signature: not the device's {purpose.value} signature") from None


def check_key_may_join(known: Device, public_key: str, *, vouched: bool) -> None:
    """Whether a known device may go on under this key.

    `vouched`: its owner's code, or open trust nearby, speaks for a device that has no key to prove itself.

    Raises:
        DeviceTaken: it has another key, or none and nobody vouches for it.
    """
    if known.public_key not in {None, public_key}:
        raise DeviceTaken(f"device_id: {known.device_id} has another key; change it with the old key")
    if known.public_key is None and not vouched:
        raise DeviceTaken(f"device_id: {known.device_id} is taken; choose another")


def check_unsigned(device_id: str, known: Device | None, *, trusted: bool) -> None:
    """Whether an unsigned message may speak for a device, be it known or new; trust is open trust nearby.

    Raises:
        BadDeviceId: no device may have this name.
        MustSign: it has a key, or is not believed without one.
        UnknownDevice: it is new, and not believed.
    """
    check_id(device_id)
    if known is not None and known.public_key is not None:
        raise MustSign(f"device_id: {device_id} has a key, so its messages must be signed")
    if known is None and not trusted:
        raise UnknownDevice(f"device_id: {device_id} is unknown; register and enrol it")
    if not trusted:
        raise MustSign(f"device_id: {device_id} has no key; enrol it with POST /iot/enrol")


def hash_code(code: str) -> str:
    """What is stored of an enrolment code (192 random bits need no slow hash), 64 hex digits."""
    return hashlib.sha256(code.encode()).hexdigest()
