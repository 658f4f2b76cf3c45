"""What the ledger refuses.

CloudError
├── Unbalanced (500)           the caller's postings break a rule of double entry: a defect
├── NotPublic (500)            a private asset or kind in the public book: a defect
├── UnknownAccount (500)       a posting names an account that was never opened: a defect
├── BadRequest
│   ├── InsufficientFunds      an account would fall below zero
│   └── BalanceOutOfRange      a balance would leave 64 bits
├── NotFound
│   └── EntryNotFound
└── Conflict
    └── AlreadyReversed
"""

from cloud.errors import BadRequest, CloudError, Conflict, NotFound
from cloud.ledger.model import Asset
from shared.money import show_amount


class Unbalanced(CloudError):
    """An entry that is no balanced journal entry."""


class NotPublic(CloudError):
    """What only the private book may hold, in an entry of the public one."""


class UnknownAccount(CloudError):
    """A posting on an account nobody opened."""

    def __init__(self, account: str) -> None:
        super().__init__(f"no such account: {account}")
        self.account = account


class InsufficientFunds(BadRequest):
    """An account that may not fall below zero would; `short` is what is missing, in the asset's units."""

    code = "INSUFFICIENT_FUNDS"

    def __init__(self, account: str, asset: Asset, short: int) -> None:
        shown = show_amount(short, decimals=asset.decimals)
        super().__init__(f"insufficient funds: {shown:f} {asset.value} are missing")
        self.account = account
        self.asset = asset
        self.short = short


class BalanceOutOfRange(BadRequest):
    """A balance would leave the 64-bit range."""

    def __init__(self, account: str, asset: Asset) -> None:
        super().__init__(f"amount out of range: the {asset.value} balance would leave 64 bits")
        self.account = account
        self.asset = asset


class EntryNotFound(NotFound):
    """No entry has this number, or not in the public book."""

    def __init__(self, entry_id: int) -> None:
        super().__init__(f"no entry {entry_id}")


class NoSuchTree(BadRequest):
    """A size of the log that a proof cannot be made for."""

    def __init__(self, field: str, size: int, low: int, high: int) -> None:
        super().__init__(f"{field}: {size} is outside {low} to {high}")


class AlreadyReversed(Conflict):
    """An entry is reversed at most once."""

    def __init__(self, entry_id: int) -> None:
        super().__init__(f"entry {entry_id} is reversed already")
