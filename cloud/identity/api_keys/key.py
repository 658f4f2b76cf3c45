"""The text of an API key: `tl_live_` or `tl_test_`, 32 random letters and digits, 6 of checksum.

The prefix lets a scanner find leaked keys, the checksum lets it tell them from lookalikes, and a typo is told
from a wrong key without asking the database: CRC-32 over all before it, in base 62, as GitHub's tokens have.
"""

import re
import secrets
import string
import zlib
from enum import StrEnum

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH = 32
"""190 bits."""
CHECKSUM_LENGTH = 6
BEGINNING_LENGTH = 12
"""So much of a key may be shown: the prefix and four characters."""

_KEY = re.compile(rf"tl_(live|test)_[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}", re.ASCII)


class Mode(StrEnum):
    """Which side a key is for: the real platform, or the sandbox."""

    LIVE = "live"
    TEST = "test"


def new_key(mode: Mode) -> str:
    head = f"tl_{mode}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return head + checksum(head)


def mode_of(text: str) -> Mode | None:
    """The side a key is for; None where the text is no key, or not as it was given out."""
    match = _KEY.fullmatch(text)
    if match is None or checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    return Mode(match[1])


def checksum(head: str) -> str:
    """Six characters of base 62, the most significant first."""
    left = zlib.crc32(head.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        left, digit = divmod(left, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
