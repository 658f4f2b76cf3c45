"""Indian tax numbers (GSTIN): state code, PAN, entity, `Z`, check character.

The check character is a Luhn sum in base 36 over the 14 before it, as the GST Network publishes it.
"""

import re

_SHAPE = re.compile(r"(\d{2})[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]", re.ASCII)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_STATES = frozenset(range(1, 39)) | {97, 99}
"""01 to 38 are states and territories, 97 other territory, 99 the centre."""


def is_gstin(text: str) -> bool:
    """Whether the text is a well-formed GSTIN with the right check character."""
    match = _SHAPE.fullmatch(text)
    return match is not None and int(match.group(1)) in _STATES and text[-1] == check_character(text[:-1])


def check_character(first_14: str) -> str:
    """The fifteenth character of 14 capital letters and digits."""
    total = 0
    for position, character in enumerate(first_14):
        product = _DIGITS.index(character) * (1 + position % 2)
        total += product // 36 + product % 36
    return _DIGITS[-total % 36]
