"""One line of a statement, and what its narration says about who and how."""

import re

from msgspec import Struct

from cloud.finance.messages.channels import channel_of
from cloud.finance.reading import Channel, Found, Reading, Refused

_CODES = """
ach atm atw bil by card collect cr credit debit dr ecom ecs ib imps in inf mb mmt nach neft onus p2a p2m p2p
pay payment pci pos prch ref rtgs si to transfer txn upi via vin vps
"""
_CODE_WORDS = frozenset(_CODES.split())
_PARTS = re.compile(r"[/*|:]|(?<!\w)-|-(?=\S)|\s{2,}")
_ADDRESS_OR_NUMBER = re.compile(r".*@.*|.*\d{4}.*|[a-z]{4}0\w{6}|x+\w*|.{1,2}", re.IGNORECASE)
_TERMINAL = re.compile(r"^(?:pos|atm)\s+[\dx*]+\s+", re.IGNORECASE)
_READABLE = 0.8
_TEXT_MAX = 300


class Line(Struct, frozen=True):
    """What one line of a statement came to."""

    number: int
    """Of the file, from 1."""
    result: Reading | Refused


def party_of(narration: str) -> Found[str] | None:
    """Who it was; of `UPI/DR/4081.../SWIGGY/ICIC/...` the first part that is no code, number or address."""
    text = " ".join(narration[:_TEXT_MAX].split())
    if not text:
        return None
    if re.split(r"\W", text, maxsplit=1)[0].casefold() not in _CODE_WORDS:
        return Found(text, 0.85)
    parts = (part.strip(" -.") for part in _PARTS.split(_TERMINAL.sub("", text)))
    name = next((part for part in parts if _is_name(part)), None)
    return Found(text, 0.4) if name is None else Found(name, 0.75)


def _is_name(part: str) -> bool:
    spoken = [word for word in part.casefold().split() if word not in _CODE_WORDS]
    return bool(spoken) and _ADDRESS_OR_NUMBER.fullmatch(part) is None


def channel_in(narration: str) -> Found[Channel] | None:
    """How it was paid, where the narration says so; the bare word account does not."""
    found = channel_of(narration[:_TEXT_MAX])
    return None if found is None or found.confidence < _READABLE else found
