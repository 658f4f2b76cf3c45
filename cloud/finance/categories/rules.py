"""From a seller's name to the kind of seller, and from that to one of the person's own categories."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from cloud.finance.categories.kinds import KINDS, Kind
from cloud.finance.transactions.merchants import merchant_key

BRAND_CONFIDENCE = 0.92
JOINED_CONFIDENCE = 0.85
WORD_CONFIDENCE = 0.75
CONTESTED_CONFIDENCE = 0.5
"""Where words of several kinds stand in the name."""
_JOINED_LENGTH_MIN = 6
"""So many letters tell a brand within a name written as one word."""
_EMPTY_WORDS = {"and", "the", "of", "my", "all", "other"}


class Sure(NamedTuple):
    """A kind of seller, and the probability that it is right."""

    kind: Kind
    confidence: float


class _Hit(NamedTuple):
    rank: tuple[bool, int]
    """Brands before words, then the longest."""
    sure: Sure


def kind_of(merchant: str) -> Sure | None:
    """By brand, else by generic word; None where the name tells nothing."""
    hits = sorted(_hits(merchant), key=lambda hit: hit.rank, reverse=True)
    if not hits:
        return None
    best = hits[0]
    rivals = {hit.sure.kind.name for hit in hits if hit.rank[0] == best.rank[0]}
    if len(rivals) > 1 and not best.rank[0]:
        return Sure(best.sure.kind, CONTESTED_CONFIDENCE)
    return best.sure


def own_category(kind: Kind, own: Sequence[str]) -> str | None:
    """The person's category under which this kind is filed; None: they have none for it."""
    words = [(name, category_words(name)) for name in own]
    for file in kind.files:
        sought = set(file.split())
        for name, said in words:
            if sought <= said:
                return name
    return None


def kind_filed_under(text: str) -> Kind | None:
    """The kind of sellers that people file under a category of this name."""
    name = merchant_key(text)
    return next((kind for kind in KINDS if name in kind.files), None)


def category_words(name: str) -> set[str]:
    """The words of a category's name that tell something."""
    return set(merchant_key(name).split()) - _EMPTY_WORDS


def _hits(merchant: str) -> Iterable[_Hit]:
    words = merchant_key(_without_handle(merchant)).split()
    phrases, joined = _phrases(), "".join(words)
    for length in range(1, 4):
        for first in range(len(words) - length + 1):
            phrase = "".join(words[first : first + length])
            for kind, is_brand in phrases.get(phrase, ()):
                confidence = BRAND_CONFIDENCE if is_brand else WORD_CONFIDENCE
                yield _Hit((is_brand, len(phrase)), Sure(kind, confidence))
    for brand, kind in _long_brands():
        if joined.startswith(brand) or (len(brand) > _JOINED_LENGTH_MIN and brand in joined):
            yield _Hit((True, len(brand)), Sure(kind, JOINED_CONFIDENCE))


def _without_handle(merchant: str) -> str:
    return merchant.partition("@")[0]


@cache
def _phrases() -> dict[str, list[tuple[Kind, bool]]]:
    """Without spaces, so that `Big Bazaar` and `BigBazaar` are one."""
    found: dict[str, list[tuple[Kind, bool]]] = {}
    for kind in KINDS:
        for phrases, is_brand in ((kind.brands, True), (kind.words, False)):
            for phrase in phrases:
                found.setdefault("".join(merchant_key(phrase).split()), []).append((kind, is_brand))
    return found


@cache
def _long_brands() -> list[tuple[str, Kind]]:
    return [
        (joined, kind)
        for kind in KINDS
        for brand in kind.brands
        if len(joined := "".join(merchant_key(brand).split())) >= _JOINED_LENGTH_MIN
    ]
