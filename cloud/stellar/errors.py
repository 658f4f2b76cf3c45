"""What the chain's side of the service refuses.

CloudError
├── NotFound
│   ├── UnknownTransaction
│   └── UnknownDeposit
└── Conflict
    ├── DepositAssigned
    └── DepositsClosed
StellarMismatch    the database belongs to other keys or another network: the service must not start
"""

from cloud.errors import Conflict, NotFound


class StellarMismatch(RuntimeError):
    """Keys and network are fixed per database."""


class UnknownTransaction(NotFound):
    """No envelope has this hash."""

    def __init__(self, tx_hash: str) -> None:
        super().__init__(f"no transaction {tx_hash}")


class UnknownDeposit(NotFound):
    """No payment with this number was received."""

    def __init__(self, operation_id: int) -> None:
        super().__init__(f"deposit {operation_id}: unknown")


class DepositAssigned(Conflict):
    """It was credited before."""

    def __init__(self, operation_id: int) -> None:
        super().__init__(f"deposit {operation_id}: already credited")


class DepositsClosed(Conflict):
    """Nothing can be deposited, or not this."""
