"""Records from agents into the database, each exactly once, many to a commit.

A batch of telemetry is one transaction: cursors, rows, the latest of each node, announcements. An energy
report is a transaction of its own, so that one refused report undoes nothing else. What is returned are the
acknowledgements; when they are returned, what they promise is on disk.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cloud.devices.model import Device
from cloud.devices.service import Devices
from cloud.errors import CloudError
from cloud.grid import storage
from cloud.grid.cursors import Verdict, judge
from cloud.grid.decoding import (
    REASON_CHARS_MAX,
    BadRecord,
    Leaf,
    Refused,
    Unreadable,
    read_claim,
    read_command_ack,
    read_energy,
    read_event,
    read_status,
    read_telemetry,
)
from cloud.grid.model import Node, StreamAck
from cloud.grid.service import DEVICES_REMEMBERED, Grid
from cloud.grid.transfers import Transfers
from cloud.kit.store import Store, WriteTx
from cloud.kit.store.errors import ConstraintViolated, StoreUnavailable
from cloud.minting.errors import ReportRefused
from cloud.minting.service import Minting
from shared.clock import Clock, to_micros
from shared.messages import (
    CommandAck,
    DeviceEvent,
    EnergyRecord,
    NodeReading,
    Refusal,
    Status,
    Stream,
    TelemetryRecord,
    encode,
)

logger = logging.getLogger(__name__)

REASON_STORE = "it could not be stored"


class Arrival(NamedTuple):
    """One message of a device, not yet decoded."""

    device_id: str
    leaf: Leaf
    payload: bytes


class _Decoded(NamedTuple):
    records: list[tuple[str, TelemetryRecord | BadRecord]]
    others: list[tuple[str, Status | CommandAck | DeviceEvent]]


class _OpenStream:
    """One stream while a batch is applied to it."""

    __slots__ = (
        "again_first",
        "again_last",
        "device_id",
        "id",
        "journal_id",
        "refused",
        "start",
        "stream",
        "through",
    )

    def __init__(self, id_: int, through: int, device_id: str, journal_id: str, stream: Stream) -> None:
        self.id = id_
        self.start = self.through = through
        self.device_id = device_id
        self.journal_id = journal_id
        self.stream = stream
        self.refused: list[Refusal] = []
        self.again_first = 0
        self.again_last = 0
        """Range of the duplicates: what was refused among them is told again."""

    def again(self, seq: int) -> None:
        self.again_first = min(seq, self.again_first or seq)
        self.again_last = max(seq, self.again_last)

    def ack(self, refused_before: Iterable[Refusal] = ()) -> StreamAck:
        told = {refusal.seq: refusal for refusal in (*refused_before, *self.refused)}
        return StreamAck(
            device_id=self.device_id,
            journal_id=self.journal_id,
            stream=self.stream,
            through=self.through,
            refused=tuple(told[seq] for seq in sorted(told)),
        )


class Ingest:
    """Applies batches. `counts` says what became of the messages; it only grows."""

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
        self._strangers: set[str] = set()
        self._familiar: set[str] = set()
        self.counts: Counter[str] = Counter()

    # Telemetry, status, answers to commands, events

    async def apply(self, batch: Sequence[Arrival]) -> list[StreamAck]:
        """Everything but energy, in one transaction; durable when returned.

        A message that the database refuses is taken out, so that it does not take the others with it.

        Raises:
            StoreUnavailable: nothing was stored, and the agents will send it again.
        """
        decoded = self._decode(batch)
        try:
            async with self._store.write() as tx:
                return await self._apply(tx, decoded)
        except (ConstraintViolated, OverflowError, ValueError) as error:
            if len(batch) > 1:
                logger.warning("a batch was not stored, trying its messages one by one: %r", error)
                return [ack for arrival in batch for ack in await self.apply([arrival])]
            logger.exception("a message was not stored device=%s leaf=%s", batch[0].device_id, batch[0].leaf)
        return await self._give_up(decoded)

    def _decode(self, batch: Sequence[Arrival]) -> _Decoded:
        records: list[tuple[str, TelemetryRecord | BadRecord]] = []
        others: list[tuple[str, Status | CommandAck | DeviceEvent]] = []
        for device_id, leaf, payload in batch:
            try:
                if leaf is Leaf.TELEMETRY:
                    records.append((device_id, read_telemetry(payload)))
                elif leaf is Leaf.STATUS:
                    others.append((device_id, read_status(payload)))
                elif leaf is Leaf.COMMAND_ACK:
                    others.append((device_id, read_command_ack(payload)))
                elif leaf is Leaf.EVENT:
                    others.append((device_id, read_event(payload)))
            except Unreadable as error:
                self.counts["unreadable"] += 1
                logger.debug("unreadable message device=%s leaf=%s: %s", device_id, leaf, error)
        return _Decoded(records, others)

    async def _apply(self, tx: WriteTx, decoded: _Decoded) -> list[StreamAck]:
        now_us = self._clock.now_us()
        ids = {device_id for device_id, _ in (*decoded.records, *decoded.others)}
        known = {device_id for device_id in ids if await self._is_known(tx, device_id)}
        streams: dict[tuple[str, str, Stream], _OpenStream] = {}
        rows: list[storage.TelemetryRow] = []
        latest: dict[str, TelemetryRecord] = {}
        for device_id, record in decoded.records:
            if device_id not in known:
                continue
            key = (device_id, record.journal_id, record.stream)
            stream = streams.get(key)
            if stream is None:
                stream = streams[key] = await self._open(tx, *key, now_us=now_us)
            verdict = judge(through=stream.through, seq=record.seq, oldest=record.oldest)
            self.counts[verdict] += 1
            if verdict is Verdict.DUPLICATE:
                stream.again(record.seq)
            elif verdict is Verdict.APPLY:
                stream.through = record.seq
                if isinstance(record, BadRecord):
                    stream.refused.append(Refusal(seq=record.seq, reason=record.reason))
                else:
                    rows.append(_row(stream.id, record, now_us))
                    if record.stream is Stream.LIVE and not record.historical:
                        latest[device_id] = record
        if rows:
            await storage.insert_telemetry(tx, rows)
        acks = [await self._close(tx, stream, now_us=now_us) for stream in streams.values()]
        for device_id, last in latest.items():
            await self._live(tx, device_id, last, now_us)
        for device_id, message in decoded.others:
            if device_id in known:
                await self._other(tx, device_id, message, now_us)
        return acks

    async def _live(self, tx: WriteTx, device_id: str, record: TelemetryRecord, now_us: int) -> None:
        nodes = [_node(device_id, reading, now_us) for reading in record.nodes]
        await self._grid.heard(tx, device_id)
        await self._grid.beat(tx, device_id)
        await self._grid.nodes_reported(tx, device_id, nodes)
        await self._grid.agent_decided(tx, device_id, nodes)

    async def _other(
        self, tx: WriteTx, device_id: str, message: Status | CommandAck | DeviceEvent, now_us: int
    ) -> None:
        if isinstance(message, Status):
            if message.state == "online":
                await self._grid.heard(tx, device_id, boot_id=message.boot_id, version=message.version)
            else:
                await self._grid.gone(tx, device_id)
        elif isinstance(message, CommandAck):
            new = await self._devices.commands.command_answered(tx, message, device_id=device_id)
            if new and not message.accepted:
                await self._transfers.command_refused(tx, device_id)
        else:
            await storage.insert_device_event(
                tx,
                {
                    "device_id": device_id,
                    "kind": message.kind,
                    "node_uid": message.node_uid,
                    "reason": message.reason,
                    "at_us": to_micros(message.utc),
                    "received_us": now_us,
                },
            )

    async def _give_up(self, decoded: _Decoded) -> list[StreamAck]:
        """Refuse for good the one record that the database will not take."""
        self.counts["given up"] += 1
        now_us = self._clock.now_us()
        acks = []
        for device_id, record in decoded.records:
            async with self._store.write() as tx:
                stream = await self._open(tx, device_id, record.journal_id, record.stream, now_us=now_us)
                if judge(through=stream.through, seq=record.seq, oldest=record.oldest) is Verdict.APPLY:
                    stream.through = record.seq
                    stream.refused.append(Refusal(seq=record.seq, reason=REASON_STORE))
                acks.append(await self._close(tx, stream, now_us=now_us))
        return acks

    # Energy

    async def apply_energy(self, batch: Sequence[Arrival]) -> list[StreamAck]:
        """Energy reports: of one device one after the other, of several devices side by side."""
        by_device: dict[str, list[EnergyRecord | BadRecord]] = {}
        for device_id, _, payload in batch:
            try:
                by_device.setdefault(device_id, []).append(read_energy(payload))
            except Unreadable:
                self.counts["unreadable"] += 1
        done = await asyncio.gather(
            *(self._energy_of(device_id, records) for device_id, records in by_device.items())
        )
        return [ack for acks in done for ack in acks]

    async def _energy_of(
        self, device_id: str, records: Sequence[EnergyRecord | BadRecord]
    ) -> list[StreamAck]:
        acks: dict[str, StreamAck] = {}
        for record in records:
            try:
                ack = await self._report(device_id, record)
            except StoreUnavailable as error:
                self.counts["unavailable"] += 1
                logger.warning(
                    "energy report not stored, the agent will resend device=%s: %s", device_id, error
                )
                break
            except Exception:
                self.counts["failed"] += 1
                logger.exception("energy report not applied, the agent will resend device=%s", device_id)
                break
            if ack is not None:
                acks[ack.journal_id] = ack.after(acks.get(ack.journal_id))
        return list(acks.values())

    async def _report(self, device_id: str, record: EnergyRecord | BadRecord) -> StreamAck | None:
        """Apply one report, or refuse it for good; None for a device that nobody knows."""
        try:
            async with self._store.write() as tx:
                device = await self._known(tx, device_id)
                if device is None:
                    return None
                return await self._energy(tx, device, record, None)
        except CloudError as error:
            if error.status >= 500:  # noqa: PLR2004
                raise
            reason = str(error)
        self.counts["refused"] += 1
        logger.warning("energy report refused device=%s seq=%d: %s", device_id, record.seq, reason)
        async with self._store.write() as tx:
            device = await self._known(tx, device_id)
            return None if device is None else await self._energy(tx, device, record, reason)

    async def _energy(
        self, tx: WriteTx, device: Device, record: EnergyRecord | BadRecord, refuse: str | None
    ) -> StreamAck:
        now_us = self._clock.now_us()
        stream = await self._open(tx, device.device_id, record.journal_id, Stream.ENERGY, now_us=now_us)
        verdict = judge(through=stream.through, seq=record.seq, oldest=record.oldest)
        self.counts[verdict] += 1
        if verdict is Verdict.DUPLICATE:
            stream.again(record.seq)
        elif verdict is Verdict.APPLY:
            stream.through = record.seq
            if refuse is not None:
                stream.refused.append(Refusal(seq=record.seq, reason=refuse[:REASON_CHARS_MAX]))
            elif isinstance(record, BadRecord):
                stream.refused.append(Refusal(seq=record.seq, reason=record.reason))
            else:
                await self._mint(tx, device, record, stream)
        return await self._close(tx, stream, now_us=now_us)

    async def _mint(self, tx: WriteTx, device: Device, record: EnergyRecord, stream: _OpenStream) -> None:
        now_us = self._clock.now_us()
        try:
            claim = read_claim(device, record)
            mint = await self._minting.mint(tx, device, claim)
        except (Refused, ReportRefused) as error:  # what minting keeps of it is stored all the same
            self.counts["refused"] += 1
            logger.warning("energy report refused device=%s seq=%d: %s", device.device_id, record.seq, error)
            stream.refused.append(Refusal(seq=record.seq, reason=str(error)[:REASON_CHARS_MAX]))
            return
        if mint.at_us >= now_us:  # else it is the first answer to a repeated report
            await self._transfers.delivered(tx, claim)

    # Both

    async def _is_known(self, tx: WriteTx, device_id: str) -> bool:
        """Once known, a device stays known; asking each time would cost every batch a read."""
        if device_id in self._familiar:
            return True
        if await self._known(tx, device_id) is None:
            return False
        if len(self._familiar) >= DEVICES_REMEMBERED:
            self._familiar.clear()
        tx.after_commit(lambda: self._familiar.add(device_id))
        return True

    async def _known(self, tx: WriteTx, device_id: str) -> Device | None:
        device = await self._devices.get(tx, device_id)
        if device is None:
            self.counts["unknown device"] += 1
            if device_id not in self._strangers and len(self._strangers) < 1_000:  # noqa: PLR2004
                self._strangers.add(device_id)
                logger.warning("messages of an unknown device are ignored, enrol it device=%s", device_id)
        return device

    async def _open(
        self, tx: WriteTx, device_id: str, journal_id: str, stream: Stream, *, now_us: int
    ) -> _OpenStream:
        cursor = await storage.open_stream(
            tx, device_id=device_id, journal_id=journal_id, stream=stream, now_us=now_us
        )
        return _OpenStream(cursor.id, cursor.through, device_id, journal_id, stream)

    async def _close(self, tx: WriteTx, stream: _OpenStream, *, now_us: int) -> StreamAck:
        if stream.through != stream.start:
            await storage.move_stream(tx, stream.id, through=stream.through, now_us=now_us)
        for refusal in stream.refused:
            await storage.refuse(tx, stream.id, refusal, now_us=now_us)
        if not stream.again_last:
            return stream.ack()
        return stream.ack(
            await storage.refusals(tx, stream.id, first=stream.again_first, last=stream.again_last)
        )


def _row(stream_id: int, record: TelemetryRecord, now_us: int) -> storage.TelemetryRow:
    return (
        stream_id,
        record.seq,
        record.boot_id,
        record.monotonic_us,
        to_micros(record.utc),
        record.synced,
        record.historical,
        now_us,
        encode(record.nodes).decode(),
    )


def _node(device_id: str, reading: NodeReading, now_us: int) -> Node:
    return Node(
        device_id=device_id,
        uid=reading.uid,
        voltage_mv=reading.voltage_mv,
        current_ma=reading.current_ma,
        temperature_c=reading.temperature_c,
        soc_percent=reading.soc_percent,
        soc_band_percent=reading.soc_band_percent,
        state=reading.state,
        quality=reading.quality,
        ip=None,
        seen_us=now_us,
    )
