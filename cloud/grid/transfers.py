"""Transfers between nodes: asked for by hand or begun by an agent, kept going by energy reports.

Reports of the same pair that follow one another belong to one transfer. A request whose lease ends without
energy has failed; that is what the price's delivery success counts.
"""

from msgspec import structs

from cloud.devices.service import Devices
from cloud.errors import BadRequest, NotFound
from cloud.grid import storage
from cloud.grid.model import Transfer, TransferState
from cloud.kit.events import EventLog
from cloud.kit.store import Store, WriteTx
from cloud.minting.model import Claim
from shared.clock import Clock, to_micros
from shared.ids import new_id
from shared.messages import Action, Command

QUIET_US = 20 * 60 * 1_000_000
"""A transfer without a report for longer has ended: agents report every 15 min at the latest."""

COMMAND_EVENT = "command"
"""Announced for the publisher alone: which device has new commands."""


class UnknownNode(NotFound):
    """The device has reported its nodes, and this is none of them."""


class Transfers:
    """Use cases, and building blocks that take `tx`."""

    def __init__(self, *, store: Store, clock: Clock, events: EventLog, devices: Devices) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._devices = devices

    async def start(
        self, device_id: str, sender_uid: str, receiver_uid: str
    ) -> tuple[Transfer, list[Command]]:
        """`request` as a use case of its own."""
        async with self._store.write() as tx:
            return await self.request(tx, device_id, sender_uid, receiver_uid)

    async def halt(self, device_id: str) -> tuple[list[Transfer], list[Command]]:
        """`stop` as a use case of its own."""
        async with self._store.write() as tx:
            return await self.stop(tx, device_id)

    async def request(
        self, tx: WriteTx, device_id: str, sender_uid: str, receiver_uid: str
    ) -> tuple[Transfer, list[Command]]:
        """Lease discharge to the sender and charge to the receiver.

        Raises:
            BadRequest: sender and receiver are the same.
            UnknownNode: not one of the nodes that the device has reported.
        """
        if sender_uid == receiver_uid:
            raise BadRequest("receiver_node_uid: must be another node than sender_node_uid")
        known = {node.uid for node in await storage.nodes_of(tx, device_id)}
        for uid in (sender_uid, receiver_uid):
            if known and uid not in known:
                raise UnknownNode(f"no node {uid} at device {device_id}")
        await self._end_open(tx, device_id, {sender_uid, receiver_uid})
        commands = self._devices.commands
        lease = [
            await commands.lease(tx, device_id, sender_uid, Action.DISCHARGE, receiver_uid),
            await commands.lease(tx, device_id, receiver_uid, Action.CHARGE, sender_uid),
        ]
        now_us = self._clock.now_us()
        transfer = Transfer(
            id=new_id("transfer", self._clock),
            device_id=device_id,
            sender_uid=sender_uid,
            receiver_uid=receiver_uid,
            state=TransferState.REQUESTED,
            requested_us=now_us,
            lease_ends_us=to_micros(lease[0].expires_at),
            started_us=None,
            ended_us=None,
            touched_us=now_us,
            energy_mwh=0,
            reports=0,
        )
        await self._put(tx, transfer)
        await self._events.announce(tx, COMMAND_EVENT, {"device_id": device_id})
        return transfer, lease

    async def stop(self, tx: WriteTx, device_id: str) -> tuple[list[Transfer], list[Command]]:
        """End what is under way, and return every node that it moves to idle."""
        stopped = await self._end_open(tx, device_id, None)
        uids = dict.fromkeys(
            uid for transfer in stopped for uid in (transfer.sender_uid, transfer.receiver_uid)
        )
        lease = await self._devices.commands.stop(tx, device_id, list(uids))
        if lease:
            await self._events.announce(tx, COMMAND_EVENT, {"device_id": device_id})
        return stopped, lease

    async def delivered(self, tx: WriteTx, claim: Claim) -> None:
        """An accepted report: the transfer it belongs to goes on, or a new one is known of."""
        now_us = self._clock.now_us()
        for transfer in await storage.open_transfers(tx, claim.device_id):
            if (transfer.sender_uid, transfer.receiver_uid) == (claim.sender_uid, claim.receiver_uid):
                break
        else:
            transfer = Transfer(
                id=new_id("transfer", self._clock),
                device_id=claim.device_id,
                sender_uid=claim.sender_uid,
                receiver_uid=claim.receiver_uid,
                state=TransferState.REQUESTED,
                requested_us=None,
                lease_ends_us=None,
                started_us=None,
                ended_us=None,
                touched_us=now_us,
                energy_mwh=0,
                reports=0,
            )
        went_on = structs.replace(
            transfer,
            state=TransferState.ACTIVE,
            started_us=min(claim.started_at_us, transfer.started_us or claim.started_at_us),
            ended_us=max(claim.ended_at_us, transfer.ended_us or claim.ended_at_us),
            touched_us=now_us,
            energy_mwh=transfer.energy_mwh + claim.energy_mwh,
            reports=transfer.reports + 1,
        )
        if transfer.state is TransferState.ACTIVE:
            await storage.put_transfer(tx, went_on)
        else:
            await self._put(tx, went_on)

    async def command_refused(self, tx: WriteTx, device_id: str) -> None:
        """The agent refused a command: requests that it leaves without a lease have failed."""
        in_force = {
            (command.node_uid, command.action)
            for command in await self._devices.commands.active_commands(tx, device_id)
        }
        for transfer in await storage.open_transfers(tx, device_id):
            needed = {
                (transfer.sender_uid, Action.DISCHARGE),
                (transfer.receiver_uid, Action.CHARGE),
            }
            if transfer.state is TransferState.REQUESTED and not needed <= in_force:
                await self._end(tx, transfer, TransferState.FAILED)

    async def expire(self) -> None:
        """End what was not heard of for too long; a job's work."""
        now_us = self._clock.now_us()
        async with self._store.read() as reader:
            stale = await storage.stale_transfers(reader, now_us=now_us, quiet_before_us=now_us - QUIET_US)
        if not stale:
            return
        async with self._store.write() as tx:
            for transfer in await storage.stale_transfers(
                tx, now_us=now_us, quiet_before_us=now_us - QUIET_US
            ):
                failed = transfer.state is TransferState.REQUESTED
                await self._end(tx, transfer, TransferState.FAILED if failed else TransferState.DELIVERED)

    async def _end_open(self, tx: WriteTx, device_id: str, uids: set[str] | None) -> list[Transfer]:
        """End the open transfers that touch one of the nodes; None: all of the device."""
        ended = []
        for transfer in await storage.open_transfers(tx, device_id):
            if uids is None or uids & {transfer.sender_uid, transfer.receiver_uid}:
                moved = transfer.state is TransferState.ACTIVE
                state = TransferState.DELIVERED if moved else TransferState.STOPPED
                ended.append(await self._end(tx, transfer, state))
        return ended

    async def _end(self, tx: WriteTx, transfer: Transfer, state: TransferState) -> Transfer:
        ended = structs.replace(transfer, state=state, touched_us=self._clock.now_us())
        await self._put(tx, ended)
        return ended

    async def _put(self, tx: WriteTx, transfer: Transfer) -> None:
        await storage.put_transfer(tx, transfer)
        await self._events.announce(tx, "transfer", transfer.public)
