"""Identifiers that sort by time, and the shape of names that become part of a topic."""

import re
import secrets
from typing import Annotated

import msgspec

from shared.clock import Clock

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)"
"""Behind `$`, which in Python also stands before a last line break, there must be none."""

Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
"""A device id or node uid: 1 to 64 of letters, digits, dot, dash, underscore. Safe in a topic and a path."""


def new_id(prefix: str, clock: Clock) -> str:
    """`prefix_` and 26 characters of Crockford base 32: 48 bits of milliseconds, 80 random bits."""
    value = (clock.now_us() // 1_000 << 80) | secrets.randbits(80)
    return f"{prefix}_" + "".join([_PAIRS[value >> shift & 1_023] for shift in range(120, -1, -10)])


def is_name(text: str) -> bool:
    """Whether the text may name a device or a node."""
    return re.fullmatch(NAME_PATTERN, text) is not None
