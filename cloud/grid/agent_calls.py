"""The use cases of agents that speak HTTP: ping, schedule, energy report. One call is one transaction."""

from collections.abc import Sequence

from msgspec import Struct, structs

from cloud.devices.model import Device
from cloud.devices.service import Devices
from cloud.errors import BadRequest
from cloud.grid import schedule, storage
from cloud.grid.decoding import Refused, claim_of_report
from cloud.grid.model import Node
from cloud.grid.schedule import GridCounts
from cloud.grid.service import Grid
from cloud.grid.transfers import Transfers
from cloud.kit.idempotency import Once
from cloud.kit.store import Store, WriteTx
from cloud.minting.errors import ReportRefused
from cloud.minting.model import Claim, Mint
from cloud.minting.service import Minting
from shared.balance import BalanceNode, NodeAction
from shared.clock import Clock
from shared.messages import Action, Command, NodeState, Quality


class NodeSaid(Struct, frozen=True, kw_only=True):
    """One node as an HTTP body tells it; what it leaves out is unknown."""

    uid: str
    voltage_mv: int | None
    soc_percent: float | None
    state: NodeState | None
    ip: str | None = None


class Told(Struct, frozen=True, kw_only=True):
    """What one node shall do; `command` is the lease behind it, None where the balance rule speaks."""

    action: NodeAction
    command: Command | None


class Schedule(Struct, frozen=True, kw_only=True):
    """What all nodes shall do, in the order given."""

    told: tuple[Told, ...]
    counts: GridCounts


