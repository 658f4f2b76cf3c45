"""What DePIN refuses.

CloudError
├── NotFound
│   └── UnknownNode         no such node; a device that is unknown or someone else's is `UnknownDevice`
├── Conflict
│   └── AlreadyRegistered   a device is one node
└── Forbidden
    └── ForeignWallet       rewards go to the caller's own wallet alone
"""

from cloud.errors import Conflict, Forbidden, NotFound


class UnknownNode(NotFound):
    def __init__(self, device_id: str) -> None:
        super().__init__(f"device_id: {device_id} is no node; register it with POST /api/v1/depin/register")
        self.device_id = device_id


class AlreadyRegistered(Conflict):
    def __init__(self, device_id: str) -> None:
        super().__init__(f"device_id: {device_id} is a node already")
        self.device_id = device_id


class ForeignWallet(Forbidden):
    def __init__(self) -> None:
        super().__init__(
            "operator_wallet: must be your own wallet; link one with POST /api/v1/auth/link/wallet"
        )
