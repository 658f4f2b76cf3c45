"""Whether another wording of an answer still says the same: the same figures, names and signs in their order.

A wording that moves a figure, drops a name, turns `more` into `less` or writes a figure that the answer does
not have is not the answer.
"""

import re
from collections.abc import Iterable
from decimal import Decimal

from cloud.finance.chat.wording import NUMBER_WORDS, SCALES, value_of

_ORDINALS = """
zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
fifteenth sixteenth seventeenth eighteenth nineteenth twentieth
""".split()  # noqa: SIM905
_OTHERS = {
    "dozen": Decimal(12),
    "half": Decimal("0.5"),
    "quarter": Decimal("0.25"),
    "once": Decimal(1),
    "single": Decimal(1),
    "twice": Decimal(2),
    "double": Decimal(2),
    "pair": Decimal(2),
    "couple": Decimal(2),
    "triple": Decimal(3),
    "thrice": Decimal(3),
    "none": Decimal(0),
    "nothing": Decimal(0),
}
_WORDS = "|".join(sorted({*NUMBER_WORDS, *SCALES}, key=len, reverse=True))
_SIGN_OF = {
    "rs": "₹",
    "inr": "₹",
    "rupee": "₹",
    "rupees": "₹",
    "usd": "$",
    "dollar": "$",
    "dollars": "$",
    "eur": "€",
    "euro": "€",
    "euros": "€",
    "gbp": "£",
    "pound": "£",
    "pounds": "£",
    "jpy": "¥",
    "yen": "¥",
    "percent": "%",
    "per cent": "%",
}
_SIGNS = re.compile(rf"[₹$€£¥%]|\b(?:{'|'.join(sorted(_SIGN_OF, key=len, reverse=True))})\b")
_DIGITS = re.compile(r"\d[\d,]*(?:\.\d+)?(?:\s?(?:k|lakhs?|crores?|million|thousand|billion|mn|cr)\b)?")
_SPELT = re.compile(rf"\b(?:{_WORDS})(?:(?:[\s-]+(?:and\s+)?)(?:{_WORDS}))*\b")
_SINGLE = re.compile(rf"\b(?:{'|'.join([*_ORDINALS, *_OTHERS])})\b")
_MEANINGS = (
    ("not", r"\b(?:no|not|never|neither|nor|without|except|excluding|n't|didn't|wasn't|isn't|haven't)\b"),
    ("more", r"\b(?:more|higher|rose|risen|up|above|increased?|greater|exceeds?|over|larger)\b"),
    ("less", r"\b(?:less|lower|fell|fallen|down|below|decreased?|fewer|under|dropped|smaller)\b"),
    ("got", r"\b(?:received|income|incomes|earned|came in|got)\b"),
    ("paid", r"\b(?:spent|spending|paid|went out)\b"),
    ("average", r"\b(?:average|mean|typically)\b"),
    ("largest", r"\b(?:largest|biggest|highest|most)\b"),
    ("smallest", r"\b(?:smallest|lowest|cheapest|least)\b"),
)
_MEANING = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _MEANINGS))


def says_the_same(answer: str, other: str, names: Iterable[str]) -> bool:
    """`names`: categories and merchants that may stand in an answer; their order counts, too."""
    known = sorted({name.casefold() for name in names if name.strip()}, key=len, reverse=True)
    if len(other) > 4 * len(answer) + 200:
        return False
    return (
        numbers(answer) == numbers(other)
        and _signs(answer) == _signs(other)
        and _named(answer, known) == _named(other, known)
        and _meanings(answer) == _meanings(other)
    )


def numbers(text: str) -> list[Decimal]:
    """Every number in a text in order, in digits or English words, with thousand, lakh and crore."""
    text = text.casefold()
    found: list[tuple[int, Decimal]] = []
    rest = list(text)
    for pattern in (_DIGITS, _SPELT, _SINGLE):
        for match in pattern.finditer("".join(rest)):
            value = _value(match.group())
            if value is not None:
                found.append((match.start(), value))
                rest[match.start() : match.end()] = " " * len(match.group())
    return [value for _, value in sorted(found, key=lambda one: one[0])]


def _value(text: str) -> Decimal | None:
    if text[0].isdigit() and text[0].isascii():
        digits = re.match(r"[\d,.]+", text)
        assert digits is not None  # noqa: S101  it begins with a digit
        scale = text[digits.end() :].strip().rstrip("s")
        by = {"k": 1_000, "mn": 1_000_000, "cr": 10_000_000}.get(scale) or SCALES.get(scale, 1)
        return Decimal(digits.group().replace(",", "").rstrip(".")).normalize() * by
    if text in _ORDINALS:
        return Decimal(_ORDINALS.index(text))
    if text in _OTHERS:
        return _OTHERS[text]
    value = value_of(re.findall("[a-z]+", text))
    return None if value is None else Decimal(value)


def _signs(text: str) -> list[str]:
    """Of money and shares, in order."""
    found = (match.group() for match in _SIGNS.finditer(text.casefold()))
    return [_SIGN_OF.get(sign, sign) for sign in found]


def _named(text: str, known: list[str]) -> list[str]:
    if not known:
        return []
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in known))
    return [match.group() for match in pattern.finditer(text.casefold())]


def _meanings(text: str) -> list[str]:
    """Words that turn what a figure means, in order."""
    return [match.lastgroup or "" for match in _MEANING.finditer(text.casefold())]
