"""What reader and worker say to each other: frames of a length, 4 bytes big-endian, and MessagePack."""

from datetime import date

import msgspec
from msgspec import Struct

from cloud.finance.reading import Reading, Refused

LENGTH_BYTES = 4


class Limits(Struct, frozen=True, kw_only=True):
    """What one file may cost."""

    memory_bytes: int = 2 * 1024**3
    """Of the worker's address space, models included; they take 1.4 GiB of it, 0.7 GiB resident."""
    cpu_seconds: int = 20
    wall_seconds: float = 60.0


class Question(Struct, frozen=True, kw_only=True):
    """One file, already identified."""

    content: bytes
    timezone: str
    currency_hint: str
    locale: str
    today: date


class Ready(Struct, frozen=True, tag=True):
    """The models are loaded."""

    engine: str


class NotReady(Struct, frozen=True, tag=True):
    problem: str


class Answer(Struct, frozen=True, tag=True):
    """Exactly one of the two."""

    reading: Reading | None = None
    refused: Refused | None = None


Said = Ready | NotReady | Answer
_said = msgspec.msgpack.Decoder(Said)
_question = msgspec.msgpack.Decoder(Question)
_encode = msgspec.msgpack.Encoder().encode


def heard(body: bytes) -> Said:
    said: Said = _said.decode(body)
    return said


def asked(body: bytes) -> Question:
    return _question.decode(body)


def frame(message: Question | Said) -> bytes:
    body = _encode(message)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body