class AgentCalls:
    """What an HTTP agent may ask; who it is was settled before."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        devices: Devices,
        minting: Minting,
        grid: Grid,
        transfers: Transfers,
    ) -> None:
        self._store = store
        self._clock = clock
        self._devices = devices
        self._minting = minting
        self._grid = grid
        self._transfers = transfers

    def now_us(self) -> int:
        """The service's time, by which an agent's is judged."""
        return self._clock.now_us()

    async def heartbeat(self, device: Device) -> Schedule:
        """Note that the device lives; what its nodes shall do."""
        async with self._store.write() as tx:
            await self._grid.heard(tx, device.device_id)
            await self._grid.beat(tx, device.device_id, always=True)
            return await self._all_scheduled(tx, device)

    async def node_data(
        self,
        device: Device,
        said: Sequence[NodeSaid],
        *,
        voltage_mv: int | None,
        battery_level_percent: float | None,
    ) -> Schedule:
        """Keep and announce the nodes; what they shall do."""
        async with self._store.write() as tx:
            await self._grid.heard(tx, device.device_id)
            if voltage_mv is not None or battery_level_percent is not None:
                await self._grid.device_said(
                    tx,
                    device.device_id,
                    voltage_mv=voltage_mv,
                    battery_level_percent=battery_level_percent,
                )
            nodes = await self._nodes(tx, device, said)
            await self._grid.nodes_reported(tx, device.device_id, nodes, always=True)
            await self._heard_stops(tx, device)
            return await self._all_scheduled(tx, device)

    async def schedule(self, device: Device, said: Sequence[NodeSaid]) -> Schedule:
        """Keep the nodes; what exactly these shall do, announced when it changes."""
        async with self._store.write() as tx:
            await self._grid.heard(tx, device.device_id)
            nodes = await self._nodes(tx, device, said)
            await self._grid.nodes_reported(tx, device.device_id, nodes)
            await self._heard_stops(tx, device)
            found = await self._schedule(tx, device, nodes)
            await self._grid.scheduled(
                tx,
                device.device_id,
                [told.action for told in found.told],
                [node.soc_percent for node in nodes],
            )
            return found

    async def report(self, device: Device, claim: Claim, once: Once) -> Mint:
        """Mint; a repeated report gets the first answer.

        Raises:
            ReportRefused: for good.
        """
        refused = None
        async with self._store.write() as tx:
            kept = await once.kept(tx, Mint)
            if kept is not None:
                return kept
            try:
                mint = await self._minted(tx, device, claim)
            except ReportRefused as error:  # what minting keeps of it is stored all the same
                refused = error
            else:
                await once.keep(tx, mint)
                return mint
        raise refused

    async def signed_report(self, device: Device, report: str, signature: str, once: Once) -> Mint:
        """Mint what the device's own signed report says, which counts above anything said beside it.

        Raises:
            BadRequest: not signed by this device, malformed, or another device's.
            ReportRefused: for good.
        """
        try:
            claim = claim_of_report(device, report.encode(), signature)
        except Refused as error:
            raise BadRequest(f"report: {error}") from None
        return await self.report(device, claim, once)

    async def _minted(self, tx: WriteTx, device: Device, claim: Claim) -> Mint:
        now_us = self._clock.now_us()
        await self._grid.heard(tx, device.device_id)
        mint = await self._minting.mint(tx, device, claim)
        if mint.at_us >= now_us:  # else it is the first answer to a repeated report
            await self._transfers.delivered(tx, claim)
        return mint

    async def _nodes(self, tx: WriteTx, device: Device, said: Sequence[NodeSaid]) -> list[Node]:
        """What is said now; for what is left out, what was known before stays out, except the state."""
        before = {node.uid: node for node in await storage.nodes_of(tx, device.device_id)}
        now_us = self._clock.now_us()
        nodes = []
        for node in said:
            known = before.get(node.uid)
            nodes.append(
                Node(
                    device_id=device.device_id,
                    uid=node.uid,
                    voltage_mv=node.voltage_mv,
                    current_ma=None,
                    temperature_c=None,
                    soc_percent=node.soc_percent,
                    soc_band_percent=None,
                    state=node.state or (known.state if known else NodeState.IDLE),
                    quality=Quality.GOOD,
                    ip=node.ip,
                    seen_us=now_us,
                )
            )
        return nodes

    async def _all_scheduled(self, tx: WriteTx, device: Device) -> Schedule:
        """For the nodes seen lately, and for those that only a manual command speaks of."""
        nodes = await self._grid.current_nodes(tx, device.device_id)
        found = await self._schedule(tx, device, nodes)
        manual = await self._devices.commands.active_commands(tx, device.device_id)
        return structs.replace(found, told=found.told + _unseen(manual, {node.uid for node in nodes}))

    async def _heard_stops(self, tx: WriteTx, device: Device) -> None:
        """An HTTP agent that told its nodes has now heard which of them to stop; it sends no answers."""
        for command in await self._devices.commands.active_commands(tx, device.device_id):
            if command.action is Action.IDLE:
                await self._devices.commands.stop_heard(tx, command)

    async def _schedule(self, tx: WriteTx, device: Device, nodes: Sequence[Node]) -> Schedule:
        manual = await self._devices.commands.active_commands(tx, device.device_id)
        actions = schedule.decide([_candidate(node) for node in nodes], manual)
        leases = {command.node_uid: command for command in manual}
        return Schedule(
            told=tuple(Told(action=action, command=leases.get(action.uid)) for action in actions),
            counts=schedule.count(actions, [node.soc_percent for node in nodes]),
        )


def _candidate(node: Node) -> BalanceNode:
    return BalanceNode(uid=node.uid, soc_percent=node.soc_percent, state=node.state)


def _unseen(manual: Sequence[Command], seen: set[str]) -> tuple[Told, ...]:
    """Manual commands for nodes that were not told of just now: the agent is asked all the same."""
    return tuple(
        Told(action=schedule.manual_action(command.node_uid, command), command=command)
        for command in manual
        if command.node_uid not in seen
    )


def merged(details: Sequence[NodeSaid], connected: Sequence[NodeSaid]) -> list[NodeSaid]:
    """Nodes told in two lists of one body: the detailed one speaks, the other adds what it lacks."""
    known = {node.uid: node for node in connected}
    for node in details:
        brief = known.get(node.uid)
        voltage_mv = node.voltage_mv if node.voltage_mv is not None or brief is None else brief.voltage_mv
        known[node.uid] = structs.replace(node, voltage_mv=voltage_mv)
    return list(known.values())
