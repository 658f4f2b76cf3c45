"""What sealing refuses.

CloudError
├── NotFound
│   ├── NoSuchDevice       unknown, revoked, or someone else's
│   └── NotSealed          the transaction has no sealed fields
├── Forbidden
│   ├── SignInTooOld       sign in again, and then at once
│   └── ProofRefused       whoever approves does not hold an active device's private key
└── Conflict
    ├── DeviceIdTaken      in use, or of a revoked device
    ├── KeyTaken           the same key under another id
    ├── TooManyDevices
    ├── NotActive          it cannot approve others yet
    ├── KeysMissing        not every sealed transaction is wrapped for the new device
    ├── KeyWrapped         an active device has its key already, which nobody replaces
    └── LastDevice         without it sealed fields can never be read again
"""

from cloud.errors import Conflict, Forbidden, NotFound


class NoSuchDevice(NotFound):
    def __init__(self, device_id: str) -> None:
        super().__init__(f"device {device_id}: unknown or revoked")
        self.device_id = device_id


class NotSealed(NotFound):
    def __init__(self, transaction_id: int) -> None:
        super().__init__(f"transaction {transaction_id}: has no sealed fields")
        self.transaction_id = transaction_id


class SignInTooOld(Forbidden):
    def __init__(self, minutes: int) -> None:
        super().__init__(f"sign in again first: this needs a sign-in younger than {minutes} minutes")


class ProofRefused(Forbidden):
    def __init__(self) -> None:
        super().__init__(
            "proof: wrong or expired; ask for a new challenge and answer it with device_id's key"
        )


class DeviceIdTaken(Conflict):
    def __init__(self, device_id: str) -> None:
        super().__init__(f"device_id: {device_id} is taken, or was once revoked; choose another")
        self.device_id = device_id


class KeyTaken(Conflict):
    def __init__(self) -> None:
        super().__init__("public_key: belongs to another of your devices, or a revoked one; make a new pair")


class TooManyDevices(Conflict):
    def __init__(self, devices_max: int) -> None:
        super().__init__(f"at most {devices_max} devices; revoke one first")
        self.devices_max = devices_max


class NotActive(Conflict):
    def __init__(self, device_id: str) -> None:
        super().__init__(f"device_id: {device_id} is not active itself")
        self.device_id = device_id


class KeysMissing(Conflict):
    def __init__(self, device_id: str, count: int) -> None:
        super().__init__(
            f"device {device_id}: {count} sealed transactions are not wrapped for it yet;"
            f" see GET /api/v1/users/me/devices/{device_id}/missing-keys"
        )
        self.device_id = device_id
        self.count = count


class KeyWrapped(Conflict):
    def __init__(self, transaction_id: int, device_id: str) -> None:
        super().__init__(f"transaction {transaction_id}: device {device_id} has its key already")
        self.transaction_id = transaction_id
        self.device_id = device_id


class LastDevice(Conflict):
    def __init__(self, device_id: str, count: int) -> None:
        super().__init__(
            f"device {device_id}: is the only one that reads {count} sealed transactions;"
            " let another in first, or add ?lose_sealed=true"
        )
        self.device_id = device_id
        self.count = count
