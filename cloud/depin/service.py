"""Nodes: devices that are registered to earn, their heartbeats, and what they are paid.

The operator, who registered the node, is paid, whoever owns the device. When somebody else comes to own it,
the old operator is paid until the owner registers the node themselves: it then goes over with all that was
counted, and is paid to them from there on.

What a device is paid for is remembered with the device, what its key is paid for with both: neither a new key
nor a new operator earns it again.
"""

import logging
from collections.abc import Sequence

from msgspec import structs

from cloud.depin import storage
from cloud.depin.entries import facts_of, reward_entry
from cloud.depin.errors import AlreadyRegistered, ForeignWallet, UnknownNode
from cloud.depin.model import (
    DepinNode,
    Hardware,
    Heard,
    NetworkFigures,
    Reason,
    Registered,
    Reward,
)
from cloud.depin.proof import Proof, proven
from cloud.depin.reliability import is_reliable, month_bounds_us, month_of, whole_months
from cloud.depin.rewards import (
    BEAT_US_MAX,
    BEAT_US_MIN,
    KEY_UNITS,
    MONTH_UNITS,
    energy_of_claim_mwh,
    energy_units,
    signed_days_needed,
    uptime_of_beat_us,
    uptime_units,
)
from cloud.devices.model import Device
from cloud.devices.service import Devices
from cloud.identity.model import Person
from cloud.kit.events import EventLog
from cloud.kit.idempotency import Once
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger.service import Ledger
from cloud.minting.service import Minting
from cloud.settings import Settings
from shared.clock import Clock, rfc3339
from shared.ids import new_id
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

REGISTER_EVENT = "depin_register"
REWARD_EVENT = "depin_reward"
DAY_US = 24 * 3_600 * MICROS_PER_SECOND
NODES_AT_ONCE = 100
"""Read at once by the monthly job; each is paid in a use case of its own."""


