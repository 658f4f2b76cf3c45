"""Which of the person's own categories a purchase belongs to, and how sure that is."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from cloud.finance.categories.meaning import CONFIDENCE, EXAMPLE_CONFIDENCE, Nearest
from cloud.finance.categories.rules import BRAND_CONFIDENCE, kind_filed_under, kind_of, own_category
from cloud.finance.reading import Direction, Found, Reading
from cloud.finance.transactions.merchants import merchant_key
from cloud.finance.transactions.model import UNKNOWN
from cloud.finance.transactions.names import name_likeness

CONFIDENCE_MIN = 0.3
"""Below it nothing is said."""
CORRECTED_CONFIDENCE = 0.99
NEAR_NAME_CONFIDENCE = 0.85
NEAR_NAME_MIN = 0.88
HINT_CONFIDENCE = 0.95
"""At most, of what the source itself names."""
RENAMED_CONFIDENCE = 0.8
"""At most, where it names what the person calls otherwise."""


class Correction(Struct, frozen=True, kw_only=True):
    """What a person said of a seller."""

    name_key: str
    merchant: str
    category: str


class Known(Struct, frozen=True, kw_only=True):
    """All that is known of a person's ways to file."""

    own: tuple[str, ...]
    """Their categories."""
    corrections: tuple[Correction, ...] = ()
    """The newest first."""


def choose(reading: Reading, known: Known) -> Found[str] | None:
    """By what the person said of this seller or one like it, the source, the rules; None: all are silent."""
    merchant = None if reading.merchant is None else reading.merchant.value
    found = None if merchant is None else corrected(merchant, known)
    if found is not None:
        return found
    if reading.category is not None:
        hinted = _own_named(reading.category.value, known.own)
        if hinted is not None:
            return Found(hinted, min(HINT_CONFIDENCE, reading.category.confidence))
        kind = kind_filed_under(reading.category.value)
        renamed = None if kind is None else own_category(kind, known.own)
        if renamed is not None:
            return Found(renamed, min(RENAMED_CONFIDENCE, reading.category.confidence))
    for text in (merchant, None if reading.category is None else reading.category.value):
        ruled = None if text is None else by_rule(text, known.own)
        if ruled is not None and (
            reading.direction.value is Direction.DEBIT or ruled.confidence >= BRAND_CONFIDENCE
        ):
            return ruled
    return None


def corrected(merchant: str, known: Known) -> Found[str] | None:
    """What the person said of it, or of the seller with the likest name; of a category they still have."""
    key = merchant_key(merchant)
    alive = [correction for correction in known.corrections if correction.category in known.own]
    for correction in alive:
        if correction.name_key == key:
            return Found(correction.category, CORRECTED_CONFIDENCE)
    near = [(name_likeness(merchant, correction.merchant) or 0.0, correction) for correction in alive]
    likeness, best = max(near, key=lambda pair: pair[0], default=(0.0, None))
    if best is None or likeness < NEAR_NAME_MIN:
        return None
    return Found(best.category, NEAR_NAME_CONFIDENCE)


def by_rule(text: str, own: Sequence[str]) -> Found[str] | None:
    """By brand or word; None also where the person has no category for such sellers."""
    sure = kind_of(text)
    if sure is None:
        return None
    name = own_category(sure.kind, own)
    return None if name is None else Found(name, sure.confidence)


def by_meaning(nearest: Nearest, known: Known) -> Found[str] | None:
    """Like a seller that the person filed, else like a kind of sellers."""
    filed: Mapping[str, str] = {correction.merchant: correction.category for correction in known.corrections}
    category = filed.get(nearest.example or "")
    if category in known.own:
        return Found(category, EXAMPLE_CONFIDENCE)
    name = None if nearest.kind is None else own_category(nearest.kind, known.own)
    return None if name is None else Found(name, CONFIDENCE)


def sure_enough(found: Found[str] | None) -> Found[str]:
    """`Unknown` where nothing is said or too little is sure."""
    if found is None:
        return Found(UNKNOWN, 0.0)
    return found if found.confidence >= CONFIDENCE_MIN else Found(UNKNOWN, found.confidence)


def _own_named(name: str, own: Sequence[str]) -> str | None:
    plain = merchant_key(name)
    return next((category for category in own if merchant_key(category) == plain), None)
