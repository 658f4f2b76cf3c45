"""What each amount of a message is: what moved, or a balance, a limit, a due, a fee, a promise."""

import re
from enum import Enum, auto

from cloud.finance.messages.money import Mention


class Role(Enum):
    """What an amount stands for."""

    MOVED = auto()
    BALANCE = auto()
    LIMIT = auto()
    DUE = auto()
    FEE = auto()
    PROMISE = auto()


_GAP = r"[^.;!?\n]"
_REACH = 48
"""Characters before an amount in which its name may stand."""


def _before(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(alternatives)})$", re.IGNORECASE)


def _after(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"^ (?:{'|'.join(alternatives)})\b", re.IGNORECASE)


_NAMED_BEFORE: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        Role.LIMIT,
        _before(r"\b(?:limits?|lmt)(?: (?:is|now|left|of|to|has been|increased|enhanced)){0,4}[\s:.-]{0,3}"),
    ),
    (
        Role.BALANCE,
        _before(
            rf"(?:\b|avl|avail|total)(?:bal(?:ance)?|avlbl amt|clr amt)\b{_GAP}{{0,36}}",
            r"\b(?:outstanding|o/s)(?: is| of)?[\s:.-]{0,3}",
            r"\b(?:account|a/c) ending (?:in |with )?\w{2,6} has ",
        ),
    ),
    (
        Role.DUE,
        _before(
            r"\b(?:total|min(?:imum)?|amt|amount)\s(?:amt\s|amount\s|payment\s)?(?:due|payable)\b"
            rf"{_GAP}{{0,28}}",
            rf"\bminimum payment\b{_GAP}{{0,28}}",
            r"\bdue(?: is| of)?[\s:.-]{0,3}",
        ),
    ),
    (
        Role.FEE,
        _before(r"\b(?:[is]?gst|tax|surcharge|convenience fee|service charge|fee)(?: of| is)?[\s:.-]{0,3}"),
    ),
    (
        Role.PROMISE,
        _before(
            r"\b(?:up ?to|flat|get|win|save|earn|extra|above|over|min(?:imum)?|max(?:imum)?(?: amount)?|worth"
            r"|off|shop for|value|(?:orders?|spends?|txns?|recharge) (?:above|over))[\s:.-]{0,3}"
        ),
    ),
)
_NAMED_AFTER: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (Role.BALANCE, _after(r"is your (?:\w+ )?bal\w*", "is available", "available", "left", "remaining")),
    (Role.LIMIT, _after("(?:credit |spending )?(?:limit|power)")),
    (Role.PROMISE, _after("off", "discount", "voucher", "coupon", "extra", "or (?:more|above)")),
    (Role.DUE, _after("(?:is )?(?:due|payable)")),
)
_SPOKEN_FOR = re.compile(
    r"\b(?:debited|credited|spent|paid|sent|received|deducted|withdrawn|charged|refunded|used)\b",
    re.IGNORECASE,
)


def role_of(text: str, mention: Mention, since: int) -> Role:
    """The role of one amount; `since` is where the one before it ended."""
    before = text[max(since, mention.start - _REACH) : mention.start]
    after = text[mention.end : mention.end + _REACH]
    for role, pattern in _NAMED_BEFORE:
        found = pattern.search(before)
        if found is not None and not (role is Role.BALANCE and _SPOKEN_FOR.search(found.group())):
            return role
    return next((role for role, pattern in _NAMED_AFTER if pattern.search(after)), Role.MOVED)


def roles(text: str, mentions: list[Mention]) -> list[tuple[Mention, Role]]:
    """Each amount, in order, with what it stands for."""
    result, since = [], 0
    for mention in mentions:
        result.append((mention, role_of(text, mention, since)))
        since = mention.end
    return result
