"""What an agent sent, as values: typed records, or the reason why a record is refused. Pure.

The device named by the topic is the authority; a payload larger than the contract allows is not read.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from cloud.devices.model import Device
from cloud.minting.model import Claim, Evidence, claim_of_signed
from shared import topics
from shared.ids import is_name
from shared.messages import (
    PAYLOAD_BYTES_MAX,
    CommandAck,
    DeviceEvent,
    EnergyRecord,
    EnergyReport,
    Key,
    Seq,
    Status,
    Stream,
    TelemetryRecord,
)
from shared.mqtt import Message
from shared.signatures import BadSignature, Purpose, verify

REASON_CHARS_MAX = 300

T = TypeVar("T")


class Leaf(StrEnum):
    """The topics of a device that the cloud reads."""

    TELEMETRY = topics.TELEMETRY
    ENERGY = topics.ENERGY
    STATUS = topics.STATUS
    COMMAND_ACK = topics.COMMAND_ACK
    EVENT = topics.EVENT


class Unreadable(Exception):
    """A message without a readable envelope: it is dropped, counted, and never acknowledged."""


class Refused(Exception):
    """A record that can never be accepted; the text is the reason that the agent is told."""


class BadRecord(NamedTuple):
    """A record whose envelope can be read and whose content cannot: refused, so that the next may follow."""

    journal_id: str
    stream: Stream
    seq: int
    oldest: int
    reason: str


class _Envelope(Struct, frozen=True, kw_only=True):
    journal_id: Key
    seq: Seq
    oldest: Seq
    stream: Stream = Stream.ENERGY


_telemetry = msgspec.json.Decoder(TelemetryRecord).decode
_energy = msgspec.json.Decoder(EnergyRecord).decode
_report = msgspec.json.Decoder(EnergyReport).decode
_envelope = msgspec.json.Decoder(_Envelope).decode
_status = msgspec.json.Decoder(Status).decode
_command_ack = msgspec.json.Decoder(CommandAck).decode
_event = msgspec.json.Decoder(DeviceEvent).decode

_LEAVES: dict[str, Leaf] = {leaf.value: leaf for leaf in Leaf}
_PREFIX = f"{topics.ROOT}/devices/"


def read_topic(message: Message) -> tuple[str, Leaf]:
    """The device that spoke, and about what.

    Raises:
        Unreadable: a topic outside the contract, a payload beyond its limit, or a retained message where
            none may be retained (a replay at each connect).
    """
    spoken = _device_and_leaf(message.topic)
    if spoken is None:
        raise Unreadable("foreign topic")
    if len(message.payload) > PAYLOAD_BYTES_MAX:
        raise Unreadable("payload too large")
    if message.retained and spoken[1] is not Leaf.STATUS:
        raise Unreadable("retained")
    return spoken


@lru_cache(maxsize=65_536)
def _device_and_leaf(topic: str) -> tuple[str, Leaf] | None:
    device_id, _, rest = topic.removeprefix(_PREFIX).partition("/")
    leaf = _LEAVES.get(rest)
    return (device_id, leaf) if leaf and is_name(device_id) and topic.startswith(_PREFIX) else None


def read_telemetry(payload: bytes) -> TelemetryRecord | BadRecord:
    """A record of the live or the backlog stream.

    Raises:
        Unreadable: not even its envelope can be read.
    """
    try:
        return _telemetry(payload)
    except msgspec.MsgspecError as error:
        bad = _bad_record(payload, str(error))
        if bad.stream is Stream.ENERGY:
            raise Unreadable("telemetry without a stream") from None
        return bad


def read_energy(payload: bytes) -> EnergyRecord | BadRecord:
    """A record of the energy stream; the signed report inside is not yet looked at.

    Raises:
        Unreadable: not even its envelope can be read.
    """
    try:
        return _energy(payload)
    except (msgspec.MsgspecError, RecursionError) as error:
        return _bad_record(payload, str(error))._replace(stream=Stream.ENERGY)


def _bad_record(payload: bytes, reason: str) -> BadRecord:
    try:
        envelope = _envelope(payload)
    except (msgspec.MsgspecError, RecursionError):
        raise Unreadable("no envelope") from None
    return BadRecord(envelope.journal_id, envelope.stream, envelope.seq, envelope.oldest, _short(reason))


def read_claim(device: Device, record: EnergyRecord) -> Claim:
    """The claim that an energy record makes; raises as `claim_of_report`."""
    return claim_of_report(device, bytes(record.report), record.signature)


def claim_of_report(device: Device, raw: bytes, signature: str) -> Claim:
    """The claim that a signed report makes, scaled to what it stands for.

    Raises:
        Refused: no key, wrong signature, malformed report, or another device's.
    """
    if device.public_key is None:
        raise Refused("enrol first: this device has no key")
    try:
        verify(device.public_key, Purpose.ENERGY, raw, signature)
    except BadSignature:
        raise Refused("wrong signature: it does not belong to this report and this device's key") from None
    try:
        report = _report(raw)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Refused(_short(f"malformed report: {error}")) from None
    if report.device_id != device.device_id:
        raise Refused(f"the report is of device {report.device_id}, sent by {device.device_id}")
    if report.sender_uid == report.receiver_uid:
        raise Refused("sender_uid and receiver_uid are the same node")
    if report.ended_at <= report.started_at:
        raise Refused("ended_at must be after started_at")
    evidence = Evidence(report=raw.decode(), signature=signature, public_key=device.public_key)
    return claim_of_signed(report, evidence, energy_scale=device.energy_scale)


def read_status(payload: bytes) -> Status:
    """Raises Unreadable when it is not one; so do the two below."""
    return _or_unreadable(_status, payload)


def read_command_ack(payload: bytes) -> CommandAck:
    return _or_unreadable(_command_ack, payload)


def read_event(payload: bytes) -> DeviceEvent:
    return _or_unreadable(_event, payload)


def _or_unreadable(decode: Callable[[bytes], T], payload: bytes) -> T:
    try:
        return decode(payload)
    except msgspec.MsgspecError as error:
        raise Unreadable(_short(str(error))) from None


def _short(reason: str) -> str:
    return reason[:REASON_CHARS_MAX]
