"""What investments need of those further up."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from cloud.investments.model import InvestmentReturn, Received
from cloud.kit.store import ReadTx


class Returns(Protocol):
    """Someone who knows what investments brought."""

    async def received(self, tx: ReadTx, investment_ids: Sequence[str]) -> Mapping[str, Received]:
        """Those that brought something."""
        ...

    async def returns_of(self, tx: ReadTx, investment_id: str) -> Sequence[InvestmentReturn]:
        """Claimed or not, newest first."""
        ...