class Depin:
    """The use cases of nodes."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        events: EventLog,
        ledger: Ledger,
        devices: Devices,
        minting: Minting,
        settings: Settings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._ledger = ledger
        self._devices = devices
        self._minting = minting
        self._signed_days_needed = signed_days_needed(settings.network)

    async def register(
        self,
        person: Person,
        hardware: Hardware,
        *,
        operator_wallet: str,
        proof: Proof,
        once: Once,
    ) -> Registered:
        """Make a device a node whose rewards go to the person.

        Raises:
            ForeignWallet: not the person's own wallet.
            UnknownDevice: there is none, or it is someone else's.
            MustSign, BadDeviceSignature: the device's key does not stand behind it.
            AlreadyRegistered: it is a node, and the person is its operator or not its owner.
        """
        async with self._store.write() as tx:
            kept = await once.kept(tx, Registered)
            if kept is not None:
                return kept
            if operator_wallet != person.wallet_address:
                raise ForeignWallet
            device = proven(
                await self._devices.get(tx, hardware.device_id), person, hardware.device_id, proof
            )
            node = await self._registered(tx, person, operator_wallet, device, hardware)
            rewards = await self._pay_key(tx, node, device)
            registered = Registered(node=_paid(node, rewards), rewards=tuple(rewards))
            await storage.update_node(tx, registered.node)
            await self._events.announce(tx, REGISTER_EVENT, _registration(registered))
            await once.keep(tx, registered)
        logger.info("node registered device=%s", device.device_id)
        return registered

    async def heartbeat(self, device: Device, claimed_mwh: int, once: Once) -> Heard:
        """Count the time since the last heartbeat, and of the claimed energy what was minted; pay for both.

        Raises:
            UnknownNode: the device is not registered as a node.
        """
        async with self._store.write() as tx:
            kept = await once.kept(tx, Heard)
            if kept is not None:
                return kept
            before = await storage.node(tx, device.device_id)
            if before is None:
                raise UnknownNode(device.device_id)
            now_us = self._clock.now_us()
            rewards = await self._pay_months(tx, before, device, now_us)
            node = await self._counted(tx, before, claimed_mwh, now_us)
            rewards += await self._pay_counted(tx, before, node, device)
            if any(reward.reason is Reason.UPTIME for reward in rewards):
                node = _signed(node, device.public_key)
            rewards += await self._pay_key(tx, node, device)
            heard = Heard(
                node=_paid(node, rewards),
                uptime_us=node.uptime_us - before.uptime_us,
                claimed_mwh=claimed_mwh,
                energy_mwh=node.energy_mwh - before.energy_mwh,
                rewards=tuple(rewards),
            )
            await storage.update_node(tx, heard.node)
            await self._devices.seen(tx, device.device_id)
            await self._announce(tx, heard.node, rewards)
            await once.keep(tx, heard)
        return heard

    async def pay_months(self) -> None:
        """Reward the months that are over, wherever that was not done yet."""
        month = self._month_before()
        after_id = ""
        while True:
            async with self._store.read() as tx:
                due = await storage.nodes_due(
                    tx, month, start_us=month_bounds_us(month)[0], after_id=after_id, limit=NODES_AT_ONCE
                )
            for found in due:
                await self._pay_months_of(found.device_id)
            if len(due) < NODES_AT_ONCE:
                return
            after_id = due[-1].id

    async def nodes(self, *, after: str, limit: int) -> Sequence[DepinNode]:
        """Registered after the node with that id (empty: from the first), oldest first."""
        async with self._store.read() as tx:
            return await storage.nodes_after(tx, after, limit)

    async def figures(self) -> NetworkFigures:
        """All nodes together, as they stand now."""
        now_us = self._clock.now_us()
        async with self._store.read() as tx:
            return await storage.figures(tx, now_us=now_us, online_since_us=now_us - BEAT_US_MAX)

    # Inside

    async def _registered(
        self, tx: WriteTx, person: Person, wallet: str, device: Device, hardware: Hardware
    ) -> DepinNode:
        """The device as a new node, or its node gone over to the person who has come to own it."""
        known = await storage.node(tx, device.device_id)
        if known is not None:
            if known.operator_person_id == person.id or device.owner_person_id != person.id:
                raise AlreadyRegistered(device.device_id)
            return structs.replace(
                known,
                hardware_type=hardware.hardware_type,
                firmware_version=hardware.firmware_version,
                operator_person_id=person.id,
                operator_account=person.account,
                operator_wallet=wallet,
            )
        now_us = self._clock.now_us()
        node = DepinNode(
            id=new_id("dpn", self._clock),
            device_id=device.device_id,
            hardware_type=hardware.hardware_type,
            firmware_version=hardware.firmware_version,
            operator_person_id=person.id,
            operator_account=person.account,
            operator_wallet=wallet,
            registered_at_us=now_us,
            counted_until_us=now_us,
            uptime_us=0,
            energy_mwh=0,
            rewards=0,
            signed_key=None,
            signed_day=0,
            signed_days=0,
        )
        await storage.insert_node(tx, node)
        return node

    async def _counted(self, tx: ReadTx, node: DepinNode, claimed_mwh: int, now_us: int) -> DepinNode:
        elapsed_us = now_us - node.counted_until_us
        energy_mwh = energy_of_claim_mwh(
            claimed_mwh=claimed_mwh,
            plausible_mwh=await self._minting.plausible_mwh_of(tx, node.device_id),
            credited_mwh=node.energy_mwh,
        )
        return structs.replace(
            node,
            counted_until_us=node.counted_until_us if elapsed_us < BEAT_US_MIN else now_us,
            uptime_us=node.uptime_us + uptime_of_beat_us(elapsed_us),
            energy_mwh=node.energy_mwh + energy_mwh,
        )

    async def _pay_counted(
        self, tx: WriteTx, before: DepinNode, node: DepinNode, device: Device
    ) -> list[Reward]:
        due = (
            (Reason.UPTIME, uptime_units(before.uptime_us, node.uptime_us)),
            (Reason.ENERGY, energy_units(before.energy_mwh, node.energy_mwh)),
        )
        return [
            await self._pay(tx, node, reason, units, public_key=device.public_key)
            for reason, units in due
            if units
        ]

    async def _pay_key(self, tx: WriteTx, node: DepinNode, device: Device) -> list[Reward]:
        """What the device's key earns, once it may and was not paid for before; else nothing."""
        key = device.public_key
        signed_days = node.signed_days if key == node.signed_key else 0
        if key is None or signed_days < self._signed_days_needed:
            return []
        if not await storage.pay_key(tx, key, node.device_id, self._clock.now_us()):
            return []
        return [await self._pay(tx, node, Reason.REGISTER, KEY_UNITS, public_key=key)]

    async def _pay_months_of(self, device_id: str) -> None:
        async with self._store.write() as tx:
            node = await storage.node(tx, device_id)
            device = await self._devices.get(tx, device_id)
            if node is None or device is None:
                return
            rewards = await self._pay_months(tx, node, device, self._clock.now_us())
            await storage.update_node(tx, _paid(node, rewards))
            await self._announce(tx, node, rewards)

    async def _pay_months(self, tx: WriteTx, node: DepinNode, device: Device, now_us: int) -> list[Reward]:
        """For whole months that ended since the last look. No heartbeat came between the end and now."""
        last = await storage.last_month(tx, node.device_id)
        rewards = []
        for month in whole_months(node.registered_at_us, now_us, after=last):
            age_us = month_bounds_us(month)[1] - node.registered_at_us
            reliable = is_reliable(node.uptime_us, age_us)
            await storage.insert_month(tx, node.device_id, month, uptime_us=node.uptime_us, rewarded=reliable)
            if reliable:
                rewards.append(
                    await self._pay(
                        tx, node, Reason.MONTHLY, MONTH_UNITS, public_key=device.public_key, month=month
                    )
                )
        return rewards

    async def _pay(
        self,
        tx: WriteTx,
        node: DepinNode,
        reason: Reason,
        units: int,
        *,
        public_key: str | None,
        month: str | None = None,
    ) -> Reward:
        facts = facts_of(node, reason, public_key=public_key, month=month)
        posted = await self._ledger.post(tx, reward_entry(facts, account=node.operator_account, units=units))
        return Reward(reason=reason, amount=units, tx_hash=posted.tx_hash, month=month)

    async def _announce(self, tx: WriteTx, node: DepinNode, rewards: Sequence[Reward]) -> None:
        if rewards:
            payload = {"device_id": node.device_id, "rewards": [reward.shown() for reward in rewards]}
            await self._events.announce(tx, REWARD_EVENT, payload)

    def _month_before(self) -> str:
        return month_of(month_bounds_us(month_of(self._clock.now_us()))[0] - 1)


def _paid(node: DepinNode, rewards: Sequence[Reward]) -> DepinNode:
    return structs.replace(node, rewards=node.rewards + sum(reward.amount for reward in rewards))


def _signed(node: DepinNode, public_key: str | None) -> DepinNode:
    """After a heartbeat that was paid for uptime: its day counts for the key that signed, once."""
    day = node.counted_until_us // DAY_US
    if public_key != node.signed_key:
        return structs.replace(node, signed_key=public_key, signed_day=day, signed_days=1)
    if day == node.signed_day:
        return node
    return structs.replace(node, signed_day=day, signed_days=node.signed_days + 1)


def _registration(registered: Registered) -> dict[str, object]:
    """The event: public fields only."""
    node = registered.node
    return {
        "device_id": node.device_id,
        "operator_wallet": node.operator_wallet,
        "hardware_type": node.hardware_type,
        "firmware_version": node.firmware_version,
        "registered_at": rfc3339(node.registered_at_us),
        "rewards": [reward.shown() for reward in registered.rewards],
    }
