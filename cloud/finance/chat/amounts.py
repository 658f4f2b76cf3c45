"""How much: `over ₹500`, `between 2k and 5k`, `$20 or less`, `1.5 lakh`, as people write them."""

import re
from decimal import Decimal
from typing import NamedTuple

from cloud.finance.chat.wording import Text
from cloud.finance.currencies import currency_of

_SIGN = r"(?:us\$|a\$|c\$|s\$|hk\$|₹|\$|€|£|¥|rs\.? ?|inr ?|usd ?|eur ?|gbp ?|jpy ?|aud ?|cad ?|sgd ?)"
_SCALE = r"(?: ?(?:k|lakhs?|lacs?|crores?|cr|thousand|million|mn|hundred|billion)\b)"
_WORD = r"(?: ?(?:rupees?|rs|inr|dollars?|usd|bucks|euros?|eur|pounds?|quid|gbp|yen|jpy|€|£|₹|\$)(?!\w))"
_OTHER_THINGS = (
    r"(?! ?(?:days?|weeks?|months?|quarters?|years?|times?|transactions?|purchases?|payments?|merchants?"
    r"|categor\w+|items?|orders?|visits?|expenses?|jan\w*|feb\w*|mar(?:ch)?|apr\w*|may|june?|july?|aug\w*"
    r"|sep\w*|oct\w*|nov\w*|dec\w*|largest|biggest|highest|smallest|most|of (?:jan|feb|mar|apr|may|ju|aug|sep"
    r"|oct|nov|dec)\w*)\b)"
)
_SCALES = {
    "k": 1_000,
    "thousand": 1_000,
    "hundred": 100,
    "lakh": 100_000,
    "lac": 100_000,
    "million": 1_000_000,
    "mn": 1_000_000,
    "crore": 10_000_000,
    "cr": 10_000_000,
    "billion": 1_000_000_000,
}
_WORDS = {"bucks": "$", "quid": "£", "yen": "JPY"}
_VAGUE_SHARE = Decimal("0.1")
"""`around 500` is from 450 to 550."""


def _money(suffix: str) -> str:
    return (
        rf"(?P<sign{suffix}>{_SIGN})?(?<![\d.])(?P<number{suffix}>\d{{1,12}}(?:\.\d{{1,3}})?)(?![\d.]*\d)"
        rf"(?P<scale{suffix}>{_SCALE})?(?P<word{suffix}>{_WORD})?(?!\w|-\d|/\d)"
    )


_ONE, _TWO = _money("1"), _money("2")
_BETWEEN = re.compile(
    rf"(?:\b(?:of|for|costing|worth|amounts?|in the range(?: of)?) )?\b(?:between|from|ranging from) {_ONE}"
    rf" ?(?:and|to|-) ?{_TWO}{_OTHER_THINGS}"
)
_ABOVE = (
    r"more than|greater than|higher than|bigger than|larger than|over|above|exceeding|exceeds?|upwards of"
    r"|in excess of|>"
)
_AT_LEAST = r"at least|no less than|not less than|minimum(?: of)?|starting at|>="
_BELOW = r"less than|fewer than|smaller than|cheaper than|lower than|under|below|<"
_AT_MOST = r"at most|up to|no more than|not more than|maximum(?: of)?|within|<="
_ABOUT = r"around|about|approximately|approx|roughly|close to|nearly|some"
_EXACT = r"exactly|equal to|precisely|of|for|worth|costing|costs?|paid|amount|="
_BOUND = re.compile(
    rf"(?:(?:\b(?:of|for|worth|costing|that (?:is|are|was|were)|amounts?) )?(?<![a-z])(?P<how>{_AT_LEAST}"
    rf"|{_AT_MOST}|{_ABOVE}|{_BELOW}|(?:of |for )?(?:{_ABOUT})|(?:of |for )?(?:{_EXACT})) ?)?(?:a )?{_ONE}"
    rf"(?P<after> ?(?:or more|and more|or above|and above|or over|and over|or higher|\+|or less|or under"
    rf"|or below|and below|or lower))?{_OTHER_THINGS}"
)
_YEAR = re.compile(r"(?:19|20)\d\d")


class Bounds(NamedTuple):
    """Of one transaction's amount, in units of `currency`; None: of whichever it has."""

    low: Decimal | None
    low_is_in: bool
    high: Decimal | None
    high_is_in: bool
    currency: str | None


def take_amounts(text: Text, home: str) -> list[Bounds]:
    """Every amount that is told; a bare number is one only behind a word such as `over`."""
    found = []
    for match in _BETWEEN.finditer(text.rest):
        if _is_year(match, "1") and _is_year(match, "2"):
            continue
        currency = _currency(match, "1", home) or _currency(match, "2", home)
        one, two = _value(match, "1"), _value(match, "2")
        if match["scale1"] is None and match["scale2"] is not None and one < two / 1_000:
            one *= _scale(match, "2")  # between 2 and 5k
        text.mark(match.start(), match.end())
        found.append(Bounds(min(one, two), True, max(one, two), True, currency))
    for match in _BOUND.finditer(text.rest):
        bounds = _bounds(match, home)
        if bounds is not None:
            text.mark(match.start(), match.end())
            found.append(bounds)
    return found


def _bounds(match: re.Match[str], home: str) -> Bounds | None:
    currency, value = _currency(match, "1", home), _value(match, "1")
    how, after = match["how"] or "", (match["after"] or "").strip()
    is_marked = currency is not None or match["scale1"] is not None
    if not how and not after and not is_marked:
        return None
    how = how.removeprefix("of ").removeprefix("for ")
    is_limit = re.fullmatch(f"{_ABOVE}|{_AT_LEAST}|{_BELOW}", how)
    if _is_year(match, "1") and not after and not is_limit:
        return None
    if after:
        is_low = after == "+" or after.split()[-1] in {"more", "above", "over", "higher"}
        return Bounds(value if is_low else None, True, None if is_low else value, True, currency)
    if re.fullmatch(_ABOVE, how):
        return Bounds(value, False, None, True, currency)
    if re.fullmatch(_AT_LEAST, how):
        return Bounds(value, True, None, True, currency)
    if re.fullmatch(_BELOW, how):
        return Bounds(None, True, value, False, currency)
    if re.fullmatch(_AT_MOST, how):
        return Bounds(None, True, value, True, currency)
    if re.fullmatch(_ABOUT, how):
        return Bounds(value * (1 - _VAGUE_SHARE), True, value * (1 + _VAGUE_SHARE), True, currency)
    return Bounds(value, True, value, True, currency)


def _is_year(match: re.Match[str], suffix: str) -> bool:
    """Rather than an amount: 2024 without a sign."""
    bare = match[f"sign{suffix}"] is None and match[f"word{suffix}"] is None
    return bare and match[f"scale{suffix}"] is None and bool(_YEAR.fullmatch(match[f"number{suffix}"]))


def _value(match: re.Match[str], suffix: str) -> Decimal:
    return Decimal(match[f"number{suffix}"]) * _scale(match, suffix)


def _scale(match: re.Match[str], suffix: str) -> int:
    word = (match[f"scale{suffix}"] or "").strip()
    return _SCALES.get(word) or _SCALES.get(word.removesuffix("s"), 1)


def _currency(match: re.Match[str], suffix: str, home: str) -> str | None:
    sign = (match[f"sign{suffix}"] or match[f"word{suffix}"] or "").strip()
    return currency_of(_WORDS.get(sign, sign), home) if sign else None
