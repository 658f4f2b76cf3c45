"""What the grid needs of minting; its service satisfies it as it is."""

from typing import Protocol

from cloud.devices.model import Device
from cloud.kit.store import WriteTx
from cloud.minting.model import Claim, Mint


class Minting(Protocol):
    """Claims of energy become LT."""

    async def mint(self, tx: WriteTx, device: Device, claim: Claim) -> Mint:
        """The mint of a claim, or the first one's where the claim is a repeat.

        Raises:
            ReportRefused: for good, with the reason.
        """
        ...
