"""What a file is, by its first bytes, and how much it asks for, before anything is decoded."""

import re
from enum import StrEnum

from cloud.finance.reading import Refusal, Refused

BYTES_MAX = 10 * 1024 * 1024
JPEG_PIXELS_MAX = 64_000_000
"""Phones take up to 50 megapixels; a JPEG is decoded at an eighth to the whole of its size."""
PNG_PIXELS_MAX = 24_000_000
"""A PNG can only be decoded whole: 4 bytes a pixel."""
SIDE_MAX = 20_000

_JPEG, _PNG, _PDF = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"%PDF-"
_HEAD = 1024
_TAIL = 66_000
"""A ZIP archive is found by a record in its last 65,557 bytes."""
_ACTIVE = re.compile(rb"<html|<script|<!doctype|<\?php", re.IGNORECASE)
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


class Kind(StrEnum):
    JPEG = "JPEG"
    PNG = "PNG"
    PDF = "PDF"


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Width and height of the first frame; None where the header ends before it."""
    at = 2
    while at + 9 < len(content):
        if content[at] != 0xFF:  # every segment begins so
            return None
        marker = content[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker in _BARE:
            at += 2
        elif marker in _FRAMES:
            height, width = (int.from_bytes(content[at + n : at + n + 2], "big") for n in (5, 7))
            return width, height
        else:
            at += 2 + max(int.from_bytes(content[at + 2 : at + 4], "big"), 2)
    return None


def _png_size(content: bytes) -> tuple[int, int] | None:
    if content[12:16] != b"IHDR" or len(content) < 24:
        return None
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def _is_two_files(content: bytes, kind: Kind) -> bool:
    """Whether another program would take it for something else: a page, a script, an archive, a PDF."""
    if b"PK\x05\x06" in content[-_TAIL:]:
        return True
    if kind is Kind.PDF:
        return _ACTIVE.search(content[:_HEAD]) is not None
    return _PDF in content or _ACTIVE.search(content) is not None


def identify(content: bytes) -> Kind | Refused:
    """What it is, or why it is not opened."""
    if len(content) > BYTES_MAX:
        return Refused(
            Refusal.TOO_LARGE, f"the file has more than {BYTES_MAX // 1024 // 1024} MB: send a smaller one"
        )
    starts = ((_JPEG, Kind.JPEG), (_PNG, Kind.PNG), (_PDF, Kind.PDF))
    kind = next((kind for start, kind in starts if content.startswith(start)), None)
    if kind is None:
        return Refused(
            Refusal.UNSUPPORTED, "the file is no JPEG, PNG or PDF by its content, whatever its name says"
        )
    if _is_two_files(content, kind):
        return Refused(
            Refusal.UNSUPPORTED, f"the file is a {kind} and something else at once: send the {kind} alone"
        )
    if kind is Kind.PDF:
        return kind
    size = _jpeg_size(content) if kind is Kind.JPEG else _png_size(content)
    if size is None or 0 in size:
        return Refused(Refusal.DAMAGED, f"the {kind} ends in its header: send the file again")
    width, height = size
    most = JPEG_PIXELS_MAX if kind is Kind.JPEG else PNG_PIXELS_MAX
    if width * height > most or max(size) > SIDE_MAX:
        return Refused(
            Refusal.TOO_COSTLY,
            f"the {kind} has {width} x {height} pixels; at most {most // 1_000_000} megapixels are read,"
            f" no side above {SIDE_MAX}",
        )
    return kind
