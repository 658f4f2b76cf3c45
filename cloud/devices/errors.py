"""What a device, or someone who speaks of one, is refused with."""

from cloud.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthenticated


class UnknownDevice(NotFound):
    """No such device, or it is someone else's."""


class UnknownCode(NotFound):
    """No device was registered with this enrolment code."""


class CodeUsed(Conflict):
    """An enrolment code works once."""


class DeviceTaken(Conflict):
    """The device id, or the key, already belongs together with another."""


class BadDeviceSignature(Unauthenticated):
    """The signature does not belong to the device's key and these bytes."""


class ReplayedRequest(Unauthenticated):
    """The request counter did not rise."""


class MustSign(Unauthenticated):
    """A keyed device always signs; a keyless one is believed only nearby and under open trust."""


class CodeRequired(Forbidden):
    """Only nearby and under open trust may an agent enrol without a code."""


class WrongDevice(Forbidden):
    """A device speaks for itself alone."""


class BadDeviceId(BadRequest):
    """A name that no device may have."""
