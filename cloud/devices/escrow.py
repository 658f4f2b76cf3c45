"""What a device earned while nobody owned it, and how it goes to whoever proves to own it."""

from collections.abc import Sequence
from typing import Protocol

from cloud.devices.model import Device
from cloud.identity.model import Person
from cloud.kit.store import WriteTx
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.ledger.service import Ledger

RELEASED = (Asset.LT, Asset.XLM, Asset.CARBON)


class EscrowFollower(Protocol):
    """Someone further up who keeps things on behalf of an escrow account, such as its open orders."""

    async def escrow_claimed(self, tx: WriteTx, escrow: str, owner: Person) -> Sequence[Posting]:
        """Make them the owner's; the postings that move what is held for them, which may be none."""
        ...


class Escrow:
    """Releases escrow accounts."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._followers: list[EscrowFollower] = []

    def add_follower(self, follower: EscrowFollower) -> None:
        """Ask it at every release."""
        self._followers.append(follower)

    async def release(self, tx: WriteTx, device: Device, owner: Person) -> None:
        """Move all the device's escrow holds to its owner, in one entry; none when there is nothing."""
        postings: list[Posting] = []
        for asset in RELEASED:
            amount = await self._ledger.balance(tx, device.account, asset)
            if amount > 0:
                postings += [Posting(device.account, asset, -amount), Posting(owner.account, asset, amount)]
        for follower in self._followers:
            postings += await follower.escrow_claimed(tx, device.account, owner)
        if postings:
            facts = {"reason": "escrow_claimed", "device_id": device.device_id}
            await self._ledger.post(tx, Entry(kind=EntryKind.RELEASE, postings=tuple(postings), facts=facts))
