"""What the ledger asks of the chain on which every LT exists as a token, so that none is ever forgotten."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from cloud.kit.store import ReadTx, WriteTx
from cloud.ledger.model import Anchor


class Issued(NamedTuple):
    """What an entry made and unmade: LT in 10^-7 units, each from 0, not both 0."""

    entry_id: int
    minted: int
    burned: int


class Chain(Protocol):
    """Every method joins the caller's use case and waits for no network."""

    async def record(self, tx: WriteTx, issued: Sequence[Issued]) -> Sequence[str]:
        """Make a transaction of what each entry minted and burned; their hashes, 64 hex digits."""
        ...

    async def hashes(self, tx: ReadTx, entry_ids: Collection[int]) -> Mapping[int, str]:
        """The hash of the transaction in force for each entry that has one."""
        ...

    async def last_anchor(self, tx: ReadTx) -> Anchor | None:
        """The newest head of the log that was written to the chain; None before the first."""
        ...
