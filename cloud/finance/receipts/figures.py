"""Figures as receipts print them and as engines misread them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

_GLYPHS = str.maketrans(
    {"，": ",", "。": ".", "・": ".", "：": ":", "（": "(", "）": ")", "−": "-", "–": "-"}
)
_ZERO = re.compile(r"(?<=[\d.,/-])[OoQU](?=[\d.,/-]|\b)|(?<![A-Za-z])[OQU](?=[.,]\d{2}(?!\d))")
_ONE = re.compile(r"(?<=\d)[lI|](?=[\d.,])|(?<=[.,]\d)[lI|](?!\w)|(?<![A-Za-z])[lI|](?=\d*[.,]\d{2}(?!\d))")
_TORN = re.compile(r"(?<=\d)\s+(?=[.,]\d{2}(?!\d))|(?<=\d[.,])\s(?=\d{2}(?![\d.,/:]))")
_FIGURE = re.compile(
    r"(?<![\d.,/:#\w-])(?P<sign>[-(])?\s?(?P<digits>\d{1,3}(?:[ '’]\d{3})+(?:[.,]\d{1,3})?|\d+(?:[.,]\d+)*)"
    r"(?P<after>-(?![\d\w])|\))?(?![\d:/%]|\s?%|[.,]\d)"
)
_STUCK = re.compile(r"(?i)(RM|MYR|RS\.?|INR|USD|EUR|GBP|JPY|SGD|[$€£¥₹@=*])(?=[\d-])")
_TENTHS = 10


class Point(StrEnum):
    """What parts the decimals off."""

    DOT = "."
    COMMA = ","


class Figure(Struct, frozen=True):
    """An amount in minor units, negative where a minus or brackets say so."""

    minor: int
    exact: bool
    """It has just as many decimals as the currency."""
    at: int
    """Where it begins in the mended text."""


def mended(text: str) -> str:
    """The text with what engines confuse in figures put right: O and l in numbers, torn decimals."""
    text = unicodedata.normalize("NFKC", text.translate(_GLYPHS))
    text = _TORN.sub("", _ONE.sub("1", _ZERO.sub("0", text)))
    return _STUCK.sub(lambda found: found.group(0) + " ", text)


def point_of(texts: Iterable[str]) -> Point:
    """Which mark parts decimals on this receipt, by majority; a dot where it is even."""
    votes: Counter[str] = Counter()
    for text in texts:
        for figure in _FIGURE.finditer(mended(text)):
            digits = figure["digits"]
            marks = [mark for mark in digits if mark in ".,"]
            if marks and re.search(r"[.,]\d{2}$", digits):
                votes[marks[-1]] += 1
    return Point.COMMA if votes[","] > votes["."] else Point.DOT


def _minor(digits: str, decimals: int, point: Point) -> tuple[int, bool] | None:
    plain = re.sub(r"[ '’]", "", digits)
    whole, mark, rest = max(plain.rpartition("."), plain.rpartition(","), key=lambda parts: len(parts[0]))
    marks = {one for one in plain if one in ".,"}
    if not mark:
        return int(plain) * 10**decimals, decimals == 0
    grouped = len(rest) == 3 and (mark != point.value or plain.count(mark) > 1 or decimals == 0)
    if len(marks) == 1 and grouped and decimals != 3:  # dinars have three decimals
        return int(re.sub(r"[.,]", "", plain)) * 10**decimals, decimals == 0
    if len(rest) > max(decimals, 3):
        return None
    value = int(re.sub(r"[.,]", "", whole) or "0") * 10**decimals
    kept = rest[:decimals].ljust(decimals, "0")
    return value + int(kept or "0"), len(rest) == decimals


def figures_in(text: str, *, decimals: int, point: Point) -> list[Figure]:
    """Every amount of a line, left to right; percentages, dates, times and codes are none."""
    found = []
    text = mended(text)
    for match in _FIGURE.finditer(text):
        if len(re.sub(r"\D", "", match["digits"])) > _TENTHS:
            continue
        amount = _minor(match["digits"], decimals, point)
        if amount is None:
            continue
        minus = (
            match["sign"] == "-" or match["after"] == "-" or (match["sign"] == "(" and match["after"] == ")")
        )
        found.append(Figure(-amount[0] if minus else amount[0], amount[1], match.start()))
    return found
