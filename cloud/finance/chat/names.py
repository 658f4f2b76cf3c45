"""Whom and what: categories of the person's own set, also by other words for them; sellers they have."""

import itertools
import re
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct
from rapidfuzz import fuzz, process

from cloud.finance.categories.rules import category_words
from cloud.finance.chat.query import Seller
from cloud.finance.chat.wording import TAKEN, Text
from cloud.finance.transactions.merchants import merchant_key
from cloud.finance.transactions.model import UNKNOWN, Merchant
from cloud.finance.transactions.names import VAGUE_WORDS

LIKENESS_MIN = 84.0
"""Of 100, for a name that is misspelt."""
LIKENESS_MARGIN = 6.0
_FUZZY_LENGTH_MIN = 4
_WORDS_MAX = 4

_ALIKE = tuple(
    tuple(line.split(", "))
    for line in (
        "groceries, grocery, supermarket, supermarkets, grocery shopping, grocery store",
        "dining, food, eating out, restaurants, restaurant, dining out, eaten out, ate out, eat out, meals",
        "transport, transportation, commute, commuting, travel, getting around, cabs, taxis, cab, taxi",
        "travel, travelling, traveling, trips, trip",
        "utilities, utility, bills, utility bills, household bills, utility bill",
        "entertainment, fun, leisure, going out",
        "inventory, stock",
        "supplies, office supplies, supply",
        "services, service",
        "salary, salaries, wages, payroll",
        "rent, housing, house rent",
        "health, healthcare, medical, medicine, medicines",
        "shopping, shops",
        "education, school, tuition, fees",
        "fuel, petrol, gas station, diesel",
        "subscriptions, subscription",
        "insurance, premiums",
    )
)
"""Other words for a category as a whole; the first is looked for among the names of the person's own."""
_UNFILED = re.compile(r"\b(?:unknown|uncategori[sz]ed|unfiled|without (?:a )?category|no category)\b")


class Known(Struct, frozen=True, kw_only=True):
    """What a person's questions may name."""

    categories: tuple[str, ...]
    merchants: tuple[Merchant, ...]


class Mention(NamedTuple):
    """Where something stood in the question."""

    start: int
    end: int
    category: str | None = None
    seller: Seller | None = None


class Ambiguous(Exception):
    """Several would fit: a whole sentence."""


