"""The state of the grid: nodes and devices as last heard, and what the world is told about them.

Building blocks take `tx` and join the caller's transaction; telemetry over MQTT and calls over HTTP go
through the same ones.
"""

from collections.abc import Sequence

import msgspec
from msgspec import structs

from cloud.devices.model import Device
from cloud.devices.service import Devices
from cloud.errors import NotFound
from cloud.grid import schedule, storage
from cloud.grid.model import NODE_FRESH_US, Node, Presence, Totals, TransferState
from cloud.grid.throttle import Throttle
from cloud.grid.trading_sites import TradingSites
from cloud.kit.events import EventLog
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.pricing.quality import GridConditions
from shared.balance import NodeAction
from shared.clock import Clock

NODE_DATA_EVERY_S = 5.0
HEARTBEAT_EVERY_S = 30.0
HEARD_EVERY_S = 5.0
SCHEDULE_EVERY_S = 30.0
DEVICES_REMEMBERED = 100_000
TRANSFERS_COUNTED_US = 24 * 3_600 * 1_000_000


class Grid:
    """What is known of nodes and devices."""

    def __init__(
        self, *, store: Store, clock: Clock, events: EventLog, devices: Devices, sites: TradingSites
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._devices = devices
        self._sites = sites
        self._node_data = Throttle(clock, every_s=NODE_DATA_EVERY_S, keys_max=DEVICES_REMEMBERED)
        self._heartbeat = Throttle(clock, every_s=HEARTBEAT_EVERY_S, keys_max=DEVICES_REMEMBERED)
        self._heard = Throttle(clock, every_s=HEARD_EVERY_S, keys_max=DEVICES_REMEMBERED)
        self._scheduled: dict[str, bytes] = {}
        self._schedules = Throttle(clock, every_s=SCHEDULE_EVERY_S, keys_max=DEVICES_REMEMBERED)

    # Building blocks

    async def heard(
        self, tx: WriteTx, device_id: str, *, boot_id: str | None = None, version: str | None = None
    ) -> None:
        """A device gave a sign of life: it is online."""
        told = boot_id is not None or version is not None
        if not self._heard.allows(device_id) and not told:
            return
        now_us = self._clock.now_us()
        before = await storage.presence_of(tx, device_id)
        await self._devices.seen(tx, device_id)
        await storage.put_presence(
            tx,
            Presence(
                device_id=device_id,
                online=True,
                heard_us=now_us,
                boot_id=boot_id or (before.boot_id if before else None),
                version=version or (before.version if before else None),
                voltage_mv=before.voltage_mv if before else None,
                battery_level_percent=before.battery_level_percent if before else None,
                reported_us=before.reported_us if before else None,
            ),
        )
        if before is None or not before.online:
            await self._events.announce(tx, "heartbeat", {"device_id": device_id, "status": "online"})

    async def gone(self, tx: WriteTx, device_id: str) -> None:
        """A device said goodbye, or its broker did for it."""
        before = await storage.presence_of(tx, device_id)
        self._heard.forget(device_id)
        if before is None or not before.online:
            return
        await storage.put_presence(tx, structs.replace(before, online=False))
        await self._events.announce(tx, "heartbeat", {"device_id": device_id, "status": "offline"})

    async def beat(self, tx: WriteTx, device_id: str, *, always: bool = False) -> None:
        """Tell the world that a device lives, at most once in 30 s unless `always`."""
        if self._heartbeat.allows(device_id) or always:
            await self._events.announce(tx, "heartbeat", {"device_id": device_id, "status": "heartbeat"})

    async def device_said(
        self, tx: WriteTx, device_id: str, *, voltage_mv: int | None, battery_level_percent: float | None
    ) -> None:
        """Values of the device as a whole, which count for the price beside those of its nodes."""
        presence = await storage.presence_of(tx, device_id)
        if presence is not None:
            await storage.put_presence(
                tx,
                structs.replace(
                    presence,
                    voltage_mv=voltage_mv,
                    battery_level_percent=battery_level_percent,
                    reported_us=self._clock.now_us(),
                ),
            )

    async def nodes_reported(
        self, tx: WriteTx, device_id: str, nodes: Sequence[Node], *, always: bool = False
    ) -> None:
        """Keep the latest of a device's nodes and announce it, at most once in 5 s unless `always`."""
        await storage.put_nodes(tx, nodes)
        if self._node_data.allows(device_id) or always:
            await self._events.announce(
                tx,
                "node_data",
                {
                    "device_id": device_id,
                    "connected_nodes_count": len(nodes),
                    "nodes_detail": [node.public for node in nodes],
                },
            )

    async def agent_decided(self, tx: WriteTx, device_id: str, nodes: Sequence[Node]) -> None:
        """Announce what an agent that decides by itself has its nodes do."""
        actions = schedule.carried_out([(node.uid, node.state) for node in nodes])
        await self.scheduled(tx, device_id, actions, [node.soc_percent for node in nodes])

    async def scheduled(
        self, tx: WriteTx, device_id: str, actions: Sequence[NodeAction], socs: Sequence[float | None]
    ) -> None:
        """Announce what a device's nodes shall do: when it changes, and again every half minute."""
        shape = msgspec.json.encode([(action.uid, action.action) for action in actions])
        changed = self._scheduled.get(device_id) != shape
        if changed:
            self._schedules.forget(device_id)
        if not self._schedules.allows(device_id):
            return
        if len(self._scheduled) >= DEVICES_REMEMBERED:
            self._scheduled.clear()
        tx.after_commit(lambda: self._scheduled.update({device_id: shape}))
        await self._events.announce(
            tx,
            "schedule",
            {
                "device_id": device_id,
                "commands": [
                    {"node_id": action.uid, "action": action.action, "reason": action.reason}
                    for action in actions
                ],
                "grid_summary": schedule.count(actions, socs),
            },
        )

    # Queries

    async def nodes_of(self, device_id: str) -> tuple[Device, list[Node]]:
        """A device and the latest of every node of it, by uid.

        Raises:
            NotFound: no such device.
        """
        async with self._store.read() as tx:
            device = await self._devices.get(tx, device_id)
            if device is None:
                raise NotFound(f"device_id: {device_id} is unknown")
            return device, await storage.nodes_of(tx, device_id)

    async def current_nodes(self, tx: ReadTx, device_id: str) -> list[Node]:
        """Those seen within the last 2 min."""
        since_us = self._clock.now_us() - NODE_FRESH_US
        return [node for node in await storage.nodes_of(tx, device_id) if node.seen_us >= since_us]

    async def totals(self) -> Totals:
        async with self._store.read() as tx:
            nodes = await storage.node_totals(tx, since_us=self._clock.now_us() - NODE_FRESH_US)
            return Totals(
                devices_online=await storage.devices_online(tx),
                nodes_online=nodes.nodes,
                soc_percent_mean=nodes.soc_percent_mean,
            )

    async def conditions(self, tx: ReadTx) -> GridConditions:
        """What the price asks of the grid: nodes of the last 2 min, transfers of the last 24 h.

        The voltages come as their mean, which is all that their stability depends on.
        """
        now_us = self._clock.now_us()
        since_us = now_us - NODE_FRESH_US
        nodes = await storage.node_totals(tx, since_us=since_us)
        voltages = await storage.node_voltages(tx, since_us=since_us)
        readings = sum(part.count for part in voltages)
        total_mv = sum(part.total or 0.0 for part in voltages)
        transfers = await storage.transfer_counts(tx, since_us=now_us - TRANSFERS_COUNTED_US)
        successful = transfers.get(TransferState.ACTIVE, 0) + transfers.get(TransferState.DELIVERED, 0)
        return GridConditions(
            soc_mean=None if nodes.soc_percent_mean is None else nodes.soc_percent_mean / 100,
            voltages_v=(total_mv / readings / 1_000,) if readings else (),
            transfers_successful=successful,
            transfers_total=successful + transfers.get(TransferState.FAILED, 0),
            health_percent=await storage.battery_level_mean(tx, since_us=since_us),
            distance_km=await self._sites.distance_km(tx),
        )
