"""The uplink over HTTP, for an agent without a broker: the present, energy reports, and commands back.

    POST /iot/ping            heartbeat, and the nodes as they are now; the answer carries signed commands
    POST /iot/cmd             node states, up to five; the answer carries stops as well, which a ping does not
    POST /iot/energy/report   one report each; 200 or a refusal for good releases it

Each request is signed: `X-Device-Id`, `X-Device-Counter` (it only grows, also across restarts) and
`X-Device-Signature`.
Telemetry of the past does not travel this way. Energy is sent scaled (`kwh_transferred`), and beside it the
report exactly as signed, so that the service can keep the evidence.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct
from nacl.signing import SigningKey

from edge.journal.port import Journal
from edge.journal.worker import JournalWorker
from edge.uplink.commands import CommandDesk
from edge.uplink.view import UplinkView
from shared.clock import Clock, rfc3339, to_micros
from shared.messages import (
    Ack,
    Action,
    Command,
    DeviceEvent,
    DeviceState,
    EnergyRecord,
    EnergyReport,
    NodeState,
    NodeStatus,
    Refusal,
    Stream,
)
from shared.signatures import Purpose, request_bytes, sign
from shared.units import kwh

logger = logging.getLogger(__name__)

HEARTBEAT_S = 30.0
TIMEOUT_S = 10.0
COUNTER_KEY = "request_counter"
COUNTER_RESERVE = 1_000
"""The counter is stored this much ahead, so that a crash cannot repeat one."""
CMD_NODES_MAX = 5
ANSWER_BYTES_MAX = 256 * 1024
_FOR_GOOD = frozenset({400, 409, 410, 413, 422})
"""Answers that will not change. 401, 403, 404 may: the device is not known there yet."""

_report_decoder = msgspec.json.Decoder(EnergyReport)


class _CommandPart(Struct, frozen=True, kw_only=True):
    node_id: str
    action: Action
    id: str
    expires_at: datetime
    issued_at: datetime
    signature: str
    peer_uid: str | None = None


class HttpUplink:
    """All methods are called from the event loop."""

    def __init__(
        self,
        *,
        device_id: str,
        cloud_url: str,
        key: SigningKey,
        worker: JournalWorker,
        clock: Clock,
        enrolled: bool,
        desk: CommandDesk,
        period_s: float,
        energy_scale: int,
    ) -> None:
        self._device_id = device_id
        self._url = cloud_url.rstrip("/")
        self._key = key
        self._worker = worker
        self._clock = clock
        self._enrolled = enrolled
        self._desk = desk
        self._period_s = period_s
        self._energy_scale = energy_scale
        self._up = False
        self._problem: str | None = "not connected yet"
        self._state: DeviceState | None = None
        self._counter = 0
        self._counter_reserved = 0
        self._last_ack_at: float | None = None
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self._turns = 0

    @property
    def up(self) -> bool:
        """Whether the last request was answered."""
        return self._up

    def start(self) -> None:
        """Begin posting; returns at once."""
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._tick())]

    async def stop(self) -> None:
        """Post the reports that are ready, for at most a second, and end."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self._up:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._post_reports(), 1.0)
        if self._session is not None:
            await self._session.close()

    def wake(self) -> None:
        """There is something new in the journal."""
        self._wake.set()

    def publish_state(self, state: DeviceState) -> None:
        """Keep it for the next ping."""
        self._state = state

    def tell(self, event: DeviceEvent) -> None:
        """Events have no route over HTTP; the page and the log show them."""

    def view(self) -> UplinkView:
        """The connection now."""
        last = self._last_ack_at
        return UplinkView(
            kind="http",
            up=self._up,
            enrolled=self._enrolled,
            problem=self._problem,
            last_ack_age_s=None if last is None else self._clock.monotonic() - last,
            acks_refused=0,
            commands_refused=self._desk.refused,
            resends=0,
            turns=self._turns,
        )

    # -- the loop

    async def _tick(self) -> None:
        while True:
            await self._clock.sleep(1.0)
            self._wake.set()

    async def _run(self) -> None:
        pinged_at = told_at = float("-inf")
        while True:
            await self._wake.wait()
            self._wake.clear()
            now = self._clock.monotonic()
            if now - pinged_at >= HEARTBEAT_S:
                pinged_at = now
                await self._post("/iot/ping", {"device_id": self._device_id, "status": "heartbeat"})
            if self._state is not None and now - told_at >= self._period_s:
                told_at = now
                await self._tell_nodes(self._state)
            if self._up:
                await self._post_reports()
            self._turns += 1

    async def _tell_nodes(self, state: DeviceState) -> None:
        status, answer = await self._post("/iot/ping", node_data(state))
        if status != 200:  # noqa: PLR2004
            return
        self._obey(answer.get("commands"))
        # The ping has told the present, and there is no other way for it: live records are done.
        await self._worker.call(_release_live(self._device_id))
        _, answer = await self._post(
            "/iot/cmd", {"device_id": state.device_id, "nodes": _nodes(state.nodes)[:CMD_NODES_MAX]}
        )
        self._obey(answer.get("commands"))

    def _obey(self, parts: object) -> None:
        if not isinstance(parts, list):
            return
        for part in parts:
            try:
                found = msgspec.convert(part, _CommandPart)
                command = msgspec.convert(
                    {
                        "id": found.id,
                        "device_id": self._device_id,
                        "node_uid": found.node_id,
                        "action": found.action,
                        "peer_uid": found.peer_uid,
                        "issued_at": found.issued_at,
                        "expires_at": found.expires_at,
                    },
                    Command,
                )
            except msgspec.ValidationError:
                # The documented form without a signature is a hint for agents that do not decide themselves.
                continue
            self._desk.obey(command, found.signature)

    async def _post_reports(self) -> None:
        for record in await self._worker.call(lambda journal: journal.energy_after(0, 10)):
            body = report_body(record, energy_scale=self._energy_scale)
            status, answer = await self._post("/iot/energy/report", body)
            refusals: tuple[Refusal, ...] = ()
            if status in _FOR_GOOD:
                reason = str(answer.get("error") or f"refused with {status}")[:300]
                logger.warning("report refused report_id=%s reason=%s", body["report_id"], reason)
                refusals = (Refusal(seq=record.seq, reason=reason),)
            elif status != 200:  # noqa: PLR2004
                return
            self._last_ack_at = self._clock.monotonic()
            ack = Ack(
                device_id=self._device_id,
                journal_id=record.journal_id,
                stream=Stream.ENERGY,
                through=record.seq,
                refused=refusals,
            )
            await self._worker.call(_acknowledge(ack))

    # -- one request

    async def _post(self, path: str, body: dict[str, Any]) -> tuple[int | None, dict[str, Any]]:
        """Status and JSON of the answer; None without one."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        raw = msgspec.json.encode(body)
        counter = await self._next_counter()
        headers = {
            "Content-Type": "application/json",
            "X-Device-Id": self._device_id,
            "X-Device-Counter": str(counter),
            "X-Device-Signature": sign(self._key, Purpose.REQUEST, request_bytes("POST", path, counter, raw)),
        }
        try:
            async with self._session.post(self._url + path, data=raw, headers=headers) as response:
                text = await response.content.read(ANSWER_BYTES_MAX)
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._changed(up=False, problem=f"the service cannot be reached: {type(error).__name__}")
            return None, {}
        try:
            answer = msgspec.json.decode(text)
        except msgspec.DecodeError:
            answer = None
        answer = answer if isinstance(answer, dict) else {}
        refused = status in {401, 403, 404}
        self._changed(
            up=status < 500 and not refused,  # noqa: PLR2004
            problem=f"the service answers {status}: {answer.get('error', '')}" if status >= 400 else None,  # noqa: PLR2004
        )
        return status, answer

    async def _next_counter(self) -> int:
        if self._counter >= self._counter_reserved:
            self._counter, self._counter_reserved = await self._worker.call(_reserve_counter)
        self._counter += 1
        return self._counter

    def _changed(self, *, up: bool, problem: str | None) -> None:
        if up != self._up:
            logger.log(logging.INFO if up else logging.WARNING, "http uplink up=%s problem=%s", up, problem)
        self._up, self._problem = up, problem


def node_data(state: DeviceState) -> dict[str, Any]:
    """The body of a ping with node data: volts as the document has them, the mean over the nodes on top."""
    volts = [node.voltage_mv / 1000 for node in state.nodes if node.voltage_mv is not None]
    socs = [node.soc_percent for node in state.nodes if node.soc_percent is not None]
    body: dict[str, Any] = {
        "device_id": state.device_id,
        "state": _device_state(state.nodes),
        "source": "rpi_energy_grid",
        "timestamp": rfc3339(to_micros(state.utc)),
        "connected_nodes_count": len(state.nodes),
        "connected_nodes": [
            {"uid": node.uid, "voltage": node.voltage_mv / 1000}
            for node in state.nodes
            if node.voltage_mv is not None
        ],
        "nodes_detail": _nodes(state.nodes),
    }
    if volts:
        body["voltage"] = round(sum(volts) / len(volts), 3)
    if socs:
        body["battery_level"] = round(sum(socs) / len(socs), 1)
    return body


def report_body(record: EnergyRecord, *, energy_scale: int) -> dict[str, Any]:
    """The body of an energy report, with the signed report beside the documented fields."""
    report = _report_decoder.decode(record.report)
    return {
        "device_id": report.device_id,
        "sender_uid": report.sender_uid,
        "receiver_uid": report.receiver_uid,
        "kwh_transferred": kwh(report.energy_mwh * energy_scale),
        "duration_seconds": report.duration_ms / 1000,
        "avg_voltage": report.voltage_mv_mean / 1000,
        "avg_current": report.current_ma_mean / 1000,
        "report_id": report.report_id,
        "report": bytes(record.report).decode(),
        "signature": record.signature,
    }


def _nodes(nodes: tuple[NodeStatus, ...]) -> list[dict[str, Any]]:
    """Values that are missing are left out, never 0."""
    found = []
    for node in nodes:
        entry: dict[str, Any] = {"uid": node.uid, "state": node.state.value}
        if node.voltage_mv is not None:
            entry["voltage"] = node.voltage_mv / 1000
        if node.soc_percent is not None:
            entry["soc"] = round(node.soc_percent, 1)
        found.append(entry)
    return found


def _device_state(nodes: tuple[NodeStatus, ...]) -> str:
    states = {node.state for node in nodes}
    order = (NodeState.SUPPLYING, NodeState.RECEIVING, NodeState.FAULT)
    return next((state.value for state in order if state in states), NodeState.IDLE.value)


def _reserve_counter(journal: Journal) -> tuple[int, int]:
    """(last used, reserved up to), stored durably before any of them is used."""
    start = int(journal.get(COUNTER_KEY) or b"0")
    journal.put(COUNTER_KEY, str(start + COUNTER_RESERVE).encode())
    journal.flush(force=True)
    return start, start + COUNTER_RESERVE


def _release_live(device_id: str) -> Callable[[Journal], None]:
    def release(journal: Journal) -> None:
        last = journal.next_seq(Stream.LIVE) - 1
        journal.acknowledge(
            Ack(device_id=device_id, journal_id=journal.journal_id, stream=Stream.LIVE, through=last)
        )

    return release


def _acknowledge(ack: Ack) -> Callable[[Journal], int | None]:
    return lambda journal: journal.acknowledge(ack)