class Names:
    """Finds the names that one person knows."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._keys = [merchant_key(merchant.name).split() for merchant in known.merchants]
        self._index: dict[str, set[int]] = {}
        self._whole: dict[str, set[int]] = {}
        for at, words in enumerate(self._keys):
            telling = [word for word in words if word not in VAGUE_WORDS] or words
            for form in (words, telling):
                self._whole.setdefault("".join(form), set()).add(at)
            for first in range(len(words)):
                for end in range(first + 1, min(len(words), first + _WORDS_MAX) + 1):
                    if not VAGUE_WORDS.issuperset(words[first:end]):
                        self._index.setdefault("".join(words[first:end]), set()).add(at)

    def take_categories(self, text: Text) -> list[Mention]:
        """By their whole names, the longest first."""
        found = []
        for name in sorted(self._known.categories, key=len, reverse=True):
            words = merchant_key(name).split()
            if name == UNKNOWN or not words:
                continue
            pattern = re.compile(r"(?<!\w)" + r"\s*(?:&|and|/|-)?\s*".join(map(re.escape, words)) + r"(?!\w)")
            found += [Mention(m.start(), m.end(), category=name) for m in text.take(pattern)]
        found += [Mention(m.start(), m.end(), category=UNKNOWN) for m in text.take(_UNFILED)]
        return found

    def take_synonyms(self, text: Text) -> list[Mention]:
        """By other words that mean just the same."""
        forms: dict[str, str] = {}
        for alike in _ALIKE:
            own = next((c for form in alike for c in self._known.categories if self._is_named(c, form)), None)
            if own is not None:
                for form in alike:
                    forms.setdefault(form, own)
        for category in self._known.categories:
            for word in category_words(category):
                forms.setdefault(word, category)
        found = []
        for form in sorted(forms, key=len, reverse=True):
            pattern = re.compile(rf"(?<!\w){re.escape(form)}(?!\w)")
            found += [Mention(m.start(), m.end(), category=forms[form]) for m in text.take(pattern)]
        return found

    @staticmethod
    def _is_named(category: str, form: str) -> bool:
        return set(form.split()) <= category_words(category)

    def take_sellers(self, text: Text, vocabulary: frozenset[str], *, least_words: int) -> list[Mention]:
        """By their names or some words of them; single words of our own vocabulary are none."""
        found = []
        for length in range(_WORDS_MAX + 1, least_words - 1, -1):
            words = list(re.finditer(rf"[^\W_{TAKEN}]+", text.rest))
            first = 0
            while first + length <= len(words):
                part = words[first : first + length]
                if self._is_name(text, part, vocabulary, least_words):
                    seller = self._seller("".join(merchant_key(word.group()) for word in part))
                    if seller is not None:
                        start, end = part[0].start(), part[-1].end()
                        text.mark(start, end)
                        found.append(Mention(start, end, seller=seller))
                        first += length
                        continue
                first += 1
        return found

    def take_misspelt(self, text: Text, vocabulary: frozenset[str]) -> list[Mention]:
        """By likeness, what nothing else explains.

        Raises:
            Ambiguous
        """
        choices = {key: seller for key in self._whole if (seller := self._seller(key)) is not None}
        if not choices:
            return []
        found = []
        strange = [match for match in text.words() if match.group() not in vocabulary]
        groups: list[list[re.Match[str]]] = []
        for word in strange:
            if groups and not text.rest[groups[-1][-1].end() : word.start()].strip():
                groups[-1].append(word)
            else:
                groups.append([word])
        for group in groups:
            written = "".join(merchant_key(word.group()) for word in group)
            if len(written) < _FUZZY_LENGTH_MIN or not any(map(str.isalpha, written)):
                continue
            near = process.extract(
                written, list(choices), scorer=fuzz.ratio, score_cutoff=LIKENESS_MIN, limit=5
            )
            sellers = {choices[key].ids: (score, choices[key]) for key, score, _ in reversed(near)}
            ranked = sorted(sellers.values(), key=lambda one: -one[0])
            if not ranked:
                continue
            if len(ranked) > 1 and ranked[0][0] - ranked[1][0] < LIKENESS_MARGIN:
                names = " or ".join(seller.name for _, seller in ranked[:3])
                raise Ambiguous(f"By {' '.join(word.group() for word in group)}, do you mean {names}?")
            score, seller = ranked[0]
            text.mark(group[0].start(), group[-1].end())
            found.append(
                Mention(
                    group[0].start(),
                    group[-1].end(),
                    seller=Seller(name=seller.name, ids=seller.ids, likeness=round(score / 100, 2)),
                )
            )
        return found

    def _is_name(
        self, text: Text, part: Sequence[re.Match[str]], vocabulary: frozenset[str], least_words: int
    ) -> bool:
        between = (text.rest[a.end() : b.start()] for a, b in itertools.pairwise(part))
        if any(gap.strip(" &-+/.") for gap in between):
            return False
        if all(word.group() in vocabulary for word in part):
            key = "".join(merchant_key(word.group()) for word in part)
            return least_words > 1 and key in self._whole
        return True

    def _seller(self, key: str) -> Seller | None:
        """Whole names before those of which it is a part; several are meant together."""
        found = self._whole.get(key) or self._index.get(key)
        if not found:
            return None
        merchants = [self._known.merchants[at] for at in sorted(found)]
        names = [merchant.name for merchant in merchants]
        name = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return Seller(name=name, ids=tuple(merchant.id for merchant in merchants))
